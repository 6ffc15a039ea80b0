"""Who may wait for a thread: a queue bounded by what is in it, not by how many are in it."""

import math

from slipway_runtime.serve.errors import Fault, RequestError

QUEUE_SECONDS = 5.0
QUEUE_BYTES = 256 * 1024 * 1024


class Admission:
    """Refuses a request that would wait too long, or whose body would not fit beside those that wait.

    Without this, a server that gets more than it can do makes everybody wait until nobody does any more. Used on the
    event loop only.

    Args:
        threads: how many requests run at once.
        seconds: longest wait, by the measured cost of what is before it.
        size: bytes of all bodies that wait or run.
    """

    def __init__(self, threads: int, seconds: float = QUEUE_SECONDS, size: int = QUEUE_BYTES) -> None:
        """Start with nobody waiting."""
        self._threads = threads
        self._seconds = seconds
        self._size = size
        self.waiting = 0
        self.owed = 0.0
        self._bytes = 0

    def enter(self, seconds: float, size: int) -> None:
        """Take a request in that will take about ``seconds``; whoever comes first is never refused.

        Raises:
            RequestError: there is too much in line; it says when to come again.
        """
        wait = self.owed / self._threads
        if self.waiting and (wait > self._seconds or self._bytes + size > self._size):
            raise RequestError(
                Fault.TOO_MANY,
                f"too many requests wait: {self.waiting}, which take about {wait:.1f} s; send this one again later",
                retry_after=max(1, math.ceil(wait)),
            )
        self.waiting += 1
        self.owed += seconds
        self._bytes += size

    def leave(self, seconds: float, size: int) -> None:
        """The request has been answered; arguments as for ``enter``."""
        self.waiting -= 1
        self.owed = max(0.0, self.owed - seconds) if self.waiting else 0.0
        self._bytes -= size
