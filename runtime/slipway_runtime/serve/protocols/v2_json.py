"""The Open Inference Protocol's usual JSON: the form that nearly every request has, and answers to it."""

from typing import Any

import orjson

from slipway_runtime.serve.engine import InferenceRequest, InferenceResponse
from slipway_runtime.serve.errors import BadInput
from slipway_runtime.serve.model import ServedModel
from slipway_runtime.serve.tensors import DYNAMIC, Array, Datatype, bf16_floats, floats_from_json

_USUAL_FIELDS = len(("name", "datatype", "shape", "data"))


def parse_object(body: bytes | memoryview) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        BadInput: the body is not JSON, or not an object.
    """
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInput(
            f"the body is not JSON: {error}" if body else "the body is empty; a JSON object was expected"
        ) from error
    if not isinstance(parsed, dict):
        raise BadInput("the body must be a JSON object")
    return parsed


def usual_request(document: dict[str, Any], model: ServedModel) -> InferenceRequest | None:
    """Read the form that nearly every request has, in a third of the time: one tensor of floats, flat, nothing more.

    None when anything is otherwise; ``v2_request`` then reads the same document, and words what is wrong with it.
    """
    spec = model.only_floats
    tensors = document.get("inputs")
    if spec is None or len(document) != 1 or type(tensors) is not list or len(tensors) != 1:
        return None
    tensor = tensors[0]
    if type(tensor) is not dict or len(tensor) != _USUAL_FIELDS:
        return None
    shape, data = tensor.get("shape"), tensor.get("data")
    if type(shape) is not list or type(data) is not list or len(shape) != len(spec.shape):
        return None
    elements = 1
    for given, wanted in zip(shape, spec.shape, strict=True):
        if type(given) is not int or given < 1 or wanted not in (DYNAMIC, given):
            return None
        elements *= given
    if len(data) != elements or tensor.get("name") != spec.name or tensor.get("datatype") != spec.datatype:
        return None
    array = floats_from_json(spec, data, shape)
    return None if array is None else InferenceRequest({spec.name: array})


def encode(model: ServedModel, response: InferenceResponse) -> bytes:
    """Write the answer of ``POST …/infer``; data is flat and row-major, and what is not finite becomes null."""
    outputs = []
    for name, array in response.outputs.items():
        spec = model.signature.outputs[name]
        data = json_data(spec.datatype, array)
        outputs.append({"name": name, "datatype": spec.datatype, "shape": array.shape, "data": data})
    document: dict[str, Any] = {"model_name": model.name, "model_version": model.version, "outputs": outputs}
    if response.id is not None:
        document["id"] = response.id
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def json_data(datatype: Datatype, array: Array) -> Any:
    """What orjson writes as the flat data of a tensor."""
    flat = array.ravel()
    if datatype is Datatype.BYTES:
        return flat.tolist()
    return bf16_floats(flat) if datatype is Datatype.BF16 else flat
