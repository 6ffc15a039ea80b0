"""Identities that no release may change."""

from typing import Any

import pytest

from slipway_operator.api.compressionjob import CompressionJobSpec
from slipway_operator.api.trainingjob import TrainingJobSpec
from slipway_operator.domain.identity import revision_hash, run_hash, settings_hash
from slipway_operator.domain.planning import Kind

BASE: dict[str, Any] = {"recipe": {"classifier": {}}, "dataset": {"uri": "builtin://digits"}}
CNN: dict[str, Any] = {
    "recipe": {"classifier": {"architecture": "cnn", "epochs": 4, "hiddenSizes": [32]}},
    "dataset": {"uri": "s3://data/train.csv", "format": "csv", "target": "label", "secretName": "data"},
    "gate": {"metrics": [{"name": "accuracy", "min": "0.95"}]},
}
PROGRAM: dict[str, Any] = {"program": {"image": "me/mine:1", "command": ["python", "train.py"], "launcher": "plain"}}
SMALL: dict[str, Any] = {
    "source": {"from": {"kind": "TrainingJob", "name": "digits"}},
    "passes": [{"quantize": {"scheme": "int8-static", "calibration": {"samples": 128}}}],
    "evaluation": {"dataset": {"uri": "builtin://digits"}},
    "gate": {"metrics": [{"name": "accuracy", "maxDrop": "0.01"}], "minSizeRatio": "2.5"},
}

# Golden: a hash that changes here would train every existing object again when the operator is upgraded.
GOLDEN: dict[str, tuple[Kind, dict[str, Any], dict[str, str], str]] = {
    "recipe": (Kind.TRAINING_JOB, BASE, {}, "6fe2fc037468b7ca"),
    "recipe with settings": (Kind.TRAINING_JOB, CNN, {}, "71625cbad29f2c8b"),
    "program": (Kind.TRAINING_JOB, PROGRAM, {}, "892eb9a79c51b07a"),
    "rerun": (Kind.TRAINING_JOB, {**BASE, "rerun": "2"}, {}, "e71f5f1e8e6b755e"),
    "output": (
        Kind.TRAINING_JOB,
        {**BASE, "output": {"uri": "s3://mine/x", "secretName": "m"}},
        {},
        "3ab28fbf26e33075",
    ),
    "compression": (Kind.COMPRESSION_JOB, SMALL, {"source": "sha256:" + "0" * 64}, "6200d2627bd8fbf5"),
    "compression of another source": (
        Kind.COMPRESSION_JOB,
        SMALL,
        {"source": "sha256:" + "1" * 64},
        "d3e8c2ab61d900eb",
    ),
}


def identity(kind: Kind, spec: dict[str, Any], inputs: dict[str, str]) -> str:
    model = TrainingJobSpec if kind is Kind.TRAINING_JOB else CompressionJobSpec
    return run_hash(kind, model.model_validate(spec), inputs)


@pytest.mark.parametrize("name", GOLDEN)
def test_identity_of_a_run_is_what_it_always_was(name: str) -> None:
    kind, spec, inputs, expected = GOLDEN[name]
    assert identity(kind, spec, inputs) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"nodes": 4},
        {"processesPerNode": 2},
        {"gpus": 1},
        {"suspend": True},
        {"checkpoint": {"every": 7}},
        {"failurePolicy": {"maxRestarts": 9}},
        {"ttlSecondsAfterFinished": 60},
        {"history": 9},
        {"deletionPolicy": "Delete"},
        {"podTemplate": {"resources": {"cpu": "3"}}},
        {"dataset": {"uri": "builtin://digits", "format": "auto", "target": "target"}},
        {"recipe": {"classifier": {"epochs": 10, "validation": {"fraction": "0.2"}}}},
        {"rerun": ""},
    ],
    ids=str,
)
def test_how_a_run_is_carried_out_and_defaults_are_not_part_of_it(change: dict[str, Any]) -> None:
    assert identity(Kind.TRAINING_JOB, {**BASE, **change}, {}) == identity(Kind.TRAINING_JOB, BASE, {})


@pytest.mark.parametrize(
    "change", [{"rerun": "x"}, {"dataset": {"uri": "builtin://iris"}}, {"recipe": {"classifier": {"seed": 1}}}], ids=str
)
def test_what_a_run_means_is_its_identity(change: dict[str, Any]) -> None:
    assert identity(Kind.TRAINING_JOB, {**BASE, **change}, {}) != identity(Kind.TRAINING_JOB, BASE, {})


# Golden as well: a hash that changes here would try every failed run again when the operator is upgraded.
SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({}, "44136fa355"),
    ({"suspend": True, "history": 9, "ttlSecondsAfterFinished": 60, "rerun": "x"}, "44136fa355"),
    ({"podTemplate": {}, "nodes": 1, "failurePolicy": {"maxRestarts": 3}}, "44136fa355"),
    ({"podTemplate": {"resources": {"memory": "4Gi"}, "nodeSelector": {"zone": "a"}}}, "9fadc9958b"),
    ({"nodes": 2, "processesPerNode": 2, "gpus": 1, "checkpoint": {"every": 7}}, "9689ae4049"),
    ({"failurePolicy": {"maxRestarts": 9}}, "5772a6cc39"),
]


@pytest.mark.parametrize(("settings", "expected"), SETTINGS)
def test_settings_of_an_attempt_are_what_may_mend_it(settings: dict[str, Any], expected: str) -> None:
    assert settings_hash(TrainingJobSpec.model_validate({**BASE, **settings})) == expected


def test_a_revision_is_its_artifact_and_its_serving_configuration() -> None:
    assert revision_hash({"digest": "d", "uri": "u"}, {"model": "m", "podTemplate": {}}) == "8484167a62"
    assert revision_hash({"digest": "d"}, {"a": 1}) != revision_hash({"digest": "e"}, {"a": 1})
    assert revision_hash({"digest": "d"}, {"a": 1}) != revision_hash({"digest": "d"}, {"a": 2})
