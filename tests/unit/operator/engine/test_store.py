"""When a namespace's account is made, and made again."""

import asyncio

from slipway_operator.cluster.errors import Retry
from slipway_operator.domain.planning import Key, Kind
from slipway_operator.engine.backoff import Backoff
from slipway_operator.engine.store import REFRESH, StoreBook

A = Key(Kind.TRAINING_JOB, "team", "a")
B = Key(Kind.TRAINING_JOB, "team", "b")


class World:
    def __init__(self) -> None:
        self.now = 0.0
        self.made: list[str] = []
        self.woken: list[Key] = []
        self.failure: Exception | None = None
        self.book = StoreBook(
            self.make,
            lambda namespace: f"s3://{namespace}/",
            self.woken.append,
            lambda: self.now,
            Backoff(lambda *_: 1.0),
        )

    async def make(self, namespace: str) -> None:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.made.append(namespace)

    async def settle(self) -> None:
        await asyncio.gather(*self.book._tasks)


async def test_one_making_serves_all_that_wait() -> None:
    world = World()
    assert [world.book.want(A), world.book.want(B)] == [None, None]
    assert not world.book.access("team").ready
    await world.settle()
    assert world.made == ["team"]
    assert set(world.woken) == {A, B}
    assert world.book.access("team").ready
    assert world.book.want(A) is None
    await world.settle()
    assert world.made == ["team"]


async def test_a_failure_is_told_and_tried_again_after_a_while() -> None:
    world = World()
    world.failure = Retry("the store is away")
    world.book.want(A)
    await world.settle()
    assert world.book.access("team").problem == "the store is away"
    assert world.woken == [A]
    assert world.book.want(A) == 1.0, "not before the delay is over"
    world.now, world.failure = 1.0, None
    assert world.book.want(A) is None
    await world.settle()
    assert world.book.access("team").ready
    assert world.book.access("team").problem is None


async def test_an_account_is_made_again_when_suspect_or_old() -> None:
    world = World()
    world.book.want(A)
    await world.settle()
    world.book.suspect("team")
    world.book.want(A)
    await world.settle()
    world.now = REFRESH + 1
    world.book.want(A)
    await world.settle()
    assert world.made == ["team"] * 3
