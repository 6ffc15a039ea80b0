"""Whether a model's rows may run together: found out by trying, because no signature tells.

A free first dimension may be a batch, but also time or a set; and even of a batch, some graphs mix the rows (softmax
over the wrong axis, quantization scales taken from the whole tensor). Such a model answers each request alone.
"""

import time
from collections.abc import Callable

import numpy as np

from slipway_runtime.serve.engine import Engine, Signature
from slipway_runtime.serve.errors import RequestError
from slipway_runtime.serve.model import fastest
from slipway_runtime.serve.tensors import DYNAMIC, Array, Datatype, TensorSpec, count

# Rows of very different sizes show a scale that they share.
_MAGNITUDES = (1.0, 100.0, 0.01, 5.0)
_SIZES = (32, 16, 8, 4)
# Kernels add in another order when there are more rows; what differs by more was not the order.
_TOLERANCE = {"float16": 2e-2, "float32": 1e-4, "float64": 1e-9}
# Below this the rows of a batch cost nearly what they cost alone, and waiting for each other gains nothing.
_GAIN = 0.8
_RUNS = 3


def rows_together(
    engine: Engine, *, alone_seconds: float, limit: int, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> int:
    """How many rows, up to ``limit``, to run at once; 1 when the model must answer each request alone.

    So many that they take no longer than ``seconds`` and clearly less than one after another, each ``alone_seconds``.
    """
    if limit == 1 or alone_seconds > seconds:
        # A batch takes longer than one row: trying would hold up the start of a slow model, for nothing.
        return 1
    if not _could(engine.signature) or not _independent(engine):
        return 1
    for size in _SIZES:
        if size <= limit and _seconds_of(engine, size, clock) <= min(seconds, _GAIN * size * alone_seconds):
            return size
    return 1


def _could(signature: Signature) -> bool:
    """Every tensor has a free first dimension; of inputs the others are fixed, so that requests fit together."""
    return all(
        spec.shape[:1] == (DYNAMIC,) for spec in (*signature.inputs.values(), *signature.outputs.values())
    ) and all(
        DYNAMIC not in spec.shape[1:] and spec.datatype is not Datatype.BYTES for spec in signature.inputs.values()
    )


def _independent(engine: Engine) -> bool:
    rows = [
        {name: _row(spec, magnitude) for name, spec in engine.signature.inputs.items()} for magnitude in _MAGNITUDES
    ]
    joined = {name: np.concatenate([row[name] for row in rows]) for name in engine.signature.inputs}
    try:
        alone = [engine.infer(row, ()) for row in rows]
        together = engine.infer(joined, ())
    except RequestError:
        return False
    return all(
        array.shape[0] == len(rows) and all(_same(array[i : i + 1], answers[at]) for i, answers in enumerate(alone))
        for at, array in enumerate(together)
    )


def _same(one: Array, other: Array) -> bool:
    if one.shape != other.shape:
        return False
    tolerance = _TOLERANCE.get(one.dtype.name)
    if tolerance is None:
        return bool((one == other).all())
    return bool(np.allclose(one, other, rtol=tolerance, atol=tolerance * 0.01, equal_nan=True))


def _row(spec: TensorSpec, magnitude: float) -> Array:
    """Numbers without order, other ones for each magnitude; ``numpy.random`` would cost 40 ms of the start."""
    shape = (1, *spec.shape[1:])
    steps = np.arange(1, count(shape) + 1) * (1.0 + magnitude)
    values: Array = np.modf(np.sin(steps) * 43758.5453)[0].reshape(shape)
    if spec.dtype.kind == "f":
        return (values * magnitude).astype(spec.dtype)
    # Small enough for every index and token that a model might take.
    return (values > 0).astype(spec.dtype)


def _seconds_of(engine: Engine, size: int, clock: Callable[[], float]) -> float:
    inputs = {name: np.zeros((size, *spec.shape[1:]), spec.dtype) for name, spec in engine.signature.inputs.items()}
    return fastest(engine, inputs, clock, _RUNS)
