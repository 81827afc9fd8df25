"""How `FakeClock` treats what has joined it: waiting for rest, and giving up on what does not come to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from mission_control.core.engine.clock import RunningAttempt
from mission_control.testing import FakeClock

START = datetime(2024, 2, 28, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Worker:
    """Something that joins a clock: jobs that it runs as tasks, each known as an attempt while it runs."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.jobs: dict[asyncio.Task[None], RunningAttempt] = {}
        self.settled_at: list[datetime] = []
        self.leave = clock.join(self)

    async def settled(self) -> None:
        while self.jobs:
            await asyncio.wait(self.jobs)
        self.settled_at.append(self.clock.now())

    def running(self) -> list[RunningAttempt]:
        return list(self.jobs.values())

    def run(self, job: Awaitable[object], name: str = "work", timeout: float | None = None) -> asyncio.Task[None]:
        async def body() -> None:
            try:
                await job
            finally:
                del self.jobs[task]

        task = asyncio.create_task(body())
        timeout_at = None if timeout is None else self.clock.now() + timedelta(seconds=timeout)
        self.jobs[task] = RunningAttempt(mission_id="m-1", step_name=name, timeout_at=timeout_at)
        return task

    def cancel_at(self, task: asyncio.Task[None], seconds: float) -> asyncio.Task[None]:
        async def cancel() -> None:
            await self.clock.sleep_until(self.clock.now() + timedelta(seconds=seconds))
            task.cancel()

        return asyncio.create_task(cancel())


async def test_time_waits_for_what_runs() -> None:
    """Work that is under way ends before the clock moves, and a thread's work too."""
    clock = FakeClock(START)
    worker = Worker(clock)
    seen: list[datetime] = []

    async def work() -> None:
        await asyncio.to_thread(asyncio.run, asyncio.sleep(0.02))
        seen.append(clock.now())

    _ = worker.run(work())
    await clock.advance(10)
    assert seen == [START]


async def test_work_set_off_on_the_way_ends_at_its_instant() -> None:
    """What a timer starts has ended before the clock moves to the next one."""
    clock = FakeClock(START)
    worker = Worker(clock)
    seen: list[tuple[int, datetime]] = []

    async def work(number: int) -> None:
        await asyncio.sleep(0.005)
        seen.append((number, clock.now()))

    async def timer(number: int) -> None:
        await clock.sleep_until(after(number))
        _ = worker.run(work(number))

    timers = [asyncio.create_task(timer(number)) for number in (3, 1, 2)]
    await clock.advance(10)
    assert seen == [(1, after(1)), (2, after(2)), (3, after(3))]
    assert worker.settled_at[-1] == after(10)
    await asyncio.wait(timers)


async def test_advancing_by_zero_lets_everything_come_to_rest() -> None:
    """`advance(0)` moves nothing and waits for what runs."""
    clock = FakeClock(START)
    worker = Worker(clock)
    task = worker.run(asyncio.sleep(0.01))
    await clock.advance(0)
    assert task.done()
    assert clock.now() == START


async def test_work_that_one_commander_gives_another_is_waited_for() -> None:
    """A chain of work across everything that joined has ended before time moves."""
    clock = FakeClock(START)
    workers = [Worker(clock) for _ in range(4)]
    seen: list[datetime] = []

    async def hand_on(left: list[Worker]) -> None:
        await asyncio.sleep(0.002)
        seen.append(clock.now())
        if left:
            _ = left[0].run(hand_on(left[1:]))

    _ = workers[3].run(hand_on(workers[::-1][1:]))
    await clock.advance(1)
    assert seen == [START] * 4


async def test_endless_work_is_named() -> None:
    """User code without a timeout that does not come to rest raises `TimeoutError` naming mission and step."""
    clock = FakeClock(START, patience=0.05)
    worker = Worker(clock)
    task = worker.run(asyncio.Event().wait(), "stubborn")
    with pytest.raises(TimeoutError, match=r"step 'stubborn' of mission 'm-1' .* 0\.05 s") as raised:
        await clock.advance(10)
    assert after(0).isoformat() in str(raised.value)
    assert clock.now() == START
    task.cancel()
    await clock.advance(10)
    assert clock.now() == after(10)


async def test_patience_is_for_each_piece_of_work() -> None:
    """Many short steps one after another may take longer than `patience` together."""
    clock = FakeClock(START, patience=0.25)
    worker = Worker(clock)

    async def steps(left: int) -> None:
        await asyncio.sleep(0.05)
        if left:
            _ = worker.run(steps(left - 1), f"step-{left}")

    _ = worker.run(steps(10))
    await clock.advance(1)
    assert clock.now() == after(1)


async def test_storage_is_waited_for() -> None:
    """Rest that takes longer than `patience` with no user code running is awaited, not complained of."""
    clock = FakeClock(START, patience=0.02)

    class Slow:
        seconds = 0.1

        async def settled(self) -> None:
            await asyncio.sleep(self.seconds)
            self.seconds = 0

        def running(self) -> list[RunningAttempt]:
            return []

    clock.join(Slow())
    await clock.advance(1)
    assert clock.now() == after(1)


async def test_who_takes_a_while_to_say_that_it_is_at_rest_is_believed() -> None:
    """A member whose `settled` never returns at once does not keep time from moving."""
    clock = FakeClock(START)

    class Deliberate:
        async def settled(self) -> None:
            await asyncio.sleep(0)

        def running(self) -> list[RunningAttempt]:
            return []

    clock.join(Deliberate())
    await clock.advance(1)
    assert clock.now() == after(1)


async def test_a_hanging_step_times_out_on_the_clock() -> None:
    """Time moves to the deadline of a step that hangs, where it is given up, and then to the end."""
    clock = FakeClock(START, hang_patience=0.05)
    worker = Worker(clock)
    task = worker.run(asyncio.Event().wait(), timeout=30)
    ended: list[datetime] = []
    task.add_done_callback(lambda _: ended.append(clock.now()))
    canceller = worker.cancel_at(task, 30)
    await clock.advance(100)
    assert ended == [after(30)]
    assert clock.now() == after(100)
    assert canceller.done()


async def test_a_step_that_hangs_again_times_out_again() -> None:
    """Each attempt gets its own deadline, one after another within one step of time."""
    clock = FakeClock(START, hang_patience=0.03)
    worker = Worker(clock)
    ended: list[datetime] = []

    async def attempts() -> None:
        for number in range(3):
            task = worker.run(asyncio.Event().wait(), f"attempt-{number}", timeout=10)
            await clock.sleep_until(clock.now() + timedelta(seconds=10))
            task.cancel()
            ended.append(clock.now())

    supervisor = asyncio.create_task(attempts())
    await clock.advance(60)
    await supervisor
    assert ended == [after(10), after(20), after(30)]


async def test_time_stops_short_of_the_deadline_where_the_target_lies_before_it() -> None:
    """`advance` returns at its target while the step goes on, and never raises for it."""
    clock = FakeClock(START, hang_patience=0.03)
    worker = Worker(clock)
    task = worker.run(asyncio.Event().wait(), timeout=30)
    await clock.advance(10)
    assert clock.now() == after(10)
    assert not task.done()
    task.cancel()


async def test_timers_before_the_deadline_fire_in_order_while_a_step_hangs() -> None:
    """A hanging step with a deadline does not keep the timers before it from firing at their own time."""
    clock = FakeClock(START, hang_patience=0.03)
    worker = Worker(clock)
    task = worker.run(asyncio.Event().wait(), timeout=30)
    seen: list[datetime] = []

    async def timer(seconds: float) -> None:
        await clock.sleep_until(after(seconds))
        seen.append(clock.now())

    others = [asyncio.create_task(timer(seconds)) for seconds in (5, 7, 31)]
    canceller = worker.cancel_at(task, 30)
    await clock.advance(40)
    assert seen == [after(5), after(7), after(31)]
    await asyncio.wait([canceller, *others])


async def test_work_past_its_deadline_does_not_hold_up_time() -> None:
    """A step that goes on after its deadline (a thread cannot be stopped) lets time move on."""
    clock = FakeClock(START, hang_patience=0.03)
    worker = Worker(clock)
    task = worker.run(asyncio.Event().wait(), timeout=30)
    await clock.advance(100)
    assert clock.now() == after(100)
    assert not task.done()
    task.cancel()


async def test_work_with_a_timeout_may_end_by_itself() -> None:
    """A step with a timeout that ends in time keeps the clock where it is until then."""
    clock = FakeClock(START)
    worker = Worker(clock)
    ended: list[datetime] = []
    worker.run(asyncio.sleep(0.05), timeout=1).add_done_callback(lambda _: ended.append(clock.now()))
    await clock.advance(10)
    assert ended == [START]


async def test_endless_work_beside_a_hanging_step_is_named_alone() -> None:
    """The complaint names the step without a timeout, not the one that may hang."""
    clock = FakeClock(START, patience=0.1, hang_patience=0.02)
    worker = Worker(clock)
    tasks = [worker.run(asyncio.Event().wait(), "bounded", timeout=1), worker.run(asyncio.Event().wait(), "endless")]
    with pytest.raises(TimeoutError, match="'endless'") as raised:
        await clock.advance(10)
    assert "bounded" not in str(raised.value)
    assert clock.now() == START
    for task in tasks:
        task.cancel()


async def test_who_has_left_is_not_waited_for() -> None:
    """After leaving, or when it is closed during the wait, a commander no longer holds up the clock."""
    clock = FakeClock(START, patience=0.1)
    worker = Worker(clock)
    task = worker.run(asyncio.Event().wait())
    worker.leave()
    worker.leave()
    await clock.advance(1)

    class Closing:
        async def settled(self) -> None:
            leave()
            raise RuntimeError("closed")

        def running(self) -> list[RunningAttempt]:
            return []

    leave = clock.join(Closing())
    await clock.advance(1)
    assert clock.now() == after(2)
    task.cancel()


async def test_an_error_of_settled_is_raised() -> None:
    """What a member cannot do (settle within its own user code, say) comes out of `advance`, and time stays."""
    clock = FakeClock(START)

    class Refusing:
        async def settled(self) -> None:
            raise RuntimeError("not from here")

        def running(self) -> list[RunningAttempt]:
            return []

    clock.join(Refusing())
    with pytest.raises(RuntimeError, match="not from here"):
        await clock.advance(1)
    assert clock.now() == START


async def test_a_commander_of_another_loop_is_refused() -> None:
    """`join` and `advance` on a second loop raise `RuntimeError` while a commander of the first is joined."""
    clock = FakeClock(START)
    worker = Worker(clock)

    async def join() -> None:
        Worker(clock)

    uses: list[Callable[[], Awaitable[None]]] = [join, lambda: clock.advance(1)]
    for use in uses:
        with pytest.raises(RuntimeError, match="another event loop"):
            await asyncio.to_thread(run_elsewhere, use)
    worker.leave()
    await asyncio.to_thread(run_elsewhere, join)


def test_joining_needs_a_loop() -> None:
    """`join` outside an event loop is refused."""
    with pytest.raises(RuntimeError):
        Worker(FakeClock())


def test_a_commander_whose_loop_ended_is_forgotten() -> None:
    """A loop that ended without leaving the clock does not spoil it for the next one."""
    clock = FakeClock(START)

    async def leave_behind() -> None:
        Worker(clock)

    asyncio.run(leave_behind())
    run_elsewhere(lambda: clock.advance(1))
    assert clock.now() == after(1)


def run_elsewhere(use: Callable[[], Awaitable[None]]) -> None:
    async def call() -> None:
        await use()

    asyncio.run(call())
