"""What every engine offers, and the request and response that no protocol has shaped."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol

from slipway_runtime.serve.tensors import Array, TensorSpec

Parameter = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs and outputs of a model, by name, in the model's own order."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]


class InferenceRequest(NamedTuple):
    """One inference: arrays already have the types of the signature; no requested outputs means all of them."""

    inputs: dict[str, Array]
    outputs: tuple[str, ...] = ()
    id: str | None = None
    parameters: Mapping[str, Parameter] = MappingProxyType({})


class InferenceResponse(NamedTuple):
    """What a model answered, outputs in the order of the request or else of the signature."""

    outputs: dict[str, Array]
    id: str | None = None


class Engine(Protocol):
    """Executes one loaded model. ``infer`` may be called from several threads at once."""

    @property
    def platform(self) -> str:
        """The protocol's word for the model's format, for example ``onnx_onnxv1``."""

    @property
    def signature(self) -> Signature:
        """Inputs and outputs of the loaded model."""

    def infer(self, inputs: dict[str, Array], outputs: tuple[str, ...]) -> list[Array]:
        """Compute ``outputs``, in that order.

        Raises:
            RequestError: the model cannot digest these values, or memory is short.
        """


class EngineLoader(Protocol):
    """Loads a model file into an engine."""

    def __call__(self, path: Path, *, threads: int) -> Engine:
        """Load ``path`` for ``threads`` cores.

        Raises:
            ModelLoadError: the file is missing, corrupt or of a kind that the engine does not know.
        """
