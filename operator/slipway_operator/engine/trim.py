"""From the API server's JSON to what is cached: fields that decisions read, and a fingerprint of those we own."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from slipway_operator.cluster.resources import APPLIED, OWNERS
from slipway_operator.domain.naming import KIND_LABEL, NAME_LABEL
from slipway_operator.domain.planning import Key, Kind, RawObject
from slipway_operator.engine.references import Target, referred

_OWNERS = frozenset(resource.kind for resource in OWNERS)
_APPLIED = frozenset(resource.kind for resource in APPLIED)
_METADATA = ("name", "namespace", "uid", "generation", "labels", "creationTimestamp", "deletionTimestamp")
_ANNOTATIONS = ("slipway.dev/", "batch.kubernetes.io/job-completion-index")
_CONTAINER = ("name", "image", "ready", "restartCount", "state", "lastState")
APPLIED_HASH = "slipway.dev/applied-hash"


@dataclass(frozen=True, slots=True)
class Cached:
    """One object as the cache holds it: packed, because thousands of nested dictionaries are what takes memory."""

    kind: str
    namespace: str
    name: str
    uid: str
    resource_version: str
    packed: bytes
    """The trimmed object as JSON."""
    controller: str
    """uid of the controlling owner; empty without one."""
    child_of: Key | None
    """The object whose labels it carries."""
    refers: frozenset[Target]
    """What its spec refers to; only of kinds that are reconciled."""
    result: bytes
    """Changes when anything changes that an object which refers to it may read; only of kinds that are reconciled."""
    applied_hash: str
    """Hash of the manifest that was applied last."""
    fingerprint: bytes
    """Changes when any field changes that a plan may own."""
    owned: bytes
    """Those fields, packed; empty for kinds that plans do not apply."""

    @property
    def raw(self) -> RawObject:
        """The object for decisions."""
        return RawObject(
            self.kind, self.namespace, self.name, self.uid, self.resource_version, orjson.loads(self.packed)
        )


def trim(body: Mapping[str, Any], kind: str) -> Cached:
    """What of an object is worth keeping.

    Args:
        body: the object's JSON.
        kind: its kind (items of a list carry none).
    """
    metadata = body["metadata"]
    namespace = metadata.get("namespace", "")
    slim = dict(body) if kind in _OWNERS else _slim(body, kind)
    slim["metadata"] = _metadata(metadata)
    owned, fingerprint = b"", b""
    if kind in _APPLIED:
        plain = orjson.dumps(owned_view(body), option=orjson.OPT_SORT_KEYS)
        owned, fingerprint = zlib.compress(plain, 1), _digest(plain)
    return Cached(
        kind=kind,
        namespace=namespace,
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        packed=orjson.dumps(slim),
        controller=next((one["uid"] for one in metadata.get("ownerReferences") or () if one.get("controller")), ""),
        child_of=None if kind in _OWNERS else child_key(metadata),
        refers=referred(body, namespace) if kind in _OWNERS else frozenset(),
        result=_result(body) if kind in _OWNERS else b"",
        applied_hash=(metadata.get("annotations") or {}).get(APPLIED_HASH, ""),
        fingerprint=fingerprint,
        owned=owned,
    )


def child_key(metadata: Mapping[str, Any]) -> Key | None:
    """The object that a child's labels name."""
    labels = metadata.get("labels") or {}
    kind, name = labels.get(KIND_LABEL), labels.get(NAME_LABEL)
    return Key(Kind(kind), metadata.get("namespace", ""), name) if kind in _OWNERS and name else None


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


def _result(body: Mapping[str, Any]) -> bytes:
    metadata = body["metadata"]
    # Progress moves every few seconds and is nobody else's business.
    status = {key: value for key, value in (body.get("status") or {}).items() if key != "progress"}
    told = [metadata["uid"], metadata.get("generation"), metadata.get("deletionTimestamp"), status]
    return _digest(orjson.dumps(told, option=orjson.OPT_SORT_KEYS))


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=8).digest()


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
