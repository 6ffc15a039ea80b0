"""A ModelService: what serves, what should, and why it does not."""

import json
from typing import Any

import pytest
from tests.unit.operator.domain.builders import (
    ARTIFACT,
    DIGEST,
    PUBLISHED,
    TRAINING,
    URI,
    Body,
    applied,
    ask,
    at,
    condition,
    ended,
    job,
    owner,
    pod,
    raw,
    true,
    waiting,
)

from slipway_operator.domain.planning import Kind, Plan, RawObject, Settings, StoreAccess

OLD = "sha256:" + "0" * 64
OLD_URI = "s3://slipway-team/manifests/" + "0" * 64
ROLLED = [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]


def serve(
    status: Any = None,
    *,
    deployment: RawObject | None = None,
    pods: tuple[RawObject, ...] = (),
    jobs: tuple[RawObject, ...] = (),
    spec: Body | None = None,
    **more: Any,
) -> Plan:
    children = {"Pod": pods, "Job": jobs, "Deployment": (deployment,) if deployment else ()}
    return ask(
        Kind.MODEL_SERVICE, {"model": {"uri": URI}, "replicas": 2, **(spec or {})}, status, children=children, **more
    )


def told(plan: Plan) -> Body:
    assert plan.status is not None
    return dict(plan.status)


REVISION: str = told(serve())["target"]["revision"]
OLD_REVISION: str = told(serve(spec={"model": {"uri": OLD_URI}}))["target"]["revision"]


def deployed(
    revision: str = REVISION, conditions: list[Body] | None = None, *, image: str = "serve:0", seen: int = 1
) -> RawObject:
    template = {
        "metadata": {"labels": {"slipway.dev/revision": revision}},
        "spec": {"containers": [{"name": "serve", "image": image}] if image else []},
    }
    status = {"observedGeneration": seen, "conditions": ROLLED if conditions is None else conditions}
    return raw(
        "Deployment", "digits", {"metadata": {"generation": 1}, "spec": {"template": template}, "status": status}
    )


def server(name: str, revision: str = REVISION, digest: str = DIGEST, *, ready: bool = True, **more: Any) -> RawObject:
    uri = {DIGEST: URI, OLD: OLD_URI}[digest]
    return pod(
        name,
        labels={"slipway.dev/revision": revision},
        annotations={"slipway.dev/digest": digest, "slipway.dev/artifact": uri},
        conditions=({"type": "Ready", "status": "True" if ready else "False"},),
        **more,
    )


def old(name: str) -> RawObject:
    return server(name, OLD_REVISION, OLD)


BOTH = (server("a"), server("b"))


@pytest.mark.parametrize(("replicas", "budgets"), [(0, 0), (1, 0), (2, 1)])
def test_a_disruption_budget_is_for_more_than_one_pod(replicas: int, budgets: int) -> None:
    plan = serve(spec={"replicas": replicas})
    assert [one["kind"] for one in plan.apply].count("PodDisruptionBudget") == budgets
    assert not plan.delete


def test_everything_is_applied_at_once() -> None:
    plan = serve()
    assert [one["kind"] for one in plan.apply] == [
        "ServiceAccount",
        "Service",
        "PodDisruptionBudget",
        "NetworkPolicy",
        "Deployment",
    ]
    assert condition(plan)[1] == "RollingOut"
    assert told(plan)["target"]["state"] == "Loading"
    assert told(plan)["url"] == "http://digits.team.svc"
    assert told(plan)["selector"] == "slipway.dev/kind=ModelService,slipway.dev/name=digits"


def test_ready_pods_serve() -> None:
    plan = serve(deployment=deployed(), pods=BOTH)
    assert true(plan) == {"Ready"}
    assert condition(plan)[1] == "Serving"
    assert told(plan)["active"] == {"digest": DIGEST, "uri": URI, "revision": REVISION, "metrics": []}
    assert told(plan)["target"]["state"] == "Loaded"
    assert told(plan)["replicas"] == {"desired": 2, "ready": 2, "updated": 2}
    again = serve(told(plan), deployment=deployed(), pods=BOTH)
    assert again.status == plan.status
    assert again.events == ()


@pytest.mark.parametrize(
    ("replicas", "ready", "expected"), [(1, 0, False), (1, 1, True), (2, 1, True), (3, 1, False), (2, 0, False)]
)
def test_one_pod_of_several_may_be_away(replicas: int, ready: int, expected: bool) -> None:  # noqa: FBT001
    pods = tuple(server(f"p{one}", ready=one < ready) for one in range(replicas))
    plan = serve(deployment=deployed(), pods=pods, spec={"replicas": replicas})
    assert (true(plan) == {"Ready"}) is expected
    assert told(plan)["target"]["state"] == "Loaded"


def test_an_upgrade_of_the_operator_changes_no_deployment() -> None:
    newer = Settings(train_image="train:2", serve_image="serve:2")
    kept = applied(serve(deployment=deployed(), settings=newer), "Deployment")[0]
    assert kept["spec"]["template"]["spec"]["containers"][0]["image"] == "serve:0"
    assert kept == applied(serve(deployment=deployed()), "Deployment")[0]
    for before in (None, deployed("other"), deployed(image="")):
        fresh = applied(serve(deployment=before, settings=newer), "Deployment")[0]
        assert fresh["spec"]["template"]["spec"]["containers"][0]["image"] == "serve:2"


def test_during_a_roll_out_the_older_revision_is_the_active_one() -> None:
    before = {
        "active": {"digest": OLD, "uri": OLD_URI, "revision": OLD_REVISION, "metrics": [{"name": "a", "value": "1"}]}
    }
    going = deployed(conditions=[{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}])
    plan = serve(before, deployment=going, pods=(old("o"), server("a"), server("b", ready=False)))
    assert condition(plan)[1] == "RollingOut"
    assert f"Revision {OLD_REVISION} (sha256:000000000000) keeps serving" in condition(plan)[2]
    assert told(plan)["active"] == before["active"]
    assert told(plan)["replicas"] == {"desired": 2, "ready": 2, "updated": 2}
    unknown = serve(deployment=going, pods=(old("o"), server("a")))
    assert told(unknown)["active"]["revision"] == OLD_REVISION


def test_metrics_of_what_serves_come_from_what_was_the_target() -> None:
    target = {
        "digest": OLD,
        "uri": OLD_URI,
        "revision": OLD_REVISION,
        "state": "Loaded",
        "metrics": [{"name": "a", "value": "2"}],
    }
    assert (
        told(serve({"target": target}, deployment=deployed(), pods=(old("o"),)))["active"]["metrics"]
        == target["metrics"]
    )


def test_nothing_serves_without_a_ready_pod() -> None:
    assert "active" not in told(
        serve(deployment=deployed(), pods=(server("a", ready=False), server("b", deleted=at())))
    )


def test_scaled_to_zero() -> None:
    plan = serve(deployment=deployed(), spec={"replicas": 0})
    assert condition(plan)[:2] == ("True", "ScaledToZero")
    assert applied(plan, "Deployment")[0]["spec"]["replicas"] == 0


CRASHED = {"name": "fetch", "state": {"terminated": {"exitCode": 64, "message": "blob is corrupt", "reason": "Error"}}}
LOOPING = {
    "name": "serve",
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
}
FINE = {"name": "fetch", "ready": True, "state": {"terminated": {"exitCode": 0}}}
GPU = ({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "Insufficient cpu"},)


def loading(**more: Any) -> RawObject:
    return pod("n", labels={"slipway.dev/revision": REVISION}, phase="Pending", **more)


PROBLEMS: dict[str, tuple[tuple[RawObject, ...], list[Body], tuple[str, str, str, str | None]]] = {
    "the artifact is corrupt": (
        (loading(init=(CRASHED,)),),
        [],
        ("LoadFailed", "blob is corrupt", "Failed", "ConfigError"),
    ),
    "too little memory": (
        (loading(init=(FINE,), containers=(LOOPING,)),),
        [],
        ("LoadFailed", "memory", "Failed", "OOMKilled"),
    ),
    "image": (
        (loading(containers=(waiting("ErrImagePull"),)),),
        [],
        ("ImagePullBackOff", "train:1", "Failed", "ImagePullBackOff"),
    ),
    "no room": ((loading(conditions=GPU),), [], ("Unschedulable", "cpu", "Loading", "Unschedulable")),
    "quota": (
        (),
        [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}],
        ("ChildRefused", "exceeded quota", "Loading", "ChildRefused"),
    ),
    "too slow": (
        (),
        [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}],
        ("LoadFailed", "600 s", "Failed", "LoadFailed"),
    ),
    "just starting": ((loading(init=(FINE,)),), [], ("RollingOut", "is starting", "Loading", None)),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_why_a_target_does_not_serve_while_the_old_one_does(name: str) -> None:
    pods, conditions, (reason, words, state, failure) = PROBLEMS[name]
    plan = serve(deployment=deployed(conditions=conditions), pods=(*pods, old("o")))
    assert condition(plan)[:2] == ("False", reason)
    assert words in condition(plan)[2]
    assert "keeps serving" in condition(plan)[2]
    assert told(plan)["active"]["revision"] == OLD_REVISION
    assert told(plan)["target"]["state"] == state
    assert told(plan)["target"].get("lastFailure", {}).get("reason") == failure
    again = serve(told(plan), deployment=deployed(conditions=conditions), pods=(*pods, old("o")))
    assert again.status == plan.status


def test_a_deployment_that_its_controller_has_not_seen_says_nothing() -> None:
    assert condition(serve(deployment=deployed(seen=0), pods=BOTH))[1] == "RollingOut"


def test_a_new_revision_waits_for_the_store_and_the_old_one_serves_on() -> None:
    away = StoreAccess(ready=False, uri="s3://slipway-team/")
    plan = serve(deployment=deployed(OLD_REVISION), pods=(old("o"),), store=away)
    assert plan.wants_store
    assert condition(plan)[1] == "PreparingStore"
    assert "keeps serving" in condition(plan)[2]
    assert (
        applied(plan, "Deployment")[0]["spec"]["template"]["metadata"]["labels"]["slipway.dev/revision"] == OLD_REVISION
    )
    assert condition(serve(deployment=deployed(), pods=BOTH, store=away))[1] == "Serving"
    own = serve(spec={"model": {"uri": URI, "secretName": "mine"}}, store=away)
    assert not own.wants_store


FROM: Body = {"model": {"from": {"kind": "TrainingJob", "name": "digits"}}}


def source(**status: Any) -> RawObject:
    return owner(
        Kind.TRAINING_JOB, "digits", TRAINING, {"artifact": ARTIFACT, "artifactRun": "r", "run": "r", **status}
    )


def test_what_is_served_outlives_its_source() -> None:
    before = serve(spec=FROM, sources=(source(),), deployment=deployed(), pods=BOTH)
    after = serve(told(before), spec=FROM, deployment=deployed(), pods=BOTH)
    assert true(after) == {"Ready"}
    assert after.status == before.status
    assert applied(after, "Deployment") == applied(before, "Deployment")
    assert told(after)["target"]["metrics"] == ARTIFACT["metrics"]


def test_another_source_that_is_missing_is_waited_for_while_the_old_one_serves() -> None:
    before = told(serve(spec=FROM, sources=(source(),), deployment=deployed(), pods=BOTH))
    other = {"model": {"from": {"kind": "CompressionJob", "name": "small"}}, "replicas": 5}
    plan = serve(before, spec=other, deployment=deployed(), pods=BOTH)
    assert condition(plan)[1] == "WaitingForCompressionJob"
    assert told(plan)["target"] == {"state": "Pending", "metrics": []}
    assert told(plan)["active"]["digest"] == DIGEST
    assert applied(plan, "Deployment")[0]["spec"]["replicas"] == 5
    assert applied(serve(before, spec=other, pods=BOTH), "Deployment") == []
    assert applied(serve(None, spec=other), "Deployment") == []
    assert condition(serve({"lineage": before["lineage"]}, spec=FROM))[1] == "WaitingForTrainingJob"


RAW: Body = {"model": {"uri": "https://models.example/m.onnx"}}
START = serve(spec=RAW)
IMPORT: str = applied(START, "Job")[0]["metadata"]["labels"]["slipway.dev/run"]


def name(attempt: int) -> str:
    return f"digits-import-{IMPORT[:8]}-{attempt}"


def test_a_foreign_model_is_imported_first() -> None:
    assert [one["metadata"]["name"] for one in applied(START, "Job")] == [name(1)]
    assert condition(START)[1] == "Importing"
    assert told(START)["target"]["state"] == "Importing"
    assert applied(START, "Deployment") == []
    away = serve(spec=RAW, store=StoreAccess(ready=False, uri=""))
    assert away.wants_store
    assert applied(away, "Job") == []


def test_an_import_that_published_is_served_by_digest_and_tidied_up() -> None:
    done = job(name(1), IMPORT, 1, "Complete")
    pods = (pod("i", IMPORT, 1, phase="Succeeded", containers=(ended(0, PUBLISHED),)),)
    plan = serve(told(START), spec=RAW, jobs=(done,), pods=pods)
    assert told(plan)["imported"] == {"run": IMPORT, "uri": URI, "digest": DIGEST}
    assert len(applied(plan, "Deployment")) == 1
    assert plan.delete == ()
    after = serve(told(plan), spec=RAW, jobs=(done,), pods=pods)
    assert [one.name for one in after.delete] == [name(1)]
    assert told(after)["target"]["metrics"] == ARTIFACT["metrics"]
    assert told(serve({"imported": told(plan)["imported"]}, spec=RAW))["target"]["metrics"] == []


def test_an_import_in_progress() -> None:
    running = job(name(1), IMPORT, 1)
    assert condition(serve(spec=RAW, jobs=(running,)))[1] == "Importing"
    pulling = (pod("i", IMPORT, 1, phase="Pending", containers=(waiting("ErrImagePull"),)),)
    assert condition(serve(spec=RAW, jobs=(running,), pods=pulling))[1] == "ImagePullBackOff"
    refused = serve(spec=RAW, jobs=(running,), warnings={name(1): "exceeded quota"})
    assert condition(refused)[1] == "ChildRefused"
    stale = job("digits-import-old-1", "0" * 16, 1)
    assert [one.name for one in serve(spec=RAW, jobs=(running, stale)).delete] == ["digits-import-old-1"]
    assert [one.name for one in serve(jobs=(running,)).delete] == [name(1)]


def failing(code: int, attempt: int = 1) -> dict[str, Any]:
    return {
        "jobs": (job(name(attempt), IMPORT, attempt, "Failed"),),
        "pods": (pod("i", IMPORT, attempt, phase="Failed", containers=(ended(code, "not a model"),)),),
    }


def test_an_import_that_cannot_succeed_says_so() -> None:
    plan = serve(spec=RAW, **failing(64))
    assert condition(plan)[1] == "ConfigError"
    assert "not a model" in condition(plan)[2]
    assert told(plan)["target"]["state"] == "Failed"
    assert told(plan)["target"]["lastFailure"]["exitCode"] == 64


CONVERTED: Body = {
    "model": {
        "uri": "s3://models/tickets.joblib",
        "secretName": "mine",
        "allowPickle": True,
        "samples": {"uri": "pvc://samples/texts.txt"},
    }
}


def started_by(spec: Body) -> Body:
    (job_,) = applied(serve(spec=spec), "Job")
    return job_


def test_another_librarys_file_is_converted_in_the_image_that_can() -> None:
    found = started_by(CONVERTED)["spec"]["template"]["spec"]
    (container,) = found["containers"]
    assert (container["image"], container["command"]) == ("convert:1", ["slipway-convert"])
    assert container["resources"]["limits"]["memory"] == "4Gi"
    environment = {one["name"]: one["value"] for one in container["env"]}
    assert environment["SLIPWAY_SOURCE"] == "s3://models/tickets.joblib"
    assert json.loads(environment["SLIPWAY_SPEC"]) == {
        "allowPickle": True,
        "classes": [],
        "format": "auto",
        "samples": {"uri": "pvc://samples/texts.txt"},
    }
    volumes = json.dumps(found["volumes"])
    assert '"secretName": "mine"' in volumes
    assert '"claimName": "samples"' in volumes


@pytest.mark.parametrize(
    ("model", "image"),
    [
        ({"uri": "s3://models/net.onnx"}, "serve:1"),
        ({"uri": "s3://models/package"}, "serve:1"),
        ({"uri": "s3://models/net.onnx", "format": "auto", "allowPickle": False}, "serve:1"),
        ({"uri": "s3://models/net.keras"}, "convert:1"),
        ({"uri": "s3://models/saved", "format": "tensorflow"}, "convert:1"),
        ({"uri": "s3://models/net.onnx", "classes": ["a", "b"]}, "convert:1"),
    ],
)
def test_which_image_imports(model: Body, image: str) -> None:
    (container,) = started_by({"model": model})["spec"]["template"]["spec"]["containers"]
    assert container["image"] == image


def test_a_permission_is_another_import_and_a_default_is_not() -> None:
    refused = {"model": {**CONVERTED["model"], "allowPickle": False}}
    assert started_by(CONVERTED)["metadata"]["name"] != started_by(refused)["metadata"]["name"]
    spelled = {"model": {**RAW["model"], "format": "auto", "allowPickle": False, "classes": []}}
    assert started_by(spelled)["metadata"]["name"] == name(1)


def test_a_conversion_that_cannot_succeed_says_what_to_correct() -> None:
    run = started_by(CONVERTED)["metadata"]["labels"]["slipway.dev/run"]
    summary = json.dumps(
        {"outcome": "ConversionMismatch", "message": "output probabilities at [3, 1]: difference 0.02"}
    )
    plan = serve(
        spec=CONVERTED,
        jobs=(job("digits-import-x-1", run, 1, "Failed"),),
        pods=(pod("i", run, 1, phase="Failed", containers=(ended(65, summary),)),),
    )
    assert condition(plan)[1] == "ConversionMismatch"
    assert "at [3, 1]" in condition(plan)[2]
    assert "Correct spec.model" in condition(plan)[2]


def test_an_import_is_tried_again_with_back_off() -> None:
    plan = serve(spec=RAW, **failing(75))
    assert plan.requeue_after == 10
    assert condition(plan)[1] == "Retry"
    again = serve(told(plan), spec=RAW, **failing(75))
    assert again.status == plan.status
    later = told(plan)
    later["target"]["lastFailure"]["time"] = at(-11)
    assert [one["metadata"]["name"] for one in applied(serve(later, spec=RAW, **failing(75)), "Job")] == [name(2)]
    assert serve(spec=RAW, **failing(76)).requeue_after == 5
    serving = {"target": {"state": "Failed", "lastFailure": {"reason": "LoadFailed", "message": "m"}}}
    assert serve(serving, spec=RAW, **failing(75)).requeue_after == 10


def test_an_import_whose_message_is_lost_twice_published_nothing() -> None:
    lost = serve(spec=RAW, jobs=(job(name(1), IMPORT, 1, "Complete"),))
    assert condition(lost)[1] == "ResultLost"
    again = serve(told(lost), spec=RAW, jobs=(job(name(2), IMPORT, 2, "Complete"),))
    assert condition(again)[1] == "Crashed"
