"""While a mission is undone: what is to be seen of it, what it refuses, and what has to end first (rules 44 and 46)."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from mission_control.core import MissionContext, MissionExecutionError, MissionSignalError, MissionStatus, Reminder, m
from mission_control.testing import FakeClock
from one_step import failure_of, found
from storages import Gate, OpenCommander, Undriven, commits_pass
from undone import EAGER, GO, Lingering, Undos, attempts_of, begin, fail, make, types_of, waiting


async def refuse_once(ctx: MissionContext[int]) -> None:
    if ctx.attempt == 1:
        raise ConnectionError("no answer")


async def change(ctx: MissionContext[int], value: int) -> int:
    return value


# What is to be seen


async def test_mission_that_is_undone_is_listed_as_running_with_its_error(open_commander: OpenCommander) -> None:
    """Its row says what its snapshot says: status, the undo as cursor, and the error with which it will end."""
    gate = Gate()
    commander = await open_commander()
    mission = await commander.start(waiting(gate), 1, mission_id="x")
    cancelling = asyncio.create_task(mission.cancel("enough"))
    await gate.begun.wait()
    (listed,) = await commander.list_missions(status=MissionStatus.RUNNING)
    gate.opened.set()
    await cancelling

    assert (listed.mission_id, listed.status, listed.cursor) == ("x", "running", "undo:make")
    assert (listed.waiting, listed.next_wait, listed.next_due) == (None, None, None)
    assert listed.error is not None
    assert (listed.error.code, listed.error.message) == ("MISSION_CANCELLED", "the mission was cancelled: enough")


async def test_undo_that_backs_off_is_a_wait_like_any(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """The mission is listed as waiting and scheduled, with its error; then as running no more."""
    commander = await open_commander()
    mission = await commander.start(waiting(refuse_once, retry=EAGER), 1, mission_id="x")
    cancelling = asyncio.create_task(mission.cancel("enough"))
    await fake_clock.advance(1)
    (listed,) = await commander.list_scheduled()
    position = (await mission.snapshot()).positions
    await fake_clock.advance(60)
    await cancelling

    assert (listed.status, listed.cursor, listed.next_wait) == ("waiting", "undo:make", listed.waiting)
    assert listed.waiting is not None
    assert (listed.waiting.kind, listed.waiting.event_name) == ("retry", "undo:make")
    assert listed.error is not None
    assert listed.error.code == "MISSION_CANCELLED"
    assert [(it.path, it.cursor, it.status, it.attempt_number) for it in position] == [
        (None, "undo:make", "waiting", 2)
    ]


# What is refused


async def test_signals_and_updates_are_refused_while_an_undo_backs_off(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """As while one runs, and saying the same; also in the next process. A query is answered."""
    definition = (
        m.define("d")
        .update("change", int, change)
        .query("look", lambda ctx: ctx.output(make))
        .start(input=int, run=begin)
        .step("make", make, undo=refuse_once, retry=EAGER)
        .need_to(GO)
        .end()
    )
    commander = await open_commander([definition])
    cancelling = asyncio.create_task((await commander.start(definition, 1, mission_id="x")).cancel())
    await fake_clock.advance(1)
    for is_restarted in (False, True):
        if is_restarted:
            commander = await open_commander([definition])
        mission = await found(commander)
        with pytest.raises(
            MissionSignalError, match=r"was cancelled, and what it did is being undone \(at 'undo:make'\)"
        ):
            await mission.signal(GO, "on")
        with pytest.raises(MissionExecutionError, match="was cancelled, and what it did is being undone"):
            await mission.update("change", 1)
        assert await mission.query("look") == "made make"
    with contextlib.suppress(Exception):
        await cancelling
    await fake_clock.advance(60)

    assert (await mission.result()).status == "cancelled"
    assert not {"signal-received go", "mission-update change"} & set(types_of(await mission.history()))


# What has to end first


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


async def test_reminders_of_before_do_not_come_while_a_mission_is_undone(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """The wait that they reminded of has ended with the mission's failing."""
    reminders = Undos()
    paths = {
        "waits": m.path()
        .step("make", make, undo=refuse_once, retry=EAGER)
        .need_to(GO, reminder=Reminder(reminders, 10)),
        "fails": m.path().need_to("break", str).step("fail", fail),
    }
    definition = m.define("d").start(input=int, run=begin).parallel("both", paths).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1)
    await mission.signal("break", "now")
    await fake_clock.advance(59)

    assert reminders.steps == []
    assert await mission.status() == "waiting"
    await fake_clock.advance(1)
    assert await mission.status() == "failed"
