"""The V1 protocol, as TensorFlow Serving and KServe speak it: rows in ``instances``, or columns in ``inputs``."""

import base64
import binascii
from typing import Any

import orjson

from slipway_runtime.serve.engine import InferenceRequest, InferenceResponse
from slipway_runtime.serve.errors import BadInput
from slipway_runtime.serve.model import ServedModel
from slipway_runtime.serve.protocols.predict import rows_from_json
from slipway_runtime.serve.protocols.raw import text
from slipway_runtime.serve.tensors import Array, Datatype, TensorSpec, bf16_floats

_SIGNATURE = "serving_default"


def decode_rows(document: dict[str, Any], model: ServedModel) -> InferenceRequest:
    """Read ``{"instances": [row, …]}``; a row is an object of the inputs for a model of several.

    Raises:
        BadInput: with the input's name and what was expected of it.
    """
    _check_signature(document)
    rows = document["instances"]
    if not isinstance(rows, list) or not rows:
        raise BadInput('"instances" must be a list of rows')
    specs = model.signature.inputs
    if not isinstance(rows[0], dict) or "b64" in rows[0]:
        if len(specs) != 1:
            raise BadInput(f'each of "instances" must be an object with the inputs {", ".join(specs)}')
        return _request({next(iter(specs)): rows}, model)
    columns: dict[str, list[Any]] = {}
    for position, row in enumerate(rows):
        if not isinstance(row, dict) or row.keys() != rows[0].keys():
            raise BadInput(f'"instances"[{position}] must be an object with the same inputs as the first')
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return _request(columns, model)


def decode_columns(document: dict[str, Any], model: ServedModel) -> InferenceRequest:
    """Read ``{"inputs": {"<input>": tensor, …}}``, or ``{"inputs": tensor}`` for a model of one input.

    Raises:
        BadInput: with the input's name and what was expected of it.
    """
    _check_signature(document)
    columns = document["inputs"]
    if not isinstance(columns, dict):
        if len(model.signature.inputs) != 1:
            raise BadInput(f'"inputs" must be an object with the inputs {", ".join(model.signature.inputs)}')
        columns = {next(iter(model.signature.inputs)): columns}
    return _request(columns, model)


def encode_rows(model: ServedModel, response: InferenceResponse) -> bytes:
    """Write ``{"predictions": [row, …]}``; a row is an object of the outputs when there are several.

    Raises:
        BadInput: the outputs do not have a row for each of the inputs.
    """
    outputs = _plain(model, response)
    if len({array.shape[:1] for array in outputs.values()}) != 1 or any(array.ndim == 0 for array in outputs.values()):
        raise BadInput('this model does not answer row by row; send columns, as in {"inputs": …}')
    if len(outputs) == 1:
        predictions: Any = next(iter(outputs.values())).tolist()
    else:
        names = tuple(outputs)
        rows = zip(*(array.tolist() for array in outputs.values()), strict=True)
        predictions = [dict(zip(names, row, strict=True)) for row in rows]
    return orjson.dumps({"predictions": predictions})


def encode_columns(model: ServedModel, response: InferenceResponse) -> bytes:
    """Write ``{"outputs": …}``: the one output, or an object of them."""
    outputs = {name: array.tolist() for name, array in _plain(model, response).items()}
    return orjson.dumps({"outputs": next(iter(outputs.values())) if len(outputs) == 1 else outputs})


def _check_signature(document: dict[str, Any]) -> None:
    if document.get("signature_name", _SIGNATURE) != _SIGNATURE:
        raise BadInput(f'"signature_name" is {document["signature_name"]!r}; a model has one, "{_SIGNATURE}"')


def _request(columns: dict[str, Any], model: ServedModel) -> InferenceRequest:
    inputs: dict[str, Array] = {}
    for name, column in columns.items():
        spec = model.signature.inputs.get(name)
        if spec is None:
            raise BadInput(f'input "{name}" is unknown; model "{model.name}" takes {", ".join(model.signature.inputs)}')
        inputs[name] = rows_from_json(spec, _decoded(spec, column) if spec.datatype is Datatype.BYTES else column)
    request = InferenceRequest(inputs)
    model.check(request)
    return request


def _decoded(spec: TensorSpec, value: Any) -> Any:
    """Text in place of ``{"b64": …}``, which is how V1 writes bytes."""
    if isinstance(value, list):
        return [_decoded(spec, element) for element in value]
    if isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str):
        try:
            return text(spec, base64.b64decode(value["b64"], validate=True))
        except binascii.Error as error:
            raise BadInput(f'input "{spec.name}": "b64" is no base64') from error
    return value


def _plain(model: ServedModel, response: InferenceResponse) -> dict[str, Array]:
    specs = model.signature.outputs
    return {
        name: bf16_floats(array) if specs[name].datatype is Datatype.BF16 else array
        for name, array in response.outputs.items()
    }
