"""Batching: what a coalescer makes of adapters that fail or are slow."""

from __future__ import annotations

import asyncio
import weakref
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import pytest

from mission_control.core import CommanderClosedError, PersistenceError
from mission_control.core.engine.activity import Activity
from mission_control.core.engine.coalescer import Coalescer


async def outcomes_of(work: Callable[[list[str]], Awaitable[Sequence[str]]]) -> list[str | PersistenceError]:
    """Return what two items come to that are handed over at once."""
    outcomes: list[str | PersistenceError] = []
    coalescer: Coalescer[str, None, str] = Coalescer(work, lambda _, outcome: outcomes.append(outcome), Activity())
    coalescer.submit("a", None)
    coalescer.submit("b", None)
    await coalescer.drained()
    return outcomes


async def test_drained_waits_for_what_is_under_way() -> None:
    """Storage is not closed under a batch that it is working on."""
    gate = asyncio.Event()

    async def slow(batch: list[str]) -> Sequence[str]:
        await gate.wait()
        return batch

    draining = asyncio.create_task(outcomes_of(slow))
    await asyncio.sleep(0.001)
    assert not draining.done()
    gate.set()

    assert await draining == ["a", "b"]


async def test_adapter_that_returns_too_few_outcomes_is_told_so() -> None:
    """Nobody is left waiting by an adapter that forgets one."""

    async def forgetful(batch: list[str]) -> Sequence[str]:
        return batch[1:]

    first, second = await outcomes_of(forgetful)

    assert isinstance(first, PersistenceError)
    assert "1 outcomes for a batch of 2" in str(first)
    assert second is first


async def test_other_errors_of_ours_from_an_adapter_are_a_failure_of_storage() -> None:
    """An adapter that is itself made of missions may fail with any of our errors; callers get theirs in its words."""
    error = CommanderClosedError("the commander behind this storage is closed")

    async def raising(batch: list[str]) -> Sequence[str]:
        raise error

    for outcome in await outcomes_of(raising):
        assert isinstance(outcome, PersistenceError)
        assert (str(outcome), outcome.__cause__) == (str(error), error)


@pytest.mark.parametrize(("count", "turns"), [(1, [1]), (90, [90]), (100, [50, 50]), (250, [63, 63, 63, 61])])
async def test_a_batch_is_told_in_turns_of_about_the_same_size(count: int, turns: list[int]) -> None:
    """Others get the loop in between, and no small rest gets a turn of its own, to stay a small batch from then on."""
    told: list[int] = []
    turn = 0

    def pass_by() -> None:
        nonlocal turn
        turn += 1
        loop.call_soon(pass_by)

    async def echo(batch: list[int]) -> Sequence[int]:
        return batch

    loop = asyncio.get_running_loop()
    loop.call_soon(pass_by)
    coalescer: Coalescer[int, None, int] = Coalescer(echo, lambda _, __: told.append(turn), Activity())
    for number in range(count):
        coalescer.submit(number, None)
    await coalescer.drained()

    assert list(Counter(told).values()) == turns


async def test_more_than_a_batch_holds_wait_for_the_next_one() -> None:
    """However many come at once, none of them waits for all of the others."""
    sizes: list[int] = []

    async def echo(batch: list[int]) -> Sequence[int]:
        sizes.append(len(batch))
        return batch

    def tell(caller: int, outcome: object) -> None:
        told.append((caller, outcome))

    told: list[tuple[int, object]] = []
    coalescer: Coalescer[int, int, int] = Coalescer(echo, tell, Activity())
    for number in range(600):
        coalescer.submit(number, number)
    await coalescer.drained()

    assert sizes == [256, 256, 88]
    assert told == [(number, number) for number in range(600)]


async def test_what_was_told_is_not_kept_until_the_batch_is_done() -> None:
    """A batch of large histories is let go one by one, as each of them is taken up."""
    alive: list[int] = []

    class History:
        """Something that a test can see the end of."""

    async def load(batch: list[str]) -> Sequence[History]:
        histories = [History() for _ in batch]
        references.extend(weakref.ref(history) for history in histories)
        return histories

    references: list[weakref.ref[History]] = []

    def count(_: None, __: object) -> None:
        alive.append(sum(ref() is not None for ref in references))

    coalescer: Coalescer[str, None, History] = Coalescer(load, count, Activity())
    for number in range(4):
        coalescer.submit(f"m-{number}", None)
    await coalescer.drained()

    assert alive == [4, 3, 2, 1]


async def test_batch_whose_task_is_cancelled_is_told_to_nobody() -> None:
    """A loop that ends cancels its tasks: that is no fault of storage."""
    begun, told = asyncio.Event(), list[object]()

    async def slow(batch: list[str]) -> Sequence[str]:
        begun.set()
        await asyncio.Event().wait()
        return batch

    coalescer: Coalescer[str, None, str] = Coalescer(slow, lambda _, outcome: told.append(outcome), Activity())
    before = asyncio.all_tasks()
    coalescer.submit("a", None)
    await begun.wait()
    (task,) = asyncio.all_tasks() - before
    task.cancel()
    await coalescer.drained()
    assert told == []
