"""`FakeClock` and a real commander: time moves when missions have come to rest."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from mission_control.core import (
    MissionContext,
    MissionExecutionError,
    MissionFailedError,
    MissionStatus,
    RetryPolicy,
    Signal,
    create_commander,
    m,
)
from mission_control.testing import Deferred, FakeClock, create_deferred

START = datetime(1970, 1, 1, tzinfo=UTC)


async def days_of_missions(step: timedelta) -> list[str]:
    """Run missions that sleep, retry, wait and time out over ten days, in steps, and return what happened when."""
    clock = FakeClock()

    def unlucky(ctx: MissionContext[int]) -> float:
        if ctx.attempt <= ctx.input:
            raise OSError("not yet")
        return clock.now().timestamp()

    policy = RetryPolicy(max_attempts=None, initial_interval=600, backoff_multiplier=3)
    order = (
        m.define("order")
        .start(input=int, run=lambda ctx: ctx.input)
        .sleep("rest", timedelta(hours=7))
        .step("unlucky", unlucky, retry=policy, timeout=60)
        .need_to(Signal("approval", int), timeout=timedelta(days=2))
        .end()
    )
    async with create_commander(definitions=[order], clock=clock) as commander:
        for number in range(4):
            await commander.start(order, number, mission_id=f"m-{number}", start_at=START + timedelta(hours=number))
        while clock.now() < START + timedelta(days=10):
            await clock.advance(step)
        histories = [
            await (await commander.start(order, n, mission_id=f"m-{n}", if_exists="return")).history() for n in range(4)
        ]
    return [f"{one.at} {one.type} {one.event_name}" for history in histories for one in history]


async def test_one_big_step_equals_many_small_ones() -> None:
    """Ten days at once, and by the hour, leave the same histories to the microsecond."""
    assert await days_of_missions(timedelta(days=10)) == await days_of_missions(timedelta(hours=1))


async def test_a_step_under_way_ends_before_time_moves() -> None:
    """Work in real time, on the loop or in a thread, is finished at the instant at which it began."""
    clock = FakeClock()
    seen: list[datetime] = []

    async def on_the_loop(ctx: MissionContext[int]) -> None:
        await asyncio.sleep(0.02)
        seen.append(clock.now())

    def in_a_thread(ctx: MissionContext[int]) -> None:
        time.sleep(0.02)
        seen.append(clock.now())

    mission = m.define("m").start(input=int, run=on_the_loop).sleep("rest", 60).step("thread", in_a_thread).end()
    async with create_commander(clock=clock) as commander:
        await commander.start(mission, 1, wait=False)
        await clock.advance(3600)
    assert seen == [START, START + timedelta(seconds=60)]


@pytest.mark.parametrize("threaded", [False, True])
async def test_a_step_that_hangs_times_out(threaded: bool) -> None:
    """A step under its own timeout fails at its deadline, however far the clock is moved."""
    clock = FakeClock(hang_patience=0.05)
    release: Deferred[None] = create_deferred()

    async def on_the_loop(ctx: MissionContext[int]) -> None:
        await release.future

    def in_a_thread(ctx: MissionContext[int]) -> None:
        time.sleep(0.3)

    run = in_a_thread if threaded else on_the_loop
    mission = m.define("m").start(input=int, run=lambda ctx: ctx.input).step("hang", run, timeout=30).end()
    async with create_commander(clock=clock) as commander:
        handle = await commander.start(mission, 1, wait=False)
        await clock.advance(10)
        assert await handle.status() is MissionStatus.RUNNING
        await clock.advance(3600)
        with pytest.raises(MissionFailedError) as raised:
            await handle.output()
    assert raised.value.failure.code == "STEP_TIMEOUT"
    assert raised.value.failure.at == START + timedelta(seconds=30)


async def test_a_step_without_end_is_named() -> None:
    """A step without a timeout that does not come to rest raises `TimeoutError` naming it and its mission."""
    clock = FakeClock(patience=0.05)
    release: Deferred[int] = create_deferred()

    async def wait(ctx: MissionContext[int]) -> int:
        return await release.future

    mission = m.define("m").start(input=int, run=wait).end()
    async with create_commander(clock=clock) as commander:
        handle = await commander.start(mission, 1, mission_id="slow-1", wait=False)
        with pytest.raises(TimeoutError, match="'start' of mission 'slow-1'"):
            await clock.advance(1)
        assert clock.now() == START
        release.resolve(7)
        await clock.advance(1)
        assert await handle.output() == 7


async def test_a_task_that_follows_missions_is_followed() -> None:
    """What a test's own task starts when a mission ends is started, and at rest, before time moves on."""
    clock = FakeClock()
    nap = m.define("nap").start(input=int, run=lambda ctx: ctx.input).sleep("rest", 60).end()
    ended: list[datetime] = []

    async def one_after_another() -> None:
        for number in range(3):
            handle = await commander.start(nap, number)
            await handle.wait_for_completion()
            ended.append(clock.now())

    async with create_commander(definitions=[nap], clock=clock) as commander:
        task = asyncio.create_task(one_after_another())
        await clock.advance(600)
        assert task.done()
        await task
    assert ended == [START + timedelta(seconds=60 * number) for number in (1, 2, 3)]


async def test_a_task_that_starts_mission_after_mission_is_followed_to_its_end() -> None:
    """A chain of missions that a task starts one after another, with turns of its own between, ends at one instant."""
    clock = FakeClock()
    quick = m.define("quick").start(input=int, run=lambda ctx: ctx.input).end()
    ended: list[datetime] = []

    async def one_after_another() -> None:
        for number in range(8):
            handle = await commander.start(quick, number, wait=False)
            await handle.wait_for_completion()
            for _ in range(5):
                await asyncio.sleep(0)
            ended.append(clock.now())

    async with create_commander(definitions=[quick], clock=clock) as commander:
        task = asyncio.create_task(one_after_another())
        await clock.advance(600)
        assert task.done()
        await task
    assert ended == [START] * 8


async def test_a_mission_cannot_move_the_clock_that_waits_for_it() -> None:
    """`advance` called by a step raises, rather than waiting for that step for ever."""
    clock = FakeClock(patience=0.05)

    async def advance(ctx: MissionContext[int]) -> str:
        with pytest.raises((MissionExecutionError, TimeoutError)):
            await clock.advance(1)
        return "refused"

    mission = m.define("m").start(input=int, run=advance).end()
    async with create_commander(clock=clock) as commander:
        assert await (await commander.start(mission, 1)).output() == "refused"


async def test_a_closed_commander_leaves_the_clock() -> None:
    """After `close` the clock moves without the commander, and the next one joins it."""
    clock = FakeClock()
    mission = m.define("m").start(input=int, run=lambda ctx: ctx.input).sleep("rest", 60).end()
    for _ in range(2):
        async with create_commander(clock=clock) as commander:
            await commander.start(mission, 1)
        await clock.advance(3600)
    assert clock.now() == START + timedelta(hours=2)


async def test_commanders_on_one_clock_share_their_time() -> None:
    """Two commanders, one of which commands the other, come to rest together."""
    clock = FakeClock()
    nap = m.define("nap").start(input=int, run=lambda ctx: ctx.input).sleep("rest", 60).end()
    ended: list[datetime] = []

    async with create_commander(definitions=[nap], clock=clock) as second:

        async def order(ctx: MissionContext[int]) -> None:
            await second.start(nap, ctx.input, wait=False)
            ended.append(clock.now())

        chain = m.define("chain").start(input=int, run=order).sleep("rest", 60).step("again", order).end()
        async with create_commander(clock=clock) as first:
            await first.start(chain, 1, wait=False)
            await clock.advance(3600)
            rows = await second.list_missions()
    assert ended == [START, START + timedelta(seconds=60)]
    assert [row.updated_at for row in rows] == [START + timedelta(seconds=60), START + timedelta(seconds=120)]
