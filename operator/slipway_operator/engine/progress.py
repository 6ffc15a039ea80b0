"""Asks running jobs how far they are."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
from pydantic import ValidationError

from slipway_operator.domain.planning import Key
from slipway_runtime.spec.progress import PROGRESS_PORT, Progress

logger = logging.getLogger(__name__)

POLL_SECONDS = 5.0
REPORT_SECONDS = 10.0
ANSWER_LIMIT = 64 * 1024
PARALLEL = 50


@dataclass
class _Target:
    address: str
    told: Progress | None = None
    told_at: float = float("-inf")


class ProgressPoller:
    """Polls pods and passes on what a person would see change, at most every ten seconds per object.

    Args:
        fetch: the ``/progress`` of an address.
        enqueue: looks at a key again.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        fetch: Callable[[str], Awaitable[Progress | None]],
        enqueue: Callable[[Key], None],
        clock: Callable[[], float],
    ) -> None:
        self._fetch = fetch
        self._enqueue = enqueue
        self._clock = clock
        self._targets: dict[Key, _Target] = {}

    def watch(self, key: Key, address: str | None) -> None:
        """Poll this address for the key from now on; None ends it. Another address forgets what the old one said."""
        known = self._targets.get(key)
        if address is None:
            self._targets.pop(key, None)
        elif known is None or known.address != address:
            self._targets[key] = _Target(address)

    def of(self, key: Key) -> Progress | None:
        """What was passed on last."""
        known = self._targets.get(key)
        return known.told if known else None

    async def forever(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Poll every target every five seconds."""
        while True:
            await sleep(POLL_SECONDS)
            await self.run_once()

    async def run_once(self) -> None:
        """Poll every target once."""
        gate = asyncio.Semaphore(PARALLEL)

        async def one(key: Key, target: _Target) -> None:
            async with gate:
                progress = await self._fetch(target.address)
            self._take(key, target, progress)

        await asyncio.gather(*(one(key, target) for key, target in list(self._targets.items())))

    def _take(self, key: Key, target: _Target, progress: Progress | None) -> None:
        now = self._clock()
        if progress is None or self._targets.get(key) is not target or now - target.told_at < REPORT_SECONDS:
            return
        if target.told is not None and _visible(target.told) == _visible(progress):
            return
        target.told, target.told_at = progress, now
        self._enqueue(key)


def _visible(progress: Progress) -> tuple[object, ...]:
    return progress.stage, progress.step, progress.total_steps, progress.metrics


async def fetch_progress(session: aiohttp.ClientSession, address: str) -> Progress | None:
    """The answer of a pod; None when it does not answer or not understandably."""
    host = f"[{address}]" if ":" in address else address
    url = f"http://{host}:{PROGRESS_PORT}/progress"
    try:
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=3.0)) as response:
            content = await response.content.read(ANSWER_LIMIT)
            return Progress.model_validate_json(content, extra="ignore") if response.status == HTTPStatus.OK else None
    except (aiohttp.ClientError, TimeoutError, OSError, ValidationError) as error:
        logger.debug("No progress", extra={"address": address, "error": str(error)})
        return None
