"""Leader election on a ``coordination.k8s.io/Lease``.

As in client-go, a holder is believed to be alive until the lease has not changed for its duration by the *local
monotonic* clock: wall clocks of different machines are never compared. Every call has a timeout below the renew
deadline, so a hung request cannot outlive the lease.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from slipway_operator.cluster.api import Api
from slipway_operator.cluster.errors import Conflict, NotFound, OperatorError
from slipway_operator.cluster.resources import LEASES

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LeaseTimes:
    """Seconds: how long a lease holds, within which it must be renewed, how often that is tried."""

    duration: float = 15.0
    renew_deadline: float = 10.0
    retry: float = 2.0


class LeaseStore(Protocol):
    """Where the lease is kept."""

    async def get(self) -> dict[str, Any] | None:
        """The lease; None when there is none."""

    async def create(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Make it; raises Conflict when somebody else did."""

    async def update(self, lease: dict[str, Any]) -> dict[str, Any]:
        """Write it back; raises Conflict when it changed since it was read."""


class ApiLeaseStore:
    """The lease on the API server."""

    def __init__(self, api: Api, namespace: str, name: str) -> None:
        self._api = api
        self._namespace = namespace
        self._name = name

    async def get(self) -> dict[str, Any] | None:
        """See :class:`LeaseStore`."""
        try:
            return await self._api.request("get", LEASES, self._namespace, self._name, method="GET", limited=False)
        except NotFound:
            return None

    async def create(self, spec: dict[str, Any]) -> dict[str, Any]:
        """See :class:`LeaseStore`."""
        lease = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": spec,
        }
        return await self._api.request("create", LEASES, self._namespace, method="POST", body=lease, limited=False)

    async def update(self, lease: dict[str, Any]) -> dict[str, Any]:
        """See :class:`LeaseStore`."""
        return await self._api.request(
            "update", LEASES, self._namespace, self._name, method="PUT", body=lease, limited=False
        )


class LeaderElection:
    """One candidate.

    Args:
        store: where the lease is.
        identity: unique to this process.
        times: durations.
        clock: monotonic seconds.
        sleep: waits that many seconds.
        wall: the present time, only to show in the lease.
    """

    def __init__(
        self,
        store: LeaseStore,
        identity: str,
        times: LeaseTimes,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        wall: Callable[[], datetime] = lambda: datetime.now(tz=UTC),
    ) -> None:
        self._store = store
        self._identity = identity
        self._times = times
        self._clock = clock
        self._sleep = sleep
        self._wall = wall
        self._lease: dict[str, Any] | None = None
        self._seen_version = ""
        self._seen_at = clock()
        self._renewed_at = float("-inf")

    @property
    def leads(self) -> bool:
        """Whether the lease is ours and could not have been taken by another yet."""
        return self._clock() - self._renewed_at < self._times.renew_deadline

    async def acquire(self) -> None:
        """Return once this process leads."""
        while not await self._attempt():
            await self._sleep(self._times.retry)

    async def hold(self) -> None:
        """Renew until that fails for the renew deadline; returning means that leadership is lost."""
        while True:
            await self._sleep(self._times.retry)
            await self._attempt()
            if not self.leads:
                return

    async def release(self) -> None:
        """Give the lease up, so that another need not wait for its end."""
        if not self.leads or self._lease is None:
            return
        self._renewed_at = float("-inf")
        spec = {**self._lease.get("spec", {}), "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            async with asyncio.timeout(self._times.retry):
                await self._store.update({**self._lease, "spec": spec})
        except (OperatorError, TimeoutError) as error:
            logger.warning("Lease not released", extra={"error": str(error)})

    async def _attempt(self) -> bool:
        started = self._clock()
        try:
            # A renewal counts from before the request: an answer that comes late must not lengthen the lease.
            async with asyncio.timeout(self._times.renew_deadline / 2):
                won = await self._try_once()
        except Conflict:
            won = False
        except (OperatorError, TimeoutError) as error:
            logger.warning("Lease request failed", extra={"error": str(error)})
            return False
        if won:
            self._renewed_at = started
        return won

    async def _try_once(self) -> bool:
        lease = await self._store.get()
        if lease is None:
            self._lease = await self._store.create(self._spec(None))
            return True
        version = str(lease.get("metadata", {}).get("resourceVersion", ""))
        if version != self._seen_version:
            self._seen_version, self._seen_at = version, self._clock()
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        duration = float(spec.get("leaseDurationSeconds") or self._times.duration)
        expired = self._clock() - self._seen_at >= duration
        if holder not in {"", self._identity} and not expired:
            self._renewed_at = float("-inf")
            return False
        self._lease = await self._store.update({**lease, "spec": self._spec(spec)})
        self._seen_version, self._seen_at = str(self._lease["metadata"]["resourceVersion"]), self._clock()
        return True

    def _spec(self, previous: dict[str, Any] | None) -> dict[str, Any]:
        now = self._wall().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        held = previous is not None and previous.get("holderIdentity") == self._identity
        before = previous or {}
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._times.duration),
            "acquireTime": before.get("acquireTime", now) if held else now,
            "renewTime": now,
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + (0 if held or previous is None else 1),
        }
