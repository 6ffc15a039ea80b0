"""The seam between deciding and doing: what a decision sees and what it asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from slipway_operator.domain.autoscaling import LoadSample
from slipway_runtime.spec.progress import Progress

STORE_SECRET = "slipway-store"  # noqa: S105 - the Secret's name


class Kind(StrEnum):
    """Kinds that Slipway reconciles."""

    TRAINING_JOB = "TrainingJob"
    COMPRESSION_JOB = "CompressionJob"
    MODEL_SERVICE = "ModelService"


@dataclass(frozen=True, order=True)
class Key:
    """Identity of an object that is reconciled."""

    kind: Kind
    namespace: str
    name: str


@dataclass(frozen=True)
class RawObject:
    """An object as the API server gave it, trimmed to what decisions read (see each ``observed`` parser)."""

    kind: str
    namespace: str
    name: str
    uid: str
    resource_version: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class StoreAccess:
    """What is known of the namespace's model store."""

    ready: bool
    """Whether the Secret ``slipway-store`` stands (or an external store needs none)."""
    uri: str
    """Root of the store, such as ``s3://slipway-team-a/``."""
    problem: str | None = None
    """Why it is not ready, when trying failed."""


@dataclass(frozen=True)
class Settings:
    """What an install fixes for every object."""

    train_image: str
    serve_image: str
    convert_image: str = "slipway-convert"
    image_pull_policy: str = "IfNotPresent"
    operator_namespace: str = "slipway-system"
    store_secret: str = STORE_SECRET
    store_network_cidrs: tuple[str, ...] = ()
    network_policies: bool = True


@dataclass(frozen=True)
class Snapshot:
    """Everything a decision about one object may look at."""

    key: Key
    owner: RawObject
    children: Mapping[str, tuple[RawObject, ...]]
    """Owned objects by kind: Job, Pod, Service, Deployment, ReplicaSet, PodDisruptionBudget, ServiceAccount,
    NetworkPolicy and HorizontalPodAutoscaler."""
    sources: Mapping[tuple[str, str], RawObject]
    """Objects of the namespace by (kind, name) that references can reach, the chain to its end."""
    store: StoreAccess
    progress: Progress | None = None
    """What pod 0 answered last."""
    load: tuple[LoadSample, ...] = ()
    """What the serving pods told of the requests that they have in flight."""
    warnings: Mapping[str, str] = field(default_factory=dict)
    """Latest Warning event's message by name of pod: FailedScheduling, FailedMount, …"""


@dataclass(frozen=True)
class Deletion:
    """An object to delete, only while it is still the one that was seen."""

    kind: str
    name: str
    uid: str
    propagation: str = "Background"


@dataclass(frozen=True)
class EventNote:
    """An event for people, about the owner."""

    type: str
    """Normal or Warning."""
    reason: str
    message: str


@dataclass(frozen=True)
class Plan:
    """What to do now. Executed in this order: deletions, applies, the one status write, events."""

    apply: tuple[Mapping[str, Any], ...] = ()
    """Complete manifests for server-side apply, with owner reference and labels."""
    delete: tuple[Deletion, ...] = ()
    status: Mapping[str, Any] | None = None
    """The whole wanted status (camelCase JSON); written only when it differs from the observed one. None: leave it."""
    events: tuple[EventNote, ...] = ()
    """Sent only after the status write that carries their cause succeeded, or none was needed."""
    requeue_after: float | None = None
    """Seconds after which to look again even if nothing changes."""
    wants_store: bool = False
    """The namespace needs its store account before this object can go on."""
    poll: str | None = None
    """Pod IP whose ``/progress`` the leader should poll while this plan stands."""
    load_of: tuple[str, ...] = ()
    """URLs of metrics whose load the leader should watch while this plan stands."""


def decide(snapshot: Snapshot, settings: Settings, now: datetime) -> Plan:
    """Decide what one object needs. Total: a spec that does not parse ends in ``Stalled``, never in an exception."""
    from slipway_operator.domain.dispatch import decide_kind

    return decide_kind(snapshot, settings, now)
