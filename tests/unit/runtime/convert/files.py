"""Model files as their libraries write them, or enough of them to be recognised; no library but those at hand."""

import json
import pickle
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def archive(path: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as target:
        for name, content in members.items():
            target.writestr(name, content)
    return path


def named_pickle(name: str, protocol: int = 4) -> bytes:
    """A pickle that names a class it need not find here: pickled by hand, never loaded."""
    module, _, attribute = name.rpartition(".")
    if protocol < 2:
        return f"c{module}\n{attribute}\n)R.".encode()
    return b"\x80\x04" + _text(module) + _text(attribute) + b"\x93\x94)\x81\x94."


def _text(word: str) -> bytes:
    return b"\x8c" + bytes([len(word)]) + word.encode() + b"\x94"


class Trap:
    """Its pickle writes a file when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.mark,)


def trapped_pickle(mark: Path) -> bytes:
    """It claims to hold an estimator, and touches a file when it is opened."""
    return pickle.dumps(["sklearn.linear_model", _Estimator(), Trap(mark)], protocol=4)


class _Estimator:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression, ()


def compressed(content: bytes) -> bytes:
    return zlib.compress(content)


def safetensors(entries: Mapping[str, Any]) -> bytes:
    header = json.dumps(dict(entries)).encode()
    return len(header).to_bytes(8, "little") + header


def linear(path: Path, *, output: str = "scores", external: str | None = None) -> Path:
    """``input`` FP32[-1, 2] → softmax of a linear map, its weights beside it if ``external`` names a file."""
    weights = np.arange(1, 7, dtype=np.float32).reshape(2, 3) / 10
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["input", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], [output], axis=-1),
        ],
        "linear",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    if external is None:
        onnx.save(model, path)
    else:
        onnx.save(model, path, save_as_external_data=True, location=external, size_threshold=0)
    return path
