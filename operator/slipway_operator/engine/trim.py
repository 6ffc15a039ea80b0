"""From the API server's JSON to what is cached: fields that decisions read, and a fingerprint of those we own."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from slipway_operator.cluster.resources import APPLIED, OWNERS
from slipway_operator.domain.planning import RawObject

_OWNERS = frozenset(resource.kind for resource in OWNERS)
_APPLIED = frozenset(resource.kind for resource in APPLIED)
_METADATA = ("name", "namespace", "uid", "generation", "labels", "creationTimestamp", "deletionTimestamp")
_ANNOTATIONS = ("slipway.dev/", "batch.kubernetes.io/job-completion-index")
_CONTAINER = ("name", "image", "ready", "restartCount", "state", "lastState")
APPLIED_HASH = "slipway.dev/applied-hash"


@dataclass(frozen=True)
class Cached:
    """One object as the cache holds it."""

    raw: RawObject
    controller: str
    """uid of the controlling owner; empty without one."""
    fingerprint: bytes
    """Changes when any field changes that a plan may own."""
    owned: bytes
    """Those fields, packed; empty for kinds that plans do not apply."""


def trim(body: Mapping[str, Any], kind: str) -> Cached:
    """What of an object is worth keeping.

    Args:
        body: the object's JSON.
        kind: its kind (items of a list carry none).
    """
    metadata = body["metadata"]
    slim = dict(body) if kind in _OWNERS else _slim(body, kind)
    slim["metadata"] = _metadata(metadata)
    raw = RawObject(
        kind=kind,
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        body=slim,
    )
    packed, fingerprint = b"", b""
    if kind in _APPLIED:
        plain = orjson.dumps(owned_view(body), option=orjson.OPT_SORT_KEYS)
        packed, fingerprint = zlib.compress(plain, 1), blake2b(plain, digest_size=8).digest()
    controller = next((one["uid"] for one in metadata.get("ownerReferences") or () if one.get("controller")), "")
    return Cached(raw, controller, fingerprint, packed)


def owned_view(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an object that an apply of ours can set."""
    metadata = body["metadata"]
    view = {key: value for key, value in body.items() if key not in {"metadata", "status", "apiVersion", "kind"}}
    view["metadata"] = {key: metadata[key] for key in ("labels", "annotations", "ownerReferences") if key in metadata}
    return view


def unpacked(cached: Cached) -> dict[str, Any]:
    """The view that :func:`owned_view` gave when the object was cached."""
    view: dict[str, Any] = orjson.loads(zlib.decompress(cached.owned))
    return view


def _metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    slim = {key: metadata[key] for key in _METADATA if key in metadata}
    annotations = {
        key: value for key, value in (metadata.get("annotations") or {}).items() if key.startswith(_ANNOTATIONS)
    }
    if annotations:
        slim["annotations"] = annotations
    return slim


def _slim(body: Mapping[str, Any], kind: str) -> dict[str, Any]:
    spec, status = body.get("spec") or {}, body.get("status") or {}
    match kind:
        case "Pod":
            slim = {key: status[key] for key in ("phase", "reason", "message", "podIP", "conditions") if key in status}
            for field in ("containerStatuses", "initContainerStatuses"):
                if status.get(field):
                    slim[field] = [{key: one[key] for key in _CONTAINER if key in one} for one in status[field]]
            return {"spec": {"nodeName": spec.get("nodeName")}, "status": slim}
        case "Deployment":
            template = spec.get("template") or {}
            containers = [
                {"name": one.get("name"), "image": one.get("image")}
                for one in (template.get("spec") or {}).get("containers") or ()
            ]
            labels = (template.get("metadata") or {}).get("labels") or {}
            kept = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
            return {"spec": {"replicas": spec.get("replicas"), "template": kept}, "status": status}
        case "Job":
            return {"spec": {"suspend": spec.get("suspend", False)}, "status": status}
        case "ReplicaSet":
            return {"spec": {"replicas": spec.get("replicas")}, "status": status}
        case _:
            return {}
