"""Who leads, when clocks, networks and rivals misbehave."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from slipway_operator.cluster.errors import Conflict, Retry
from slipway_operator.cluster.lease import LeaderElection, LeaseTimes


class Store:
    """A lease with optimistic locking, which can be made to fail."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.failing = False
        self.version = 0

    async def get(self) -> dict[str, Any] | None:
        self._check()
        return self.lease

    async def create(self, spec: dict[str, Any]) -> dict[str, Any]:
        self._check()
        if self.lease is not None:
            raise Conflict("exists")
        return self._store({"metadata": {}, "spec": spec})

    async def update(self, lease: dict[str, Any]) -> dict[str, Any]:
        self._check()
        if self.lease is None or lease["metadata"] != self.lease["metadata"]:
            raise Conflict("changed")
        return self._store(lease)

    def _store(self, lease: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        self.lease = {**lease, "metadata": {"resourceVersion": str(self.version)}}
        return self.lease

    def _check(self) -> None:
        if self.failing:
            raise Retry("API server is away")


class World:
    """Candidates on one lease under one fake clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.store = Store()

    def candidate(self, name: str, sleep: Callable[[float], Awaitable[None]] | None = None) -> LeaderElection:
        return LeaderElection(
            self.store,
            name,
            LeaseTimes(),
            clock=lambda: self.now,
            sleep=sleep or self.sleep,
            wall=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        )

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Enough(Exception):
    """Ends a loop under test."""


async def test_the_first_leads_and_a_second_waits_for_the_lease_to_end() -> None:
    world = World()
    first, second = world.candidate("a"), world.candidate("b")
    await first.acquire()
    began = world.now
    await second.acquire()
    assert world.now - began >= LeaseTimes().duration
    assert second.leads
    assert not first.leads
    assert world.store.lease is not None
    assert world.store.lease["spec"]["leaseTransitions"] == 1


async def test_a_released_lease_is_taken_at_once() -> None:
    world = World()
    first, second = world.candidate("a"), world.candidate("b")
    await first.acquire()
    await first.release()
    assert not first.leads
    began = world.now
    await second.acquire()
    assert world.now == began


async def test_holding_ends_before_the_lease_does_when_the_server_is_away() -> None:
    world = World()
    first = world.candidate("a")
    await first.acquire()
    world.store.failing = True
    await first.hold()
    assert LeaseTimes().renew_deadline <= world.now < LeaseTimes().duration


async def test_holding_ends_when_another_holds() -> None:
    world = World()
    first, second = world.candidate("a"), world.candidate("b")
    await first.acquire()
    world.now += 100
    await second._attempt()
    world.now += 16
    await second._attempt()
    assert second.leads
    before = world.now
    await first.hold()
    assert world.now - before == LeaseTimes().retry


async def test_renewals_go_on_and_keep_the_time_of_acquiring() -> None:
    world = World()
    rounds = 0

    async def sleep(seconds: float) -> None:
        nonlocal rounds
        rounds += 1
        world.now += seconds
        if rounds > 50:
            raise Enough

    first = world.candidate("a", sleep)
    await first.acquire()
    with pytest.raises(Enough):
        await first.hold()
    assert world.store.version == 51
    assert world.store.lease is not None
    assert world.store.lease["spec"]["leaseTransitions"] == 0


async def test_a_lost_race_is_no_leadership() -> None:
    world = World()
    first, second = world.candidate("a"), world.candidate("b")
    await first.acquire()
    await first.release()
    stale = await world.store.get()
    await second.acquire()
    assert stale is not None
    with pytest.raises(Conflict):
        await world.store.update(stale)
    assert not await first._attempt()
    assert not first.leads
