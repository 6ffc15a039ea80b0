"""The short form: ``POST /predict`` with rows in and predictions out."""

from itertools import chain
from typing import Any

import numpy as np
import orjson

from slipway_runtime.serve.engine import InferenceRequest, InferenceResponse
from slipway_runtime.serve.errors import BadInput
from slipway_runtime.serve.model import ServedModel
from slipway_runtime.serve.tensors import (
    DYNAMIC,
    Array,
    Datatype,
    TensorSpec,
    array_from_json,
    bf16_floats,
    count,
    floats_from_json,
)

_PROBABILITIES = "probabilities"
_MATRIX = 2


def decode(document: dict[str, Any], model: ServedModel) -> InferenceRequest:
    """Read ``{"input_data": [row, …]}``, or ``{"input_data": {"<input>": [row, …], …}}`` for a model of several inputs.

    A row is nested as the model's input is, or flat with as many elements.

    Raises:
        BadInput: with the input's name and what was expected of it.
    """
    data = document.get("input_data")
    return _usual(data, model) or _checked(data, model)


def _usual(data: object, model: ServedModel) -> InferenceRequest | None:
    """Read the form that nearly every request has: flat rows of floats for a model of one input.

    None when anything is otherwise; ``_checked`` then reads the same data, and words what is wrong with it.
    """
    spec = model.only_floats
    if spec is None or type(data) is not list or not data or not spec.shape or DYNAMIC in spec.shape[1:]:
        return None
    elements = count(spec.shape[1:])
    if elements == 0 or spec.shape[0] not in (DYNAMIC, len(data)):
        return None
    for row in data:
        if type(row) is not list or len(row) != elements:
            return None
    flat = data[0] if len(data) == 1 else list(chain.from_iterable(data))
    array = floats_from_json(spec, flat, [len(data), *spec.shape[1:]])
    return None if array is None else InferenceRequest({spec.name: array})


def _checked(data: Any, model: ServedModel) -> InferenceRequest:
    specs = model.signature.inputs
    if data is None:
        raise BadInput('"input_data" is missing; a list of rows was expected, as in {"input_data": [[1.0, 2.0]]}')
    if not isinstance(data, dict):
        if len(specs) != 1:
            raise BadInput(f'"input_data" must be an object with the inputs {", ".join(specs)}, each a list of rows')
        data = {next(iter(specs)): data}
    inputs = {}
    for name, rows in data.items():
        spec = specs.get(name)
        if spec is None:
            raise BadInput(f'input "{name}" is unknown; model "{model.name}" takes {", ".join(specs)}')
        inputs[name] = rows_from_json(spec, rows)
    request = InferenceRequest(inputs)
    model.check(request)
    return request


def encode(model: ServedModel, response: InferenceResponse, *, probabilities: bool) -> bytes:
    """Write ``{"prediction": […]}``: a class (by name where known) per row of a classifier, else the first output.

    With ``probabilities``, a classifier's probabilities are written too, a row per example in the order of the classes.
    """
    scores = _scores(model, response.outputs)
    if scores is None:
        name, first = next(iter(response.outputs.items()))
        document: dict[str, Any] = {"prediction": _nested(model.signature.outputs[name].datatype, first)}
    else:
        best = scores.argmax(axis=1)
        document = {"prediction": [model.classes[index] for index in best] if model.classes else best}
        if probabilities:
            document[_PROBABILITIES] = np.ascontiguousarray(scores)
            if model.classes:
                document["classes"] = model.classes
    document["model_name"] = model.name
    document["model_version"] = model.version
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def rows_from_json(spec: TensorSpec, rows: object) -> Array:
    """Array from a list of rows, each nested as the input is, or flat with as many elements; a scalar stands alone.

    Raises:
        BadInput: with the input's name and what was expected of it.
    """
    if not spec.shape and not isinstance(rows, list):
        return array_from_json(spec, [rows]).reshape(())
    array = array_from_json(spec, rows)
    row = spec.shape[1:]
    if array.ndim != len(spec.shape) and array.ndim == _MATRIX and DYNAMIC not in row and array.shape[1] == count(row):
        return array.reshape((array.shape[0], *row))
    if array.ndim == 1 and len(spec.shape) > 1:
        raise BadInput(
            f'input "{spec.name}": a list of rows was expected, each of shape {list(row)}; put a single row into a list'
        )
    return array


def _nested(datatype: Datatype, array: Array) -> Any:
    if datatype is Datatype.BYTES:
        return array.tolist()
    return np.ascontiguousarray(bf16_floats(array) if datatype is Datatype.BF16 else array)


def _scores(model: ServedModel, outputs: dict[str, Array]) -> Array | None:
    """Scores [rows, classes] when the model is a classifier: known by its class names or by an output's name."""
    if _PROBABILITIES in outputs and outputs[_PROBABILITIES].ndim == _MATRIX:
        return outputs[_PROBABILITIES]
    if not model.classes:
        return None
    for array in outputs.values():
        if array.dtype.kind == "f" and array.ndim == _MATRIX and array.shape[1] == len(model.classes):
            return array
    return None
