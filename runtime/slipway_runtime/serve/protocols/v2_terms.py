"""What the Open Inference Protocol means by its words, in REST and in gRPC alike, and how each is refused."""

from collections.abc import Mapping
from typing import NamedTuple

from slipway_runtime.serve.engine import Parameter, Signature
from slipway_runtime.serve.errors import BadInput
from slipway_runtime.serve.model import ServedModel
from slipway_runtime.serve.tensors import TensorSpec

TIMEOUT = "timeout"
"""Parameter of a request: microseconds after which its answer is not wanted any more; 0: always wanted."""


class Wish(NamedTuple):
    """How an output is to be written."""

    binary: bool = False
    top: int = 0
    """That many classes, best first, in place of the tensor; 0: the tensor."""


class Wishes(NamedTuple):
    """How outputs are to be written: those that are named, and the others."""

    named: Mapping[str, Wish]
    others: Wish

    def of(self, name: str) -> Wish:
        """The wish for one output."""
        return self.named.get(name, self.others)


def wish_of(parameters: Mapping[str, Parameter], name: str, others: Wish) -> Wish:
    """The wish that the parameters of the output ``name`` express.

    Raises:
        BadInput: a parameter has the wrong type.
    """
    binary = flag(parameters, "binary_data", f'output "{name}"')
    top = parameters.get("classification", 0)
    if type(top) is not int or top < 0:
        raise BadInput(f'output "{name}": "classification" must be how many of the best classes are wanted')
    return Wish(others.binary if binary is None else binary, top)


def flag(parameters: Mapping[str, Parameter], key: str, where: str) -> bool | None:
    """A parameter that is true, false or absent.

    Raises:
        BadInput: it is something else.
    """
    value = parameters.get(key)
    if value is None or isinstance(value, bool):
        return value
    raise BadInput(f'"{key}" of {where} must be true or false')


def check_timeout(parameters: Mapping[str, Parameter]) -> None:
    """Raise BadInput unless the timeout, if there is one, is a number of microseconds."""
    timeout = parameters.get(TIMEOUT, 0)
    if type(timeout) is not int or timeout < 0:
        raise BadInput(f'"{TIMEOUT}" must be a number of microseconds')


def declared_input(model: ServedModel, name: str, datatype: object) -> TensorSpec:
    """The model's input ``name``.

    Raises:
        BadInput: it has none such, or of another datatype.
    """
    spec = model.signature.inputs.get(name)
    if spec is None:
        raise BadInput(f'input "{name}" is unknown; model "{model.name}" takes {listed(model.signature)}')
    if datatype != spec.datatype:
        given = "no datatype" if datatype is None else f"datatype {datatype!r}"
        raise BadInput(f'input "{name}": {given} given, the model expects {spec.datatype}')
    return spec


def checked_shape(spec: TensorSpec, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of an input, if the model takes it.

    Raises:
        BadInput: a dimension is negative, or not what the model expects.
    """
    if shape and min(shape) < 0:
        raise no_shape(spec)
    spec.check_shape(shape)
    return shape


def no_shape(spec: TensorSpec) -> BadInput:
    """What is said of a shape that is none."""
    return BadInput(
        f'input "{spec.name}": "shape" must list whole numbers, the model expects {list(spec.shape)} (-1: any)'
    )


def listed(signature: Signature) -> str:
    """Inputs as messages list them."""
    return ", ".join(f'"{spec.name}" {spec.describe()}' for spec in signature.inputs.values())
