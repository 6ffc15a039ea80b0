"""Metrics of held-out examples with 95 % intervals, alone and as paired differences.

Intervals: accuracy by Wilson's score interval (Wilson 1927, JASA 22:209); everything else, and every paired difference,
by the percentile bootstrap (Efron & Tibshirani 1993, chapter 13) with a fixed seed, so that equal answers give equal
intervals.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
import numpy.typing as npt

from slipway_runtime.spec.summary import Metric

Task = Literal["classification", "regression"]
Answers = npt.NDArray[np.float32] | npt.NDArray[np.float64]
"""Classification: probabilities [n, classes]. Regression: predictions [n]."""
Truth = npt.NDArray[np.int64] | npt.NDArray[np.float32] | npt.NDArray[np.float64]
"""Classification: class indices [n]. Regression: targets [n]."""

_Z95 = 1.959963984540054
_RESAMPLES = 1000
_SEED = 20_250_101
_SMALLEST_PROBABILITY = 1e-7


@dataclass(frozen=True)
class MetricKind:
    """A metric: how it is computed from answers and truth, and which direction is better."""

    compute: Callable[[Answers, Truth], float]
    higher_is_better: bool


def _accuracy(answers: Answers, truth: Truth) -> float:
    return float(np.mean(np.argmax(answers, axis=1) == truth))


def _macro_f1(answers: Answers, truth: Truth) -> float:
    predicted = np.argmax(answers, axis=1)
    classes = answers.shape[1]
    labels = truth.astype(np.int64)
    hits = np.bincount(labels[predicted == labels], minlength=classes)
    total = np.bincount(labels, minlength=classes) + np.bincount(predicted, minlength=classes)
    present = total > 0
    return float(np.mean(2 * hits[present] / total[present]))


def _log_loss(answers: Answers, truth: Truth) -> float:
    chosen = answers[np.arange(len(truth)), truth.astype(np.int64)].astype(np.float64)
    return float(-np.mean(np.log(np.clip(chosen, _SMALLEST_PROBABILITY, 1.0))))


def _rmse(answers: Answers, truth: Truth) -> float:
    return float(np.sqrt(np.mean((answers.astype(np.float64) - truth) ** 2)))


def _mae(answers: Answers, truth: Truth) -> float:
    return float(np.mean(np.abs(answers.astype(np.float64) - truth)))


def _r2(answers: Answers, truth: Truth) -> float:
    target = truth.astype(np.float64)
    spread = float(np.sum((target - target.mean()) ** 2))
    residual = float(np.sum((answers.astype(np.float64) - target) ** 2))
    if spread == 0.0:
        return 1.0 if residual == 0.0 else 0.0
    return 1.0 - residual / spread


CLASSIFICATION: Mapping[str, MetricKind] = {
    "accuracy": MetricKind(_accuracy, higher_is_better=True),
    "macro_f1": MetricKind(_macro_f1, higher_is_better=True),
    "log_loss": MetricKind(_log_loss, higher_is_better=False),
}
REGRESSION: Mapping[str, MetricKind] = {
    "rmse": MetricKind(_rmse, higher_is_better=False),
    "mae": MetricKind(_mae, higher_is_better=False),
    "r2": MetricKind(_r2, higher_is_better=True),
}


def metrics_of(task: Task) -> Mapping[str, MetricKind]:
    """The metrics a task has, by name."""
    return CLASSIFICATION if task == "classification" else REGRESSION


def evaluate(task: Task, answers: Answers, truth: Truth) -> tuple[Metric, ...]:
    """Every metric of the task with its 95 % interval.

    Args:
        task: What the answers are.
        answers: Probabilities [n, classes], or predictions [n].
        truth: Class indices [n], or targets [n].

    Raises:
        ValueError: There is no example, the lengths differ, or an answer is not finite.
    """
    _check(answers, truth)
    found = []
    for name, kind in metrics_of(task).items():
        value = kind.compute(answers, truth)
        if name == "accuracy":
            low, high = wilson(round(value * len(truth)), len(truth))
        else:
            low, high = _percentiles([kind.compute(answers[draw], truth[draw]) for draw in _draws(len(truth))])
        found.append(Metric(name=name, value=decimal(value), low=decimal(low), high=decimal(high)))
    return tuple(found)


def drops(task: Task, before: Answers, after: Answers, truth: Truth) -> tuple[Metric, ...]:
    """How much worse ``after`` is than ``before`` on the same examples; positive is worse, whatever the direction.

    The interval resamples examples once for both sides, so that what they share cancels out.

    Raises:
        ValueError: As :func:`evaluate`.
    """
    _check(before, truth)
    _check(after, truth)
    found = []
    for name, kind in metrics_of(task).items():
        sign = 1.0 if kind.higher_is_better else -1.0
        value = sign * (kind.compute(before, truth) - kind.compute(after, truth))
        resampled = [
            sign * (kind.compute(before[draw], truth[draw]) - kind.compute(after[draw], truth[draw]))
            for draw in _draws(len(truth))
        ]
        low, high = _percentiles(resampled)
        found.append(Metric(name=name, value=decimal(value), low=decimal(low), high=decimal(high)))
    return tuple(found)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % Wilson score interval of a proportion."""
    share = successes / trials
    scale = 1 + _Z95**2 / trials
    centre = (share + _Z95**2 / (2 * trials)) / scale
    half = _Z95 * sqrt(share * (1 - share) / trials + _Z95**2 / (4 * trials**2)) / scale
    return max(0.0, centre - half), min(1.0, centre + half)


def decimal(value: float) -> str:
    """A number as the decimal string that manifests and statuses carry: at most six places, no exponent.

    Raises:
        ValueError: The number is not finite or has more than twelve digits before the point.
    """
    if not np.isfinite(value) or abs(value) >= 10**12:  # the schema's twelve digits
        raise ValueError(f"{value} cannot be written as a decimal: it is not finite or too large")
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def _check(answers: Answers, truth: Truth) -> None:
    if len(truth) == 0 or len(answers) != len(truth):
        raise ValueError(f"{len(answers)} answers for {len(truth)} examples: both must be equal and above 0")
    if not np.all(np.isfinite(answers)):
        raise ValueError("the model answers with NaN or infinity; lower the learning rate or check the data's scale")


def _draws(count: int) -> Iterator[npt.NDArray[np.int64]]:
    generator = np.random.default_rng(_SEED)
    for _ in range(_RESAMPLES):
        yield generator.integers(0, count, size=count)


def _percentiles(values: list[float]) -> tuple[float, float]:
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)
