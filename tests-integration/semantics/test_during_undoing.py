"""While a mission is undone: what is to be seen of it, what it refuses, and who cancels (rules 44 and 46)."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from mission_control.core import (
    MissionContext,
    MissionExecutionError,
    MissionSignalError,
    MissionStatus,
    MissionTerminalError,
    Reminder,
    m,
)
from mission_control.testing import FakeClock
from one_step import failure_of, found
from storages import Gate, OpenCommander, commits_pass
from undone import EAGER, GO, Undos, begin, fail, make, records_of, types_of, undoing, waiting


async def refuse_once(ctx: MissionContext[int]) -> None:
    if ctx.attempt == 1:
        raise ConnectionError("no answer")


async def change(ctx: MissionContext[int], value: int) -> int:
    return value


# What is to be seen


async def test_mission_runs_while_it_is_undone(open_commander: OpenCommander) -> None:
    """Its cursor is the undo's name, its one position too, and its error is that with which it will end."""
    gate = Gate()
    mission, cancelling = await undoing(open_commander, gate)
    await gate.begun.wait()
    snapshot = await mission.snapshot()
    gate.opened.set()
    await cancelling

    assert (snapshot.status, snapshot.cursor, snapshot.waiting) == ("running", "undo:make", None)
    assert snapshot.error is not None
    assert snapshot.error.code == "MISSION_CANCELLED"
    (position,) = snapshot.positions
    assert (position.path, position.cursor) == (None, "undo:make")
    assert (position.status, position.attempt_number) == ("running", 1)


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


# What is refused, and what does not happen


async def set_to(ctx: MissionContext[int], value: int) -> int:
    return value


def look(ctx: MissionContext[int]) -> str:
    return ctx.output(make)


async def test_signals_and_updates_are_refused_while_it_is_undone(open_commander: OpenCommander) -> None:
    """At once, and saying so; queries are answered."""
    gate = Gate()
    definition = (
        m.define("d")
        .update("set", int, set_to)
        .query("look", look)
        .start(input=int, run=begin)
        .step("make", make, undo=gate)
        .need_to(GO)
        .end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    cancelling = asyncio.create_task(mission.cancel("enough"))
    await gate.begun.wait()
    with pytest.raises(MissionSignalError, match=r"was cancelled, and what it did is being undone \(at 'undo:make'\)"):
        await mission.signal(GO, "on")
    with pytest.raises(MissionExecutionError, match="was cancelled, and what it did is being undone") as raised:
        await mission.update("set", 3)
    assert not isinstance(raised.value, MissionTerminalError)
    assert await mission.query("look") == "made make"
    gate.opened.set()

    assert (await cancelling).status == "cancelled"


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


async def test_signal_that_was_held_is_refused_when_the_undoing_begins(open_commander: OpenCommander) -> None:
    """It does not wait until the mission has ended."""
    gate, step = Gate(), Gate()
    definition = (
        m.define("d").start(input=int, run=begin).step("make", make, undo=gate).step("step", step).need_to(GO).end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await step.begun.wait()
    signalling = asyncio.create_task(mission.signal(GO, "on"))
    await asyncio.sleep(0)
    cancelling = asyncio.create_task(mission.cancel())
    with pytest.raises(MissionSignalError, match="is being undone"):
        await signalling
    await gate.begun.wait()
    gate.opened.set()
    await cancelling


async def test_update_that_runs_when_the_undoing_begins_records_nothing(open_commander: OpenCommander) -> None:
    """Cancelling wins over it, and its caller is told."""
    gate, updating = Gate(), Gate()

    async def change(ctx: MissionContext[int], value: int) -> str:
        return await updating(ctx)

    definition = (
        m.define("d")
        .update("change", int, change)
        .start(input=int, run=begin)
        .step("make", make, undo=gate)
        .need_to(GO)
        .end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    update = asyncio.create_task(mission.update("change", 1))
    await updating.begun.wait()
    cancelling = asyncio.create_task(mission.cancel())
    await gate.begun.wait()
    updating.opened.set()
    with pytest.raises(MissionExecutionError, match="is being undone"):
        await update
    gate.opened.set()
    await cancelling

    assert records_of(await mission.history(), "mission-update") == []


async def test_deadlines_and_timers_of_before_do_not_fire_while_it_is_undone(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """What was open has ended with the mission's failing."""
    gate = Gate()

    async def undo(ctx: MissionContext[int]) -> None:
        if ctx.attempt == 1:
            raise ConnectionError("no answer")

    paths = {
        "waits": m.path().step("make", make, undo=undo, retry=EAGER).need_to(GO, timeout=10),
        "sleeps": m.path().sleep("nap", 10).step("never", gate),
        "fails": m.path().need_to("break", str).step("fail", fail),
    }
    definition = m.define("d").start(input=int, run=begin).parallel("all", paths).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1)
    await mission.signal("break", "now")
    await fake_clock.advance(600)

    assert (await failure_of(mission)).message == "no"
    types = types_of(await mission.history())
    assert not any(line.startswith(("signal-timed-out", "timer-fired all")) for line in types)
    assert gate.runs == 0


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


# Cancelling meanwhile


async def test_cancel_during_the_undoing_returns_when_it_is_done(open_commander: OpenCommander) -> None:
    """What the mission ends as was settled before: the failed one has failed, and the first reason stays."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=begin).step("make", make, undo=gate).step("fail", fail).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    cancelling = asyncio.create_task(mission.cancel("late"))
    await commits_pass(commander)
    assert not cancelling.done()
    gate.opened.set()
    snapshot = await cancelling

    assert snapshot.status == "failed"
    assert records_of(await mission.history(), "mission-cancellation-requested") == []


async def test_second_cancel_waits_for_the_undoing_too(open_commander: OpenCommander) -> None:
    """All who cancel get the same end."""
    gate = Gate()
    mission, cancelling = await undoing(open_commander, gate)
    await gate.begun.wait()
    again = asyncio.create_task(mission.cancel("again"))
    gate.opened.set()
    first, second = await asyncio.gather(cancelling, again)

    assert first == second
    assert first.error is not None
    assert "enough" in first.error.message


async def test_undo_that_cancels_its_own_mission_is_told(open_commander: OpenCommander) -> None:
    """It is refused as any step is that would wait for itself."""
    refused: list[str] = []

    async def undo(ctx: MissionContext[int]) -> None:
        try:
            await mission.cancel()
        except MissionExecutionError as error:
            refused.append(str(error))

    commander = await open_commander()
    mission = await commander.start(waiting(undo), 1)
    await mission.cancel()

    assert len(refused) == 1
    assert "itself" in refused[0]


async def test_cancelling_while_an_undo_backs_off_changes_nothing(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """The undo is tried again when it is due, and cancel returns after it."""

    async def undo(ctx: MissionContext[int]) -> None:
        if ctx.attempt == 1:
            raise ConnectionError("no answer")

    mission, cancelling = await undoing(open_commander, undo, retry=EAGER)
    await fake_clock.advance(1)
    again = asyncio.create_task(mission.cancel())
    await fake_clock.advance(1)
    assert not again.done()
    assert (await mission.snapshot()).status == "waiting"
    await fake_clock.advance(60)

    assert (await cancelling).status == (await again).status == "cancelled"
