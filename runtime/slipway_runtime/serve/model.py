"""A model that answers: engine, identity and the checks that all protocols share."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from slipway_runtime.serve.engine import Engine, InferenceRequest, InferenceResponse, Signature
from slipway_runtime.serve.errors import BadInput, ModelLoadError, RequestError
from slipway_runtime.serve.statistics import Statistics
from slipway_runtime.serve.tensors import DYNAMIC, Array, Datatype, TensorSpec, count

# What a free dimension may need to be before a graph runs at all: a batch of one, a short window, an image.
_WARM_UP_SIZES = (1, 8, 64, 224)
_WARM_UP_RUNS = 5
_WARM_UP_SECONDS = 0.1
# Below this an inference runs on the event loop: a thread finds cold caches, and that costs more than it saves.
INLINE_SECONDS = 0.0005


@dataclass(frozen=True, slots=True)
class Cost:
    """What one warm-up inference took: a yardstick for what a request will take."""

    seconds: float
    elements: int

    def estimate(self, request: InferenceRequest) -> float:
        """Seconds that ``request`` will take, if time grows with the number of input elements and never falls below."""
        elements = 0
        for array in request.inputs.values():
            elements += array.size
        return self.of_elements(elements)

    def of_elements(self, elements: int) -> float:
        """Seconds that a request of so many input elements will take."""
        return self.seconds * max(1.0, elements / self.elements)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A loaded and warmed model.

    ``classes`` are the names of what a classifier predicts, or empty. ``rows_together`` is how many rows of several
    requests may run as one inference; 1: each request runs alone.
    """

    name: str
    version: str
    engine: Engine
    classes: tuple[str, ...]
    cost: Cost
    rows_together: int = 1
    only_floats: TensorSpec | None = field(init=False)
    statistics: Statistics = field(init=False, default_factory=Statistics)

    def __post_init__(self) -> None:
        """Derive ``only_floats``: the one input of a model that takes one, of floats."""
        inputs = tuple(self.engine.signature.inputs.values())
        only = inputs[0] if len(inputs) == 1 and inputs[0].dtype.kind == "f" else None
        object.__setattr__(self, "only_floats", only)

    @property
    def signature(self) -> Signature:
        """Inputs and outputs."""
        return self.engine.signature

    def check(self, request: InferenceRequest) -> None:
        """Raise BadInput unless names and shapes of inputs and outputs fit the signature."""
        signature = self.engine.signature
        for name, array in request.inputs.items():
            spec = signature.inputs.get(name)
            if spec is None:
                raise BadInput(f'input "{name}" is unknown; model "{self.name}" takes {_listing(signature.inputs)}')
            spec.check_shape(array.shape)
        if len(request.inputs) != len(signature.inputs):
            missing = next(spec for name, spec in signature.inputs.items() if name not in request.inputs)
            raise BadInput(
                f'input "{missing.name}" is missing; model "{self.name}" expects {missing.describe()} for it'
            )
        for name in request.outputs:
            if name not in signature.outputs:
                raise BadInput(f'output "{name}" is unknown; model "{self.name}" has {_listing(signature.outputs)}')

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        """Answer a request that ``check`` has accepted.

        Raises:
            RequestError: the model cannot digest these values, or memory is short.
        """
        names = request.outputs or tuple(self.engine.signature.outputs)
        arrays = self.engine.infer(request.inputs, names)
        return InferenceResponse(outputs=dict(zip(names, arrays, strict=True)), id=request.id)


def warm_up(engine: Engine, clock: Callable[[], float] = time.perf_counter) -> Cost:
    """Run the model on zeros, so that the first real request finds it warm, and measure it.

    Raises:
        ModelLoadError: the model runs for none of the sizes tried for its free dimensions.
    """
    refusal: RequestError | None = None
    for size in _WARM_UP_SIZES:
        inputs = {name: _zeros(spec, size) for name, spec in engine.signature.inputs.items()}
        try:
            engine.infer(inputs, ())
        except RequestError as error:
            refusal = error
            continue
        return Cost(fastest(engine, inputs, clock, _WARM_UP_RUNS), max(1, sum(array.size for array in inputs.values())))
    takes = ", ".join(f'"{name}" {spec.describe()}' for name, spec in engine.signature.inputs.items())
    raise ModelLoadError(f"the warm-up inference on zeros failed for inputs {takes}: {refusal}") from refusal


def fastest(engine: Engine, inputs: dict[str, Array], clock: Callable[[], float], runs: int) -> float:
    """Seconds of the fastest of ``runs`` inferences, fewer where they take long."""
    least = float("inf")
    begun = clock()
    for _ in range(runs):
        start = clock()
        engine.infer(inputs, ())
        end = clock()
        least = min(least, end - start)
        if end - begun > _WARM_UP_SECONDS:
            break
    return least


def _zeros(spec: TensorSpec, size: int) -> Array:
    # A free first dimension is the batch: one row tells enough, whatever the others need.
    shape = tuple((1 if axis == 0 else size) if dim == DYNAMIC else dim for axis, dim in enumerate(spec.shape))
    if spec.datatype is Datatype.BYTES:
        return np.array([""] * count(shape), dtype=object).reshape(shape)
    return np.zeros(shape, spec.dtype)


def _listing(specs: dict[str, TensorSpec]) -> str:
    return ", ".join(f'"{name}"' for name in specs)
