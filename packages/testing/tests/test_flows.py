"""Missions with paths, undoing and children under the tools for testing: crashes, and a clock that is driven."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from mission_control.core import MissionContext, MissionDefinition, Signal, create_commander, m
from mission_control.core.storage.memory import InMemoryAdapter
from mission_control.testing import FakeClock, Life, crash, crash_everywhere

GO = Signal("go", str)


async def given(ctx: MissionContext[Any]) -> Any:
    return ctx.input


async def moment(ctx: MissionContext[Any]) -> str:
    await asyncio.sleep(0)
    return ctx.step_name


async def fail(ctx: MissionContext[Any]) -> None:
    raise ValueError("no")


def side_by_side(run: Any) -> MissionDefinition[int]:
    """Return a mission with two paths, each of which runs a step, and then waits for a signal of the same name."""
    path = m.path().step("work", run).need_to(GO)
    return m.define("beside").start(input=int, run=given).parallel("p", {"a": path, "b": path}).end()


async def test_steps_of_paths_that_ran_again_are_told() -> None:
    """Both ran as the process died, and both ran again, one between the attempts of the other."""

    async def scenario(life: Life) -> None:
        await life.commander.start(side_by_side(moment), 1, mission_id="m-1", if_exists="return")

    report = await crash_everywhere(scenario)

    twice = {step for step in report.repeated_steps if step != "start"}
    assert twice == {"p/a/work", "p/b/work"}


async def test_signals_are_applied_once_at_each_place() -> None:
    """A life passes over the waits that an earlier one has ended, and over no other of the same name."""
    ends: list[tuple[str, ...]] = []

    async def scenario(life: Life) -> None:
        mission = await life.commander.start(side_by_side(moment), 1, mission_id="m-1", if_exists="return")
        await life.signal(mission, GO, "first", at="p/a")
        await life.signal(mission, "p/b/go", "second")
        await life.signal(mission, GO, "nobody waits for it any more")
        events = (await mission.snapshot()).events
        ends.append((await mission.status(), events["p/a/go"].input, events["p/b/go"].input))

    report = await crash_everywhere(scenario)

    assert set(ends) == {("completed", "first", "second")}
    assert len(ends) >= len(report.crashes) > 6


async def test_families_and_what_is_undone_end_in_the_same_way() -> None:
    """A crash says of each mission what was in the commit, children that come into being with it included."""

    async def undo(ctx: MissionContext[Any]) -> None:
        await asyncio.sleep(0)

    child = m.define("child").start(input=int, run=given, undo=undo).step("fail", fail).end()
    parent = m.define("parent").start(input=int, run=given, undo=undo).mission("child", child, given).end()

    async def scenario(life: Life) -> None:
        mission = await life.commander.start(parent, 1, mission_id="m-1", if_exists="return", wait=False)
        await mission.result()

    report = await crash_everywhere(scenario)

    (before, after) = [point for point in report.crashes if any("child-started" in told for told in point.records)]
    assert before.records == (
        "m-1: step-succeeded child, child-started child",
        "m-1/child: mission-created, mission-started",
    )
    assert after.records == before.records
    assert {"undo:start", "fail"} <= report.repeated_steps


async def test_all_code_of_a_mission_is_left_running_by_a_crash() -> None:
    """Neither path is told, and both are found interrupted."""
    gate, ends = asyncio.Event(), list[str]()

    async def work(ctx: MissionContext[Any]) -> None:
        await gate.wait()
        ends.append(f"{ctx.step_name} {ctx.attempt}")

    storage = InMemoryAdapter()
    first = create_commander(definitions=[side_by_side(work)], persistence=storage, clock=FakeClock())
    mission = await first.start("beside", 1, mission_id="m-1", wait=False)
    while len(list(await mission.history())) < 6:
        await asyncio.sleep(0)
    await crash(first)
    gate.set()
    async with create_commander(definitions=[side_by_side(work)], persistence=storage, clock=FakeClock()) as second:
        await second.settled()
        inspection = await second.inspect_mission("m-1")

    assert inspection is not None
    attempts = [(one.step_name, one.status) for one in inspection.step_attempts if one.step_name != "start"]
    names = ("p/a/work", "p/b/work")
    assert attempts == [(name, status) for status in ("interrupted", "succeeded") for name in names]
    assert sorted(ends) == [f"{name} {number}" for name in names for number in (1, 2)]


async def test_clock_names_the_place_of_what_does_not_come_to_rest() -> None:
    """Of two paths with the same step, those that hang are told by their instances."""
    clock, leave = FakeClock(patience=0.02), asyncio.Event()

    async def work(ctx: MissionContext[Any]) -> None:
        if ctx.step_name == "p/b/work":
            await leave.wait()

    async with create_commander(definitions=[side_by_side(work)], clock=clock) as commander:
        await commander.start("beside", 1, mission_id="m-1", wait=False)
        with pytest.raises(TimeoutError, match="step 'p/b/work' of mission 'm-1' did not come to rest"):
            await clock.advance(60)
        leave.set()


async def test_time_moves_on_while_a_parent_waits_for_its_child() -> None:
    """The parent is at rest; it goes on at the instant at which its child ends."""
    clock = FakeClock()
    child = m.define("child").start(input=int, run=given).sleep("night", timedelta(hours=8)).end()
    last = m.define("parent").start(input=int, run=given).mission("child", child, given).step("last", when).end()
    async with create_commander(definitions=[last], clock=clock) as commander:
        mission = await commander.start("parent", 1)
        await clock.advance(timedelta(days=1))

        assert await mission.output() == timedelta(hours=8).total_seconds()


async def when(ctx: MissionContext[Any]) -> float:
    return ctx.now().timestamp()
