"""Delays between tries of a key that fails: 1 s, doubling, at most 5 min, with jitter."""

from collections.abc import Callable, Hashable

FIRST = 1.0
LIMIT = 300.0
JITTER = 0.2


class Backoff:
    """Counts failures by key.

    Args:
        uniform: a random number between its two arguments.
    """

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        self._failures: dict[Hashable, int] = {}
        self._uniform = uniform

    def failed(self, key: Hashable) -> float:
        """Note one more failure; seconds to wait, within 20 % of 1, 2, 4 … and never over 300."""
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        delay = min(LIMIT, FIRST * 2.0 ** min(count, 16))
        return min(LIMIT, delay * self._uniform(1 - JITTER, 1 + JITTER))

    def succeeded(self, key: Hashable) -> None:
        """Start over with this key."""
        self._failures.pop(key, None)
