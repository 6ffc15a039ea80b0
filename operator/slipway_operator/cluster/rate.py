"""A token bucket for requests to the API server."""

import asyncio
from collections.abc import Awaitable, Callable


class TokenBucket:
    """At most ``burst`` at once and ``rate`` a second in the long run; waiters are served in order.

    Args:
        rate: tokens a second.
        burst: size of the bucket.
        clock: monotonic seconds.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        rate: float,
        burst: int,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError(f"rate={rate}, burst={burst}: both must be positive")
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._clock = clock
        self._sleep = sleep
        self._at = clock()

    async def take(self) -> float:
        """Wait for a token; seconds waited."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        # Going below zero books a place in the queue: later callers wait longer.
        self._tokens -= 1.0
        if self._tokens >= 0:
            return 0.0
        wait = -self._tokens / self._rate
        await self._sleep(wait)
        return wait
