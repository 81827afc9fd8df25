"""What `FakeClock` does with plain tasks: waking, ordering, cancelling, refusing."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from mission_control.core.engine.clock import DrivenClock
from mission_control.testing import FakeClock

START = datetime(2024, 2, 28, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def live_futures() -> int:
    gc.collect()
    return sum(issubclass(type(one), asyncio.Future) for one in gc.get_objects())


def test_a_fake_clock_is_a_driven_clock() -> None:
    """The type checkers confirm that `FakeClock` fulfils the protocol."""
    clock: DrivenClock = FakeClock()
    assert clock.now() == datetime(1970, 1, 1, tzinfo=UTC)


def test_now_is_in_utc_whatever_the_start_was_in() -> None:
    """A start in another zone is the same instant, told in UTC."""
    clock = FakeClock(datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == datetime(2024, 1, 1, tzinfo=UTC)
    assert clock.now().tzinfo is UTC


@pytest.mark.parametrize("patience", [0, -1.0])
def test_patience_is_above_zero(patience: float) -> None:
    """A clock without patience would let nothing come to rest, so it is refused."""
    with pytest.raises(ValueError, match="patience"):
        FakeClock(patience=patience)
    with pytest.raises(ValueError, match="hang_patience"):
        FakeClock(hang_patience=patience)


async def test_time_stands_still_until_it_is_moved() -> None:
    """Waiting in real time changes nothing; `advance` takes seconds or a timedelta, `advance_to` an instant."""
    clock = FakeClock(START)
    await asyncio.sleep(0.001)
    assert clock.now() == START
    await clock.advance(1.5)
    assert clock.now() == after(1.5)
    await clock.advance(timedelta(minutes=1))
    assert clock.now() == after(61.5)
    await clock.advance_to(after(100))
    assert clock.now() == after(100)
    await clock.advance_to(after(100))
    assert clock.now() == after(100)


async def test_bad_times_are_refused() -> None:
    """Naive, negative, past and endless times raise `ValueError` and move nothing."""
    clock = FakeClock(START)
    naive = datetime(2030, 1, 1)  # noqa: DTZ001 - what is refused
    with pytest.raises(ValueError, match="aware"):
        FakeClock(naive)
    with pytest.raises(ValueError, match="aware"):
        await clock.sleep_until(naive)
    with pytest.raises(ValueError, match="aware"):
        await clock.advance_to(naive)
    for duration in (-1, timedelta(seconds=-1), float("nan"), float("inf"), -float("inf")):
        with pytest.raises(ValueError, match="forward"):
            await clock.advance(duration)
    with pytest.raises(ValueError, match="beyond"):
        await clock.advance(1e18)
    with pytest.raises(ValueError, match="beyond"):
        await clock.advance(timedelta.max)
    with pytest.raises(ValueError, match="forward"):
        await clock.advance_to(after(-1))
    assert clock.now() == START


async def test_an_instant_that_was_reached_is_not_waited_for() -> None:
    """`sleep_until` returns at once for now and for the past."""
    clock = FakeClock(START)
    await clock.sleep_until(START)
    await clock.sleep_until(after(-1))


async def test_sleepers_wake_in_order_and_at_their_own_time() -> None:
    """One big step stops at every instant, in order, whatever the order of registration; ties go by registration."""
    clock = FakeClock(START)
    woken: list[tuple[str, datetime]] = []

    async def sleep(name: str, seconds: float) -> None:
        await clock.sleep_until(after(seconds))
        woken.append((name, clock.now()))

    async with asyncio.TaskGroup() as group:
        for name, seconds in [("c", 3), ("a", 1), ("d", 3), ("b", 2.5), ("z", 10)]:
            group.create_task(sleep(name, seconds))
        await clock.advance(5)
        assert woken == [("a", after(1)), ("b", after(2.5)), ("c", after(3)), ("d", after(3))]
        assert clock.now() == after(5)
        await clock.advance(5)
    assert woken[-1] == ("z", after(10))


async def test_a_sleeper_may_sleep_again_within_the_same_step() -> None:
    """One big step equals many small ones: what a woken task sleeps for is honoured, in order with the others."""

    async def run(steps: list[float]) -> list[tuple[int, float]]:
        clock = FakeClock(START)
        log: list[tuple[int, float]] = []

        async def tick(period: int) -> None:
            while True:
                await clock.sleep_until(clock.now() + timedelta(seconds=period))
                log.append((period, (clock.now() - START).total_seconds()))

        tasks = [asyncio.create_task(tick(period)) for period in (2, 3, 7)]
        for step in steps:
            await clock.advance(step)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return log

    assert await run([42]) == await run([0.5] * 84)


async def test_tasks_behind_a_sleeper_come_to_rest_before_time_moves() -> None:
    """A wake-up that reaches its task through gather, wait_for, queues and events is finished at its instant."""
    clock = FakeClock(START)
    queue: asyncio.Queue[int] = asyncio.Queue()
    seen: list[datetime] = []

    async def produce() -> None:
        await asyncio.wait_for(asyncio.gather(clock.sleep_until(after(1)), clock.sleep_until(after(1))), 60)
        await queue.put(1)

    async def consume() -> None:
        await queue.get()
        seen.append(clock.now())
        await clock.sleep_until(clock.now() + timedelta(seconds=1))
        seen.append(clock.now())

    async with asyncio.TaskGroup() as group:
        group.create_task(produce())
        group.create_task(consume())
        await clock.advance(60)
    assert seen == [after(1), after(2)]


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    """Cancelling a sleep leaves nothing behind in the clock, and wakes no one else."""
    clock = FakeClock(START)
    others = [asyncio.create_task(clock.sleep_until(after(5))) for _ in range(3)]
    await clock.advance(1)
    before = live_futures()
    gone = [asyncio.create_task(clock.sleep_until(after(5))) for _ in range(1000)]
    await clock.advance(1)
    for task in gone:
        task.cancel()
    await asyncio.wait(gone)
    assert all(task.cancelled() for task in gone)
    gone.clear()
    assert live_futures() < before + 10
    assert not any(task.done() for task in others)
    await clock.advance(4)
    assert all(task.done() for task in others)


async def test_a_sleeper_may_be_cancelled_at_the_instant_it_wakes() -> None:
    """A task that is cancelled while its wake-up is on the way ends cancelled, and the clock moves on."""
    clock = FakeClock(START)
    task = asyncio.create_task(clock.sleep_until(after(1)))

    async def cancel() -> None:
        await clock.sleep_until(after(1))
        task.cancel()

    canceller = asyncio.create_task(cancel())
    await clock.advance(1)
    await asyncio.wait({task, canceller})
    assert clock.now() == after(1)


@pytest.mark.parametrize("turns", [1, 3])
async def test_a_loop_of_sleeps_does_not_hold_up_the_clock_for_ever(turns: int) -> None:
    """A task that registers and withdraws sleeps without end does not keep time from moving."""
    clock = FakeClock(START)

    async def restless() -> None:
        while True:
            sleep = asyncio.create_task(clock.sleep_until(after(1000)))
            for _ in range(turns):
                await asyncio.sleep(0)
            sleep.cancel()

    task = asyncio.create_task(restless())
    await clock.advance(1)
    task.cancel()
    assert clock.now() == after(1)


async def test_two_tasks_cannot_move_one_clock() -> None:
    """A second `advance` during the first is refused, and the first goes on."""
    clock = FakeClock(START)
    first = asyncio.create_task(clock.advance(10))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="another task"):
        await clock.advance(1)
    await first
    assert clock.now() == after(10)


async def test_a_cancelled_advance_leaves_a_clock_that_works() -> None:
    """Cancelling `advance` stops it where it is; the clock can be moved again."""
    clock = FakeClock(START)
    moving = asyncio.create_task(clock.advance(10))
    await asyncio.sleep(0)
    moving.cancel()
    await asyncio.wait({moving})
    assert moving.cancelled()
    await clock.advance(2)
    assert clock.now() == after(2)


def test_a_clock_serves_one_loop_after_another() -> None:
    """A loop that has ended leaves the clock free for the next; its sleepers are gone with it."""
    clock = FakeClock(START)

    async def use() -> None:
        task = asyncio.create_task(clock.sleep_until(clock.now() + timedelta(hours=1)))
        await clock.advance(60)
        assert not task.done()

    asyncio.run(use())
    asyncio.run(use())
    assert clock.now() == after(120)


async def test_another_loop_is_refused_while_the_clock_is_in_use() -> None:
    """Sleeping or advancing on a second loop, while someone sleeps on the first, raises `RuntimeError`."""
    clock = FakeClock(START)
    task = asyncio.create_task(clock.sleep_until(after(1)))
    await clock.advance(0)
    uses: list[Callable[[], Awaitable[None]]] = [lambda: clock.advance(2), lambda: clock.sleep_until(after(2))]
    for use in uses:
        with pytest.raises(RuntimeError, match="another event loop"):
            await asyncio.to_thread(run_elsewhere, use)
    await clock.advance(1)
    assert task.done()


def run_elsewhere(use: Callable[[], Awaitable[None]]) -> None:
    async def call() -> None:
        await use()

    asyncio.run(call())
