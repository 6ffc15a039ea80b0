"""From what a job's course comes to, to the plan that the engine carries out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from slipway_operator.api.job import JobStatus
from slipway_operator.domain.conditions import JOB_TYPES, Standing, conditions
from slipway_operator.domain.notes import notes
from slipway_operator.domain.observed import Job, SeenObject
from slipway_operator.domain.parsing import generation
from slipway_operator.domain.planning import Deletion, EventNote, Plan, Snapshot

StatusT = TypeVar("StatusT", bound=JobStatus)
SeenT = TypeVar("SeenT", bound=SeenObject)


@dataclass(frozen=True)
class Outline(Generic[StatusT]):
    """A plan in the making."""

    status: StatusT
    standing: Standing
    apply: tuple[Mapping[str, Any], ...] = ()
    delete: tuple[SeenObject, ...] = ()
    requeue_after: float | None = None
    wants_store: bool = False
    poll: str | None = None
    notes: tuple[EventNote, ...] = ()
    """Events besides those that the conditions tell."""


def plan_of(snapshot: Snapshot, found: Outline[StatusT], now: datetime) -> Plan:
    """The plan of an outline, with conditions and events."""
    old = found.status.conditions
    about = generation(snapshot.owner)
    new = conditions(old, found.standing, JOB_TYPES, about, now)
    status = found.status.model_copy(update={"observed_generation": about, "conditions": new})
    names = {job.uid: "Job" for job in seen(snapshot, "Job", Job)}
    names |= {one.uid: kind for kind in ("Service", "NetworkPolicy") for one in seen(snapshot, kind, SeenObject)}
    return Plan(
        apply=found.apply,
        delete=tuple(Deletion(names[one.uid], one.name, one.uid) for one in found.delete),
        status=status.model_dump(mode="json", by_alias=True, exclude_none=True),
        events=(*found.notes, *notes(old, new)),
        requeue_after=found.requeue_after,
        wants_store=found.wants_store,
        poll=found.poll,
    )


def seen(snapshot: Snapshot, kind: str, view: type[SeenT]) -> tuple[SeenT, ...]:
    """Children of a kind, in order of their names, so that plans are deterministic."""
    return tuple(view.parse(raw) for raw in sorted(snapshot.children.get(kind, ()), key=lambda one: one.name))


def children(snapshot: Snapshot) -> tuple[SeenObject, ...]:
    """All that an ended run leaves in the cluster."""
    kinds = ("Job", "Service", "NetworkPolicy")
    return tuple(one for kind in kinds for one in seen(snapshot, kind, SeenObject) if not one.deleting)
