"""``slipway-convert`` as a program, with what needs no library besides onnx."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.store_gateway import Gateway
from tests.unit.runtime.convert.files import linear, trapped_pickle

from slipway_runtime.artifact import Task, fetch, read_package
from slipway_runtime.convert.main import main
from slipway_runtime.spec.summary import Summary
from slipway_runtime.storage.uri import Mounts, open_uri

STORE = "s3://convert-test"


@pytest.fixture
def last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLIPWAY_TERMINATION_LOG", str(tmp_path / "last"))
    return tmp_path / "last"


@pytest.fixture
def credentials(store_gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Path:
    store_gateway.bucket("convert-test")
    found = store_gateway.credentials(STORE)
    monkeypatch.setenv("SLIPWAY_STORE", str(found))
    return found


def ended(last: Path, *arguments: str) -> tuple[object, Summary]:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return caught.value.code, Summary.model_validate_json(last.read_bytes())


def test_a_graph_becomes_a_package_and_is_converted_once(last: Path, tmp_path: Path) -> None:
    source = linear(tmp_path / "net.onnx", output="probabilities")
    arguments = ("--source", str(source), "--output", str(tmp_path / "out"), "--classes", "a,b,c")
    code, first = ended(last, *arguments)
    assert code == 0, first.message
    manifest = read_package(tmp_path / "out")
    assert (manifest.name, manifest.task, manifest.classes) == ("net", Task.CLASSIFICATION, ("a", "b", "c"))
    assert manifest.lineage.source is not None
    assert manifest.lineage.source.uri == str(source)
    assert (tmp_path / "out" / "model.onnx").read_bytes() == source.read_bytes()
    written = (tmp_path / "out" / "slipway.json").stat().st_mtime_ns
    code, second = ended(last, *arguments)
    assert (code, second.artifact) == (0, first.artifact)
    assert "was converted before" in second.message
    assert (tmp_path / "out" / "slipway.json").stat().st_mtime_ns == written
    code, third = ended(last, *arguments[:-1], "x,y,z")
    assert code == 0
    assert third.artifact != first.artifact


def test_weights_beside_the_graph_come_along(last: Path, tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    linear(tmp_path / "net" / "net.onnx", external="net.weights")
    code, summary = ended(last, "--source", str(tmp_path / "net"), "--output", str(tmp_path / "out"))
    assert code == 0, summary.message
    assert {entry.path for entry in read_package(tmp_path / "out").files} == {"model.onnx", "net.weights"}
    code, summary = ended(last, "--source", str(tmp_path / "net" / "net.onnx"), "--output", str(tmp_path / "other"))
    assert code == 64
    assert "name the folder of both" in summary.message


def test_a_pickle_is_not_opened_without_permission(last: Path, tmp_path: Path) -> None:
    mark = tmp_path / "opened"
    (tmp_path / "model.joblib").write_bytes(trapped_pickle(mark))
    code, summary = ended(last, "--source", str(tmp_path / "model.joblib"), "--output", str(tmp_path / "out"))
    assert code == 64
    assert "runs the code inside it" in summary.message
    assert "--allow-pickle" in summary.message
    assert not mark.exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give --source"),
        (("--source", "x.onnx"), "give --output"),
        (("--source", "missing.onnx", "--output", "out"), "no such file or folder"),
        (("--source", f"{STORE}/manifests/{'0' * 64}", "--output", "out"), "is an artifact already"),
        (("--source", "net.onnx", "--output", "out", "--input-shape", "8,a"), "inputShape"),
        (("--source", "net.onnx", "--output", "out", "--classes", "a,b"), "2 classes are named"),
        (("--source", "net.onnx", "--output", "out", "--samples", "s.csv"), "rows have shape [3]"),
        (("--source", "net.onnx", "--output", "out", "--samples", "none.csv"), "no such file"),
        (("--source", "net.onnx", "--output", "out", "--format", "lightgbm"), "needs 'lightgbm'"),
    ],
)
def test_errors_say_what_to_do(
    arguments: tuple[str, ...], words: str, last: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    linear(Path("net.onnx"))
    Path("s.csv").write_text("1,2,3\n")
    code, summary = ended(last, *arguments)
    assert code == 64
    assert words in summary.message
    assert not (tmp_path / "out").exists()


def test_in_a_pod_a_file_is_converted_once_for_all_who_name_it(
    credentials: Path, last: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net").mkdir()
    linear(tmp_path / "net" / "net.onnx", output="probabilities", external="net.weights")
    np.save(tmp_path / "samples.npy", np.ones((3, 2), np.float32))
    store = open_uri(STORE, Mounts(store=credentials))
    for folder in ("one", "two"):
        for file in (tmp_path / "net").iterdir():
            store.write(f"raw/{folder}/{file.name}", file)
    store.write("raw/samples.npy", tmp_path / "samples.npy")
    monkeypatch.setenv("SLIPWAY_SPEC", json.dumps({"samples": {"uri": f"{STORE}/raw/samples.npy"}}))
    summaries = []
    for number, folder in enumerate(("one", "two", "two")):
        monkeypatch.setenv("SLIPWAY_SOURCE", f"{STORE}/raw/{folder}")
        monkeypatch.setenv("SLIPWAY_RUN", f"team/modelservice/net/r{min(number, 1)}")
        code, summary = ended(last)
        assert code == 0, summary.message
        summaries.append(summary)
    assert "runs on 3 examples" in summaries[0].message
    assert "was converted before" in summaries[1].message
    assert summaries[2] == summaries[1]
    assert summaries[0].artifact == summaries[1].artifact
    assert summaries[0].artifact is not None
    manifest = fetch(summaries[0].artifact.uri, tmp_path / "into", Mounts(store=credentials))
    assert manifest.lineage.source is not None
    assert manifest.lineage.source.uri == f"{STORE}/raw/one"
    # What the sweep has taken is made again.
    store.delete([f"manifests/{manifest.digest.removeprefix('sha256:')}"])
    monkeypatch.setenv("SLIPWAY_RUN", "team/modelservice/net/r2")
    code, summary = ended(last)
    assert code == 0
    assert "runs on 3 examples" in summary.message
