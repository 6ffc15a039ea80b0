"""Whether this process should be restarted, and whether it is ready."""

import asyncio
from collections.abc import Callable

LAG_LIMIT = 30.0
RECONCILE_LIMIT = 300.0
PULSE = 1.0
MISSED_LIMIT = 2


class Pulse:
    """Measures how late the event loop runs."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self._report = report
        self._beat = asyncio.get_running_loop().time()

    async def forever(self) -> None:
        """Beat once a second."""
        loop = asyncio.get_running_loop()
        while True:
            self._beat = loop.time()
            await asyncio.sleep(PULSE)
            self._report(max(0.0, loop.time() - self._beat - PULSE))

    def lag(self) -> float:
        """Seconds since the loop should have beaten."""
        return max(0.0, asyncio.get_running_loop().time() - self._beat - PULSE)


def alive(lag: float, longest_reconcile: float, missed_in_a_row: int) -> str | None:
    """None while the process works, else why it should be restarted. An API server that is away is no reason."""
    if lag > LAG_LIMIT:
        return f"event loop blocked for {lag:.0f} s"
    if longest_reconcile > RECONCILE_LIMIT:
        return f"a reconcile has run for {longest_reconcile:.0f} s"
    if missed_in_a_row >= MISSED_LIMIT:
        return "watches are deaf: two resyncs in a row found changes they never told"
    return None
