"""The model and the requests of the benchmark."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from slipway_runtime.serve.grpc.inference_pb2 import ModelInferRequest

FEATURES = 64
HIDDEN = 128
CLASSES = 10
BODIES = 97


def write_mlp(path: Path) -> None:
    """Write a perceptron 64→128→10 with softmax, the size that the digits need."""
    random = np.random.default_rng(0)
    weights = {
        "first": random.normal(size=(FEATURES, HIDDEN)).astype(np.float32),
        "second": random.normal(size=(HIDDEN, CLASSES)).astype(np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["input", "first"], ["wide"]),
        helper.make_node("Relu", ["wide"], ["active"]),
        helper.make_node("MatMul", ["active", "second"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", FEATURES])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


def request_bodies(path: str) -> list[bytes]:
    """Rows in the form that ``path`` takes; like real ones, their texts differ in length."""
    return [_body(path, row) for row in _rows()]


def request_messages() -> list[bytes]:
    """The same rows as raw tensors of ModelInfer."""
    tensor = ModelInferRequest.InferInputTensor(name="input", datatype="FP32", shape=[1, FEATURES])
    return [
        ModelInferRequest(
            model_name="m", inputs=[tensor], raw_input_contents=[np.array(row, np.float32).tobytes()]
        ).SerializeToString()
        for row in _rows()
    ]


def _rows() -> list[list[float]]:
    rows: list[list[float]] = np.random.default_rng(1).normal(size=(BODIES, FEATURES)).round(4).tolist()
    return rows


def _body(path: str, row: list[float]) -> bytes:
    if path == "/predict":
        return json.dumps({"input_data": [row]}).encode()
    tensor = {"name": "input", "shape": [1, FEATURES], "datatype": "FP32", "data": row}
    return json.dumps({"inputs": [tensor]}).encode()
