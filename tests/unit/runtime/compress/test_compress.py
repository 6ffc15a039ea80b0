"""Whole runs of the program on models that were really trained."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper
from tests.store_gateway import Gateway
from tests.unit.runtime.compress.models import write_trained

from slipway_runtime.artifact import Lineage, Manifest, fetch, publish, read_package
from slipway_runtime.compress.graph import upstream_of_weights
from slipway_runtime.compress.main import main
from slipway_runtime.datasets import load, split
from slipway_runtime.spec.dataset import DatasetSource
from slipway_runtime.spec.summary import Outcome, Summary
from slipway_runtime.storage.uri import Mounts, open_uri

RUN = "team/compressionjob/digits-int8/r1"


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("digits")
    write_trained(directory, "digits")
    return directory


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *argv: str, **env: str) -> tuple[int, Summary]:
    monkeypatch.setenv("SLIPWAY_TERMINATION_LOG", str(tmp_path / "last"))
    monkeypatch.setenv("SLIPWAY_CPUS", "1")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert isinstance(ended.value.code, int)
    return ended.value.code, Summary.model_validate_json((tmp_path / "last").read_bytes())


def spec(scheme: str, dataset: str = "digits", gate: object = None) -> dict[str, object]:
    value: dict[str, object] = {
        "passes": [{"quantize": {"scheme": scheme}}],
        "evaluation": {"dataset": {"uri": f"builtin://{dataset}"}},
    }
    return value | ({"gate": gate} if gate else {})


def written(tmp_path: Path, value: object) -> str:
    (tmp_path / "job.yaml").write_text(json.dumps(value))
    return str(tmp_path / "job.yaml")


@pytest.mark.parametrize("scheme", ["int8-static", "int8-dynamic"])
def test_shell_run(scheme: str, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = {"metrics": [{"name": "accuracy", "maxDrop": "0.01"}], "minSizeRatio": "2.5"}
    code, summary = run(
        monkeypatch,
        tmp_path,
        *(
            "--spec",
            written(tmp_path, spec(scheme, gate=gate)),
            "--source",
            str(digits),
            "--output",
            str(tmp_path / "out"),
        ),
    )
    assert code == 0, summary.message
    source, result = read_package(digits), read_package(tmp_path / "out")
    assert summary.report is not None
    assert summary.report.before.size_bytes == source.size_bytes
    assert summary.report.after.size_bytes == result.size_bytes
    assert summary.report.per_pass[0].name == f"quantize/{scheme}"
    assert source.size_bytes / result.size_bytes >= 2.5
    assert result.lineage.parents == (source.digest,)
    assert result.lineage.dataset == source.lineage.dataset
    assert result.classes == source.classes
    assert result.signature == source.signature
    assert_accuracy_is_of_held_out_examples(tmp_path / "out", result)


def assert_accuracy_is_of_held_out_examples(package: Path, manifest: Manifest) -> None:
    data = load(DatasetSource(uri="builtin://digits"))
    held_out = split(data, 0.2, 0)[1]
    session = ort.InferenceSession(package / "model.onnx", providers=["CPUExecutionProvider"])
    right = session.run(None, {"input": data.x[held_out]})[0].argmax(axis=1) == data.y[held_out]
    accuracy = next(metric for metric in manifest.metrics if metric.name == "accuracy")
    assert float(accuracy.value) == pytest.approx(float(np.mean(right)), abs=1e-6)
    assert float(accuracy.value) > 0.94


def test_static_weights_are_int8_a_channel(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = written(tmp_path, spec("int8-static"))
    run(monkeypatch, tmp_path, "--spec", job, "--source", str(digits), "--output", str(tmp_path / "out"))
    graph = onnx.load(tmp_path / "out" / "model.onnx").graph
    weights = [tensor for tensor in graph.initializer if sorted(tensor.dims) == [64, 256]]
    assert [tensor.data_type for tensor in weights] == [onnx.TensorProto.INT8]
    scales = [
        tensor for tensor in graph.initializer if tensor.name.startswith(weights[0].name.removesuffix("_quantized"))
    ]
    assert any(list(tensor.dims) == [256] and tensor.data_type == onnx.TensorProto.FLOAT for tensor in scales)
    # Seven bits, so that no CPU's 16-bit sums overflow.
    assert int(np.abs(numpy_helper.to_array(weights[0]).astype(np.int64)).max()) in range(60, 65)
    assert not graph.value_info


def test_equal_runs_publish_equal_digests(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = written(tmp_path, spec("int8-static"))
    digests = {
        read_package(tmp_path / name).digest
        for name in ("one", "two")
        if run(monkeypatch, tmp_path, "--spec", job, "--source", str(digits), "--output", str(tmp_path / name))[0] == 0
    }
    assert len(digests) == 1


def test_pod_run_publishes_once_and_a_refusing_gate_nothing(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_gateway: Gateway
) -> None:
    bucket = store_gateway.bucket("compress-test")
    credentials = store_gateway.credentials("s3://compress-test")
    source = publish(digits, open_uri("s3://compress-test", Mounts(store=credentials)))
    monkeypatch.setattr("slipway_runtime.compress.main.PROGRESS_PORT", 0)
    monkeypatch.setenv("SLIPWAY_PROGRESS", "")
    env = {"SLIPWAY_STORE": str(credentials), "SLIPWAY_RUN": RUN, "SLIPWAY_SOURCE": source.uri}
    before = sorted(path for path in bucket.rglob("*") if path.is_file())

    refusing = {"metrics": [{"name": "accuracy", "maxDrop": "0.5"}], "minSizeRatio": "50"}
    code, summary = run(monkeypatch, tmp_path, **env, SLIPWAY_SPEC=json.dumps(spec("int8-static", gate=refusing)))
    assert code == 65
    assert summary.outcome is Outcome.GATE_REFUSED
    assert summary.message.startswith("nothing was published: size ratio is 2.9")
    assert "minSizeRatio is 50" in summary.message
    assert sorted(path for path in bucket.rglob("*") if path.is_file()) == before

    code, summary = run(monkeypatch, tmp_path, **env, SLIPWAY_SPEC=json.dumps(spec("int8-static")))
    assert code == 0, summary.message
    assert summary.artifact is not None
    manifest = fetch(summary.artifact.uri, tmp_path / "fetched", Mounts(store=credentials))
    assert manifest.lineage.parents == (source.digest,)
    assert (bucket / "runs" / RUN / "result.json").is_file()


def test_regressor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_trained(tmp_path / "diabetes", "diabetes")
    code, summary = run(
        monkeypatch,
        tmp_path,
        *("--spec", written(tmp_path, spec("int8-static", "diabetes"))),
        *("--source", str(tmp_path / "diabetes"), "--output", str(tmp_path / "out")),
    )
    assert code == 0, summary.message
    assert summary.report is not None
    assert [drop.name for drop in summary.report.drops] == ["rmse", "mae", "r2"]


def test_features_of_very_different_sizes_survive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wine's features span 0.1 to 1,700: one 8-bit scale over raw inputs would leave nothing of the small ones."""
    write_trained(tmp_path / "wine", "wine", hidden=(64,))
    names = upstream_of_weights(onnx.load(tmp_path / "wine" / "model.onnx"))
    assert names == ["flatten", "centre", "rescale"]
    gate = {"metrics": [{"name": "accuracy", "maxDrop": "0.03"}]}
    code, summary = run(
        monkeypatch,
        tmp_path,
        *("--spec", written(tmp_path, spec("int8-static", "wine", gate))),
        *("--source", str(tmp_path / "wine"), "--output", str(tmp_path / "out")),
    )
    assert code == 0, summary.message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (spec("int8-static", "iris"), "examples have shape [4], digits takes [8, 8]"),
        (spec("int8-static") | {"gate": {"metrics": [{"name": "rmse", "maxDrop": "1"}]}}, "rmse is not measured"),
        (
            spec("int8-static") | {"passes": [{"quantize": {"scheme": "int8-static"}}] * 2},
            "is in 8 bits before int8-static; keep one quantize pass",
        ),
    ],
)
def test_misfits_are_config_errors(
    value: dict[str, object], message: str, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    code, summary = run(
        monkeypatch, tmp_path, "--spec", written(tmp_path, value), "--source", str(digits), "--output", str(out)
    )
    assert code == 64
    assert message in summary.message
    assert not out.exists() or not list(out.iterdir())


def test_corrupt_source_is_refused(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    fetch(str(digits), source)
    content = bytearray((source / "model.onnx").read_bytes())
    content[-1] ^= 1
    (source / "model.onnx").write_bytes(content)
    job = written(tmp_path, spec("int8-static"))
    code, summary = run(monkeypatch, tmp_path, "--spec", job, "--source", str(source), "--output", str(tmp_path / "o"))
    assert code == 64
    assert "the manifest promises" in summary.message


def test_raw_file_without_lineage_divides_the_data_itself(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = written(tmp_path, spec("int8-static"))
    source = str(digits / "model.onnx")
    code, summary = run(monkeypatch, tmp_path, "--spec", job, "--source", source, "--output", str(tmp_path / "out"))
    assert code == 0, summary.message
    result = read_package(tmp_path / "out")
    assert result.lineage.dataset is None
    assert result.lineage.parents != Lineage().parents


@pytest.mark.parametrize(
    ("argv", "message"), [(("--spec", "JOB"), "no source"), (("--spec", "JOB", "--source", "x"), "no output")]
)
def test_missing_arguments_name_the_option(
    argv: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = written(tmp_path, spec("int8-static"))
    code, summary = run(monkeypatch, tmp_path, *(job if word == "JOB" else word for word in argv))
    assert code == 64
    assert message in summary.message
