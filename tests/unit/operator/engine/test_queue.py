"""Each key at most once, never with two workers, with delays."""

import asyncio

import pytest

from slipway_operator.domain.planning import Key, Kind
from slipway_operator.engine import queue as queue_module
from slipway_operator.engine.queue import WorkQueue

A = Key(Kind.TRAINING_JOB, "team", "a")
B = Key(Kind.TRAINING_JOB, "team", "b")
C = Key(Kind.TRAINING_JOB, "team", "c")


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


async def test_what_was_put_behind_comes_when_no_other_waits() -> None:
    queue = WorkQueue()
    queue.add(A)
    queue.add(B)
    assert await queue.get() == A
    assert queue.pressed()
    queue.put_behind(A)
    queue.done(A)
    queue.add(C)
    assert len(queue) == 3
    assert [await queue.get() for _ in range(2)] == [B, C]
    assert not queue.pressed()
    queue.done(B)
    assert await queue.get() == A


async def test_while_many_are_worked_on_a_free_worker_leaves_those_behind_alone() -> None:
    queue = WorkQueue()
    for key in (A, B, C):
        queue.add(key)
        assert await queue.get() == key
    assert queue.pressed()
    queue.put_behind(A)
    queue.done(A)
    free = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    assert not free.done()
    queue.done(B)
    assert await free == A
    assert not queue.pressed()


async def test_an_event_ends_the_place_behind() -> None:
    queue = WorkQueue()
    for key in (A, B):
        queue.add(key)
        assert await queue.get() == key
        queue.put_behind(key)
    queue.add(A)  # while it is worked on
    queue.done(A)
    queue.done(B)
    queue.add(C)
    queue.add(B)  # while it waits behind
    assert [await queue.get() for _ in range(3)] == [A, C, B]
    assert len(queue) == 0


async def test_nobody_waits_behind_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "PATIENCE", -1.0)
    queue = WorkQueue()
    queue.add(A)
    assert await queue.get() == A
    queue.put_behind(A)
    queue.done(A)
    queue.add(B)
    assert [await queue.get(), await queue.get()] == [A, B]
