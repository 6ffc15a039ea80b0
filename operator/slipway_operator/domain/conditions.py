"""Conditions: one table from where an object stands to what its conditions say, as kstatus expects them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from slipway_operator.api.conditions import ConditionStatus, ConditionType, Reason
from slipway_operator.api.meta import Condition
from slipway_operator.domain.times import stamp

MESSAGE_LIMIT = 2048


class Position(StrEnum):
    """Where an object stands."""

    GOING = "going"
    """On the way; nobody has to do anything."""
    STUCK = "stuck"
    """Goes no further until somebody changes something."""
    DONE = "done"
    FAILED = "failed"
    SUSPENDED = "suspended"


@dataclass(frozen=True)
class Standing:
    """Where an object stands, why, and in words."""

    position: Position
    reason: Reason
    message: str


def going(reason: Reason, message: str) -> Standing:
    """On the way."""
    return Standing(Position.GOING, reason, message)


def stuck(reason: Reason, message: str) -> Standing:
    """Stuck until somebody changes something."""
    return Standing(Position.STUCK, reason, message)


_TRUE: dict[Position, frozenset[ConditionType]] = {
    Position.GOING: frozenset({ConditionType.RECONCILING}),
    Position.STUCK: frozenset({ConditionType.STALLED}),
    Position.DONE: frozenset({ConditionType.READY, ConditionType.COMPLETE}),
    Position.FAILED: frozenset({ConditionType.STALLED, ConditionType.FAILED}),
    Position.SUSPENDED: frozenset({ConditionType.SUSPENDED}),
}

SERVICE_TYPES = (ConditionType.READY, ConditionType.RECONCILING, ConditionType.STALLED)
JOB_TYPES = (*SERVICE_TYPES, ConditionType.SUSPENDED, ConditionType.COMPLETE, ConditionType.FAILED)


def conditions(
    old: Iterable[Condition],
    standing: Standing,
    types: Iterable[ConditionType],
    generation: int,
    now: datetime,
) -> tuple[Condition, ...]:
    """The conditions of an object that stands there.

    ``lastTransitionTime`` moves only when a status flips, so a reconcile that finds nothing new changes nothing.
    ``Ready`` always carries reason and message; the others only while they are true.
    """
    before = {one.type: one for one in old}
    return tuple(_condition(kind, before.get(kind), standing, generation, now) for kind in types)


def _condition(
    kind: ConditionType, old: Condition | None, standing: Standing, generation: int, now: datetime
) -> Condition:
    true = kind in _TRUE[standing.position]
    status = ConditionStatus.TRUE if true else ConditionStatus.FALSE
    speaks = true or kind is ConditionType.READY
    since = old.last_transition_time if old is not None and old.status == status else stamp(now)
    return Condition(
        type=kind,
        status=status,
        reason=standing.reason if speaks else _negative(kind),
        message=shorten(standing.message) if speaks else "",
        observed_generation=generation,
        last_transition_time=since,
    )


def _negative(kind: ConditionType) -> Reason:
    return Reason.NOT_SUSPENDED if kind is ConditionType.SUSPENDED else Reason.AS_EXPECTED


def shorten(message: str, limit: int = MESSAGE_LIMIT) -> str:
    """The message, cut to what the schema permits."""
    return message if len(message) <= limit else f"{message[: limit - 1]}…"


def sentence(text: str) -> str:
    """The text with an end, so that another sentence can follow; programs' own words often have none."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def find(found: Iterable[Condition], kind: ConditionType) -> Condition | None:
    """The condition of that type."""
    return next((one for one in found if one.type is kind), None)


def holds(found: Iterable[Condition], kind: ConditionType) -> bool:
    """Whether the condition of that type is true."""
    one = find(found, kind)
    return one is not None and one.status is ConditionStatus.TRUE
