"""Running the models that are compared, on equal terms."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from slipway_runtime.run.errors import ConfigError

_EVALUATION_BATCH = 256
_WARM_UP = 30
_MAX_PAIRS = 2000
_MIN_PAIRS = 40
_BUDGET_SECONDS = 4.0
_BLOCKS = 20

Nanoseconds = Callable[[], int]


def thread_count(env: Mapping[str, str], cores: int) -> int:
    """Threads of one inference: whole cores of the pod's quota (``SLIPWAY_CPUS``), else of the machine; at least 1.

    Raises:
        ConfigError: The quota is no number.
    """
    quota = env.get("SLIPWAY_CPUS")
    if not quota:
        return max(1, cores)
    try:
        return max(1, math.floor(float(quota)))
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"SLIPWAY_CPUS is {quota!r}: set the number of cores, for example 2") from error


def open_session(model: Path, threads: int) -> ort.InferenceSession:
    """A session on the CPU with onnxruntime's full graph optimization; waiting threads sleep, so a quota is not burnt.

    Raises:
        ConfigError: The model does not load.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # onnxruntime's errors share no base class below Exception.
        reason = " ".join(str(error).split())[:400]
        raise ConfigError(f"{model.name}: does not load ({reason})") from error


def answers(session: ort.InferenceSession, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The first output for all examples [n, …], in batches."""
    name = session.get_inputs()[0].name
    fixed = session.get_inputs()[0].shape[0]
    batch = fixed if isinstance(fixed, int) and fixed > 0 else _EVALUATION_BATCH
    if len(x) % batch and isinstance(fixed, int):
        raise ConfigError(f"the model takes exactly {fixed} examples at once; export it with a dynamic batch")
    parts = [session.run(None, {name: x[start : start + batch]})[0] for start in range(0, len(x), batch)]
    return np.concatenate(parts).astype(np.float32, copy=False)


@dataclass(frozen=True)
class Latency:
    """Fastest batch-1 inference of both models, and how sure the ratio is.

    Attributes:
        before_ms: Milliseconds of the source.
        after_ms: Milliseconds of the result.
        speedup: ``before_ms / after_ms``.
        low, high: Range of the same ratio over blocks of the same run (5th to 95th percentile).
    """

    before_ms: float
    after_ms: float
    speedup: float
    low: float
    high: float


def compare_latency(
    before: ort.InferenceSession,
    after: ort.InferenceSession,
    example: npt.NDArray[np.float32],
    clock: Nanoseconds = time.perf_counter_ns,
) -> Latency:
    """Time both models in turns, so that whatever else the machine does hits both, and take minima.

    Args:
        before: The source.
        after: The result.
        example: One example with its batch axis, [1, …].
        clock: Monotonic nanoseconds.
    """
    feed = {before.get_inputs()[0].name: example}
    feed_after = {after.get_inputs()[0].name: example}
    for _ in range(_WARM_UP):
        before.run(None, feed)
        after.run(None, feed_after)
    pairs: list[tuple[int, int]] = []
    started = clock()
    while len(pairs) < _MAX_PAIRS and (len(pairs) < _MIN_PAIRS or clock() - started < _BUDGET_SECONDS * 1e9):
        first = clock()
        before.run(None, feed)
        middle = clock()
        after.run(None, feed_after)
        pairs.append((middle - first, clock() - middle))
    return summarize_latency(np.asarray(pairs, dtype=np.float64))


def summarize_latency(pairs: npt.NDArray[np.float64]) -> Latency:
    """Minima and their ratio from pairs [n, 2] of nanoseconds, n ≥ 20."""
    fastest = np.maximum(pairs.min(axis=0), 1.0)
    blocks = np.array_split(pairs, _BLOCKS)
    ratios = [block[:, 0].min() / max(float(block[:, 1].min()), 1.0) for block in blocks]
    low, high = np.percentile(ratios, (5, 95))
    return Latency(
        before_ms=float(fastest[0]) / 1e6,
        after_ms=float(fastest[1]) / 1e6,
        speedup=float(fastest[0] / fastest[1]),
        low=float(low),
        high=float(high),
    )
