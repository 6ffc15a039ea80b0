"""How many pods, by what their pods told; and a whole day in a simulation."""

import math

import pytest

from slipway_operator.domain.autoscaling import LoadSample, wanted_replicas

WINDOW = 300.0
STEP = 5.0


def steady(concurrency: float, *, seconds: float = WINDOW, missing: int = 0, begin: float = 0.0) -> list[LoadSample]:
    """The same load for so many seconds, that long ago."""
    return [LoadSample(begin + step * STEP, concurrency, missing) for step in range(int(seconds / STEP) + 1)]


@pytest.mark.parametrize(
    ("samples", "current", "expected", "why"),
    [
        ([], 3, 3, "nothing is known"),
        ([], 20, 10, "nothing is known, but there are too many"),
        ([LoadSample(40, 100)], 3, 3, "what is known is too old"),
        (steady(24), 3, 3, "as it should be"),
        (steady(26), 3, 3, "within the tolerance"),
        (steady(22), 3, 3, "within the tolerance, below"),
        (steady(30, seconds=30), 3, 4, "up as soon as it is known"),
        (steady(1000), 1, 5, "up by four"),
        (steady(1000), 4, 8, "up to double"),
        (steady(1000), 8, 10, "never above the most"),
        (steady(0), 5, 2, "down to the least"),
        (steady(20), 9, 3, "down to what the load needs"),
        (steady(0, seconds=200), 5, 5, "not down before the window is full"),
        (steady(0, seconds=60) + steady(40, begin=65), 5, 5, "not down while the last minutes needed them"),
        (steady(0, seconds=60) + steady(24, begin=65), 5, 3, "down to what the last minutes needed"),
        (steady(16, missing=2), 4, 4, "two do not answer and may be busy"),
        (steady(0, missing=1), 4, 2, "down, although one does not answer"),
        (steady(40, missing=1), 4, 5, "up by what the others tell"),
    ],
)
def test_wanted_replicas(samples: list[LoadSample], current: int, expected: int, why: str) -> None:
    found = wanted_replicas(samples, current=current, target=8, least=2, most=10, stabilization=WINDOW)
    assert found == expected, why


def test_nothing_runs_now_but_something_is_wanted() -> None:
    assert wanted_replicas(steady(9), current=0, target=8, least=1, most=10, stabilization=WINDOW) == 2


def test_a_day_with_two_peaks_is_followed_without_flapping() -> None:
    """Load follows two waves with noise; the pods follow within the window, and change seldom."""
    samples: list[tuple[float, float]] = []
    replicas, changes, short = 2, 0, 0
    for tick in range(int(86_400 / STEP)):
        now = tick * STEP
        wave = 40 * (1 - math.cos(4 * math.pi * now / 86_400))
        noise = 1 + 0.08 * math.sin(now * 1.7) + 0.05 * math.sin(now * 0.37)
        load = wave * noise
        samples = [(at, known) for at, known in samples if now - at <= WINDOW] + [(now, load)]
        told = [LoadSample(now - at, known) for at, known in samples]
        wanted = wanted_replicas(told, current=replicas, target=8, least=1, most=20, stabilization=WINDOW)
        changes += wanted != replicas
        replicas = wanted
        short += load > 8 * 1.35 * replicas
    assert changes < 100, "two waves of ten steps up and down are 40 changes; the noise may double them"
    assert short / (86_400 / STEP) < 0.005, "pods had to carry more than a third too much"
