"""Rule 9: what bounds an attempt, and what becomes of one that does not end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.core import (
    MissionContext,
    MissionExecutionError,
    MissionStatus,
    RetryPolicy,
    SystemClock,
    m,
)
from mission_control.core.engine import clock as clocks
from mission_control.testing import FakeClock
from one_step import attempts_of, begin, failure_of, one_step
from storages import Gate, OpenCommander, ThreadGate


@pytest.fixture
def impatient_clock() -> FakeClock:
    """A clock that does not wait long for what a test lets hang."""
    return FakeClock(hang_patience=0.02)


async def test_async_step_is_cancelled_at_its_timeout(
    open_commander: OpenCommander, impatient_clock: FakeClock
) -> None:
    """At its deadline, not before, an async step is cancelled, its `finally` runs, and the attempt has failed."""
    ended: list[float] = []

    async def hang(ctx: MissionContext[int]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(impatient_clock.now().timestamp())

    definition = one_step(hang, timeout=timedelta(seconds=30))
    commander = await open_commander([definition], clock=impatient_clock)
    mission = await commander.start(definition, 5, wait=False)
    await impatient_clock.advance(29.9)
    assert await mission.status() == MissionStatus.RUNNING
    await impatient_clock.advance(0.1)

    failure = await failure_of(mission)
    assert (failure.code, failure.type) == ("STEP_TIMEOUT", "TimeoutError")
    assert "30 s" in failure.message
    assert ended == [30.0]
    attempts = await attempts_of(mission)
    assert [(it.status, it.error and it.error.code) for it in attempts] == [("failed", "STEP_TIMEOUT")]


async def test_step_that_ends_in_time_is_left_alone(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """The deadline of an attempt that has ended does nothing to the next one."""
    definition = m.define("it").start(input=int, run=begin, timeout=5).step("b", begin, timeout=5).sleep("s", 60).end()
    commander = await open_commander([definition])

    mission = await commander.start(definition, 5)
    await fake_clock.advance(60)

    assert await mission.status() == MissionStatus.COMPLETED


@pytest.mark.parametrize(
    ("policy", "attempts"),
    [
        (RetryPolicy(max_attempts=2), 2),
        (RetryPolicy(max_attempts=2, retry_on=(TimeoutError,)), 2),
        (RetryPolicy(max_attempts=2, retry_on=(OSError,)), 2),
        (RetryPolicy(max_attempts=2, retry_on=(ValueError,)), 1),
        (RetryPolicy(max_attempts=2, give_up_on=(TimeoutError,)), 1),
    ],
)
async def test_timeout_is_a_timeout_error_for_the_policy(
    open_commander: OpenCommander, impatient_clock: FakeClock, policy: RetryPolicy, attempts: int
) -> None:
    """`retry_on` and `give_up_on` see a timeout as the `TimeoutError` that it is."""

    async def hang(ctx: MissionContext[int]) -> None:
        await asyncio.Event().wait()

    definition = one_step(hang, retry=policy, timeout=1)
    commander = await open_commander([definition], clock=impatient_clock)
    mission = await commander.start(definition, 5, wait=False)
    await impatient_clock.advance(10)

    assert (await failure_of(mission)).code == "STEP_TIMEOUT"
    assert len(await attempts_of(mission)) == attempts


async def test_what_a_step_returns_after_its_timeout_is_discarded(
    open_commander: OpenCommander, impatient_clock: FakeClock
) -> None:
    """A step that answers its cancellation with a result, or with another error, has timed out all the same."""

    async def late_result(ctx: MissionContext[int]) -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "late"

    async def late_error(ctx: MissionContext[int]) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("late") from None
        return "never"

    commander = await open_commander(clock=impatient_clock)
    for name, run in (("result", late_result), ("error", late_error)):
        definition = m.define(name).start(input=int, run=run, timeout=1).end()
        mission = await commander.start(definition, 5, wait=False)
        await impatient_clock.advance(1)

        assert (await failure_of(mission)).code == "STEP_TIMEOUT"


async def test_async_step_that_does_not_end_is_abandoned(
    open_commander: OpenCommander, impatient_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """5 s after its timeout the mission goes on without the step, with the next attempt beside it, and a log line."""
    stubborn_may_end, running = asyncio.Event(), list[int]()

    async def stubborn(ctx: MissionContext[int]) -> str:
        running.append(ctx.attempt)
        while ctx.attempt == 1 and not stubborn_may_end.is_set():
            try:
                await stubborn_may_end.wait()
            except asyncio.CancelledError:
                continue
        return f"attempt {ctx.attempt}"

    definition = one_step(stubborn, retry=RetryPolicy(max_attempts=2), timeout=10)
    commander = await open_commander([definition], clock=impatient_clock)
    mission = await commander.start(definition, 5, mission_id="x", wait=False)
    with caplog.at_level(logging.WARNING, "mission_control"):
        await impatient_clock.advance(14)
        assert running == [1]
        await impatient_clock.advance(1)

    assert await mission.output() == "attempt 2"
    assert running == [1, 2]
    assert any("'x'" in line or " x" in line for line in caplog.messages if "abandoned" in line)
    before = await mission.history()
    stubborn_may_end.set()
    await commander.settled()
    await asyncio.sleep(0.01)
    assert await mission.history() == before


async def test_sync_step_is_abandoned_at_its_timeout(
    open_commander: OpenCommander, impatient_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A thread cannot be stopped: at its timeout its mission goes on without it, and its outcome is discarded."""
    release, returned = threading.Event(), threading.Event()

    def work(ctx: MissionContext[int]) -> str:
        if ctx.attempt == 1:
            release.wait(10)
            returned.set()
        return f"attempt {ctx.attempt}"

    definition = one_step(work, retry=RetryPolicy(max_attempts=2), timeout=10)
    commander = await open_commander([definition], clock=impatient_clock)
    mission = await commander.start(definition, 5, wait=False)
    with caplog.at_level(logging.WARNING, "mission_control"):
        await impatient_clock.advance(10)

    assert await mission.output() == "attempt 2"
    assert [message for message in caplog.messages if "abandoned" in message]
    before = await mission.history()
    release.set()
    await asyncio.to_thread(returned.wait)
    await asyncio.sleep(0.01)
    assert await mission.history() == before
    assert [(it.status, it.error and it.error.code) for it in await attempts_of(mission)] == [
        ("failed", "STEP_TIMEOUT"),
        ("succeeded", None),
    ]


@pytest.mark.parametrize("kind", ["coroutine", "awaitable"])
async def test_awaitable_that_an_abandoned_thread_returns_is_not_run(
    open_commander: OpenCommander, impatient_clock: FakeClock, kind: str
) -> None:
    """What a synchronous step returns after its timeout is discarded, be it a coroutine, and without a warning."""
    thread = ThreadGate()
    runs: list[int] = []
    returned = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def rest(ctx: MissionContext[int]) -> None:
        runs.append(ctx.attempt)

    class Rest:
        def __await__(self) -> Generator[Any, None, None]:
            runs.append(0)
            yield

    def step(ctx: MissionContext[int]) -> Any:
        thread(ctx)
        loop.call_soon_threadsafe(loop.call_later, 0.05, returned.set)
        return rest(ctx) if kind == "coroutine" else Rest()

    commander = await open_commander(clock=impatient_clock)
    mission = await commander.start(one_step(step, timeout=5), 5, wait=False)
    await thread.begun.wait()
    await impatient_clock.advance(5)
    assert (await failure_of(mission)).code == "STEP_TIMEOUT"
    thread.opened.set()
    await returned.wait()

    assert runs == []


async def test_timeout_counts_from_the_moment_user_code_begins(
    open_commander: OpenCommander, impatient_clock: FakeClock
) -> None:
    """The time that a mission waits for a slot is not its step's."""
    release = asyncio.Event()
    began: list[float] = []

    async def first(ctx: MissionContext[int]) -> None:
        await release.wait()

    async def second(ctx: MissionContext[int]) -> None:
        began.append(impatient_clock.now().timestamp())
        await asyncio.Event().wait()

    ahead = m.define("ahead").start(input=int, run=first, timeout=100).end()
    behind = m.define("behind").start(input=int, run=second, timeout=30).end()
    commander = await open_commander([ahead, behind], clock=impatient_clock, max_concurrency=1)
    await commander.start(ahead, 5, wait=False)
    mission = await commander.start(behind, 5, wait=False)
    await impatient_clock.advance(50)
    release.set()
    while not began:
        await asyncio.sleep(0)
    await impatient_clock.advance(29)
    assert await mission.status() == MissionStatus.RUNNING
    await impatient_clock.advance(1)

    assert (await failure_of(mission)).code == "STEP_TIMEOUT"
    assert began == [50.0]


async def test_awaitable_that_a_sync_function_returned_is_timed_out_too(
    open_commander: OpenCommander, impatient_clock: FakeClock
) -> None:
    """The timeout bounds the whole attempt, whatever it consists of."""
    begun = asyncio.Event()

    def work(ctx: MissionContext[int]) -> Awaitable[object]:
        async def hang() -> object:
            begun.set()
            return await asyncio.Event().wait()

        return hang()

    definition = one_step(work, timeout=10)
    commander = await open_commander([definition], clock=impatient_clock)
    mission = await commander.start(definition, 5, wait=False)
    await begun.wait()
    await impatient_clock.advance(10)

    assert (await failure_of(mission)).code == "STEP_TIMEOUT"


async def test_timeout_of_nothing_ends_what_takes_any_time(
    open_commander: OpenCommander, impatient_clock: FakeClock
) -> None:
    """A timeout of zero is a timeout like any other."""

    async def hang(ctx: MissionContext[int]) -> None:
        await asyncio.Event().wait()

    definition = one_step(hang, timeout=0)
    commander = await open_commander([definition], clock=impatient_clock)

    async with asyncio.timeout(30):
        failure = await failure_of(await commander.start(definition, 5, wait=False))

    assert failure.code == "STEP_TIMEOUT"


# A wall clock that is set while a step runs


class Wall:
    """Stands in for the `datetime` class that the system clock reads: a wall clock that goes, and can be set."""

    def __init__(self) -> None:
        self.shift = timedelta()

    def now(self, zone: object) -> datetime:
        return datetime.now(UTC) + self.shift


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    """The machine's clock, which is looked at often."""
    standing_in = Wall()
    monkeypatch.setattr(clocks, "datetime", standing_in)
    monkeypatch.setattr(clocks, "LONGEST_WAIT", 0.005)
    return standing_in


async def test_clock_that_is_set_forward_times_no_step_out(open_commander: OpenCommander, wall: Wall) -> None:
    """An hour that the clock leaps over is none that the step has run."""
    gate = Gate()
    definition = m.define("it").start(input=int, run=gate, timeout=60).end()
    commander = await open_commander([definition], clock=SystemClock())
    mission = await commander.start(definition, 5, wait=False)
    await gate.begun.wait()
    wall.shift = timedelta(hours=1)
    await asyncio.sleep(0.05)  # ten looks at the clock
    gate.opened.set()

    assert await mission.output() == "passed"


async def test_clock_that_is_set_back_lets_no_step_run_longer(open_commander: OpenCommander, wall: Wall) -> None:
    """A timeout comes when it was to come, though the clock says that it is an hour away."""
    gate = Gate()
    definition = m.define("it").start(input=int, run=gate, timeout=0.2).end()
    commander = await open_commander([definition], clock=SystemClock())
    mission = await commander.start(definition, 5, wait=False)
    await gate.begun.wait()
    wall.shift = timedelta(hours=-1)

    async with asyncio.timeout(30):
        assert (await failure_of(mission)).code == "STEP_TIMEOUT"


async def test_clock_that_is_set_back_lets_no_update_run_longer(open_commander: OpenCommander, wall: Wall) -> None:
    """The timeout of an update goes by the same time."""
    begun = asyncio.Event()

    async def hang(ctx: MissionContext[int], change: int) -> None:
        begun.set()
        await asyncio.Event().wait()

    definition = m.define("it").update("change", int, hang).start(input=int, run=begin).need_to("go", str).end()
    commander = await open_commander([definition], clock=SystemClock())
    mission = await commander.start(definition, 5)
    update = asyncio.create_task(mission.update("change", 1, timeout=0.2))
    await begun.wait()
    wall.shift = timedelta(hours=-1)

    async with asyncio.timeout(30):
        with pytest.raises(MissionExecutionError, match=r"within 0\.2 s"):
            await update
