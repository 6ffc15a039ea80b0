"""The models that a server under test must serve, and what is known of their answers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from slipway_conformance.tensors import VALUES

FEATURES = 4
CLASSES = 3
_WEIGHTS = tuple(tuple((3 * row + 5 * column) % 7 - 3 for column in range(CLASSES)) for row in range(FEATURES))
ADDER = "adder"
CLASSIFIER = "classifier"
SCALAR = "scalar_fp32"
_OPSET = 20
_IR_VERSION = 10


def identity(datatype: str) -> str:
    """Name of the model that answers ``input`` [-1, 2] of one datatype as ``output``, unchanged."""
    return f"identity_{datatype.lower()}"


NAMES = (*(identity(datatype) for datatype in VALUES), SCALAR, ADDER, CLASSIFIER)


def probabilities(rows: Sequence[Sequence[float]]) -> list[list[float]]:
    """What ``classifier`` answers: softmax of a linear map."""
    logits = np.array(rows, np.float32) @ np.array(_WEIGHTS, np.float32)
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: list[list[float]] = (exponents / exponents.sum(axis=1, keepdims=True)).tolist()
    return found


def write_models(directory: Path) -> None:
    """Write one ONNX file for each of ``NAMES`` into ``directory``.

    Raises:
        ImportError: the package ``onnx`` is not installed.
        OSError: a file cannot be written.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def write(
        name: str,
        nodes: list[onnx.NodeProto],
        inputs: list[onnx.ValueInfoProto],
        outputs: list[onnx.ValueInfoProto],
        weights: Sequence[onnx.TensorProto] = (),
    ) -> None:
        graph = helper.make_graph(nodes, name, inputs, outputs, list(weights))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        onnx.save(model, directory / f"{name}.onnx")

    value = helper.make_tensor_value_info
    elements = {"FP16": "FLOAT16", "FP32": "FLOAT", "FP64": "DOUBLE", "BF16": "BFLOAT16", "BYTES": "STRING"}
    directory.mkdir(parents=True, exist_ok=True)
    same = [helper.make_node("Identity", ["input"], ["output"])]
    for datatype in VALUES:
        element = getattr(TensorProto, elements.get(datatype, datatype))
        write(identity(datatype), same, [value("input", element, ["n", 2])], [value("output", element, ["n", 2])])
    write(SCALAR, same, [value("input", TensorProto.FLOAT, [])], [value("output", TensorProto.FLOAT, [])])
    write(
        ADDER,
        [
            helper.make_node("Add", ["left", "right"], ["sum"]),
            helper.make_node("Sub", ["left", "right"], ["difference"]),
        ],
        [value(name, TensorProto.FLOAT, ["n"]) for name in ("left", "right")],
        [value(name, TensorProto.FLOAT, ["n"]) for name in ("sum", "difference")],
    )
    write(
        CLASSIFIER,
        [
            helper.make_node("MatMul", ["input", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        [value("input", TensorProto.FLOAT, ["n", FEATURES])],
        [value("probabilities", TensorProto.FLOAT, ["n", CLASSES])],
        [numpy_helper.from_array(np.array(_WEIGHTS, np.float32), "weights")],
    )
