"""Events about our objects on ``events.k8s.io/v1``; repetitions become one event's series."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from slipway_operator.cluster.api import MERGE, Api
from slipway_operator.cluster.errors import NotFound, OperatorError
from slipway_operator.cluster.resources import EVENTS, of_kind
from slipway_operator.domain.planning import EventNote, RawObject

logger = logging.getLogger(__name__)

NOTE_LIMIT = 1024
AGGREGATION_SECONDS = 600.0
REMEMBERED = 4096
EVERY = 64
BURST = 25
REFILL_SECONDS = 60.0


@dataclass
class _Series:
    name: str
    count: int
    at: float


@dataclass
class _Allowance:
    tokens: float
    at: float


class EventRecorder:
    """Writes events; never fails its caller, because an event is no part of the state.

    The same (object, type, reason, message) within ten minutes is counted in one event's series. An object may start 25
    events at once and one more a minute.

    Args:
        api: the API server.
        instance: this process, shown as the reporting instance.
        clock: monotonic seconds.
        wall: the present time.
        new_id: a fresh suffix for an event's name.
    """

    def __init__(
        self,
        api: Api,
        instance: str,
        clock: Callable[[], float],
        wall: Callable[[], datetime] = lambda: datetime.now(tz=UTC),
        new_id: Callable[[], str] = lambda: uuid4().hex[:12],
    ) -> None:
        self._api = api
        self._instance = instance[:128]
        self._clock = clock
        self._wall = wall
        self._new_id = new_id
        self._series: OrderedDict[tuple[str, str, str, str], _Series] = OrderedDict()
        self._allowances: OrderedDict[str, _Allowance] = OrderedDict()

    async def record(self, owner: RawObject, note: EventNote) -> None:
        """Write one event about ``owner``."""
        identity = (owner.uid, note.type, note.reason, note.message)
        known = self._series.get(identity)
        try:
            if known is not None and self._clock() - known.at < AGGREGATION_SECONDS:
                await self._repeat(owner, known)
            elif self._allowed(owner.uid):
                self._remember(identity, await self._first(owner, note))
        except OperatorError as error:
            logger.warning(
                "Event not written", extra={"reason": note.reason, "object": owner.name, "error": str(error)}
            )

    async def _first(self, owner: RawObject, note: EventNote) -> _Series:
        name = f"{owner.name}.{self._new_id()}"
        body = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": name, "namespace": owner.namespace},
            "eventTime": self._now(),
            "reportingController": "slipway.dev/operator",
            "reportingInstance": self._instance,
            "action": "Reconcile",
            "type": note.type,
            "reason": note.reason[:128],
            "note": note.message[:NOTE_LIMIT],
            "regarding": {
                "apiVersion": of_kind(owner.kind).api_version,
                "kind": owner.kind,
                "namespace": owner.namespace,
                "name": owner.name,
                "uid": owner.uid,
            },
        }
        await self._api.request("create", EVENTS, owner.namespace, method="POST", body=body)
        return _Series(name, 1, self._clock())

    async def _repeat(self, owner: RawObject, series: _Series) -> None:
        series.count += 1
        # Powers of two, then every 64th: a loop of repetitions costs a handful of writes.
        if not _worth_writing(series.count):
            return
        body = {"series": {"count": series.count, "lastObservedTime": self._now()}}
        try:
            await self._api.request(
                "patch", EVENTS, owner.namespace, series.name, method="PATCH", body=body, content_type=MERGE
            )
        except NotFound:
            series.at = float("-inf")

    def _remember(self, identity: tuple[str, str, str, str], series: _Series) -> None:
        self._series[identity] = series
        self._series.move_to_end(identity)
        while len(self._series) > REMEMBERED:
            self._series.popitem(last=False)

    def _allowed(self, uid: str) -> bool:
        now = self._clock()
        allowance = self._allowances.setdefault(uid, _Allowance(float(BURST), now))
        allowance.tokens = min(float(BURST), allowance.tokens + (now - allowance.at) / REFILL_SECONDS)
        allowance.at = now
        while len(self._allowances) > REMEMBERED:
            self._allowances.popitem(last=False)
        if allowance.tokens < 1:
            return False
        allowance.tokens -= 1
        return True

    def _now(self) -> str:
        return self._wall().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _worth_writing(count: int) -> bool:
    return count % EVERY == 0 or (count < EVERY and count & (count - 1) == 0)
