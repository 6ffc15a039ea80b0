"""Asks serving pods how many requests they have in flight."""

import asyncio
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp

from slipway_operator.domain.autoscaling import LoadSample
from slipway_operator.domain.planning import Key

logger = logging.getLogger(__name__)

POLL_SECONDS = 5.0
KEPT_SECONDS = 3600.0
LOOK_SECONDS = 20.0
"""A key whose load stays is looked at so often, because time alone may allow fewer pods."""
MOVED = 0.1
PARALLEL = 50
ANSWER_LIMIT = 4 * 1024 * 1024

_SECONDS = re.compile(rb"^slipway_serve_request_seconds_sum\{[^}]*\} ([0-9.e+-]+)$", re.MULTILINE)


@dataclass(frozen=True)
class _Seen:
    at: float
    concurrency: float
    missing: int


@dataclass
class _Target:
    urls: tuple[str, ...]
    counters: dict[str, tuple[float, float]] = field(default_factory=dict)
    seen: deque[_Seen] = field(default_factory=deque)
    told: float = 0.0
    told_at: float = float("-inf")


class LoadPoller:
    """Polls the pods of ModelServices, and has those looked at whose load has moved.

    Requests in flight, on average, are the seconds that all requests took, over the seconds that passed (Little's law),
    so that a poll every few seconds misses none, however short.

    Args:
        fetch: seconds that requests took in all since the pod at a URL began; None when it does not answer.
        enqueue: looks at a key again.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        fetch: Callable[[str], Awaitable[float | None]],
        enqueue: Callable[[Key], None],
        clock: Callable[[], float],
    ) -> None:
        self._fetch = fetch
        self._enqueue = enqueue
        self._clock = clock
        self._targets: dict[Key, _Target] = {}

    def watch(self, key: Key, urls: tuple[str, ...]) -> None:
        """Poll these urls for the key from now on; none ends it."""
        if not urls:
            self._targets.pop(key, None)
            return
        target = self._targets.setdefault(key, _Target(urls))
        target.urls = urls
        for gone in target.counters.keys() - set(urls):
            del target.counters[gone]

    def of(self, key: Key) -> tuple[LoadSample, ...]:
        """What was seen, the newest first."""
        target = self._targets.get(key)
        if target is None:
            return ()
        now = self._clock()
        return tuple(LoadSample(now - one.at, one.concurrency, one.missing) for one in reversed(target.seen))

    async def forever(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Poll every target every five seconds."""
        while True:
            await sleep(POLL_SECONDS)
            await self.run_once()

    async def run_once(self) -> None:
        """Poll every target once."""
        gate = asyncio.Semaphore(PARALLEL)

        async def one(url: str) -> float | None:
            async with gate:
                return await self._fetch(url)

        async def all_of(key: Key, target: _Target) -> None:
            urls = target.urls
            self._take(key, target, dict(zip(urls, await asyncio.gather(*map(one, urls)), strict=True)))

        await asyncio.gather(*(all_of(key, target) for key, target in list(self._targets.items())))

    def _take(self, key: Key, target: _Target, answers: dict[str, float | None]) -> None:
        now = self._clock()
        if self._targets.get(key) is not target:
            return
        rates = [self._rate(target, url, seconds, now) for url, seconds in answers.items()]
        known = [rate for rate in rates if rate is not None]
        if not known:
            return
        target.seen.append(_Seen(now, sum(known), len(rates) - len(known)))
        while now - target.seen[0].at > KEPT_SECONDS:
            target.seen.popleft()
        moved = abs(sum(known) - target.told) > MOVED * max(1.0, target.told)
        if moved or now - target.told_at >= LOOK_SECONDS:
            target.told, target.told_at = sum(known), now
            self._enqueue(key)

    @staticmethod
    def _rate(target: _Target, url: str, seconds: float | None, now: float) -> float | None:
        """Requests in flight since the poll before; None at the first, and when the pod's process is a new one."""
        before = target.counters.pop(url, None)
        if seconds is None:
            return None
        target.counters[url] = (now, seconds)
        if before is None or seconds < before[1] or now <= before[0]:
            return None
        return (seconds - before[1]) / (now - before[0])


async def fetch_load(session: aiohttp.ClientSession, url: str) -> float | None:
    """Seconds that requests took in all, of a pod; None when it does not answer or not understandably.

    A certificate is not looked at: it is made out to the Service's name, and what is read are counters.
    """
    try:
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=3.0), ssl=False) as response:
            content = await response.content.read(ANSWER_LIMIT)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        logger.debug("No load", extra={"url": url, "error": str(error)})
        return None
    return sum(map(float, _SECONDS.findall(content))) if response.status == HTTPStatus.OK else None
