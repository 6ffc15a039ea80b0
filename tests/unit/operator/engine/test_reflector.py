"""What a watch passes on, and what it does when it breaks."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from slipway_operator.cluster.errors import Conflict, OperatorError, Retry
from slipway_operator.cluster.resources import CHILD_SELECTOR, JOBS, Resource
from slipway_operator.engine.backoff import Backoff
from slipway_operator.engine.reflector import Reflector

Change = tuple[str, dict[str, Any]]


def change(kind: str, name: str, version: int) -> Change:
    return kind, {"metadata": {"name": name, "resourceVersion": str(version)}}


class World:
    """An API server that ends each watch as the script says, and the whole test after the last."""

    def __init__(self, *watches: list[Change | OperatorError]) -> None:
        self.script = list(watches)
        self.asked: list[str] = []
        self.lists = 0
        self.seen: list[tuple[str | None, str]] = []
        self.slept: list[float] = []

    async def watch(
        self, resource: Resource, namespace: str | None, selector: str | None, version: str
    ) -> AsyncIterator[Change]:
        assert (resource, namespace, selector) == (JOBS, "team", CHILD_SELECTOR)
        self.asked.append(version)
        if not self.script:
            raise asyncio.CancelledError
        for step in self.script.pop(0):
            if isinstance(step, OperatorError):
                raise step
            yield step

    async def relist(self, _resource: Resource, _namespace: str | None) -> str:
        self.lists += 1
        return "900"

    def observe(self, kind: str | None, body: Mapping[str, Any], child: str) -> None:
        assert child == "Job"
        self.seen.append((kind, body["metadata"]["name"]))

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def run(self) -> None:
        reflector = Reflector(self, self.relist, self.observe, Backoff(lambda _low, _high: 1.0), self.sleep)
        with pytest.raises(asyncio.CancelledError):
            await reflector.follow(JOBS, "team", "100")


async def test_a_stream_that_ends_goes_on_after_its_last_change() -> None:
    world = World([change("ADDED", "a", 101), change("BOOKMARK", "", 150)], [change("DELETED", "a", 151)])
    await world.run()
    assert world.seen == [("ADDED", "a"), ("DELETED", "a")]
    assert world.asked == ["100", "150", "151"]
    assert world.lists == 0
    assert world.slept == []


@pytest.mark.parametrize("error", [Conflict("410 Expired"), Retry("connection reset")])
async def test_after_an_error_the_kind_is_listed_again(error: OperatorError) -> None:
    world = World([change("ADDED", "a", 101), error], [error], [change("MODIFIED", "a", 901)], [error])
    await world.run()
    assert world.seen == [("ADDED", "a"), ("MODIFIED", "a")]
    assert world.asked == ["100", "900", "900", "901", "900"]
    assert world.lists == 3
    assert world.slept == [1.0, 2.0, 1.0], "a stream that ended well starts the delays over"
