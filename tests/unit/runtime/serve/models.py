"""Small ONNX models, made by hand so that their answers can be computed beside them."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FEATURES = 4
CLASSES = 3
WEIGHTS = np.random.default_rng(7).normal(size=(FEATURES, CLASSES)).astype(np.float32)


def write_classifier(path: Path) -> None:
    """``input`` FP32[-1, 4] → ``probabilities`` FP32[-1, 3]: softmax of a linear map."""
    nodes = [
        helper.make_node("MatMul", ["input", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    _write(
        path,
        nodes,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", FEATURES])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", CLASSES])],
        [numpy_helper.from_array(WEIGHTS, "weights")],
    )


def write_regressor(path: Path) -> None:
    """``input`` FP32[-1, 2, 2] → ``prediction`` FP32[-1]: the sum of each example."""
    axes = numpy_helper.from_array(np.array([1, 2], np.int64), "axes")
    _write(
        path,
        [helper.make_node("ReduceSum", ["input", "axes"], ["prediction"], keepdims=0)],
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 2, 2])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["n"])],
        [axes],
    )


def write_identity(path: Path, element: int) -> None:
    """``input`` [-1, 2] → ``output`` [-1, 2] of one element type, unchanged."""
    _write(
        path,
        [helper.make_node("Identity", ["input"], ["output"])],
        [helper.make_tensor_value_info("input", element, ["n", 2])],
        [helper.make_tensor_value_info("output", element, ["n", 2])],
    )


def write_scalar(path: Path) -> None:
    """``input`` FP32[] → ``output`` FP32[], unchanged."""
    _write(
        path,
        [helper.make_node("Identity", ["input"], ["output"])],
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [])],
    )


def write_halves(path: Path) -> None:
    """``input`` FP32[-1, 2] → ``output`` FP16[-1, 2]: the same numbers in 16 bits."""
    _write(
        path,
        [helper.make_node("Cast", ["input"], ["output"], to=TensorProto.FLOAT16)],
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT16, ["n", 2])],
    )


def write_adder(path: Path) -> None:
    """``left``, ``right`` FP32[-1] → ``sum`` FP32[-1]; lengths must agree, which the signature cannot say."""
    _write(
        path,
        [helper.make_node("Add", ["left", "right"], ["sum"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [name]) for name in ("left", "right")],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["n"])],
    )


def write_lookup(path: Path) -> None:
    """``index`` INT64[-1] → ``value`` FP32[-1]: a table of three; other indices are refused by the graph itself."""
    _write(
        path,
        [helper.make_node("Gather", ["table", "index"], ["value"])],
        [helper.make_tensor_value_info("index", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["n"])],
        [numpy_helper.from_array(np.array([0.5, 1.5, 2.5], np.float32), "table")],
    )


def write_slow(path: Path, *, size: int, repeats: int) -> None:
    """``input`` FP32[-1, 1] → ``output`` FP32[-1, 1] by way of ``repeats`` square products: work that takes a while."""
    matrix = (np.eye(size) * 0.5).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["input", "widen"], ["wide0"])]
    nodes += [helper.make_node("MatMul", [f"wide{step}", "matrix"], [f"wide{step + 1}"]) for step in range(repeats)]
    nodes.append(helper.make_node("MatMul", [f"wide{repeats}", "narrow"], ["output"]))
    _write(
        path,
        nodes,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 1])],
        [
            numpy_helper.from_array(np.ones((1, size), np.float32), "widen"),
            numpy_helper.from_array(matrix, "matrix"),
            numpy_helper.from_array(np.ones((size, 1), np.float32), "narrow"),
        ],
    )


def write_opset(path: Path, *, opset: int, ir_version: int) -> None:
    """Write the identity, marked with an operator set and a format version."""
    write_identity(path, TensorProto.FLOAT)
    model = onnx.load(path)
    model.opset_import[0].version = opset
    model.ir_version = ir_version
    onnx.save(model, path)


def _write(
    path: Path,
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    weights: list[onnx.TensorProto] | None = None,
) -> None:
    graph = helper.make_graph(nodes, "test", inputs, outputs, weights or [])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
