"""The work queue: each key at most once, never with two workers, with delays."""

import asyncio
from collections import OrderedDict

from slipway_operator.domain.planning import Key

PATIENCE = 30.0
"""Seconds after which a key that was put behind the others comes before them."""

BUSY = 2
"""Keys in work from which on those put behind wait even though a worker is free: what they would take is the API
server's time, and others still wait for their pods."""


class WorkQueue:
    """Keys to reconcile, oldest first; those put behind come when no other waits and few are worked on.

    A key that is added while a worker has it is *dirty*: it comes again when the worker is done. Times are the event
    loop's.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[Key, float] = OrderedDict()
        self._behind: OrderedDict[Key, float] = OrderedDict()
        self._active: dict[Key, float] = {}
        self._dirty: dict[Key, float] = {}
        self._yielding: dict[Key, float] = {}
        self._timers: dict[Key, tuple[float, asyncio.TimerHandle]] = {}
        self._ready = asyncio.Event()

    def __len__(self) -> int:
        """Keys that wait now (not those with a delay)."""
        return len(self._waiting) + len(self._behind)

    def pressed(self) -> bool:
        """Whether others come first; for a worker that holds a key."""
        return bool(self._waiting) or len(self._active) - 1 >= BUSY

    def add(self, key: Key) -> None:
        """Have the key looked at as soon as a worker is free."""
        now = asyncio.get_running_loop().time()
        if key in self._active:
            self._dirty.setdefault(key, now)
        elif key not in self._waiting:
            self._waiting[key] = self._behind.pop(key, now)
            self._ready.set()

    def put_behind(self, key: Key) -> None:
        """Have a key that a worker holds looked at again, once no other waits (or it has waited for long)."""
        self._yielding[key] = asyncio.get_running_loop().time()

    def add_after(self, key: Key, seconds: float) -> None:
        """Add the key after a delay; the earliest of several delays counts."""
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        known = self._timers.get(key)
        if known is not None:
            if known[0] <= due:
                return
            known[1].cancel()
        self._timers[key] = (due, loop.call_at(due, self._due, key))

    def forget(self, key: Key) -> None:
        """Drop a delayed look at the key."""
        known = self._timers.pop(key, None)
        if known is not None:
            known[1].cancel()

    async def get(self) -> Key:
        """The key that waited longest; the caller must call :meth:`done` with it."""
        while not (turn := self._turn()):
            self._ready.clear()
            await self._ready.wait()
        key, _ = turn.popitem(last=False)
        self._active[key] = asyncio.get_running_loop().time()
        return key

    def _turn(self) -> OrderedDict[Key, float]:
        """Whose turn it is; empty when nobody's."""
        if self._behind and asyncio.get_running_loop().time() - next(iter(self._behind.values())) > PATIENCE:
            return self._behind
        if self._waiting or len(self._active) >= BUSY:
            return self._waiting
        return self._behind

    def done(self, key: Key) -> None:
        """The worker has finished with the key."""
        self._active.pop(key, None)
        dirty, yielding = self._dirty.pop(key, None), self._yielding.pop(key, None)
        if dirty is not None:
            self._waiting[key] = dirty
        elif yielding is not None:
            self._behind[key] = yielding
        if self._turn():
            self._ready.set()

    def oldest(self) -> float:
        """Seconds that the oldest waiting key has waited; 0 when none waits."""
        firsts = [next(iter(turn.values())) for turn in (self._waiting, self._behind) if turn]
        return asyncio.get_running_loop().time() - min(firsts) if firsts else 0.0

    def longest_active(self) -> float:
        """Seconds that the slowest worker has had its key; 0 when all are idle."""
        if not self._active:
            return 0.0
        return asyncio.get_running_loop().time() - min(self._active.values())

    def idle(self) -> bool:
        """Whether no worker has a key."""
        return not self._active

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)
