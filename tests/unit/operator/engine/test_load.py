"""What polls of serving pods come to."""

from slipway_operator.domain.planning import Key, Kind
from slipway_operator.engine.load import LoadPoller

KEY = Key(Kind.MODEL_SERVICE, "team", "digits")


class World:
    """Pods that carry a constant load, by address; one that is not there does not answer."""

    def __init__(self, **loads: float) -> None:
        self.now = 0.0
        self.loads = loads
        self.counters = dict.fromkeys(loads, 100.0)
        self.woken: list[float] = []
        self.poller = LoadPoller(self.fetch, lambda _: self.woken.append(self.now), lambda: self.now)

    async def fetch(self, address: str) -> float | None:
        return self.counters.get(address)

    async def poll(self, *addresses: str, after: float = 5.0) -> None:
        self.now += after
        for address, load in self.loads.items():
            self.counters[address] += load * after
        self.poller.watch(KEY, addresses)
        await self.poller.run_once()

    def newest(self) -> tuple[float, int]:
        sample = self.poller.of(KEY)[0]
        return round(sample.concurrency, 6), sample.missing


async def test_concurrency_is_the_time_of_requests_over_time() -> None:
    world = World(a=3.0, b=0.5)
    await world.poll("a", "b")
    assert world.poller.of(KEY) == (), "one poll says nothing"
    await world.poll("a", "b")
    assert world.newest() == (3.5, 0)
    world.now += 40
    assert [sample.age for sample in world.poller.of(KEY)] == [40]


async def test_pods_that_do_not_answer_or_are_new_are_missing() -> None:
    world = World(a=3.0, b=2.0)
    await world.poll("a")
    await world.poll("a", "b", "c")
    assert world.newest() == (3.0, 2)
    world.counters["b"] = 0.0
    world.loads["b"] = 0.0
    await world.poll("a", "b")
    assert world.newest() == (3.0, 1), "its process is a new one"


async def test_a_key_is_woken_when_its_load_moves_and_from_time_to_time() -> None:
    world = World(a=4.0)
    await world.poll("a")
    await world.poll("a")
    assert world.woken == [10.0]
    world.loads["a"] = 4.3
    await world.poll("a")
    assert world.woken == [10.0], "by less than a tenth"
    world.loads["a"] = 8.0
    await world.poll("a")
    assert world.woken == [10.0, 20.0]
    for _ in range(4):
        await world.poll("a")
    assert world.woken == [10.0, 20.0, 40.0], "time alone may allow fewer pods"


async def test_no_address_ends_it_and_forgets() -> None:
    world = World(a=4.0)
    await world.poll("a")
    await world.poll("a")
    await world.poll()
    assert world.poller.of(KEY) == ()
