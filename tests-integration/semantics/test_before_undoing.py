"""What has to end before anything is undone, and what has not (rule 44)."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from mission_control.core import MissionContext, Reminder, m
from mission_control.testing import FakeClock
from one_step import failure_of
from storages import OpenCommander, ThreadGate, Undriven, commits_pass
from undone import GO, Lingering, Undos, attempts_of, begin, fail, make, types_of


async def test_first_undo_waits_for_async_code_that_was_stopped(open_commander: OpenCommander) -> None:
    """Its `finally` runs to its end; nothing is undone beside it."""
    order: list[str] = []
    begun, leave = asyncio.Event(), asyncio.Event()

    async def work(ctx: MissionContext[int]) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await leave.wait()
            order.append("left")

    async def undo(ctx: MissionContext[int]) -> None:
        order.append(ctx.step_name)

    async def fail_then(ctx: MissionContext[int]) -> None:
        await begun.wait()
        raise ValueError("no")

    paths = {"works": m.path().step("work", work, undo=undo), "fails": m.path().step("fail", fail_then)}
    definition = m.define("d").start(input=int, run=begin).parallel("both", paths).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    while (await mission.snapshot()).error is None:
        await asyncio.sleep(0)
    snapshot = await mission.snapshot()
    assert (snapshot.status, snapshot.cursor) == ("running", "undo:both/works/work")
    await commits_pass(commander)
    assert order == []
    leave.set()
    await mission.result()

    assert order == ["left", "undo:both/works/work"]


async def test_async_code_that_does_not_end_is_waited_for_no_longer_than_the_grace(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given up on, and the undoing begins."""
    monkeypatch.setattr("mission_control.core.engine.attempt.GRACE", 0.02)
    undo = Undos()
    begun, leave = asyncio.Event(), asyncio.Event()

    async def stubborn(ctx: MissionContext[int]) -> None:
        begun.set()
        while not leave.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await leave.wait()

    async def fail_then(ctx: MissionContext[int]) -> None:
        await begun.wait()
        raise ValueError("no")

    paths = {"works": m.path().step("work", stubborn, undo=undo), "fails": m.path().step("fail", fail_then)}
    definition = m.define("d").start(input=int, run=begin).parallel("both", paths).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    try:
        assert (await failure_of(mission)).message == "no"
        assert undo.steps == ["undo:both/works/work"]
    finally:
        leave.set()


async def test_undoing_does_not_wait_for_sync_code(open_commander: OpenCommander) -> None:
    """It is abandoned at once, as always, and what it returns is discarded."""
    undo = Undos()
    gate = ThreadGate()

    async def fail_then(ctx: MissionContext[int]) -> None:
        await gate.begun.wait()
        raise ValueError("no")

    paths = {"works": m.path().step("work", gate, undo=undo), "fails": m.path().step("fail", fail_then)}
    definition = m.define("d").start(input=int, run=begin).parallel("both", paths).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    try:
        assert (await failure_of(mission)).message == "no"
        assert undo.steps == ["undo:both/works/work"]
    finally:
        gate.opened.set()
        await gate.ended.wait()


async def test_cancelled_coroutine_has_ended_before_it_is_undone(open_commander: OpenCommander) -> None:
    """On the main line too."""
    order: list[str] = []
    begun = asyncio.Event()

    async def work(ctx: MissionContext[int]) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            order.append("left")

    async def undo(ctx: MissionContext[int]) -> None:
        order.append(ctx.step_name)

    definition = m.define("d").start(input=int, run=begin).step("work", work, undo=undo).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await begun.wait()
    snapshot = await mission.cancel("enough")

    assert order == ["left", "undo:work"]
    assert (snapshot.status, snapshot.cursor) == ("cancelled", "work")


async def test_undoing_waits_for_stopped_code_also_when_something_else_happens(open_commander: OpenCommander) -> None:
    """The end of a child, which the undoing waits for as well, does not begin it early."""
    order: list[str] = []
    work = Lingering(order)

    async def undo(ctx: MissionContext[int]) -> None:
        order.append(f"{ctx.mission_id} {ctx.step_name}")

    async def fail_then(ctx: MissionContext[int]) -> None:
        await work.begun.wait()
        raise ValueError("no")

    child = m.define("child").start(input=int, run=begin, undo=undo).need_to(GO).end()
    paths = {
        "works": m.path().step("work", work, undo=undo),
        "child": m.path().mission("child", child, begin),
        "fails": m.path().need_to("break", str).step("fail", fail_then),
    }
    definition = m.define("d").start(input=int, run=begin).parallel("all", paths).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, mission_id="x", wait=False)
    await work.begun.wait()
    await commits_pass(commander)
    await mission.signal("break", "now", wait=False)
    while "child-ended all/child/child" not in types_of(await mission.history()):
        await commits_pass(commander, 1)
    await commits_pass(commander)
    assert order == ["x/all/child/child undo:start"]
    work.leave.set()

    assert (await failure_of(mission)).message == "no"
    assert order == ["x/all/child/child undo:start", "left all/works/work", "x undo:all/works/work"]


async def test_undoing_waits_for_a_reminder_that_was_stopped(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """It is code of the mission as a step is: its `finally` has run before anything is undone, and none comes again."""
    order: list[str] = []
    remind = Lingering(order)

    async def undo(ctx: MissionContext[int]) -> None:
        order.append(ctx.step_name)

    paths = {
        "waits": m.path().step("make", make, undo=undo).need_to(GO, reminder=Reminder(remind, every=10)),
        "fails": m.path().need_to("break", str).step("fail", fail),
    }
    definition = m.define("d").start(input=int, run=begin).parallel("both", paths).end()
    commander = await open_commander(clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1)
    await fake_clock.advance(10)
    await remind.begun.wait()
    await mission.signal("break", "now", wait=False)
    await remind.stopped.wait()
    await commits_pass(commander)
    assert order == []
    remind.leave.set()
    await failure_of(mission)
    await fake_clock.advance(100)

    assert order == ["left both/waits/go/reminder[0]", "undo:both/waits/make"]
    (attempt,) = await attempts_of(mission, "both/waits/go/reminder[0]")
    assert attempt.status == "interrupted"
