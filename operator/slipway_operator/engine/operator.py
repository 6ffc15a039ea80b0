"""Everything put together: intake, leadership, workers, and their end."""

import asyncio
import logging
import os
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp

from slipway_operator.cluster.api import Api, Call
from slipway_operator.cluster.errors import OperatorError
from slipway_operator.cluster.events import EventRecorder
from slipway_operator.cluster.lease import ApiLeaseStore, LeaderElection, LeaseTimes
from slipway_operator.cluster.resources import CHILDREN, OWNERS, Resource
from slipway_operator.cluster.store_accounts import StoreAccounts
from slipway_operator.domain.planning import STORE_SECRET, decide
from slipway_operator.engine.backoff import Backoff
from slipway_operator.engine.cache import Cache
from slipway_operator.engine.executor import Executor
from slipway_operator.engine.load import LoadPoller, fetch_load
from slipway_operator.engine.progress import ProgressPoller, fetch_progress
from slipway_operator.engine.queue import WorkQueue
from slipway_operator.engine.reflector import Reflector
from slipway_operator.engine.resync import Resync
from slipway_operator.engine.store import StoreBook
from slipway_operator.engine.warnings import Warnings
from slipway_operator.engine.worker import Reconciler
from slipway_operator.observe.health import Pulse, alive
from slipway_operator.observe.metrics import Metrics
from slipway_operator.settings import OperatorSettings

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 20.0
KINDS_SECONDS = 2.0
ROOT_SECONDS = 5.0


class Operator:
    """The operator's process without the watches of owners and Warning events: those call :meth:`observe`.

    Args:
        settings: the install's settings.
        api: the API server.
        session: HTTP client for pods and the store's gateway.
        metrics: the process's metrics.
        die: ends the process at once; for the loss of leadership.
    """

    def __init__(
        self,
        settings: OperatorSettings,
        api: Api,
        session: aiohttp.ClientSession,
        metrics: Metrics,
        die: Callable[[int], None] = os._exit,
    ) -> None:
        uniform = random.SystemRandom().uniform
        self._settings = settings
        self._api = api
        self._metrics = metrics
        self._die = die
        self._uniform = uniform
        self.cache = Cache(time.monotonic)
        self.queue = WorkQueue()
        self._warnings = Warnings(self.cache)
        self._poller = ProgressPoller(lambda address: fetch_progress(session, address), self.queue.add, time.monotonic)
        self._loads = LoadPoller(lambda url: fetch_load(session, url), self.queue.add, time.monotonic)
        self._accounts = StoreAccounts(api, session, settings.store())
        self._store = StoreBook(
            self._accounts.ensure, self._accounts.uri, self.queue.add, time.monotonic, Backoff(uniform)
        )
        self._resync = Resync(
            api,
            self.cache,
            self.queue.add,
            settings.watch_namespaces,
            lambda kind, n: metrics.watch_missed.labels(kind).inc(n),
        )
        self._reflector = Reflector(api, self._resync.relist, self.observe, Backoff(uniform))
        self._reconciler = Reconciler(
            cache=self.cache,
            queue=self.queue,
            executor=Executor(api, self.cache, EventRecorder(api, settings.pod_name, time.monotonic), self.queue.add),
            decide=decide,
            settings=settings.decisions(),
            store=self._store,
            poller=self._poller,
            loads=self._loads,
            warnings=self._warnings,
            backoff=Backoff(uniform),
            observer=self,
            wall=lambda: datetime.now(tz=UTC),
        )
        self._election = LeaderElection(
            ApiLeaseStore(api, settings.namespace, settings.lease_name),
            f"{settings.pod_name}_{random.SystemRandom().getrandbits(48):012x}",
            LeaseTimes(),
            clock=time.monotonic,
        )
        self._pulse = Pulse(metrics.loop_lag.set)
        self._tasks: list[asyncio.Task[Any]] = []
        metrics.watch_queue(lambda: float(len(self.queue)), self._oldest)

    def observe(self, event: str | None, body: Mapping[str, Any], kind: str) -> None:
        """Take one watch event in. Never awaits, never raises for an object of a known shape.

        Args:
            event: ADDED, MODIFIED, DELETED, or None for an object of the initial list.
            body: the object.
            kind: its kind.
        """
        if kind == "Event":
            key = self._warnings.put(body)
            if key is not None:
                if STORE_SECRET in str(body.get("message", "")):
                    self._store.suspect(key.namespace)
                self.queue.add(key)
            return
        metadata = body["metadata"]
        self._resync.delivered(metadata["uid"])
        if event == "DELETED":
            keys = self.cache.remove(kind, metadata.get("namespace", ""), metadata["name"], metadata["uid"])
        else:
            keys = self.cache.put(body, kind)
        for key in keys:
            self.queue.add(key)

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        """See :class:`slipway_operator.engine.worker.Observer`."""
        self._metrics.reconciles.labels(kind, result).inc()
        self._metrics.reconcile_seconds.labels(kind).observe(seconds)

    async def wait_for_kinds(self) -> None:
        """Return once the API server serves our kinds: a watch on a kind that is not served never starts."""
        while True:
            try:
                missing = await self._api.served(OWNERS)
            except (OperatorError, aiohttp.ClientError, TimeoutError, OSError) as error:
                logger.warning("API server does not answer", extra={"error": str(error)})
            else:
                if not missing:
                    return
                logger.warning("Kinds not served yet: install the CRDs", extra={"missing": ", ".join(missing)})
            await asyncio.sleep(KINDS_SECONDS)

    def start(self) -> None:
        """Start the loops that need no event."""
        self._spawn(self._pulse.forever(), "pulse")
        self._spawn(self._lead(), "leader")

    async def stop(self) -> None:
        """Let running reconciles end (20 s at most), then give the lease up."""
        for task in self._tasks:
            if task.get_name() != "worker":
                task.cancel()
        deadline = time.monotonic() + DRAIN_SECONDS
        while not self.queue.idle() and time.monotonic() < deadline:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(0.02)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._election.release()

    def livez(self) -> str | None:
        """None while alive."""
        return alive(self._pulse.lag(), self.queue.longest_active(), self._resync.missed_in_a_row)

    def readyz(self) -> str | None:
        """None once the cache has been filled."""
        return None if self._resync.synced else "cache not synced"

    def metrics_text(self) -> bytes:
        """The metrics."""
        return self._metrics.text(self.cache.counts())

    async def _lead(self) -> None:
        for (resource, namespace), version in (await self._list()).items():
            if resource in CHILDREN:
                self._spawn(self._reflector.follow(resource, namespace, version), "watch")
        self._spawn(self._resync.forever(self._settings.resync_seconds, lambda: self._uniform(0.8, 1.2)), "resync")
        if self._settings.leader_elect:
            await self._election.acquire()
            logger.info("Leading", extra={"lease": self._settings.lease_name})
            hold = self._spawn(self._election.hold(), "lease")
            hold.add_done_callback(self._lost)
            await self._list()
        self._metrics.leader.set(1)
        self._spawn(self._keep_root(), "root key")
        self._spawn(self._poller.forever(), "progress")
        self._spawn(self._loads.forever(), "load")
        for key in self.cache.reconciled():
            self.queue.add(key)
        for _ in range(self._settings.workers):
            self._spawn(self._reconciler.work(), "worker")

    async def _list(self) -> dict[tuple[Resource, str | None], str]:
        backoff = Backoff(self._uniform)
        while True:
            try:
                return await self._resync.run_once()
            except OperatorError as error:
                logger.warning("First list failed", extra={"error": str(error)})
                await asyncio.sleep(backoff.failed("list"))

    async def _keep_root(self) -> None:
        """The store's pod waits for the root key: have it before the first object asks."""
        while True:
            try:
                await self._accounts.ensure_root()
            except OperatorError as error:
                logger.warning("Root key of the store not ready", extra={"error": str(error)})
                await asyncio.sleep(ROOT_SECONDS)
            else:
                return

    def _lost(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled():
            # Not a polite stop: a write that is under way must not be sent after another process leads.
            logger.error("Leadership lost")
            self._die(1)

    def _oldest(self) -> float:
        try:
            return self.queue.oldest()
        except RuntimeError:  # asked from outside the loop
            return 0.0

    def _spawn(self, work: Any, name: str) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name=name)
        self._tasks.append(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is not None:
            logger.error("Task failed", exc_info=task.exception(), extra={"task": task.get_name()})
            self._die(1)


def recorder(metrics: Metrics) -> Callable[[Call], None]:
    """Counts every request in the metrics."""

    def record(call: Call) -> None:
        metrics.api_requests.labels(call.verb, call.group, call.resource, str(call.code)).inc()

    return record
