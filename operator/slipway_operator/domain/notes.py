"""Events for people: one when an object settles, well or badly, and none for each step on the way."""

from collections.abc import Iterable

from slipway_operator.api.conditions import ConditionStatus, ConditionType
from slipway_operator.api.meta import Condition
from slipway_operator.domain.conditions import find
from slipway_operator.domain.planning import EventNote

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


def _said(one: Condition | None) -> tuple[str, str, str] | None:
    return (one.status, one.reason, one.message) if one is not None else None
