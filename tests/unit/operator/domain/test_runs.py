"""The course of a run, one decision at a time."""

import pytest
from tests.unit.operator.domain.builders import (
    ARTIFACT,
    DIGEST,
    PUBLISHED,
    Body,
    ask,
    at,
    condition,
    ended,
    job,
    pod,
    raw,
    true,
    waiting,
)
from tests.unit.operator.domain.training import RUN, failing, name, started, status, train, wrote

from slipway_operator.domain.planning import Kind, Plan, StoreAccess
from slipway_runtime.spec.progress import Progress


def test_the_first_attempt_starts_at_once() -> None:
    plan = train()
    assert started(plan) == [name(1)]
    assert (wrote(plan)["run"], wrote(plan)["attempt"], wrote(plan)["observedGeneration"]) == (RUN, 1, 3)
    assert condition(plan)[:2] == ("False", "Starting")
    assert plan.events == ()


@pytest.mark.parametrize(
    ("store", "reason"),
    [
        (StoreAccess(ready=False, uri="s3://x/"), "PreparingStore"),
        (StoreAccess(ready=False, uri="s3://x/", problem="no disk"), "StoreUnavailable"),
    ],
)
def test_without_a_store_nothing_starts(store: StoreAccess, reason: str) -> None:
    plan = train(store=store)
    assert plan.wants_store
    assert plan.apply == ()
    assert condition(plan)[1] == reason
    own = train(store=store, spec={"output": {"uri": "s3://mine/x", "secretName": "mine"}})
    assert len(started(own)) == 1
    assert not own.wants_store


def test_a_running_attempt_is_polled_and_shows_its_progress() -> None:
    running: Body = {"jobs": (job(name(1), RUN, 1),), "pods": (pod("p0", RUN, 1, podIP="10.1.1.1"),)}
    plan = train(status(), progress=Progress(stage="training", step=30, total_steps=40), **running)
    assert condition(plan) == ("False", "Running", "Attempt 1 is running.")
    assert plan.poll == "10.1.1.1"
    assert wrote(plan)["progress"] == {"stage": "training", "step": 30, "totalSteps": 40, "percent": 75, "metrics": []}
    assert started(plan) == []
    unknown = train(status(), progress=Progress(step=3), **running)
    assert wrote(unknown)["progress"]["percent"] == 0
    assert "progress" not in wrote(train(status(), **running))


def test_a_pass_that_finds_nothing_new_asks_for_the_same_status() -> None:
    running: Body = {"jobs": (job(name(1), RUN, 1),), "pods": (pod("p0", RUN, 1),)}
    first = train(status(), **running)
    second = train(wrote(first), **running)
    assert second.status == first.status


def test_starting_goes_on_until_all_pods_run() -> None:
    pods = (pod("p0", RUN, 1), pod("p1", RUN, 1, index=1, phase="Pending"))
    assert condition(train(status(), jobs=(job(name(1), RUN, 1),), pods=pods))[1] == "Starting"
    assert condition(train(status(2, restarts={"counted": 1}), jobs=(job(name(2), RUN, 2),)))[1] == "Restarting"


def test_trouble_before_a_pod_runs_is_told_and_ends_nothing() -> None:
    pods = (pod("p0", RUN, 1, phase="Pending", containers=(waiting("ErrImagePull"),)),)
    plan = train(status(), jobs=(job(name(1), RUN, 1),), pods=pods)
    assert condition(plan)[1] == "ImagePullBackOff"
    assert true(plan) == {"Stalled"}
    assert wrote(plan)["lastFailure"]["reason"] == "ImagePullBackOff"
    assert wrote(plan)["restarts"] == {"counted": 0, "free": 0}
    gpu = (
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "Insufficient nvidia.com/gpu",
        },
    )
    waits = train(status(), jobs=(job(name(1), RUN, 1),), pods=(pod("p0", RUN, 1, phase="Pending", conditions=gpu),))
    assert true(waits) == {"Reconciling"}
    refused = train(status(), jobs=(job(name(1), RUN, 1),), warnings={name(1): "exceeded quota"})
    assert condition(refused)[1] == "ChildRefused"


def test_success_publishes() -> None:
    pods = (pod("p0", RUN, 1, phase="Succeeded", containers=(ended(0, PUBLISHED),)),)
    plan = train(status(progress={"step": 8, "totalSteps": 10}), jobs=(job(name(1), RUN, 1, "Complete"),), pods=pods)
    told = wrote(plan)
    assert told["artifact"]["digest"] == DIGEST
    assert (told["artifactRun"], told["finishedAt"]) == (RUN, at())
    assert told["history"] == [{"digest": DIGEST, "uri": ARTIFACT["uri"], "run": RUN}]
    assert told["progress"] == {
        "stage": "done",
        "step": 10,
        "totalSteps": 10,
        "percent": 100,
        "etaSeconds": 0,
        "metrics": [],
    }
    assert true(plan) == {"Ready", "Complete"}
    assert "accuracy 0.97" in condition(plan)[2]
    assert [(one.type, one.reason) for one in plan.events] == [("Normal", "Published")]
    again = train(told, jobs=(job(name(1), RUN, 1, "Complete"),), pods=pods)
    assert again.status == plan.status
    assert again.events == ()


def test_success_counts_although_the_status_knows_nothing_of_the_attempt() -> None:
    pods = (pod("p0", RUN, 3, phase="Succeeded", containers=(ended(0, PUBLISHED),)),)
    plan = train(None, jobs=(job(name(3), RUN, 3, "Complete"),), pods=pods)
    assert true(plan) == {"Ready", "Complete"}
    assert wrote(plan)["attempt"] == 3
    assert wrote(plan)["progress"]["percent"] == 100


def test_history_is_bounded_and_names_each_artifact_once() -> None:
    past = [{"digest": f"sha256:{digit * 64}", "uri": "u", "run": "r"} for digit in "abc"]
    pods = (pod("p0", RUN, 1, phase="Succeeded", containers=(ended(0, PUBLISHED),)),)
    jobs = (job(name(1), RUN, 1, "Complete"),)
    kept = wrote(train(status(history=past), jobs=jobs, pods=pods, spec={"history": 2}))["history"]
    assert [one["digest"][7] for one in kept] == ["a", "b"]


def test_a_finished_run_is_never_redone() -> None:
    done = status(artifact=ARTIFACT, artifactRun=RUN, finishedAt=at(-500))
    plan = train(done)
    assert plan.apply == ()
    assert plan.requeue_after is None
    assert true(plan) == {"Ready", "Complete"}


def test_back_to_a_spec_whose_artifact_is_the_newest() -> None:
    plan = train({"run": "0" * 16, "attempt": 2, "artifact": ARTIFACT, "artifactRun": RUN})
    assert true(plan) == {"Ready", "Complete"}
    assert wrote(plan)["run"] == RUN


def test_children_go_when_their_time_is_up() -> None:
    done = status(artifact=ARTIFACT, artifactRun=RUN, finishedAt=at(-50))
    jobs = (job(name(1), RUN, 1, "Complete"),)
    others = {"NetworkPolicy": (raw("NetworkPolicy", "digits-train", {}),)}
    early = train(done, jobs=jobs, others=others, spec={"ttlSecondsAfterFinished": 60})
    assert (early.delete, early.requeue_after) == ((), 10)
    late = train(done, jobs=jobs, others=others, spec={"ttlSecondsAfterFinished": 50})
    assert [(one.kind, one.name) for one in late.delete] == [("Job", name(1)), ("NetworkPolicy", "digits-train")]
    assert true(late) == {"Ready", "Complete"}
    assert late.requeue_after is None


@pytest.mark.parametrize(("code", "reason"), [(64, "ConfigError"), (65, "GateRefused")])
def test_a_permanent_failure_ends_the_run(code: int, reason: str) -> None:
    plan = train(status(), **failing(code, "column y is missing"))
    assert true(plan) == {"Stalled", "Failed"}
    assert condition(plan)[1] == reason
    assert "column y is missing" in condition(plan)[2]
    told = wrote(plan)
    assert (told["lastFailure"]["exitCode"], told["finishedAt"]) == (code, at())
    assert [(one.type, one.reason) for one in plan.events] == [("Warning", reason)]
    again = train(told, **failing(code, "column y is missing"))
    assert again.status == plan.status
    assert started(train(told)) == []


def test_a_failed_run_stays_failed_whatever_is_left_of_its_status() -> None:
    bare = train(status(finishedAt=at(-5)))
    assert condition(bare)[1] == "Crashed"
    failure = {"reason": "OOMKilled", "message": "too big", "attempt": 1}
    assert condition(train(status(finishedAt=at(-5), lastFailure=failure)))[1:] == ("OOMKilled", "too big")
    foreign = {"reason": "SomethingNew", "message": "?", "attempt": 1}
    assert condition(train(status(finishedAt=at(-5), lastFailure=foreign)))[1] == "Crashed"


def test_a_counted_failure_is_written_down_before_the_next_attempt() -> None:
    plan = train(status(), **failing(1))
    assert started(plan) == []
    assert wrote(plan)["restarts"] == {"counted": 1, "free": 0}
    assert plan.requeue_after == 10
    assert condition(plan)[1] == "Crashed"
    soon = train(wrote(plan), **failing(1))
    assert started(soon) == []
    assert soon.status == plan.status
    told = wrote(plan)
    told["lastFailure"] = {**told["lastFailure"], "time": at(-10)}
    nxt = train(told, **failing(1))
    assert started(nxt) == [name(2)]
    assert wrote(nxt)["attempt"] == 2
    assert condition(nxt)[1] == "Restarting"


def test_preemption_is_free() -> None:
    plan = train(status(), **failing(76))
    assert wrote(plan)["restarts"] == {"counted": 0, "free": 1}
    assert plan.requeue_after == 5


@pytest.mark.parametrize(
    ("told", "spec", "reason"),
    [
        ({"restarts": {"counted": 3}}, {}, "RestartLimitExceeded"),
        ({}, {"failurePolicy": {"maxRestarts": 0}}, "RestartLimitExceeded"),
        ({"stuck": 2, "furthestStep": 9, "progress": {"step": 9}}, {}, "NoProgress"),
    ],
)
def test_a_run_is_given_up(told: Body, spec: Body, reason: str) -> None:
    attempt = 1 + told.get("restarts", {}).get("counted", 0)
    plan = train(status(attempt, **told), spec=spec, **failing(1, attempt=attempt))
    assert true(plan) == {"Stalled", "Failed"}
    assert condition(plan)[1] == reason
    assert "Crashed: Exit code 1: it broke" in condition(plan)[2]
    assert "spec.rerun" in condition(plan)[2]


def test_progress_forgives_failures() -> None:
    plan = train(status(stuck=2, furthestStep=9, progress={"step": 10}), **failing(1))
    assert (wrote(plan)["stuck"], wrote(plan)["furthestStep"]) == (1, 10)


def test_a_changed_spec_cancels_the_active_run_first() -> None:
    old = job(name(1, "0" * 16), "0" * 16, 1)
    service = raw("Service", "digits-00000000", {"metadata": {"labels": {"slipway.dev/run": "0" * 16}}})
    told = {"run": "0" * 16, "attempt": 1, "artifact": ARTIFACT, "artifactRun": "0" * 16}
    plan = train(told, jobs=(old,), others={"Service": (service,)})
    assert [(one.kind, one.uid) for one in plan.delete] == [("Job", old.uid), ("Service", service.uid)]
    assert started(plan) == []
    assert plan.requeue_after == 5
    assert condition(plan)[1] == "Pending"
    assert (wrote(plan)["run"], wrote(plan)["attempt"]) == (RUN, 0)
    assert wrote(plan)["artifact"]["digest"] == DIGEST
    ending = train(wrote(plan), pods=(pod("p0", "0" * 16, 1, deleted=at(20)),))
    assert started(ending) == []
    assert started(train(wrote(plan))) == [name(1)]


def test_suspension_stops_the_attempt_and_costs_nothing() -> None:
    running = job(name(1), RUN, 1)
    plan = train(status(), jobs=(running,), pods=(pod("p0", RUN, 1),), spec={"suspend": True})
    assert [one.uid for one in plan.delete] == [running.uid]
    assert wrote(plan)["restarts"] == {"counted": 0, "free": 1}
    assert condition(plan)[1] == "Suspended"
    assert true(plan) == {"Reconciling"}
    stopped = train(wrote(plan), spec={"suspend": True})
    assert true(stopped) == {"Suspended"}
    assert [(one.type, one.reason) for one in stopped.events] == [("Normal", "Suspended")]
    resumed = train(wrote(stopped))
    assert started(resumed) == [name(2)]
    assert true(train(spec={"suspend": True})) == {"Suspended"}


def test_a_run_that_ended_while_suspended_has_ended() -> None:
    assert true(train(status(), spec={"suspend": True}, **failing(64))) == {"Stalled", "Failed"}


def test_a_lost_node_is_free_and_the_rest_of_the_gang_is_stopped() -> None:
    running = job(name(1), RUN, 1)
    pods = (pod("p0", RUN, 1), pod("p1", RUN, 1, index=1, deleted=at(-60)))
    plan = train(status(), jobs=(running,), pods=pods)
    assert [one.uid for one in plan.delete] == [running.uid]
    assert wrote(plan)["restarts"] == {"counted": 0, "free": 1}
    assert condition(plan)[1] == "NodeLost"
    told = wrote(plan)
    told["lastFailure"] = {**told["lastFailure"], "time": at(-10)}
    assert started(train(told, pods=pods)) == []
    assert started(train(told, pods=pods[1:])) == [name(2)]


def test_a_pod_that_is_ending_is_looked_at_again() -> None:
    plan = train(status(), jobs=(job(name(1), RUN, 1),), pods=(pod("p0", RUN, 1, deleted=at(20)),))
    assert plan.requeue_after == 5
    assert wrote(plan)["restarts"] == {"counted": 0, "free": 0}


def test_pods_that_still_end_are_waited_for() -> None:
    plan = train(status(), jobs=(job(name(1), RUN, 1, "Failed"),), pods=(pod("p0", RUN, 1),))
    assert plan.requeue_after == 5
    assert wrote(plan)["restarts"] == {"counted": 0, "free": 0}


@pytest.mark.parametrize(("message", "words"), [("", "its pods are gone"), ("too slow", "too slow")])
def test_a_failed_job_without_pods_is_free(message: str, words: str) -> None:
    plan = train(status(), jobs=(job(name(1), RUN, 1, "Failed", message=message),))
    assert wrote(plan)["restarts"] == {"counted": 0, "free": 1}
    assert words in condition(plan)[2]


def test_a_job_that_somebody_deleted_is_free_once_it_must_have_shown_up() -> None:
    early = train(status(attemptStartedAt=at(-4)))
    assert (early.requeue_after, wrote(early)["restarts"]["free"]) == (6, 0)
    late = train(status(attemptStartedAt=at(-11)))
    assert wrote(late)["restarts"] == {"counted": 0, "free": 1}
    assert condition(late)[1] == "AttemptLost"
    assert "somebody deleted it" in condition(late)[2]


def test_a_job_that_was_refused_is_not_taken_for_one_that_somebody_deleted() -> None:
    refused = "Job x was refused: exceeded quota"
    stalled = {
        "type": "Stalled",
        "status": "True",
        "reason": "ChildRefused",
        "message": refused,
        "observedGeneration": 1,
        "lastTransitionTime": at(-300),
    }
    later = train(status(attemptStartedAt=at(-300), conditions=[stalled]))
    assert wrote(later)["restarts"] == {"counted": 0, "free": 1}
    assert wrote(later)["lastFailure"]["message"] == f"The attempt had no Job. {refused}"


def test_a_lost_message_is_read_by_one_more_free_attempt() -> None:
    jobs = (job(name(1), RUN, 1, "Complete"),)
    plan = train(status(), jobs=jobs)
    assert wrote(plan)["restarts"] == {"counted": 0, "free": 1}
    assert condition(plan)[1] == "ResultLost"
    told = status(2, restarts={"free": 1}, lastFailure={"reason": "ResultLost", "message": "", "attempt": 1})
    silent = pod("p0", RUN, 2, phase="Succeeded", containers=(ended(0, "bye"),))
    for pods, where in (((silent,), "p0"), ((), None)):
        counted = train(told, jobs=(job(name(2), RUN, 2, "Complete"),), pods=pods)
        assert wrote(counted)["restarts"] == {"counted": 1, "free": 1}
        assert wrote(counted)["lastFailure"].get("pod") == where
        assert "published no model" in condition(counted)[2]


def test_a_view_of_pods_that_is_behind_loses_no_message() -> None:
    finished = job(name(1), RUN, 1, "Complete")
    finished.body["status"]["completionTime"] = at(-3)
    plan = train(status(), jobs=(finished,))
    assert plan.requeue_after == 7
    assert wrote(plan)["restarts"] == {"counted": 0, "free": 0}


def test_an_attempt_that_started_before_the_status_was_written_is_adopted() -> None:
    told = status(1, restarts={"counted": 1}, progress={"step": 4})
    plan = train(told, jobs=(job(name(1), RUN, 1, "Failed"), job(name(2), RUN, 2)))
    assert (wrote(plan)["attempt"], wrote(plan)["attemptStartedAt"]) == (2, at(-100))
    assert "progress" not in wrote(plan)
    lost = train(None, jobs=(job(name(4), RUN, 4),))
    assert wrote(lost)["restarts"] == {"counted": 0, "free": 3}
    assert wrote(lost)["startedAt"] == at(-100)


def test_only_the_last_ended_attempt_is_kept_for_its_logs() -> None:
    jobs = (*tuple(job(name(one), RUN, one, "Failed") for one in (1, 2)), job(name(3), RUN, 3))
    plan = train(status(3, restarts={"counted": 2}), jobs=jobs)
    assert [one.name for one in plan.delete] == [name(1)]
    going = (job(name(1), RUN, 1, deletionTimestamp=at(5)), job(name(2), RUN, 2), job(name(3), RUN, 3))
    assert [one.name for one in train(status(3, restarts={"free": 2}), jobs=going).delete] == [name(2)]


def test_what_still_runs_when_a_run_ends_is_stopped() -> None:
    pods = (pod("p0", RUN, 1, phase="Succeeded", containers=(ended(0, PUBLISHED),)),)
    plan = train(
        status(2, restarts={"free": 1}), jobs=(job(name(1), RUN, 1, "Complete"), job(name(2), RUN, 2)), pods=pods
    )
    assert true(plan) == {"Ready", "Complete"}
    assert [one.name for one in plan.delete] == [name(2)]


def test_an_object_on_its_way_out_needs_nothing() -> None:
    assert train(deletionTimestamp=at()) == Plan()


@pytest.mark.parametrize(("kind", "field"), [(Kind.TRAINING_JOB, "recipe"), (Kind.MODEL_SERVICE, "model")])
def test_a_spec_that_does_not_parse_says_where(kind: Kind, field: str) -> None:
    plan = ask(kind, {"nodes": "x", "gpus": "y", "history": "z", "suspend": 7}, {"run": "r"})
    assert condition(plan)[1] == "InvalidSpec"
    assert true(plan) == {"Stalled"}
    assert "spec." in condition(plan)[2]
    assert wrote(plan)["run"] == "r"
    assert plan.apply == ()
    assert field
    assert condition(ask(kind, {}))[1] == "InvalidSpec"
