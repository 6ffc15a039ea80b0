"""Conditions, events, times, limits of restarts and tolerant reading."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.operator.domain.builders import NOW, at, raw

from slipway_operator.api.conditions import ConditionStatus, ConditionType, Reason
from slipway_operator.api.job import JobStatus, Restarts, RunProgress
from slipway_operator.api.meta import Condition, Failure, FailurePolicy
from slipway_operator.domain.conditions import (
    JOB_TYPES,
    Position,
    Standing,
    conditions,
    find,
    going,
    holds,
    shorten,
    stuck,
)
from slipway_operator.domain.notes import notes
from slipway_operator.domain.parsing import deleting, generation, read_status
from slipway_operator.domain.restarts import backoff_left, delay, given_up, stuck_after
from slipway_operator.domain.times import moment, remaining, stamp

TRUE = {
    Position.GOING: {"Reconciling"},
    Position.STUCK: {"Stalled"},
    Position.DONE: {"Ready", "Complete"},
    Position.FAILED: {"Stalled", "Failed"},
    Position.SUSPENDED: {"Suspended"},
}


def made(standing: Standing, old: tuple[Condition, ...] = (), now: datetime = NOW) -> tuple[Condition, ...]:
    return conditions(old, standing, JOB_TYPES, 4, now)


@pytest.mark.parametrize("position", Position)
def test_what_is_true_where_an_object_stands(position: Position) -> None:
    found = made(Standing(position, Reason.CRASHED, "m"))
    assert {one.type for one in found if one.status is ConditionStatus.TRUE} == TRUE[position]
    assert {one.observed_generation for one in found} == {4}
    ready = find(found, ConditionType.READY)
    assert ready is not None
    assert (ready.reason, ready.message) == ("Crashed", "m")


def test_the_time_moves_only_when_a_status_flips() -> None:
    first = made(going(Reason.STARTING, "a"))
    later = NOW + timedelta(minutes=5)
    second = made(going(Reason.RUNNING, "b"), first, later)
    assert {one.last_transition_time for one in second} == {at()}
    third = made(stuck(Reason.CONFIG_ERROR, "c"), second, later)
    moved = {one.type for one in third if one.last_transition_time == stamp(later)}
    assert moved == {ConditionType.RECONCILING, ConditionType.STALLED}
    assert made(stuck(Reason.CONFIG_ERROR, "c"), third, later + timedelta(days=1)) == third


def test_events_tell_each_settled_state_once() -> None:
    quiet = made(going(Reason.STARTING, "a"))
    assert notes((), quiet) == ()
    bad = made(stuck(Reason.CONFIG_ERROR, "c"), quiet)
    assert [(one.type, one.reason) for one in notes(quiet, bad)] == [("Warning", "ConfigError")]
    assert notes(bad, bad) == ()
    good = made(Standing(Position.DONE, Reason.PUBLISHED, "p"), bad)
    assert [(one.type, one.reason, one.message) for one in notes(bad, good)] == [("Normal", "Published", "p")]


def test_absent_conditions_do_not_hold() -> None:
    assert not holds((), ConditionType.FAILED)
    assert shorten("abc", 2) == "a…"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-01T12:00:00Z", NOW),
        ("2026-05-01T12:00:00", NOW),
        ("2026-05-01T14:00:00+02:00", NOW),
        (None, None),
        ("soon", None),
    ],
)
def test_moment(text: str | None, expected: datetime | None) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    ("since", "left"),
    [(None, 0), (NOW - timedelta(seconds=4), 6), (NOW - timedelta(seconds=11), 0), (NOW + timedelta(hours=1), 0)],
)
def test_remaining(since: datetime | None, left: float) -> None:
    assert remaining(since, 10, NOW) == left


def test_stamp_is_utc() -> None:
    assert stamp(datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)) == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(("counted", "seconds"), [(0, 10), (1, 10), (2, 20), (3, 40), (5, 160), (6, 300), (1000, 300)])
def test_delay_doubles_up_to_five_minutes(counted: int, seconds: float) -> None:
    assert delay(counted) == seconds


@pytest.mark.parametrize(
    ("failure", "left"),
    [
        (None, 0),
        (Failure(reason="Crashed", message="", attempt=1, time=at()), 0),
        (Failure(reason="Crashed", message="", attempt=2, time=at(-5)), 15),
        (Failure(reason="NodeLost", message="", attempt=2, time=at(-1)), 4),
    ],
)
def test_backoff_counts_from_the_failure_of_the_active_attempt(failure: Failure | None, left: float) -> None:
    status = JobStatus(attempt=2, restarts=Restarts(counted=2), last_failure=failure)
    assert backoff_left(status, NOW) == left


@pytest.mark.parametrize(
    ("step", "expected"), [(None, (2, 50)), (0, (2, 50)), (40, (3, 50)), (50, (3, 50)), (51, (1, 51))]
)
def test_progress_is_a_further_step(step: int | None, expected: tuple[int, int]) -> None:
    progress = None if step is None else RunProgress(step=step)
    assert stuck_after(JobStatus(stuck=2, furthest_step=50, progress=progress)) == expected


def test_given_up() -> None:
    policy = FailurePolicy(max_restarts=2, no_progress_limit=3)
    status = JobStatus(restarts=Restarts(counted=1, free=9))
    assert given_up(status, policy, stuck=2, furthest=5, cause="x") is None
    limit = given_up(
        status.model_copy(update={"restarts": Restarts(counted=2)}), policy, stuck=0, furthest=0, cause="x"
    )
    assert limit is not None
    assert not limit.no_progress
    assert "2 restarts" in limit.message
    still = given_up(status, policy, stuck=3, furthest=5, cause="x")
    assert still is not None
    assert still.no_progress
    assert "step 5" in still.message


@pytest.mark.parametrize("status", [None, 5, {"attempt": "many", "run": "abc"}, {"run": "abc", "unknown": 1}])
def test_a_status_that_does_not_parse_is_read_as_far_as_it_does(status: object) -> None:
    found = read_status(JobStatus, raw("TrainingJob", "t", {"status": status}))
    assert found.attempt == 0
    assert found.run == ("abc" if isinstance(status, dict) else None)


def test_metadata_may_be_absent() -> None:
    broken = raw("TrainingJob", "t", {"metadata": None})
    assert generation(broken) == 0
    assert not deleting(broken)
