"""Events for people: one when an object settles, well or badly, one for each attempt that fails on the way."""

from collections.abc import Iterable
from math import ceil

from slipway_operator.api.conditions import ConditionStatus, ConditionType
from slipway_operator.api.job import JobSpec, JobStatus
from slipway_operator.api.meta import Condition
from slipway_operator.domain.conditions import find, sentence
from slipway_operator.domain.failure import FREE_REASONS
from slipway_operator.domain.planning import EventNote

ATTEMPT_FAILED = "AttemptFailed"

_TELLING = (
    (ConditionType.STALLED, "Warning"),
    (ConditionType.READY, "Normal"),
    (ConditionType.SUSPENDED, "Normal"),
)


def notes(old: Iterable[Condition], new: Iterable[Condition]) -> tuple[EventNote, ...]:
    """Events that tell what has changed from the old conditions to the new ones.

    A condition that became true, or is true for another reason or with another message, is told once.
    """
    before, after = tuple(old), tuple(new)
    found = []
    for kind, level in _TELLING:
        was, now = find(before, kind), find(after, kind)
        if now is not None and now.status is ConditionStatus.TRUE and _said(was) != _said(now):
            found.append(EventNote(level, now.reason, now.message))
    return tuple(found)


def attempt_failed(status: JobStatus, spec: JobSpec, wait: float) -> EventNote:
    """The event of an attempt that failed and is followed by another one ``wait`` seconds later.

    The status has the failure and already counts the restart.
    """
    failure, counted = status.last_failure, status.restarts.counted
    assert failure is not None  # noqa: S101 - an attempt's end is noted before anything follows from it
    when = "once spec.suspend is false" if spec.suspend else f"in {ceil(wait)} s"
    if failure.reason in FREE_REASONS:
        price = "free of charge"
    elif counted:
        price = f"restart {counted} of {spec.failure_policy.max_restarts}"
    else:
        price = "with the settings changed since"
    text = f"Attempt {status.attempt} failed: {failure.reason}: {failure.message}"
    return EventNote(
        "Warning", ATTEMPT_FAILED, f"{sentence(text)} Attempt {status.attempt + 1} follows {when}, {price}."
    )


def _said(one: Condition | None) -> tuple[str, str, str] | None:
    return (one.status, one.reason, one.message) if one is not None else None
