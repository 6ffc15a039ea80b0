"""Objects as the API server shows them, for tables of decisions."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from slipway_operator.domain.autoscaling import LoadSample
from slipway_operator.domain.planning import Key, Kind, Plan, RawObject, Settings, Snapshot, StoreAccess, decide
from slipway_runtime.spec.progress import Progress

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SETTINGS = Settings(train_image="train:1", serve_image="serve:1", convert_image="convert:1")
NAMESPACE = "team"
READY_STORE = StoreAccess(ready=True, uri="s3://slipway-team/")
HEX = "a" * 64
DIGEST = f"sha256:{HEX}"
URI = f"s3://slipway-team/manifests/{HEX}"
INDEX = "batch.kubernetes.io/job-completion-index"
Body = dict[str, Any]

TRAINING: Body = {"recipe": {"classifier": {}}, "dataset": {"uri": "builtin://digits"}}
COMPRESSION: Body = {
    "source": {"from": {"kind": "TrainingJob", "name": "digits"}},
    "passes": [{"quantize": {"scheme": "int8-static"}}],
    "evaluation": {"dataset": {"uri": "builtin://digits"}},
}
ARTIFACT: Body = {"uri": URI, "digest": DIGEST, "bytes": 5, "metrics": [{"name": "accuracy", "value": "0.97"}]}
PUBLISHED = json.dumps({"outcome": "Published", "message": "fine", "artifact": ARTIFACT})


def at(seconds: float = 0) -> str:
    """A moment relative to now, as Kubernetes writes it."""
    return (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def raw(kind: str, name: str, body: Body, uid: str | None = None) -> RawObject:
    body.setdefault("metadata", {})
    return RawObject(kind, NAMESPACE, name, uid or f"uid-{name}", "1", body)


def owner(kind: Kind, name: str, spec: Body, status: Any = None, **metadata: Any) -> RawObject:
    return raw(kind, name, {"metadata": {"generation": 3, **metadata}, "spec": spec, "status": status})


def ask(
    kind: Kind,
    spec: Body,
    status: Any = None,
    *,
    name: str = "digits",
    children: Mapping[str, tuple[RawObject, ...]] | None = None,
    sources: tuple[RawObject, ...] = (),
    store: StoreAccess = READY_STORE,
    progress: Progress | None = None,
    load: tuple[LoadSample, ...] = (),
    warnings: Mapping[str, str] | None = None,
    settings: Settings = SETTINGS,
    now: datetime = NOW,
    **metadata: Any,
) -> Plan:
    """The plan of one object."""
    found = Snapshot(
        key=Key(kind, NAMESPACE, name),
        owner=owner(kind, name, spec, status, **metadata),
        children=children or {},
        sources={(one.kind, one.name): one for one in sources},
        store=store,
        progress=progress,
        load=load,
        warnings=warnings or {},
    )
    return decide(found, settings, now)


def job(name: str, run: str, attempt: int, state: str = "", *, message: str = "", **metadata: Any) -> RawObject:
    """A Job; ``state`` is Complete, Failed or empty."""
    conditions = [{"type": state, "status": "True", "message": message}] if state else []
    labels = {"slipway.dev/run": run, "slipway.dev/attempt": str(attempt)}
    status: Body = {"conditions": conditions}
    if state == "Complete":
        status["completionTime"] = at(-60)
    created = {"creationTimestamp": at(-100)}
    return raw("Job", name, {"metadata": {"labels": labels, **created, **metadata}, "status": status})


def pod(
    name: str,
    run: str = "",
    attempt: int = 0,
    *,
    index: int = 0,
    phase: str = "Running",
    containers: tuple[Body, ...] = (),
    init: tuple[Body, ...] = (),
    conditions: tuple[Body, ...] = (),
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    deleted: str | None = None,
    **status: Any,
) -> RawObject:
    found = {INDEX: str(index), **(labels or {})}
    if run:
        found |= {"slipway.dev/run": run, "slipway.dev/attempt": str(attempt)}
    metadata: Body = {"labels": found, "annotations": dict(annotations or {})}
    if deleted is not None:
        metadata["deletionTimestamp"] = deleted
    body = {
        "phase": phase,
        "containerStatuses": list(containers),
        "initContainerStatuses": list(init),
        "conditions": list(conditions),
        **status,
    }
    return raw("Pod", name, {"metadata": metadata, "status": body})


def ended(
    code: int, message: str = "", reason: str = "Error", finished: str | None = None, name: str = "train"
) -> Body:
    terminated = {"exitCode": code, "message": message, "reason": reason, "finishedAt": finished or at(-30)}
    return {"name": name, "image": "train:1", "state": {"terminated": terminated}}


def waiting(reason: str, message: str = "", image: str = "train:1") -> Body:
    return {"name": "train", "image": image, "state": {"waiting": {"reason": reason, "message": message}}}


def condition(plan: Plan, kind: str = "Ready") -> tuple[str, str, str]:
    """Status, reason and message of one condition."""
    assert plan.status is not None
    return next(
        (one["status"], one["reason"], one["message"]) for one in plan.status["conditions"] if one["type"] == kind
    )


def applied(plan: Plan, kind: str) -> list[Body]:
    return [dict(one) for one in plan.apply if one["kind"] == kind]


def true(plan: Plan) -> set[str]:
    assert plan.status is not None
    return {one["type"] for one in plan.status["conditions"] if one["status"] == "True"}
