"""What a poll passes on."""

from slipway_operator.domain.planning import Key, Kind
from slipway_operator.engine.progress import ProgressPoller
from slipway_runtime.spec.progress import Progress

KEY = Key(Kind.TRAINING_JOB, "team", "digits")


class World:
    def __init__(self) -> None:
        self.now = 100.0
        self.answer: Progress | None = None
        self.woken: list[Key] = []
        self.poller = ProgressPoller(self.fetch, self.woken.append, lambda: self.now)

    async def fetch(self, _address: str) -> Progress | None:
        return self.answer

    async def poll(self, answer: Progress | None, after: float) -> None:
        self.answer = answer
        self.now += after
        await self.poller.run_once()


async def test_changes_are_passed_on_at_most_every_ten_seconds() -> None:
    world = World()
    world.poller.watch(KEY, "10.0.0.1")
    await world.poll(None, 5)
    assert world.woken == []
    await world.poll(Progress(step=1, eta_seconds=90), 5)
    assert world.woken == [KEY]
    await world.poll(Progress(step=2), 5)
    assert world.woken == [KEY], "too soon"
    await world.poll(Progress(step=2), 5)
    assert world.woken == [KEY, KEY]
    await world.poll(Progress(step=2, eta_seconds=7), 60)
    assert world.woken == [KEY, KEY], "only the estimate moved"


async def test_another_pod_forgets_what_the_first_said() -> None:
    world = World()
    world.poller.watch(KEY, "10.0.0.1")
    await world.poll(Progress(step=1), 5)
    assert world.poller.of(KEY) is not None
    world.poller.watch(KEY, "10.0.0.1")
    assert world.poller.of(KEY) is not None
    world.poller.watch(KEY, "10.0.0.2")
    assert world.poller.of(KEY) is None
    world.poller.watch(KEY, None)
    await world.poll(Progress(step=2), 60)
    assert world.woken == [KEY]
