"""A commander that crashes leaves what the death of its process would leave, and nothing else."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import (
    Commander,
    CommanderClosedError,
    MissionContext,
    MissionDefinition,
    MissionHandle,
    PersistenceAdapter,
    create_commander,
    m,
)
from mission_control.core.engine.clock import Clock, SystemClock
from mission_control.in_memory_commander import create_in_memory_persistence_adapter
from mission_control.testing import FakeClock, FaultInjectingAdapter, crash

pytest_plugins = ["pytester"]

Open = Callable[..., Awaitable[Commander]]


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> PersistenceAdapter:
    if request.param == "memory":
        return create_in_memory_persistence_adapter()
    return create_sqlite_persistence_adapter(tmp_path / "missions.db")


@pytest.fixture(params=[FakeClock, SystemClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


@pytest.fixture
async def open_commander(storage: PersistenceAdapter, clock: Clock) -> AsyncIterator[Open]:
    opened: list[Commander] = []

    async def open_next(*known: MissionDefinition[Any], persistence: PersistenceAdapter | None = None) -> Commander:
        opened.append(create_commander(definitions=known, persistence=persistence or storage, clock=clock))
        await opened[-1].wait_until_ready()
        return opened[-1]

    yield open_next
    for commander in opened:
        await commander.close()


class Work:
    """An async step that says that it runs, waits, and says how it ended."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.ends: list[str] = []

    async def __call__(self, ctx: MissionContext[int]) -> int:
        self.begun.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.ends.append("cancelled")
            raise
        self.ends.append(f"attempt {ctx.attempt}")
        return ctx.input


def working(work: Callable[[MissionContext[int]], object]) -> MissionDefinition[int]:
    return m.define("working").update("note", int, lambda ctx, n: n).start(input=int, run=work).need_to("go", int).end()


async def attempts(mission: MissionHandle[Any]) -> list[tuple[str, int, str]]:
    found = (await mission.inspect()).step_attempts
    return [(attempt.step_name, attempt.attempt_number, attempt.status) for attempt in found]


async def test_attempt_that_ran_is_found_interrupted_and_runs_again(open_commander: Open) -> None:
    """The next commander finds what was durable; the code of the first is not told, and what it returns is lost."""
    work = Work()
    definition = working(work)
    first = await open_commander(definition)
    await first.start(definition, 7, mission_id="w", wait=False)
    await work.begun.wait()

    await crash(first)
    second = await open_commander(definition)
    mission = await second.get_mission("w")
    assert mission is not None
    work.gate.set()
    await second.settled()

    assert sorted(work.ends) == ["attempt 1", "attempt 2"]
    assert await attempts(mission) == [("start", 1, "interrupted"), ("start", 2, "succeeded")]
    (interrupted,) = [record for record in await mission.history() if record.type == "step-interrupted"]
    assert interrupted.details == {"reason": "process ended"}


async def test_thread_that_ran_is_not_waited_for(open_commander: Open) -> None:
    """Synchronous code goes on on its thread, and nothing comes of it, nor of a coroutine that it returns."""
    begun, gate, ended = asyncio.Event(), threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    awaited: list[str] = []

    async def late() -> None:
        awaited.append("late")

    def work(ctx: MissionContext[int]) -> object:
        loop.call_soon_threadsafe(begun.set)
        gate.wait(30)
        loop.call_soon_threadsafe(loop.call_soon, ended.set)
        return late()

    first = await open_commander(working(work))
    await first.start("working", 7, mission_id="w", wait=False)
    await begun.wait()

    await crash(first)
    gate.set()
    await ended.wait()
    await asyncio.sleep(0.01)
    second = await open_commander()

    found = await second.inspect_mission("w")
    assert found is not None
    assert [attempt.status for attempt in found.step_attempts] == ["running"]
    assert awaited == []


class Held(FaultInjectingAdapter):
    """Storage that takes its time for a commit."""

    def __init__(self, inner: PersistenceAdapter) -> None:
        super().__init__(inner, fail_commits=())
        self.arrived = asyncio.Event()
        self.gate = asyncio.Event()

    async def commit(self, batch: Any, /) -> Any:
        self.arrived.set()
        await self.gate.wait()
        return await super().commit(batch)


async def test_whoever_waits_is_told(open_commander: Open) -> None:
    """A caller of the dead commander does not wait for ever, whatever it waits for."""
    work = Work()
    first = await open_commander(working(work))
    mission = await first.start("working", 7, mission_id="w", wait=False)
    await work.begun.wait()
    waiting = [
        asyncio.create_task(call)
        for call in (mission.result(), mission.signal("go", 1), mission.update("note", 1), mission.output())
    ]
    await asyncio.sleep(0.01)

    await crash(first)

    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in told] == [CommanderClosedError] * 4
    with pytest.raises(CommanderClosedError):
        await mission.status()
    with pytest.raises(CommanderClosedError):
        await first.start("working", 7)
    work.gate.set()


async def test_update_that_runs_is_over_for_its_caller(open_commander: Open) -> None:
    """The code of an update goes on untold as that of a step does, and its caller is told."""
    gate, begun = asyncio.Event(), asyncio.Event()

    async def note(ctx: MissionContext[int], input: int) -> int:
        begun.set()
        await gate.wait()
        return input

    definition = m.define("d").update("note", int, note).start(input=int, run=lambda ctx: 1).need_to("go", int).end()
    first = await open_commander(definition)
    mission = await first.start(definition, 7, mission_id="w")
    noting = asyncio.create_task(mission.update("note", 5))
    await begun.wait()

    await crash(first)
    gate.set()

    with pytest.raises(CommanderClosedError):
        await noting
    second = await open_commander(definition)
    found = await second.inspect_mission("w")
    assert found is not None
    assert [record.type for record in found.history if record.type == "mission-update"] == []


async def test_commit_under_way_is_whole_or_not_at_all(open_commander: Open, storage: PersistenceAdapter) -> None:
    """What was handed over may still take effect; what waits behind it does not, and both callers are told."""
    held = Held(storage)
    definition = m.define("d").start(input=int, run=lambda ctx: 1).end()
    first = await open_commander(definition, persistence=held)
    one = asyncio.create_task(first.start(definition, 1, mission_id="one", wait=False))
    await held.arrived.wait()
    two = asyncio.create_task(first.start(definition, 1, mission_id="two", wait=False))
    await asyncio.sleep(0.01)

    crashing = asyncio.create_task(crash(first))
    held.gate.set()
    await crashing

    told = await asyncio.gather(one, two, return_exceptions=True)
    assert [type(error) for error in told] == [CommanderClosedError] * 2
    second = await open_commander(definition)
    assert await second.get_mission("two") is None


async def test_step_may_crash_its_own_commander(open_commander: Open) -> None:
    """As a step may end its process: the place of the crash can be chosen to the line."""

    async def work(ctx: MissionContext[int]) -> int:
        if ctx.attempt == 1:
            await crash(first)
        return ctx.attempt

    definition = m.define("d").start(input=int, run=work).end()
    first = await open_commander(definition)
    await first.start(definition, 1, mission_id="w", wait=False)
    await first.settled()
    second = await open_commander(definition)
    mission = await second.get_mission("w")

    assert mission is not None
    assert await mission.output() == 2


async def test_commander_that_waits_to_try_storage_again_does_not(
    open_commander: Open, storage: PersistenceAdapter, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing that was to happen later happens, and nothing is said of it."""
    definition = m.define("d").start(input=int, run=lambda ctx: 1).end()
    failing = FaultInjectingAdapter(storage, fail_commits=lambda number: number > 1)
    first = await open_commander(definition, persistence=failing)
    await first.start(definition, 1, mission_id="w", wait=False)
    while failing.commits < 2:
        await asyncio.sleep(0.001)
    caplog.clear()

    with caplog.at_level(logging.DEBUG, "mission_control"):
        await crash(first)
        await asyncio.sleep(0.15)  # longer than until the next try

    assert (failing.commits, caplog.messages) == (2, [])


async def test_step_that_was_told_to_end_is_not_given_up_later() -> None:
    """A step that outlives its timeout when the process dies is nobody's business any more, and no line is logged."""
    clock = FakeClock(hang_patience=0.02)
    told, gate = asyncio.Event(), asyncio.Event()

    async def stubborn(ctx: MissionContext[int]) -> None:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            told.set()
            await gate.wait()

    definition = m.define("d").start(input=int, run=stubborn, timeout=30).end()
    commander = create_commander(definitions=[definition], clock=clock)
    await commander.start(definition, 1, wait=False)
    advancing = asyncio.create_task(clock.advance(30))
    await told.wait()

    await crash(commander)
    gate.set()

    await advancing
    await clock.advance(3600)
    assert commander.closed


async def test_closing_afterwards_does_nothing_and_no_warning_is_left(storage: PersistenceAdapter) -> None:
    """`async with` around a crash is fine, twice is as good as once, and what is collected was given up in order."""
    async with create_commander(persistence=storage) as commander:
        await crash(commander)
        await crash(commander)
        assert commander.closed
    await commander.close()
    del commander
    gc.collect()

    async with create_commander(persistence=storage) as following:
        assert await following.list_missions() == []


async def test_commander_that_was_never_used_is_closed() -> None:
    """There is nothing that could be lost."""
    commander = create_commander()
    await crash(commander)

    with pytest.raises(CommanderClosedError):
        await commander.wait_until_ready()


async def test_crash_of_something_else_is_refused() -> None:
    """A commander elsewhere does not die with this process."""
    with pytest.raises(TypeError, match="expected a commander that runs missions in this process, found 'commander'"):
        await crash("commander")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # the wrong thing is the test


def test_the_fixture_leaves_nothing_behind(pytester: pytest.Pytester) -> None:
    """A test may end with code of a dead commander still running, with every warning an error."""
    pytester.makepyfile(
        """
        import asyncio
        from mission_control.core import create_commander, m

        async def test_it(in_memory_commander, fake_clock, crash):
            begun = asyncio.Event()

            async def hang(ctx):
                begun.set()
                await fake_clock.sleep_until(fake_clock.now().replace(year=2000))

            definition = m.define("d").start(input=int, run=hang).end()
            await in_memory_commander.start(definition, 1, wait=False)
            await begun.wait()
            await crash(in_memory_commander)
        """
    )
    result = pytester.runpytest_subprocess(
        *("-Werror", "-q", "-pno:hypothesispytest"),
        *("-oasyncio_mode=auto", "-oasyncio_default_fixture_loop_scope=function"),
    )
    result.assert_outcomes(passed=1)
    assert "destroyed" not in result.stdout.str() + result.stderr.str()
