"""One key at a time: snapshot, decide, execute."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from slipway_operator.cluster.errors import Conflict, NotFound, Retry, Terminal
from slipway_operator.domain.planning import EventNote, Key, Plan, RawObject, Settings, Snapshot, StoreAccess
from slipway_operator.engine.backoff import Backoff
from slipway_operator.engine.cache import Cache
from slipway_operator.engine.executor import Executor
from slipway_operator.engine.load import LoadPoller
from slipway_operator.engine.progress import ProgressPoller
from slipway_operator.engine.queue import WorkQueue
from slipway_operator.engine.refusal import refused
from slipway_operator.engine.warnings import Warnings

logger = logging.getLogger(__name__)

CONFLICT_SECONDS = 0.2
REFUSED_SECONDS = 300.0

Decide = Callable[[Snapshot, Settings, datetime], Plan]


class Store(Protocol):
    """Store accounts of namespaces."""

    def access(self, namespace: str) -> StoreAccess:
        """What is known of a namespace's store."""

    def want(self, key: Key) -> float | None:
        """Have the account made; seconds to ask again after, if any."""


class Observer(Protocol):
    """Told of every reconcile."""

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        """``result`` is ok, conflict, retry, refused or error."""


class Reconciler:
    """What workers run. Errors end here: each becomes a delay.

    Args:
        wall: the present time.
        the rest: see their classes.
    """

    def __init__(
        self,
        *,
        cache: Cache,
        queue: WorkQueue,
        executor: Executor,
        decide: Decide,
        settings: Settings,
        store: Store,
        poller: ProgressPoller,
        loads: LoadPoller,
        warnings: Warnings,
        backoff: Backoff,
        observer: Observer,
        wall: Callable[[], datetime],
    ) -> None:
        self._cache = cache
        self._queue = queue
        self._executor = executor
        self._decide = decide
        self._settings = settings
        self._store = store
        self._poller = poller
        self._loads = loads
        self._warnings = warnings
        self._backoff = backoff
        self._observer = observer
        self._wall = wall
        self._generations: dict[Key, tuple[str, object]] = {}

    async def work(self) -> None:
        """Reconcile keys for ever."""
        while True:
            key = await self._queue.get()
            try:
                await self.reconcile(key)
            finally:
                self._queue.done(key)

    async def reconcile(self, key: Key) -> str:
        """Bring one object nearer to what it asks for; the result's name."""
        started = time.monotonic()
        try:
            result = await self._once(key)
        except Conflict:
            self._queue.add_after(key, CONFLICT_SECONDS)
            result = "conflict"
        except (Retry, NotFound, Terminal) as error:
            after = error.after if isinstance(error, Retry) else None
            delay = after or self._backoff.failed(key)
            self._queue.add_after(key, delay)
            logger.warning(
                "Reconcile postponed", extra={**_named(key), "error": str(error), "seconds": round(delay, 1)}
            )
            result = "retry"
        except Exception:
            delay = self._backoff.failed(key)
            self._queue.add_after(key, delay)
            logger.exception("Reconcile failed", extra={**_named(key), "seconds": round(delay, 1)})
            result = "error"
        self._observer.reconciled(key.kind, result, time.monotonic() - started)
        return result

    async def _once(self, key: Key) -> str:
        owner = self._cache.owner(key)
        if owner is None or owner.body["metadata"].get("deletionTimestamp"):
            self._forget(key)
            return "ok"
        identity = (owner.uid, owner.body["metadata"].get("generation"))
        if self._generations.get(key) != identity:
            self._generations[key] = identity
            self._backoff.succeeded(key)
        plan = self._decide(self._snapshot(key, owner), self._settings, self._wall())
        self._poller.watch(key, plan.poll)
        self._loads.watch(key, plan.load_of)
        ask_again = self._store.want(key) if plan.wants_store else None
        outcome = await self._executor.children(key.namespace, plan)
        if outcome.changed and outcome.refused is None and self._queue.pressed():
            # Others still wait for their pods; what is told of this one can wait behind them.
            self._queue.put_behind(key)
            return "ok"
        if outcome.refused is not None:
            plan = self._with_refusal(owner, plan, outcome.refused)
        wrote = await self._executor.status(owner, plan.status)
        await self._executor.events(owner, plan)
        if wrote:
            logger.info("Status written", extra={**_named(key), "reason": _reason(plan)})
        if outcome.refused is not None:
            self._queue.add_after(key, REFUSED_SECONDS)
            return "refused"
        self._backoff.succeeded(key)
        if outcome.changed or wrote:
            # The cache has these writes already, so the watch will bring no news of them.
            self._queue.add(key)
        for delay in (ask_again, plan.requeue_after):
            if delay is not None:
                self._queue.add_after(key, delay)
        return "ok"

    def _snapshot(self, key: Key, owner: RawObject) -> Snapshot:
        children = self._cache.children(key, owner.uid)
        return Snapshot(
            key=key,
            owner=owner,
            children=children,
            sources=self._cache.sources(owner),
            store=self._store.access(key.namespace),
            progress=self._poller.of(key),
            load=self._loads.of(key),
            warnings=self._warnings.of(children),
        )

    def _with_refusal(self, owner: RawObject, plan: Plan, error: Terminal) -> Plan:
        observed = owner.body.get("status") or {}
        generation = int(owner.body["metadata"].get("generation") or 0)
        status = refused(plan.status or observed, observed, str(error), generation, self._wall())
        known = status == observed
        note = EventNote("Warning", "ChildRefused", str(error))
        return replace(plan, status=status, events=() if known else (*plan.events, note))

    def _forget(self, key: Key) -> None:
        self._queue.forget(key)
        self._backoff.succeeded(key)
        self._poller.watch(key, None)
        self._loads.watch(key, ())
        identity = self._generations.pop(key, None)
        if identity is not None:
            self._executor.forget(identity[0])


def _named(key: Key) -> dict[str, str]:
    return {"kind": key.kind.value, "namespace": key.namespace, "object": key.name}


def _reason(plan: Plan) -> str:
    for one in (plan.status or {}).get("conditions") or ():
        if one["type"] == "Ready":
            return str(one["reason"])
    return ""
