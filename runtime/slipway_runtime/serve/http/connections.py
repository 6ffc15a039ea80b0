"""The open connections of this process: how many, what is in flight, and which have taken too long."""

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from slipway_runtime.serve.http.messages import Request

FOREVER = float("inf")
HEAD_SECONDS = 30.0
STALL_SECONDS = 60.0
# Longer than load balancers keep theirs (Google's, the longest, for 600 s): whoever closes first loses a request.
IDLE_SECONDS = 650.0
_TICK_SECONDS = 1.0
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Peer(Protocol):
    """A connection as its keeper sees it."""

    deadline: float

    def expire(self) -> None:
        """The deadline has passed."""

    def shut(self) -> None:
        """Close once what is answered is written."""


class Connections:
    """Counts and clocks that all connections share; a tick a second keeps both off the path of a request."""

    def __init__(self, limit: int) -> None:
        """Take up to ``limit`` connections at once."""
        self._limit = limit
        self._open: set[Peer] = set()
        self.in_flight = 0
        # Heads that were parsed, and the request each stands for, without its body.
        self.heads: dict[bytes, Request] = {}
        self._tick()

    def add(self, peer: Peer) -> bool:
        """Whether there is room for one more."""
        if len(self._open) >= self._limit:
            return False
        self._open.add(peer)
        return True

    def discard(self, peer: Peer) -> None:
        """Forget a connection that has ended."""
        self._open.discard(peer)

    async def keep_time(self) -> None:
        """Expire what has taken too long, until cancelled."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self._tick()
            for peer in [peer for peer in self._open if peer.deadline < self.now]:
                peer.expire()

    def shut(self) -> None:
        """Close all."""
        for peer in list(self._open):
            peer.shut()

    def _tick(self) -> None:
        self.now = time.monotonic()
        self.date = http_date(time.time())
        # The head of nearly every answer, up to the length of its body.
        self.usual_head = (
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ndate: " + self.date + b"\r\ncontent-length: "
        )


def http_date(seconds: float) -> bytes:
    """Format seconds since the epoch as HTTP wants it, in any locale; ``email.utils`` costs 20 ms to import."""
    now = time.gmtime(seconds)
    day, month = _DAYS[now.tm_wday], _MONTHS[now.tm_mon - 1]
    return (
        f"{day}, {now.tm_mday:02} {month} {now.tm_year} {now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02} GMT".encode()
    )
