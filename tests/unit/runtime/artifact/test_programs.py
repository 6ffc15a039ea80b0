"""``slipway-fetch`` and ``slipway-import`` as programs."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from tests.store_gateway import Gateway
from tests.unit.runtime.artifact.packages import make_package

from slipway_runtime.artifact import Task, fetch, publish, read_package
from slipway_runtime.artifact.fetch_main import main as fetch_main
from slipway_runtime.artifact.importer import main as import_main
from slipway_runtime.spec.summary import Summary
from slipway_runtime.storage.uri import Mounts, open_uri

STORE = "s3://programs-test"


@pytest.fixture
def credentials(store_gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    store_gateway.bucket("programs-test")
    found = store_gateway.credentials(STORE)
    monkeypatch.setenv("SLIPWAY_STORE", str(found))
    monkeypatch.setenv("SLIPWAY_TERMINATION_LOG", str(tmp_path / "last"))
    return found


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A real model: softmax over four numbers."""
    graph = helper.make_graph(
        [helper.make_node("Softmax", ["input"], ["probabilities"], axis=1)],
        "softmax",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 4])],
    )
    path = tmp_path / "softmax.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def ended(caught: pytest.ExceptionInfo[SystemExit], tmp_path: Path) -> tuple[object, Summary]:
    return caught.value.code, Summary.model_validate_json((tmp_path / "last").read_bytes())


def test_fetch_brings_every_model(credentials: Path, raw: Path, tmp_path: Path) -> None:
    manifest = make_package(tmp_path / "package")
    ref = publish(tmp_path / "package", open_uri(STORE, Mounts(store=credentials)))
    with pytest.raises(SystemExit) as caught:
        fetch_main(["--model", f"iris={ref.uri}", "--model", f"soft={raw}", "--into", str(tmp_path / "models")])
    code, summary = ended(caught, tmp_path)
    assert (code, summary.message) == (0, "fetched and verified iris, soft")
    assert read_package(tmp_path / "models" / "iris") == manifest
    assert read_package(tmp_path / "models" / "soft").name == "softmax"


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("model", "message"),
    [
        (f"iris={STORE}/manifests/{'0' * 64}", "there is no manifest"),
        ("../iris=x", "write NAME=URI"),
        ("iris", "write NAME=URI"),
        ("iris=s3://no-such-bucket/x", "no such bucket"),
    ],
)
def test_fetch_fails_with_last_words(model: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        fetch_main(["--model", model, "--into", str(tmp_path / "models")])
    code, summary = ended(caught, tmp_path)
    assert code == 64
    assert message in summary.message


def test_import_publishes_once(credentials: Path, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_uri(STORE, Mounts(store=credentials)).write("raw/softmax.onnx", raw)
    monkeypatch.setenv("SLIPWAY_SOURCE", f"{STORE}/raw/softmax.onnx")
    monkeypatch.setenv("SLIPWAY_RUN", "team/modelservice/soft/r1")
    summaries = []
    for _ in range(2):
        with pytest.raises(SystemExit) as caught:
            import_main([])
        code, summary = ended(caught, tmp_path)
        assert code == 0, summary.message
        summaries.append(summary)
    assert summaries[0] == summaries[1]
    assert summaries[0].artifact is not None
    manifest = fetch(summaries[0].artifact.uri, tmp_path / "into", Mounts(store=credentials))
    assert manifest.task is Task.CLASSIFICATION
    assert manifest.signature.inputs[0].shape == (-1, 4)
    assert (tmp_path / "into" / "model.onnx").read_bytes() == raw.read_bytes()


@pytest.mark.usefixtures("credentials")
def test_import_of_a_broken_file_publishes_nothing(
    store_gateway: Gateway, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw.write_bytes(raw.read_bytes()[:40])
    monkeypatch.setenv("SLIPWAY_RUN", "team/modelservice/soft/r1")
    with pytest.raises(SystemExit) as caught:
        import_main(["--source", str(raw)])
    code, summary = ended(caught, tmp_path)
    assert code == 64
    assert "does not load as an ONNX model" in summary.message
    assert not list((store_gateway.data / "programs-test").iterdir())


@pytest.mark.usefixtures("credentials")
def test_import_without_source(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        import_main([])
    code, summary = ended(caught, tmp_path)
    assert code == 64
    assert "give --source URI" in summary.message


@pytest.mark.usefixtures("credentials")
def test_import_of_another_librarys_file_names_the_program_that_takes_it(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        import_main(["--source", f"{STORE}/raw/model.pkl"])
    code, summary = ended(caught, tmp_path)
    assert code == 64
    assert "convert it with slipway-convert" in summary.message
