"""References: what is missing is named, circles are refused, what was known outlives its source."""

import json

import pytest
from tests.unit.operator.domain.builders import (
    ARTIFACT,
    COMPRESSION,
    DIGEST,
    TRAINING,
    URI,
    Body,
    applied,
    ask,
    condition,
    ended,
    job,
    owner,
    pod,
    true,
)

from slipway_operator.domain.planning import Kind, Plan, RawObject

SMALL = "sha256:" + "b" * 64
SMALL_URI = "s3://slipway-team/manifests/" + "b" * 64


def ready(reason: str, message: str = "m", *, failed: bool = False) -> list[Body]:
    common = {"observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z"}
    found = [{"type": "Ready", "status": "False", "reason": reason, "message": message, **common}]
    if failed:
        found.append({"type": "Failed", "status": "True", "reason": reason, "message": message, **common})
    return found


def training(status: Body | None = None, **spec: object) -> RawObject:
    return owner(Kind.TRAINING_JOB, "digits", {**TRAINING, **spec}, status)


def compress(*sources: RawObject, status: Body | None = None, source: Body | None = None, **more: object) -> Plan:
    spec = {**COMPRESSION, "source": source or COMPRESSION["source"]}
    return ask(Kind.COMPRESSION_JOB, spec, status, name="small", sources=sources, **more)  # type: ignore[arg-type]


PUBLISHED = {"artifact": ARTIFACT, "artifactRun": "r", "run": "r"}


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ((), "TrainingJob digits does not exist in this namespace yet"),
        ((training(),), "TrainingJob digits has published no model yet."),
        ((training({"conditions": ready("Running")}),), "no model yet (Running)"),
        (
            (training({"conditions": ready("GateRefused", "accuracy 0.9", failed=True)}),),
            "it failed with GateRefused (accuracy 0.9)",
        ),
    ],
)
def test_what_is_waited_for_is_named(sources: tuple[RawObject, ...], words: str) -> None:
    plan = compress(*sources)
    assert condition(plan)[1] == "WaitingForTrainingJob"
    assert words in condition(plan)[2]
    assert true(plan) == {"Reconciling"}
    assert plan.apply == ()


def test_a_published_source_is_compressed() -> None:
    plan = compress(training(PUBLISHED))
    assert len(applied(plan, "Job")) == 1
    assert plan.status is not None
    assert (plan.status["source"], plan.status["sourceUri"]) == (DIGEST, URI)


def test_a_new_digest_of_the_source_is_a_new_run() -> None:
    first = compress(training(PUBLISHED)).status
    newer = {"artifact": {**ARTIFACT, "digest": SMALL, "uri": SMALL_URI}}
    second = compress(training(newer)).status
    assert first is not None
    assert second is not None
    assert first["run"] != second["run"]


def test_a_run_outlives_its_source() -> None:
    told = compress(training(PUBLISHED)).status
    assert told is not None
    run = told["run"]
    running = job(f"small-{run[:8]}-1", run, 1)
    plan = compress(status=dict(told), children={"Job": (running,)})
    assert plan.delete == ()
    assert plan.status is not None
    assert plan.status["run"] == run
    recreated = compress(training(), status=dict(told), children={"Job": (running,)})
    assert recreated.delete == ()
    changed = compress(
        status=dict(told), source={"from": {"kind": "TrainingJob", "name": "other"}}, children={"Job": (running,)}
    )
    assert condition(changed)[1] == "WaitingForTrainingJob"
    assert [one.uid for one in changed.delete] == [running.uid]


def test_a_uri_can_be_compressed_as_it_is() -> None:
    plan = compress(source={"uri": "https://models.example/m.onnx"}, status={"source": DIGEST, "sourceUri": URI})
    assert len(applied(plan, "Job")) == 1
    assert plan.status is not None
    assert "source" not in plan.status
    assert compress(source={"uri": URI}).status["source"] == DIGEST  # type: ignore[index]


def test_the_report_of_a_run_is_told() -> None:
    told = compress(training(PUBLISHED)).status
    assert told is not None
    side = {"bytes": 4, "latencyMs": "1.0"}
    report = {"before": side, "after": side, "sizeRatio": "1", "speedup": "1"}
    summary = {"outcome": "Published", "artifact": {**ARTIFACT, "digest": SMALL, "uri": SMALL_URI}, "report": report}
    pods = (pod("p0", told["run"], 1, phase="Succeeded", containers=(ended(0, json.dumps(summary)),)),)
    plan = compress(
        training(PUBLISHED), status=dict(told), children={"Job": (job("j", told["run"], 1, "Complete"),), "Pod": pods}
    )
    assert plan.status is not None
    assert plan.status["report"]["sizeRatio"] == "1"
    assert true(plan) == {"Ready", "Complete"}


def other(name: str, start: str, status: Body | None = None) -> RawObject:
    spec = {**COMPRESSION, "source": {"from": {"kind": "CompressionJob", "name": start}}}
    return owner(Kind.COMPRESSION_JOB, name, spec, status)


def test_circles_are_refused() -> None:
    asks = {"from": {"kind": "CompressionJob", "name": "b"}}
    plan = compress(other("b", "small"), other("small", "b"), source=asks)
    assert condition(plan)[1] == "CircularReference"
    assert "CompressionJob small → CompressionJob b → CompressionJob small" in condition(plan)[2]
    assert true(plan) == {"Stalled"}
    itself = compress(source={"from": {"kind": "CompressionJob", "name": "small"}})
    assert condition(itself)[1] == "CircularReference"
    service = ask(Kind.MODEL_SERVICE, {"model": asks}, sources=(other("b", "c"), other("c", "b")))
    assert condition(service)[1] == "CircularReference"


def test_credentials_of_an_artifact_come_from_the_job_that_wrote_it() -> None:
    output = {"uri": "s3://mine/x", "secretName": "mine"}
    plan = compress(training(PUBLISHED, output=output))
    env = {
        one["name"]: one.get("value")
        for one in applied(plan, "Job")[0]["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert env["SLIPWAY_SOURCE_SECRET"] == "mine"
    broken = compress(training(PUBLISHED, output={"uri": 5}))
    assert len(applied(broken, "Job")) == 1


def compressed(status: Body, start: Body | None = None) -> RawObject:
    spec = {**COMPRESSION, "source": start or COMPRESSION["source"]}
    return owner(Kind.COMPRESSION_JOB, "small", spec, status)


def lineage(*sources: RawObject, status: Body | None = None) -> list[tuple[str, str]]:
    spec = {"model": {"from": {"kind": "CompressionJob", "name": "small"}}}
    plan = ask(Kind.MODEL_SERVICE, spec, status, sources=sources)
    assert plan.status is not None
    return [(one["name"], one["digest"]) for one in plan.status["lineage"]]


SERVED = {"artifact": {**ARTIFACT, "digest": SMALL, "uri": SMALL_URI}, "artifactRun": "r", "run": "r", "source": DIGEST}


def test_lineage_goes_back_to_the_first_model() -> None:
    assert lineage(compressed(SERVED), training(PUBLISHED)) == [("small", SMALL), ("digits", DIGEST)]
    assert lineage(compressed(SERVED)) == [("small", SMALL), ("digits", DIGEST)]
    assert lineage(compressed({**SERVED, "run": "newer"}), training(PUBLISHED)) == [("small", SMALL)]
    assert lineage(compressed(SERVED, {"uri": URI})) == [("small", SMALL)]
    assert lineage(compressed(SERVED, {"from": 5})) == [("small", SMALL)]


def test_lineage_that_was_known_outlives_a_newer_run_of_its_maker() -> None:
    known = {
        "lineage": [
            {"kind": "CompressionJob", "name": "small", "digest": SMALL},
            {"kind": "TrainingJob", "name": "digits", "digest": DIGEST},
        ]
    }
    newer = compressed({**SERVED, "run": "newer"})
    assert lineage(newer, status=known) == [("small", SMALL), ("digits", DIGEST)]
