"""The short path of the usual request gives what the long one gives, or leaves the request to it."""

import json
from typing import Any

import numpy as np
import pytest

from slipway_runtime.serve.engine import InferenceRequest, Signature
from slipway_runtime.serve.errors import BadInput
from slipway_runtime.serve.model import Cost, ServedModel
from slipway_runtime.serve.protocols import predict, v2_json
from slipway_runtime.serve.protocols.v2_request import read_document
from slipway_runtime.serve.tensors import Array, Datatype, TensorSpec


class Nothing:
    """An engine that is only described."""

    platform = "test"

    def __init__(self, datatype: Datatype, shape: tuple[int, ...]) -> None:
        spec = TensorSpec.of("input", datatype, shape)
        self.signature = Signature({"input": spec}, {"output": spec})

    def infer(self, inputs: dict[str, Array], outputs: tuple[str, ...]) -> list[Array]:
        raise NotImplementedError


def served(datatype: Datatype = Datatype.FP32, shape: tuple[int, ...] = (-1, 4)) -> ServedModel:
    return ServedModel("m", "1", Nothing(datatype, shape), (), Cost(0.001, 4))


ROWS = [
    [1.5, -2, 0, 1e-50],
    [True, 1, 2, 3],
    [True, True, False, True],
    [1.0, True, 2, 3],
    [None, 1, 2, 3],
    ["1", 1, 2, 3],
    [[1], 1, 2, 3],
    [1, 2, 3, 3.4028234663852886e38],
    [1, 2, 3, 3.40282357e38],
    [1, 2, 3, -1e39],
    [2**63, 2**64 - 1, -(2**63), 1],
    [65504.0, 65520.0, 1, 2],
    [1, 2, 3],
]


def long(document: dict[str, Any], model: ServedModel) -> InferenceRequest:
    return read_document(document, model, memoryview(b""))[0]


def either(document: dict[str, Any], model: ServedModel) -> InferenceRequest:
    read = json.loads(json.dumps(document))
    return v2_json.usual_request(read, model) or long(read, model)


def outcome(decode: Any, *arguments: Any) -> Any:
    try:
        array = decode(*arguments).inputs["input"]
    except BadInput as error:
        return str(error)
    return array.dtype, array.shape, array.tolist()


@pytest.mark.parametrize("datatype", [Datatype.FP16, Datatype.FP32, Datatype.FP64])
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_both_paths_agree(datatype: Datatype, row: list[Any]) -> None:
    model = served(datatype)
    tensor = {"name": "input", "shape": [1, 4], "datatype": datatype, "data": row}
    document = {"inputs": [tensor]}
    assert outcome(either, document, model) == outcome(long, document, model)
    assert outcome(predict.decode, {"input_data": [row]}, model) == outcome(predict._checked, [row], model)


@pytest.mark.parametrize("shape", [[1, 4], [1, 4.0], [True, 4], [1, 5], [4], [1, -4], "14", [], [0, 4]], ids=str)
def test_both_paths_agree_on_shapes(shape: Any) -> None:
    tensor = {"name": "input", "shape": shape, "datatype": "FP32", "data": [1, 2, 3, 4]}
    document = {"inputs": [tensor]}
    model = served()
    assert outcome(either, document, model) == outcome(long, document, model)


@pytest.mark.parametrize(
    ("shape", "data"),
    [
        ((-1, 4), [[1, 2, 3, 4], [5, 6, 7, 8]]),
        ((-1, 4), [[1, 2, 3, 4], [5]]),
        ((-1, 2, 2), [[1, 2, 3, 4]]),
        ((-1, 2, 2), [[[1, 2], [3, 4]]]),
        ((-1, 1, 1), [[[1]]]),
        ((-1,), [1, 2]),
        ((2, 2), [[1, 2]]),
        ((), 1),
        ((-1, -1), [[1, 2]]),
        ((-1, 4), []),
    ],
)
def test_both_paths_agree_on_rows(shape: tuple[int, ...], data: Any) -> None:
    model = served(shape=shape)
    assert outcome(predict.decode, {"input_data": data}, model) == outcome(predict._checked, data, model)


def test_the_usual_request_takes_the_short_path() -> None:
    model = served()
    tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 2.5, 3, 4]}
    short = v2_json.usual_request({"inputs": [tensor]}, model)
    rows = predict._usual([[1, 2.5, 3, 4]], model)
    assert short is not None
    assert rows is not None
    for request in (short, rows):
        np.testing.assert_array_equal(request.inputs["input"], np.array([[1, 2.5, 3, 4]], np.float32))
