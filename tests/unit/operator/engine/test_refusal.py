"""A refused child in its owner's status."""

from datetime import UTC, datetime
from typing import Any

from slipway_operator.engine.refusal import refused

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def by_type(status: dict[str, Any]) -> dict[str, Any]:
    return {one["type"]: one for one in status["conditions"]}


def test_ready_stalled_and_reconciling_say_so_and_the_rest_stays() -> None:
    wanted = {
        "attempt": 1,
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "Suspended", "status": "False"}],
    }
    status = refused(wanted, {}, "Job x was refused: quota", 3, NOW)
    assert status["attempt"] == 1
    found = by_type(status)
    assert set(found) == {"Ready", "Stalled", "Reconciling", "Suspended"}
    assert (found["Ready"]["status"], found["Ready"]["reason"]) == ("False", "ChildRefused")
    assert (found["Stalled"]["status"], found["Stalled"]["message"]) == ("True", "Job x was refused: quota")
    assert found["Ready"]["lastTransitionTime"] == "2026-01-02T03:04:05Z"


def test_a_second_refusal_changes_nothing() -> None:
    first = refused({}, {}, "no", 3, NOW)
    assert refused({}, first, "no", 3, NOW.replace(year=2030)) == first
