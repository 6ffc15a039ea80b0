"""Formats are recognised by what the bytes are, whatever the file is called, and no pickle is opened for it."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.runtime.convert.files import (
    archive,
    compressed,
    linear,
    named_pickle,
    safetensors,
    trapped_pickle,
)

from slipway_runtime.convert.detect import check_permission, recognise
from slipway_runtime.convert.errors import PickleRefused, UnsupportedModel
from slipway_runtime.spec.convert import ModelFormat

TENSOR = {"w": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}


def folder(path: Path, *names: str) -> Path:
    path.mkdir()
    for name in names:
        (path / name).write_bytes(b"x")
    return path


def file(content: bytes) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return write


SUPPORTED: dict[str, tuple[Callable[[Path], Path], ModelFormat, bool]] = {
    "onnx": (linear, ModelFormat.ONNX, False),
    "onnx folder": (lambda path: folder(path, "net.onnx", "net.onnx.data"), ModelFormat.ONNX, False),
    "sklearn pickle": (file(named_pickle("sklearn.pipeline.Pipeline")), ModelFormat.SKLEARN, True),
    "old sklearn pickle": (file(named_pickle("sklearn.svm._classes.SVC", protocol=0)), ModelFormat.SKLEARN, True),
    "compressed joblib": (file(compressed(named_pickle("sklearn.svm._classes.SVC"))), ModelFormat.SKLEARN, True),
    "joblib in bz2": (file(bz2.compress(named_pickle("sklearn.svm._classes.SVC"))), ModelFormat.SKLEARN, True),
    "joblib in xz": (file(lzma.compress(named_pickle("sklearn.svm._classes.SVC"))), ModelFormat.SKLEARN, True),
    "joblib in gzip": (file(gzip.compress(named_pickle("sklearn.svm._classes.SVC"))), ModelFormat.SKLEARN, True),
    "xgboost pickle": (file(named_pickle("xgboost.sklearn.XGBClassifier")), ModelFormat.SKLEARN, True),
    "lightgbm pickle": (file(named_pickle("lightgbm.sklearn.LGBMRegressor")), ModelFormat.SKLEARN, True),
    "xgboost json": (file(b'{"learner": {"attributes": {}}, "version": [3, 2, 0]}'), ModelFormat.XGBOOST, False),
    "xgboost ubj": (file(b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner{"), ModelFormat.XGBOOST, False),
    "lightgbm": (file(b"tree\nversion=v4\nnum_class=1\n"), ModelFormat.LIGHTGBM, False),
    "hdf5": (file(b"\x89HDF\r\n\x1a\n" + b"\0" * 64), ModelFormat.KERAS, False),
    "keras": (
        lambda path: archive(path, {"metadata.json": b"{}", "config.json": b"{}", "model.weights.h5": b""}),
        ModelFormat.KERAS,
        False,
    ),
    "saved model": (lambda path: folder(path, "saved_model.pb", "variables"), ModelFormat.TENSORFLOW, False),
    "torch export": (
        lambda path: archive(path, {"m/archive_format": b"pt2", "m/models/model.json": b"{}"}),
        ModelFormat.TORCH_EXPORT,
        False,
    ),
    "torchscript": (
        lambda path: archive(path, {"m/constants.pkl": b"", "m/data.pkl": b"", "m/code/__torch__.py": b""}),
        ModelFormat.TORCHSCRIPT,
        False,
    ),
    "safetensors": (file(safetensors(TENSOR)), ModelFormat.SAFETENSORS, False),
    "recipe folder": (lambda path: folder(path, "model.json", "model.safetensors"), ModelFormat.SAFETENSORS, False),
}

UNSUPPORTED: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "empty": (file(b""), "an empty file", "copy the file again"),
    "noise": (file(b"\xff\x01\x02" * 40), "bytes of no known format", "save function"),
    "text": (file(b"hello, this is a model\n"), "bytes of no known format", "save function"),
    "web page": (file(b"<!DOCTYPE html><html></html>"), "a web page", "direct link"),
    "lfs": (file(b"version https://git-lfs/spec/v1\noid sha256:0\n"), "a Git LFS pointer", "git lfs pull"),
    "gguf": (file(b"GGUF\x03\x00\x00\x00"), "a GGUF file", "export the model to ONNX"),
    "tflite": (file(b"\x1c\x00\x00\x00TFL3" + b"\0" * 20), "TensorFlow Lite", "SavedModel"),
    "numpy": (file(b"\x93NUMPY\x01\x00"), "numpy array", "samples"),
    "state dict": (lambda path: archive(path, {"a/data.pkl": b"", "a/data/0": b""}), "torch.save", "torch.export"),
    "npz": (lambda path: archive(path, {"x.npy": b""}), "numpy.savez", "name the model"),
    "zipped onnx": (lambda path: archive(path, {"a/b.onnx": b""}), ".onnx file in a zip", "unpack"),
    "zipped saved model": (lambda path: archive(path, {"a/saved_model.pb": b""}), "SavedModel in a zip", "unpack"),
    "other zip": (lambda path: archive(path, {"a.txt": b""}), "a.txt", "save function"),
    "damaged zip": (file(b"PK\x03\x04" + b"\0" * 30), "a damaged zip archive", "copy the file again"),
    "torch pickle": (file(named_pickle("torch.nn.modules.linear.Linear")), "torch.save", "torch.export"),
    "keras pickle": (file(named_pickle("keras.src.models.Sequential")), "a pickle of keras", "model.save"),
    "own class": (file(named_pickle("__main__.Model")), "a pickle of __main__.Model", "estimator itself"),
    "values": (file(b"\x80\x04]\x94."), "a pickle of plain values", "estimator itself"),
    "graph of a saved model": (file(b"\x08\x01\x12\x00"), "the graph file of a SavedModel", "folder"),
    "frozen graph": (file(b"\x0a\x02ab"), "frozen TensorFlow graph", "SavedModel"),
    "package": (lambda path: folder(path, "slipway.json", "model.onnx"), "a Slipway package", "no conversion"),
    "two graphs": (lambda path: folder(path, "a.onnx", "b.onnx"), "2 .onnx files", "name the one"),
    "hub folder": (lambda path: folder(path, "config.json", "model.safetensors"), "config.json", "export the model"),
    "mlflow": (lambda path: folder(path, "MLmodel", "model.pkl"), "MLmodel", "inside this MLflow folder"),
    "empty folder": (folder, "a folder with nothing", "saved_model.pb"),
}


@pytest.mark.parametrize("case", SUPPORTED)
def test_a_format_is_known_by_its_content(case: str, tmp_path: Path) -> None:
    make, expected, pickled = SUPPORTED[case]
    found = recognise(make(tmp_path / "model.bin"), "shown")
    assert (found.format, found.pickled) == (expected, pickled)


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_anything_else_is_named_with_a_remedy(case: str, tmp_path: Path) -> None:
    make, what, remedy = UNSUPPORTED[case]
    with pytest.raises(UnsupportedModel) as caught:
        recognise(make(tmp_path / "model.bin"), "s3://models/it")
    assert what in caught.value.found
    assert remedy in caught.value.remedy
    assert str(caught.value).startswith("s3://models/it: found ")
    assert "Supported: .onnx, scikit-learn" in str(caught.value)
    assert len(str(caught.value)) < 1024


def test_an_onnx_file_that_is_cut_short_is_named_so(tmp_path: Path) -> None:
    whole = linear(tmp_path / "whole.onnx").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[:-10])
    with pytest.raises(UnsupportedModel, match="cut short"):
        recognise(tmp_path / "cut.onnx", "cut.onnx")


def test_recognising_a_pickle_does_not_open_it(tmp_path: Path) -> None:
    mark = tmp_path / "opened"
    (tmp_path / "model.pkl").write_bytes(trapped_pickle(mark))
    found = recognise(tmp_path / "model.pkl", "model.pkl")
    assert found.pickled
    with pytest.raises(PickleRefused, match="allowPickle"):
        check_permission(found, "model.pkl", allow_pickle=False)
    check_permission(found, "model.pkl", allow_pickle=True)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("content", "wanted", "pickled"),
    [
        (b"tree\nversion=v4\n", ModelFormat.XGBOOST, False),
        (b"no known bytes", ModelFormat.KERAS, False),
        (b"no known bytes", ModelFormat.SKLEARN, True),
        (b"tree\nversion=v4\n", ModelFormat.SKLEARN, True),
        (named_pickle("sklearn.svm.SVC"), ModelFormat.KERAS, True),
    ],
)
def test_a_given_format_wins_and_hides_no_pickle(
    content: bytes,
    wanted: ModelFormat,
    pickled: bool,  # noqa: FBT001 - a column of the table
    tmp_path: Path,
) -> None:
    (tmp_path / "model").write_bytes(content)
    found = recognise(tmp_path / "model", "model", wanted)
    assert (found.format, found.pickled) == (wanted, pickled)
