"""Requests and answers of ModelInfer."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

from google.protobuf.message import DecodeError, Message

from slipway_runtime.serve.engine import InferenceRequest, InferenceResponse, Parameter
from slipway_runtime.serve.errors import BadInput
from slipway_runtime.serve.grpc import wire
from slipway_runtime.serve.grpc.contents import array_from_contents, contents_from_array, has_typed_form
from slipway_runtime.serve.grpc.inference_pb2 import InferParameter, ModelInferRequest, ModelInferResponse
from slipway_runtime.serve.model import ServedModel
from slipway_runtime.serve.protocols.raw import array_from_bytes, bytes_from_array
from slipway_runtime.serve.protocols.v2_response import best_classes
from slipway_runtime.serve.protocols.v2_terms import (
    Wish,
    Wishes,
    check_timeout,
    checked_shape,
    declared_input,
    listed,
    wish_of,
)
from slipway_runtime.serve.tensors import Array, Datatype

_ID = 3
_RAW_OUTPUT = 6
_UNNAMED = Wishes({}, Wish())
_Tensor = tuple[str, Datatype, Array]
_MessageT = TypeVar("_MessageT", bound=Message)


class Form(NamedTuple):
    """How an answer is to be written: raw or typed, and which outputs as classes."""

    raw: bool
    wishes: Wishes


def parsed(kind: type[_MessageT], content: bytes) -> _MessageT:
    """A message of a kind.

    Raises:
        BadInput: the bytes are none.
    """
    try:
        return kind.FromString(content)
    except DecodeError as error:
        raise BadInput(f"the message is no {kind.DESCRIPTOR.full_name}: {error}") from error


def read(
    message: ModelInferRequest, tensors: Sequence[bytes | memoryview], model: ServedModel
) -> tuple[InferenceRequest, Form]:
    """Read a request and check it against the model's signature; ``tensors`` are its raw contents.

    Raises:
        BadInput: with the tensor's name and what was expected of it.
    """
    given = message.inputs
    if not given:
        raise BadInput(f'the request has no inputs; model "{model.name}" takes {listed(model.signature)}')
    if tensors and len(tensors) != len(given):
        raise BadInput(
            f"raw_input_contents has {len(tensors)} entries, but there are {len(given)} inputs; send one for each"
        )
    inputs: dict[str, Array] = {}
    for position, tensor in enumerate(given):
        spec = declared_input(model, tensor.name, tensor.datatype)
        if spec.name in inputs:
            raise BadInput(f'input "{spec.name}" is given twice')
        shape = checked_shape(spec, tuple(tensor.shape))
        if not tensors:
            inputs[spec.name] = array_from_contents(spec, tensor.contents, shape)
        elif tensor.HasField("contents"):
            raise BadInput(f'input "{spec.name}" has contents beside raw_input_contents; send one of them')
        else:
            inputs[spec.name] = array_from_bytes(spec, tensors[position], shape)
    parameters = _parameters(message.parameters, "the request")
    check_timeout(parameters)
    wishes = _wishes(message)
    request = InferenceRequest(inputs, tuple(wishes.named), message.id or None, parameters)
    model.check(request)
    return request, Form(bool(tensors), wishes)


def write(model: ServedModel, response: InferenceResponse, form: Form) -> bytes:
    """Write a ModelInferResponse.

    Raises:
        BadInput: classes are wanted of an output that has no scores.
    """
    tensors = [_written(model, name, array, form.wishes.of(name).top) for name, array in response.outputs.items()]
    if not form.raw and all(has_typed_form(datatype) for _, datatype, _ in tensors):
        return _typed(model, response.id, tensors)
    described = tuple((name, datatype, array.shape) for name, datatype, array in tensors)
    parts: list[bytes | memoryview] = [_head(model.name, model.version, described)]
    if response.id is not None:
        parts.append(wire.field(_ID, response.id.encode()))
    for _, datatype, array in tensors:
        content = bytes_from_array(datatype, array)
        parts += (wire.head(_RAW_OUTPUT, len(content)), content)
    return b"".join(parts)


@lru_cache(maxsize=1024)
def _head(name: str, version: str, tensors: tuple[tuple[str, Datatype, tuple[int, ...]], ...]) -> bytes:
    """All of an answer that is the same for every request of that shape."""
    return ModelInferResponse(
        model_name=name,
        model_version=version,
        outputs=[
            ModelInferResponse.InferOutputTensor(name=tensor, datatype=datatype, shape=shape)
            for tensor, datatype, shape in tensors
        ],
    ).SerializeToString()


def _typed(model: ServedModel, identity: str | None, tensors: list[_Tensor]) -> bytes:
    return ModelInferResponse(
        model_name=model.name,
        model_version=model.version,
        id=identity,
        outputs=[
            ModelInferResponse.InferOutputTensor(
                name=name, datatype=datatype, shape=array.shape, contents=contents_from_array(datatype, array)
            )
            for name, datatype, array in tensors
        ],
    ).SerializeToString()


def _written(model: ServedModel, name: str, array: Array, top: int) -> _Tensor:
    if top:
        return name, Datatype.BYTES, best_classes(model, name, array, top)
    return name, model.signature.outputs[name].datatype, array


def _wishes(message: ModelInferRequest) -> Wishes:
    if not message.outputs:
        return _UNNAMED
    named: dict[str, Wish] = {}
    for output in message.outputs:
        if output.name in named:
            raise BadInput(f'output "{output.name}" is asked for twice')
        where = f'output "{output.name}"'
        named[output.name] = wish_of(_parameters(output.parameters, where), output.name, _UNNAMED.others)
    return Wishes(named, _UNNAMED.others)


def _parameters(given: Mapping[str, InferParameter], where: str) -> dict[str, Parameter]:
    found: dict[str, Parameter] = {}
    for key, parameter in given.items() if given else ():
        choice = parameter.WhichOneof("parameter_choice")
        if choice is None:
            raise BadInput(f'parameter "{key}" of {where} has no value')
        found[key] = getattr(parameter, choice)
    return found
