"""The periodic authoritative LIST: finds what watches missed, above all deletions, and says how much that was."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from slipway_operator.cluster.api import Api
from slipway_operator.cluster.errors import OperatorError
from slipway_operator.cluster.resources import CACHED, CHILD_SELECTOR, OWNERS, Resource
from slipway_operator.domain.planning import Key
from slipway_operator.engine.cache import Cache, vanished

logger = logging.getLogger(__name__)

GRACE = 60.0
"""Seconds a watch may lag before a difference counts as missed."""


class Resync:
    """Lists every kind into the cache.

    Args:
        api: the API server.
        cache: where objects go.
        enqueue: told of every key that a difference concerns.
        namespaces: the watched ones; empty for all.
        missed: told (kind, number) of changes that no watch delivered.
    """

    def __init__(
        self,
        api: Api,
        cache: Cache,
        enqueue: Callable[[Key], None],
        namespaces: tuple[str, ...],
        missed: Callable[[str, int], None],
    ) -> None:
        self._api = api
        self._cache = cache
        self._enqueue = enqueue
        self._namespaces: tuple[str | None, ...] = namespaces or (None,)
        self._missed = missed
        self._undelivered: dict[str, str] = {}
        self.synced = False
        self.missed_in_a_row = 0

    def delivered(self, uid: str) -> None:
        """A watch told about the object, so it did not miss the difference that a LIST found."""
        self._undelivered.pop(uid, None)

    async def run_once(self) -> dict[tuple[Resource, str | None], str]:
        """List all kinds once; the resourceVersion of each list, by kind and namespace (None: of all).

        Raises:
            OperatorError: a LIST failed; the cache keeps what it had.
        """
        versions: dict[tuple[Resource, str | None], str] = {}
        for resource in CACHED:
            for namespace in self._namespaces:
                versions[resource, namespace], differences = await self._one(resource, namespace)
                self._undelivered |= dict.fromkeys(differences, resource.kind)
        self.synced = True
        return versions

    async def relist(self, resource: Resource, namespace: str | None) -> str:
        """List one kind for a watch that has to begin anew; the list's resourceVersion.

        Raises:
            OperatorError: the LIST failed; the cache keeps what it had.
        """
        version, _ = await self._one(resource, namespace)
        return version

    async def forever(
        self, every: float, jitter: Callable[[], float], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Resync about every ``every`` seconds; a difference counts as missed if no watch told it within a minute."""
        while True:
            await sleep(every * jitter())
            self._undelivered.clear()
            try:
                await self.run_once()
            except OperatorError as error:
                logger.warning("Resync failed", extra={"error": str(error)})
                continue
            await sleep(GRACE)
            self._judge()

    def _judge(self) -> None:
        missed = Counter(self._undelivered.values())
        for kind, number in missed.items():
            self._missed(kind, number)
            logger.warning("Watch missed changes", extra={"kind": kind, "number": number})
        self.missed_in_a_row = self.missed_in_a_row + 1 if missed else 0

    async def _one(self, resource: Resource, namespace: str | None) -> tuple[str, list[str]]:
        """The list's resourceVersion and the uids of what differs from the cache."""
        selector = None if resource in OWNERS else CHILD_SELECTOR
        seen: dict[str, str] = {}
        differences: list[str] = []
        version = ""
        async for page_version, items in self._api.pages(resource, namespace, selector):
            version = version or page_version
            for item in items:
                uid = item["metadata"]["uid"]
                seen[uid] = item["metadata"]["resourceVersion"]
                if keys := self._cache.put(item, resource.kind):
                    differences.append(uid)
                for key in keys:
                    self._enqueue(key)
        known = [one for one in self._cache.of_kind(resource.kind) if namespace in (None, one.namespace)]
        for one in vanished(known, seen, version):
            differences.append(one.uid)
            for key in self._cache.remove(one.kind, one.namespace, one.name, one.uid):
                self._enqueue(key)
        return version, differences
