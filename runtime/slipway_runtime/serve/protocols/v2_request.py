"""Requests of the Open Inference Protocol over REST: JSON alone, or JSON with raw tensors behind it."""

from collections.abc import Mapping
from typing import Any

from slipway_runtime.serve.engine import InferenceRequest, Parameter
from slipway_runtime.serve.errors import BadInput
from slipway_runtime.serve.model import ServedModel
from slipway_runtime.serve.protocols.raw import array_from_bytes
from slipway_runtime.serve.protocols.v2_json import parse_object
from slipway_runtime.serve.protocols.v2_terms import (
    Wish,
    Wishes,
    check_timeout,
    checked_shape,
    declared_input,
    flag,
    listed,
    no_shape,
    wish_of,
)
from slipway_runtime.serve.tensors import DYNAMIC, Array, Datatype, TensorSpec, array_from_json, count

_SIZE = "binary_data_size"


def read_document(document: dict[str, Any], model: ServedModel, raw: memoryview) -> tuple[InferenceRequest, Wishes]:
    """Read a request and check it against the model's signature; ``raw`` are the bytes after the JSON.

    Raises:
        BadInput: with the tensor's name and what was expected of it.
    """
    tensors = document.get("inputs")
    if not isinstance(tensors, list) or not tensors:
        raise BadInput(f'"inputs" must be a list of tensors; model "{model.name}" takes {listed(model.signature)}')
    inputs: dict[str, Array] = {}
    start = 0
    for position, tensor in enumerate(tensors):
        spec, shape, size = _head(tensor, position, model)
        if spec.name in inputs:
            raise BadInput(f'input "{spec.name}" is given twice')
        if size is None:
            inputs[spec.name] = _from_json(spec, tensor, shape)
            continue
        if size > len(raw) - start:
            raise BadInput(
                f'input "{spec.name}": {_SIZE} is {size}, but {len(raw) - start} bytes are left after the JSON; '
                "is the header Inference-Header-Content-Length missing or wrong?"
            )
        inputs[spec.name] = array_from_bytes(spec, raw[start : start + size], shape)
        start += size
    if start != len(raw):
        raise BadInput(f"{len(raw) - start} bytes are left after the last tensor")
    parameters = _parameters(document, "the request")
    check_timeout(parameters)
    names, wishes = _outputs(document, parameters)
    request = InferenceRequest(inputs, names, _id(document), parameters)
    model.check(request)
    return request, wishes


def read_with_tensors(body: bytes, length: bytes, model: ServedModel) -> tuple[InferenceRequest, Wishes]:
    """Read a body whose first bytes are JSON and whose others are tensors.

    Args:
        body: the body.
        length: value of the header Inference-Header-Content-Length.
        model: the model that is asked.

    Raises:
        BadInput: with the tensor's name and what was expected of it.
    """
    if not length.isdigit() or int(length) > len(body):
        raise BadInput(
            f"the header Inference-Header-Content-Length is {length.decode(errors='replace')!r}; the length of the "
            f"JSON before the tensors was expected, at most the body's {len(body)} bytes"
        )
    content = memoryview(body)
    size = int(length)
    if size == 0:
        return _only_tensor(content, model)
    return read_document(parse_object(content[:size]), model, content[size:])


def _only_tensor(content: memoryview, model: ServedModel) -> tuple[InferenceRequest, Wishes]:
    """Read a body that is one tensor and nothing else, for a model of one input."""
    specs = tuple(model.signature.inputs.values())
    if len(specs) != 1:
        raise BadInput(f'model "{model.name}" has several inputs; a body without JSON is possible only for one')
    spec = specs[0]
    if spec.datatype is Datatype.BYTES:
        # Without JSON the whole body is the one element, and carries no length.
        packed = len(content).to_bytes(4, "little") + bytes(content)
        array = array_from_bytes(spec, packed, _filled(spec, 1))
    else:
        fixed = count(tuple(dim for dim in spec.shape if dim != DYNAMIC)) * spec.dtype.itemsize
        array = array_from_bytes(spec, content, _filled(spec, len(content) // fixed if fixed else 0))
    request = InferenceRequest({spec.name: array})
    model.check(request)
    return request, Wishes({}, Wish(binary=True))


def _filled(spec: TensorSpec, free: int) -> tuple[int, ...]:
    if spec.shape.count(DYNAMIC) > 1:
        raise BadInput(f'input "{spec.name}" is {spec.describe()}: its shape cannot be told from the bytes; send JSON')
    return tuple(free if dim == DYNAMIC else dim for dim in spec.shape)


def _head(tensor: object, position: int, model: ServedModel) -> tuple[TensorSpec, tuple[int, ...], int | None]:
    """An input's spec, its shape, and how many bytes after the JSON it has; None: its data is in the JSON."""
    if not isinstance(tensor, dict):
        raise BadInput(f'"inputs"[{position}] must be an object with "name", "datatype", "shape" and "data"')
    name = tensor.get("name")
    if not isinstance(name, str):
        raise BadInput(f'"inputs"[{position}] has no "name"; model "{model.name}" takes {listed(model.signature)}')
    spec = declared_input(model, name, tensor.get("datatype"))
    size = _parameters(tensor, f'input "{name}"').get(_SIZE)
    if size is not None and (type(size) is not int or size < 0):
        raise BadInput(f'input "{name}": {_SIZE} must be a number of bytes')
    if size is not None and "data" in tensor:
        raise BadInput(f'input "{name}" has both "data" and {_SIZE}; send one of them')
    return spec, _shape(tensor.get("shape"), spec), size


def _from_json(spec: TensorSpec, tensor: dict[str, Any], shape: tuple[int, ...]) -> Array:
    if "data" not in tensor:
        raise BadInput(
            f'input "{spec.name}" has no "data"; a list of {count(shape)} {spec.datatype} elements was expected'
        )
    array = array_from_json(spec, tensor["data"])
    if array.shape == shape:
        return array
    if array.size != count(shape):
        raise BadInput(
            f'input "{spec.name}": "data" has {array.size} elements, shape {list(shape)} needs {count(shape)}'
        )
    if array.ndim > 1 and array.size:
        raise BadInput(f'input "{spec.name}": "data" is nested as {list(array.shape)}, but "shape" is {list(shape)}')
    return array.reshape(shape)


def _shape(given: object, spec: TensorSpec) -> tuple[int, ...]:
    # bool is an int to Python, but true is no dimension.
    if not isinstance(given, list) or not all(type(dim) is int for dim in given):
        raise no_shape(spec)
    return checked_shape(spec, tuple(given))


def _outputs(document: dict[str, Any], parameters: Mapping[str, Parameter]) -> tuple[tuple[str, ...], Wishes]:
    others = Wish(binary=flag(parameters, "binary_data_output", "the request") or False)
    wanted = document.get("outputs")
    if wanted is None:
        return (), Wishes({}, others)
    if not isinstance(wanted, list):
        raise BadInput('"outputs" must be a list of objects with "name"')
    named: dict[str, Wish] = {}
    for position, output in enumerate(wanted):
        if not isinstance(output, dict) or not isinstance(output.get("name"), str):
            raise BadInput(f'"outputs"[{position}] must be an object with "name"')
        name = output["name"]
        if name in named:
            raise BadInput(f'output "{name}" is asked for twice')
        named[name] = wish_of(_parameters(output, f'output "{name}"'), name, others)
    return tuple(named), Wishes(named, others)


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
