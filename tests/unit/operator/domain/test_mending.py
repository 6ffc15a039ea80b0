"""A run whose settings are changed after, or while, it fails; and what people are told on the way."""

import pytest
from tests.unit.operator.domain.builders import Body, at, condition, job, pod, true, waiting
from tests.unit.operator.domain.training import RUN, failing, name, started, status, train, wrote

from slipway_operator.api.trainingjob import TrainingJobSpec
from slipway_operator.domain.identity import settings_hash
from slipway_operator.domain.planning import Plan

MORE_MEMORY: Body = {"podTemplate": {"resources": {"memory": "8Gi"}}}
BEFORE = settings_hash(
    TrainingJobSpec.model_validate({"recipe": {"classifier": {}}, "dataset": {"uri": "builtin://x"}})
)


def told(plan: Plan) -> list[tuple[str, str]]:
    return [(one.type, one.reason) for one in plan.events]


def given_up() -> Body:
    """The status of a run that needed too much memory four times."""
    plan = train(
        status(4, restarts={"counted": 3}, attemptSettings=BEFORE, furthestStep=9, stuck=1),
        **failing(137, reason="OOMKilled", attempt=4),
    )
    assert condition(plan)[1] == "RestartLimitExceeded"
    assert "Change spec.podTemplate, spec.failurePolicy" in condition(plan)[2]
    assert "spec.rerun to start over" in condition(plan)[2]
    found = wrote(plan)
    found["lastFailure"]["time"] = at(-3600)
    return found


@pytest.mark.parametrize(
    "change",
    [MORE_MEMORY, {"failurePolicy": {"maxRestarts": 9}}, {"nodes": 2}, {"gpus": 1}, {"checkpoint": {"every": 7}}],
    ids=str,
)
def test_changed_settings_give_a_failed_run_another_attempt(change: Body) -> None:
    failed = given_up()
    assert started(train(failed)) == []
    plan = train(failed, jobs=(job(name(4), RUN, 4, "Failed"),), spec=change)
    assert started(plan) == [name(5)]
    found = wrote(plan)
    assert (found["run"], found["attempt"], "finishedAt" in found) == (RUN, 5, False)
    assert found["restarts"] == {"counted": 0, "free": 4}
    assert (found["stuck"], found["furthestStep"]) == (0, 9)
    assert found["attemptSettings"] != BEFORE
    assert true(plan) == {"Reconciling"}
    # Before the status was written the Job may stand already: that is the attempt that goes on.
    again = train(failed, jobs=(job(name(5), RUN, 5),), pods=(pod("p0", RUN, 5),), spec=change)
    assert (condition(again)[1], wrote(again)["attempt"], started(again)) == ("Running", 5, [])
    assert wrote(again)["restarts"] == found["restarts"]
    assert wrote(again)["attemptSettings"] == found["attemptSettings"]


@pytest.mark.parametrize(
    "change",
    [{"suspend": True}, {"history": 9}, {"ttlSecondsAfterFinished": 60}, {"deletionPolicy": "Delete"}],
    ids=str,
)
def test_what_shapes_no_attempt_mends_nothing(change: Body) -> None:
    assert true(train(given_up(), spec=change)) == {"Stalled", "Failed"}


def test_a_run_that_failed_before_settings_were_on_record_stays_failed() -> None:
    failed = {key: value for key, value in given_up().items() if key != "attemptSettings"}
    assert true(train(failed, spec=MORE_MEMORY)) == {"Stalled", "Failed"}


def test_a_configuration_is_mended_and_a_gate_is_not() -> None:
    for code, mended in ((64, True), (65, False)):
        failed = wrote(train(status(attemptSettings=BEFORE), **failing(code)))
        failed["lastFailure"]["time"] = at(-60)
        assert (started(train(failed, spec=MORE_MEMORY)) == [name(2)]) is mended


def test_settings_changed_while_the_last_attempt_ran_give_another_one() -> None:
    plan = train(status(4, restarts={"counted": 3}, attemptSettings=BEFORE), spec=MORE_MEMORY, **failing(1, attempt=4))
    assert true(plan) == {"Reconciling"}
    assert wrote(plan)["restarts"] == {"counted": 0, "free": 4}
    assert plan.requeue_after == 10
    assert told(plan) == [("Warning", "AttemptFailed")]
    assert plan.events[0].message.endswith("Attempt 5 follows in 10 s, with the settings changed since.")


def test_an_attempt_that_waits_is_replaced_and_one_that_runs_is_left_alone() -> None:
    going = job(name(1), RUN, 1)
    stuck = pod("p0", RUN, 1, phase="Pending", containers=(waiting("ErrImagePull"),))
    first = status(attemptSettings=BEFORE)
    assert train(first, jobs=(going,), pods=(stuck,)).delete == ()
    plan = train(first, jobs=(going,), pods=(stuck,), spec=MORE_MEMORY)
    assert [one.uid for one in plan.delete] == [going.uid]
    assert wrote(plan)["restarts"] == {"counted": 0, "free": 1}
    assert plan.events == ()
    gone = wrote(plan)
    gone["lastFailure"]["time"] = at(-10)
    assert started(train(gone, spec=MORE_MEMORY)) == [name(2)]
    running = train(first, jobs=(going,), pods=(pod("p0", RUN, 1),), spec=MORE_MEMORY)
    assert (running.delete, condition(running)[1], wrote(running)["attemptSettings"]) == ((), "Running", BEFORE)


def test_each_failed_attempt_that_is_not_the_last_is_told_once() -> None:
    plan = train(status(2, restarts={"counted": 1}), **failing(1, attempt=2))
    assert told(plan) == [("Warning", "AttemptFailed")]
    assert plan.events[0].message == (
        "Attempt 2 failed: Crashed: Exit code 1: it broke. Attempt 3 follows in 20 s, restart 2 of 3."
    )
    assert train(wrote(plan), **failing(1, attempt=2)).events == ()
    last = train(status(4, restarts={"counted": 3}), **failing(1, attempt=4))
    assert told(last) == [("Warning", "RestartLimitExceeded")]


def test_a_free_restart_and_one_that_waits_for_a_person_are_told_as_such() -> None:
    free = train(status(), **failing(76))
    assert free.events[0].message.endswith("Attempt 2 follows in 5 s, free of charge.")
    later = train(status(), spec={"suspend": True}, **failing(1))
    assert later.events[0].message.endswith("Attempt 2 follows once spec.suspend is false, restart 1 of 3.")
