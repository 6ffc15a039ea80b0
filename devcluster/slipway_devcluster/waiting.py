"""Wait for a condition with a deadline and a message that says what for."""

import time
from collections.abc import Callable

from slipway_devcluster.errors import DevclusterError


def wait_until(
    condition: Callable[[], bool],
    *,
    what: str,
    seconds: float,
    every: float = 0.1,
    explain: Callable[[], str] | None = None,
) -> None:
    """Poll `condition` until it holds.

    Raises:
        DevclusterError: it does not hold after `seconds`; the message has `what` and what `explain` returns.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            detail = f"\n{explain()}" if explain else ""
            raise DevclusterError(f"no {what} after {seconds:.0f} s{detail}")
        time.sleep(every)
