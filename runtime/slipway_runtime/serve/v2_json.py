"""The Open Inference Protocol's JSON form: bytes ↔ neutral requests and responses."""

from typing import Any

import orjson

from slipway_runtime.serve.engine import InferenceRequest, InferenceResponse, Parameter, Signature
from slipway_runtime.serve.errors import BadInput
from slipway_runtime.serve.model import ServedModel
from slipway_runtime.serve.tensors import DYNAMIC, Array, Datatype, TensorSpec, array_from_json, count, floats_from_json

_USUAL_FIELDS = len(("name", "datatype", "shape", "data"))


def parse_object(body: bytes) -> dict[str, Any]:
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


def decode(body: bytes, model: ServedModel) -> InferenceRequest:
    """Read the body of ``POST …/infer`` and check it against the model's signature.

    Raises:
        BadInput: with the tensor's name and what was expected of it.
    """
    document = parse_object(body)
    return _usual(document, model) or _checked(document, model)


def _usual(document: dict[str, Any], model: ServedModel) -> InferenceRequest | None:
    """Read the form that nearly every request has, in a third of the time: one tensor of floats, flat, nothing more.

    None when anything is otherwise; ``_checked`` then reads the same document, and words what is wrong with it.
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


def _checked(document: dict[str, Any], model: ServedModel) -> InferenceRequest:
    tensors = document.get("inputs")
    if not isinstance(tensors, list) or not tensors:
        raise BadInput(f'"inputs" must be a list of tensors; model "{model.name}" takes {_inputs(model.signature)}')
    inputs: dict[str, Array] = {}
    for position, tensor in enumerate(tensors):
        name, array = _tensor(tensor, position, model)
        if name in inputs:
            raise BadInput(f'input "{name}" is given twice')
        inputs[name] = array
    request = InferenceRequest(inputs, _outputs(document), _id(document), _parameters(document, "the request"))
    model.check(request)
    return request


def encode(model: ServedModel, response: InferenceResponse) -> bytes:
    """Write the answer of ``POST …/infer``; data is flat and row-major, and what is not finite becomes null."""
    outputs = []
    for name, array in response.outputs.items():
        spec = model.signature.outputs[name]
        flat = array.ravel()
        outputs.append(
            {
                "name": name,
                "datatype": spec.datatype,
                "shape": array.shape,
                "data": flat.tolist() if spec.datatype is Datatype.BYTES else flat,
            }
        )
    document: dict[str, Any] = {"model_name": model.name, "model_version": model.version, "outputs": outputs}
    if response.id is not None:
        document["id"] = response.id
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def metadata(model: ServedModel) -> bytes:
    """Write the answer of ``GET v2/models/{name}``."""
    return orjson.dumps(
        {
            "name": model.name,
            "versions": [model.version],
            "platform": model.engine.platform,
            "inputs": [_metadata(spec) for spec in model.signature.inputs.values()],
            "outputs": [_metadata(spec) for spec in model.signature.outputs.values()],
        }
    )


def _metadata(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}


def _tensor(tensor: object, position: int, model: ServedModel) -> tuple[str, Array]:
    if not isinstance(tensor, dict):
        raise BadInput(f'"inputs"[{position}] must be an object with "name", "datatype", "shape" and "data"')
    name = tensor.get("name")
    if not isinstance(name, str):
        raise BadInput(f'"inputs"[{position}] has no "name"; model "{model.name}" takes {_inputs(model.signature)}')
    spec = model.signature.inputs.get(name)
    if spec is None:
        raise BadInput(f'input "{name}" is unknown; model "{model.name}" takes {_inputs(model.signature)}')
    datatype = tensor.get("datatype")
    if datatype != spec.datatype:
        given = "no datatype" if datatype is None else f"datatype {datatype!r}"
        raise BadInput(f'input "{name}": {given} given, the model expects {spec.datatype}')
    if "parameters" in tensor:
        _parameters(tensor, f'input "{name}"')
    shape = _shape(tensor.get("shape"), spec)
    if "data" not in tensor:
        raise BadInput(f'input "{name}" has no "data"; a list of {count(shape)} {spec.datatype} elements was expected')
    return name, _arrange(spec, array_from_json(spec, tensor["data"]), shape)


def _shape(given: object, spec: TensorSpec) -> tuple[int, ...]:
    # bool is an int to Python, but true is no dimension.
    if not isinstance(given, list) or not all(type(dim) is int and dim >= 0 for dim in given):
        raise BadInput(
            f'input "{spec.name}": "shape" must list whole numbers, the model expects {list(spec.shape)} (-1: any)'
        )
    shape = tuple(given)
    spec.check_shape(shape)
    return shape


def _arrange(spec: TensorSpec, array: Array, shape: tuple[int, ...]) -> Array:
    if array.shape == shape:
        return array
    if array.size != count(shape):
        raise BadInput(
            f'input "{spec.name}": "data" has {array.size} elements, shape {list(shape)} needs {count(shape)}'
        )
    if array.ndim > 1 and array.size:
        raise BadInput(f'input "{spec.name}": "data" is nested as {list(array.shape)}, but "shape" is {list(shape)}')
    return array.reshape(shape)


def _outputs(document: dict[str, Any]) -> tuple[str, ...]:
    wanted = document.get("outputs")
    if wanted is None:
        return ()
    if not isinstance(wanted, list):
        raise BadInput('"outputs" must be a list of objects with "name"')
    names = []
    for position, output in enumerate(wanted):
        if not isinstance(output, dict) or not isinstance(output.get("name"), str):
            raise BadInput(f'"outputs"[{position}] must be an object with "name"')
        _parameters(output, f'output "{output["name"]}"')
        if output["name"] in names:
            raise BadInput(f'output "{output["name"]}" is asked for twice')
        names.append(output["name"])
    return tuple(names)


def _id(document: dict[str, Any]) -> str | None:
    identity = document.get("id")
    if identity is None or isinstance(identity, str):
        return identity
    raise BadInput('"id" must be a string')


def _parameters(holder: dict[str, Any], where: str) -> dict[str, Parameter]:
    parameters = holder.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict) or not all(isinstance(value, Parameter) for value in parameters.values()):
        raise BadInput(f'"parameters" of {where} must be an object of strings, numbers, true and false')
    return parameters


def _inputs(signature: Signature) -> str:
    return ", ".join(f'"{spec.name}" {spec.describe()}' for spec in signature.inputs.values())
