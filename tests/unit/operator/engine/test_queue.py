"""Each key at most once, never with two workers, with delays."""

import asyncio

from slipway_operator.domain.planning import Key, Kind
from slipway_operator.engine.queue import WorkQueue

A = Key(Kind.TRAINING_JOB, "team", "a")
B = Key(Kind.TRAINING_JOB, "team", "b")


async def test_the_same_key_waits_once_and_in_order() -> None:
    queue = WorkQueue()
    for key in (A, B, A):
        queue.add(key)
    assert len(queue) == 2
    assert [await queue.get(), await queue.get()] == [A, B]
    assert len(queue) == 0


async def test_a_key_added_while_worked_on_comes_again_only_after_done() -> None:
    queue = WorkQueue()
    queue.add(A)
    assert await queue.get() == A
    queue.add(A)
    queue.add(A)
    assert len(queue) == 0
    queue.done(A)
    assert len(queue) == 1
    assert await queue.get() == A
    queue.done(A)
    assert queue.idle()
    assert len(queue) == 0


async def test_a_waiting_worker_is_woken() -> None:
    queue = WorkQueue()
    worker = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add(A)
    assert await worker == A


async def test_the_earliest_of_several_delays_counts() -> None:
    queue = WorkQueue()
    queue.add_after(A, 3600)
    queue.add_after(A, 0.001)
    queue.add_after(A, 7200)
    assert await queue.get() == A
    assert not queue._timers


async def test_a_forgotten_delay_never_comes() -> None:
    queue = WorkQueue()
    queue.add_after(A, 3600)
    queue.forget(A)
    queue.forget(B)
    assert not queue._timers
    queue.add_after(A, 0)
    assert len(queue) == 1
