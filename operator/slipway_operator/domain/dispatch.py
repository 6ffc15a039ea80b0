"""From a snapshot to the decision of its kind."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from slipway_operator.api.conditions import Reason
from slipway_operator.api.job import JobStatus
from slipway_operator.api.modelservice import ModelServiceStatus
from slipway_operator.domain.compression import decide_compression
from slipway_operator.domain.conditions import JOB_TYPES, SERVICE_TYPES, conditions, stuck
from slipway_operator.domain.notes import notes
from slipway_operator.domain.parsing import SpecInvalid, deleting, generation, read_status
from slipway_operator.domain.planning import Kind, Plan, Settings, Snapshot
from slipway_operator.domain.service import decide_service
from slipway_operator.domain.training import decide_training

_DECISIONS: Mapping[Kind, Callable[[Snapshot, Settings, datetime], Plan]] = {
    Kind.TRAINING_JOB: decide_training,
    Kind.COMPRESSION_JOB: decide_compression,
    Kind.MODEL_SERVICE: decide_service,
}


def decide_kind(snapshot: Snapshot, settings: Settings, now: datetime) -> Plan:
    """The plan of an object of any kind. One that is being deleted needs nothing: its children go with it."""
    if deleting(snapshot.owner):
        return Plan()
    try:
        return _DECISIONS[snapshot.key.kind](snapshot, settings, now)
    except SpecInvalid as error:
        return _invalid(snapshot, str(error), now)


def _invalid(snapshot: Snapshot, message: str, now: datetime) -> Plan:
    """A spec that does not parse: say so, and leave everything that runs as it is."""
    service = snapshot.key.kind is Kind.MODEL_SERVICE
    types = SERVICE_TYPES if service else JOB_TYPES
    about = generation(snapshot.owner)
    model: type[ModelServiceStatus | JobStatus] = ModelServiceStatus if service else JobStatus
    old = read_status(model, snapshot.owner).conditions
    new = conditions(old, stuck(Reason.INVALID_SPEC, message), types, about, now)
    raw = snapshot.owner.body.get("status")
    status: dict[str, Any] = {
        **(raw if isinstance(raw, Mapping) else {}),
        "observedGeneration": about,
        "conditions": [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in new],
    }
    return Plan(status=status, events=notes(old, new))
