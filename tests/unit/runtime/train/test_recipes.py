"""Small real trainings inside this process; torch is imported once."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipway_runtime.artifact import read_package
from slipway_runtime.run.context import RunContext
from slipway_runtime.run.errors import ConfigError, GateRefused, Preempted
from slipway_runtime.spec.summary import Summary

torch = pytest.importorskip("torch")

from slipway_runtime.train import worker  # noqa: E402 - needs torch
from slipway_runtime.train.export import answer_onnx, check_alike  # noqa: E402
from slipway_runtime.train.fit import Training  # noqa: E402
from slipway_runtime.train.trainingrun import TrainingRun  # noqa: E402

IRIS = {
    "recipe": {"classifier": {"hiddenSizes": [16], "epochs": 6, "batchSize": 16, "learningRate": "0.02"}},
    "dataset": {"uri": "builtin://iris"},
}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
    torch.use_deterministic_algorithms(mode=False)


def train(spec: dict[str, Any], output: Path) -> Summary:
    environment = {**os.environ, "SLIPWAY_SPEC": json.dumps(spec)}
    return worker.train(RunContext.from_env(environment, output=str(output)))


def with_recipe(spec: dict[str, Any], **settings: Any) -> dict[str, Any]:
    (kind, recipe), *_ = spec["recipe"].items()
    return {**spec, "recipe": {kind: {**recipe, **settings}}}


def digest(summary: Summary) -> str:
    assert summary.artifact is not None
    return summary.artifact.digest


def npz(path: Path, **arrays: Any) -> dict[str, Any]:
    np.savez(path, **arrays)
    return {"uri": f"file://{path}"}


def test_a_classifier_is_published_with_everything_a_server_needs(tmp_path: Path) -> None:
    summary = train({**IRIS, "gate": {"metrics": [{"name": "accuracy", "min": "0.8"}]}}, tmp_path)
    manifest = read_package(tmp_path)
    assert manifest.digest == digest(summary)
    assert manifest.classes == ("setosa", "versicolor", "virginica")
    assert [entry.path for entry in manifest.files] == ["model.json", "model.onnx", "model.safetensors"]
    assert manifest.lineage.dataset is not None
    assert (manifest.lineage.dataset.fraction, manifest.lineage.dataset.seed) == ("0.2", 0)
    assert {metric.name for metric in manifest.metrics} == {"accuracy", "macro_f1", "log_loss"}
    assert all(metric.low is not None for metric in manifest.metrics)
    # Raw measurements in centimetres: the graph normalises by itself.
    setosa = np.array([[5.1, 3.5, 1.4, 0.2]], dtype=np.float32)
    probabilities = answer_onnx(tmp_path / "model.onnx", setosa, 1)
    assert probabilities.shape == (1, 3)
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert probabilities.argmax() == 0


def test_the_graph_is_opset_20_and_tells_nothing_of_this_machine(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    train(with_recipe(IRIS, epochs=1), tmp_path)
    model = onnx.load(tmp_path / "model.onnx")
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20)]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    content = (tmp_path / "model.onnx").read_bytes()
    assert b".py" not in content
    assert b"slipway" not in content


def test_equal_seeds_give_equal_digests_and_others_do_not(tmp_path: Path) -> None:
    first, second = (digest(train(IRIS, tmp_path / name)) for name in ("a", "b"))
    assert first == second
    assert digest(train(with_recipe(IRIS, seed=1), tmp_path / "c")) != first


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_stopped_training_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    digits = with_recipe(
        {
            "recipe": {"classifier": {"architecture": "cnn", "epochs": 2, "batchSize": 256, "schedule": "cosine"}},
            "dataset": {"uri": "builtin://digits"},
        },
        optimizer=optimizer,
        earlyStopping={"patience": 5},
    )
    expected = digest(train(digits, tmp_path / "whole"))
    steps = iter(range(1000))
    whole = Training.run

    def stopped(self: Training, state: Any) -> None:
        object.__setattr__(self, "stop", lambda: next(steps) == 7)
        whole(self, state)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "run", stopped)
        with pytest.raises(Preempted, match="after step 8 of 12"):
            train(digits, tmp_path / "parts")
    assert (tmp_path / "parts" / "checkpoints" / "1-8" / "state").is_file()
    assert digest(train(digits, tmp_path / "parts")) == expected
    assert not list((tmp_path / "parts").rglob("state"))


def test_a_checkpoint_of_another_recipe_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TrainingRun, "stop_requested", property(lambda _: True))
    monkeypatch.setattr(worker, "_share_ending", None)
    with pytest.raises(Preempted, match="before training began"):
        train(IRIS, tmp_path)
    checkpoint = tmp_path / "checkpoints" / "1-999" / "state"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"damaged")
    monkeypatch.undo()
    assert train(with_recipe(IRIS, epochs=1), tmp_path).artifact is not None


def test_a_regressor_predicts_in_the_targets_unit(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(50, 10, size=(400, 3)).astype(np.float32)
    y = (1000 + 20 * x[:, 0] - 5 * x[:, 1]).astype(np.float32)
    spec = {
        "recipe": {"regressor": {"epochs": 30, "learningRate": "0.01", "schedule": "cosine"}},
        "dataset": npz(tmp_path / "line.npz", x=x, y=y),
        "gate": {"metrics": [{"name": "r2", "min": "0.95"}]},
    }
    summary = train(spec, tmp_path / "out")
    assert summary.artifact is not None
    manifest = read_package(tmp_path / "out")
    assert manifest.signature.outputs[0].name == "prediction"
    assert manifest.signature.outputs[0].shape == (-1,)
    prediction = answer_onnx(tmp_path / "out" / "model.onnx", x[:5], 5)
    assert prediction.shape == (5,)
    assert np.abs(prediction - y[:5]).max() < 0.3 * y.std()


def test_a_gate_refuses_and_nothing_is_left(tmp_path: Path) -> None:
    gated = {
        **with_recipe(IRIS, epochs=1, learningRate="0.00001"),
        "gate": {"metrics": [{"name": "accuracy", "min": "1"}]},
        "checkpoint": {"every": 1},
    }
    with pytest.raises(GateRefused, match=r"accuracy is 0\S* \(95 % interval 0\S* to 0\.\d+\), below the bound min 1"):
        train(gated, tmp_path / "out")
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_early_stopping_ends_and_keeps_the_best(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    restless = with_recipe(IRIS, epochs=200, learningRate="0.3", earlyStopping={"patience": 2})
    with caplog.at_level("INFO"):
        summary = train(restless, tmp_path)
    losses = [float(record.__dict__["validation_loss"]) for record in caplog.records if "epoch" in record.__dict__]
    assert len(losses) < 200
    assert summary.artifact is not None
    log_loss = next(metric.value for metric in summary.artifact.metrics if metric.name == "log_loss")
    assert float(log_loss) == pytest.approx(min(losses), abs=1e-4)


def test_a_validation_dataset_of_its_own(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    labels = np.where(x[:, 0] > 0, "yes", "no")
    only_yes = labels == "yes"
    spec = {
        "recipe": {
            "classifier": {"epochs": 20, "validation": {"dataset": npz(tmp_path / "v.npz", x=x, y=labels)}},
        },
        "dataset": npz(tmp_path / "t.npz", x=x, y=labels),
    }
    manifest = train(spec, tmp_path / "out")
    assert manifest.artifact is not None
    lineage = read_package(tmp_path / "out").lineage.dataset
    assert lineage is not None
    assert lineage.fraction is None
    assert only_yes.any()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"dataset": {"uri": "builtin://nothing"}}, "builtin://nothing"),
        ({"gate": {"metrics": [{"name": "rmse", "max": "1"}]}}, "'rmse' is no metric of this task"),
        (with_recipe(IRIS, architecture="cnn"), r"recipe.architecture is cnn, but an example .* has shape \[4\]"),
        (with_recipe(IRIS, validation={"fraction": "1.5"}), "validation.fraction"),
        (with_recipe(IRIS, learningRate="100000000000", optimizer="sgd"), "recipe.learningRate is 100000000000"),
        (with_recipe(IRIS, validation={"dataset": {"uri": "builtin://wine"}}), r"validation.dataset: .* shape \[13\]"),
    ],
)
def test_what_cannot_be_trained_says_why(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        train({**IRIS, **change}, tmp_path)
    assert not (tmp_path / "slipway.json").exists()


def test_answers_that_differ_are_refused() -> None:
    same = np.array([[0.5, 0.5]], dtype=np.float32)
    assert check_alike(same, same, relative=False) == 0
    with pytest.raises(GateRefused, match="differs from the trained network by"):
        check_alike(same, same + np.float32(0.01), relative=False)
    with pytest.raises(GateRefused):
        check_alike(same, same * np.float32("nan"), relative=False)
