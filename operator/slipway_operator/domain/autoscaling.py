"""How many pods a ModelService needs for the requests that it has in flight.

The arithmetic is the HorizontalPodAutoscaler's (Kubernetes documentation, "Horizontal Pod Autoscaling"): a ratio with a
tolerance, up at once but not by more than double, down only to what the last minutes would have needed, and pods that
do not answer counted so that they never cause a change by themselves.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

RECENT_SECONDS = 30.0
"""Load is averaged over so long."""
TOLERANCE = 0.1
"""A load this near to the target changes nothing."""
GROWTH = 2
LEAST_GROWTH = 4
"""Up to double at once, or four more where that is more."""


@dataclass(frozen=True)
class LoadSample:
    """What the pods of a ModelService told once.

    Args:
        age: seconds since.
        concurrency: requests in flight, on average since the sample before, of all pods that answered.
        missing: ready pods that did not answer.
    """

    age: float
    concurrency: float
    missing: int = 0


def wanted_replicas(
    samples: Iterable[LoadSample], *, current: int, target: int, least: int, most: int, stabilization: float
) -> int:
    """How many pods there should be.

    Args:
        samples: of the stabilization window, in any order; what is older is ignored.
        current: pods that are wanted now.
        target: requests in flight for each pod.
        least: never fewer.
        most: never more.
        stabilization: seconds; never fewer pods than the load of so long would have needed.
    """
    known = sorted((sample for sample in samples if sample.age <= stabilization), key=lambda one: one.age)
    recent = [sample for sample in known if sample.age <= RECENT_SECONDS]
    if not recent:
        return clamped(current, least, most)
    up = _needed(recent, current, target, missing_load=0)
    if up > current:
        return clamped(min(up, max(GROWTH * current, current + LEAST_GROWTH)), least, most)
    if known[-1].age < stabilization - RECENT_SECONDS:
        # What is known does not reach back far enough to be sure that nobody needs these pods.
        return clamped(current, least, most)
    down = max(_needed(window, current, target, missing_load=target) for window in _windows(known))
    return clamped(min(current, down), least, most)


def _needed(samples: list[LoadSample], current: int, target: int, *, missing_load: int) -> int:
    """Pods for the average load of samples; ``missing_load`` is assumed of each pod that did not answer."""
    load = sum(sample.concurrency + sample.missing * missing_load for sample in samples) / len(samples)
    if current and abs(load / (current * target) - 1) <= TOLERANCE:
        return current
    return math.ceil(load / target)


def _windows(samples: list[LoadSample]) -> Iterator[list[LoadSample]]:
    """For each sample, what was the recent load then; samples are sorted by age."""
    ages = [sample.age for sample in samples]
    for age in ages:
        yield samples[bisect_left(ages, age) : bisect_right(ages, age + RECENT_SECONDS)]


def clamped(replicas: int, least: int, most: int) -> int:
    """A number of pods, within its bounds."""
    return max(least, min(most, replicas))
