"""Missions that are paused and resumed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from mended import GO, Shop, begin, found, recorded
from mission_control.core import (
    MissionContext,
    MissionNotFoundError,
    MissionSignalError,
    MissionStatus,
    MissionTerminalError,
    PersistenceAdapter,
    Reminder,
    RetryPolicy,
    m,
)
from mission_control.core.engine import Requested
from mission_control.core.storage import PauseRequest
from mission_control.testing import FakeClock
from storages import Gate, Gated, OpenCommander

START = m.define("it").update("note", str, lambda ctx, text: text).start(input=int, run=begin)


async def test_running_attempt_ends_and_nothing_follows_it(open_commander: OpenCommander) -> None:
    """It is shown to be paused, by whom, and goes on where it stood."""
    gate = Gate()
    definition = START.step("a", gate).step("b", Shop().work).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x", wait=False)
    await gate.begun.wait()

    paused = await commander.operations.pause_mission("x", by="eve")
    assert (paused.paused, paused.status, paused.cursor) == (True, MissionStatus.RUNNING, "a")
    gate.opened.set()
    await commander.settled()
    assert (await recorded(mission))[-2:] == ["mission-paused", "step-succeeded a #1"]
    assert str(await mission.inspect()).startswith("x (it): paused, running at b")
    again = await commander.operations.pause_mission("x")
    assert (again.paused, len(await mission.history())) == (True, 7)
    resumed = await commander.operations.resume_mission("x", by="eve")
    assert resumed.paused is False
    await commander.settled()
    assert await mission.status() is MissionStatus.COMPLETED
    by = [record.details.get("by") for record in await mission.history() if record.type.endswith(("paused", "resumed"))]
    assert by == ["eve", "eve"]


async def test_no_timer_fires_and_what_is_overdue_happens_when_it_is_resumed(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Also after a restart, also a reminder; others go on meanwhile. A clock that is driven takes it as at rest."""
    paths = {
        "sleep": m.path().sleep("z", 60),
        "wait": m.path().need_to(GO, timeout=60, reminder=Reminder(begin, 10), on_timeout=m.path()),
    }
    definition = START.parallel("p", paths).end()
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x")
    other = await commander.start(definition, 5, mission_id="y")
    await commander.operations.pause_mission("x")
    await fake_clock.advance(30)
    commander = await open_commander([definition])
    await fake_clock.advance(3600)

    mission, other = await found(commander), await found(commander, "y")
    assert (await recorded(mission))[-1] == "mission-paused"
    assert await other.status() is MissionStatus.COMPLETED
    (summary,) = await commander.list_missions(status=MissionStatus.WAITING)
    assert (summary.mission_id, summary.paused, summary.next_due) == ("x", True, None)
    assert summary.next_wait is not None
    await commander.operations.resume_mission("x")
    await commander.settled()
    assert await mission.status() is MissionStatus.COMPLETED


async def test_backoff_and_delayed_start_wait_as_well(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """What backs off bears its last error."""
    shop = Shop(broken={"a"})
    definition = START.step("a", shop.work, retry=RetryPolicy(max_attempts=None, initial_interval=60)).end()
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x")
    await commander.start(definition, 5, mission_id="y", start_at=fake_clock.now() + timedelta(seconds=60))
    for mission_id in ("x", "y"):
        await commander.operations.pause_mission(mission_id)
    await fake_clock.advance(3600)

    assert shop.ran == ["a"]
    summary, _ = await commander.list_missions()
    assert summary.error is not None
    assert (summary.error.message, summary.error.code) == ("a is broken", "STEP_FAILED")
    shop.broken.clear()
    for mission_id in ("x", "y"):
        await commander.operations.resume_mission(mission_id)
    await commander.settled()
    assert [one.status for one in await commander.list_missions()] == [MissionStatus.COMPLETED] * 2


async def test_signals_and_updates_are_taken_as_always(open_commander: OpenCommander) -> None:
    """What follows waits; who waits for it to come to a rest is answered, and what nothing waits for is refused."""
    shop = Shop()
    definition = START.need_to(GO).step("a", shop.work).need_to("more", int).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x")
    await commander.operations.pause_mission("x")

    assert await mission.update("note", "hey") == "hey"
    await mission.signal(GO, 5)
    assert (shop.ran, await mission.status()) == ([], MissionStatus.RUNNING)
    with pytest.raises(MissionSignalError, match="does not wait for signal 'more': it is paused at 'a'"):
        await mission.signal("more", 1)
    assert await mission.update("note", "hey") == "hey"
    await commander.operations.resume_mission("x")
    await commander.settled()
    assert shop.ran == ["a"]


async def test_paths_that_are_live_end_what_they_do(open_commander: OpenCommander) -> None:
    """A join comes about, and what is behind it waits; items that have not begun do not."""
    gate, shop = Gate(), Shop()
    path = m.path().step("s", gate)
    flow = START.parallel("p", {"a": path, "b": path}).each("e", two, m.path().step("s", shop.work), max_concurrency=1)
    definition = flow.end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x", wait=False)
    await gate.begun.wait()
    await commander.operations.pause_mission("x")
    gate.opened.set()
    await commander.settled()

    assert (await recorded(mission))[-1] == "paths-joined p"
    await commander.operations.resume_mission("x")
    await commander.settled()
    assert shop.ran == ["e[0]/s", "e[1]/s"]


async def two(ctx: MissionContext[int]) -> list[int]:
    return [1, 2]


async def test_cancelling_ends_the_pause(open_commander: OpenCommander) -> None:
    """And what was done is undone."""
    shop = Shop()
    definition = START.step("a", shop.work, undo=shop.undo).need_to(GO).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x")
    await commander.operations.pause_mission("x")
    ended = await mission.cancel("enough")

    assert (ended.status, ended.paused, shop.ran) == (MissionStatus.CANCELLED, False, ["a", "undo:a"])
    with pytest.raises(MissionTerminalError, match="cannot be paused: it is cancelled"):
        await commander.operations.pause_mission("x")
    with pytest.raises(MissionTerminalError, match="cannot be resumed"):
        await commander.operations.resume_mission("x")
    with pytest.raises(MissionNotFoundError, match="'y'"):
        await commander.operations.pause_mission("y")


async def test_children_are_not_paused(open_commander: OpenCommander) -> None:
    """A child's end is put on record, and what follows it waits."""
    shop = Shop()
    child = m.define("child").start(input=int, run=begin).need_to(GO).end()
    definition = START.mission("kid", child, begin).step("a", shop.work).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x")
    await commander.operations.pause_mission("x")
    await (await found(commander, "x/kid")).signal(GO, 5)
    await commander.settled()

    assert (await recorded(mission))[-1] == "child-ended kid"
    assert shop.ran == []
    await commander.operations.resume_mission("x")
    await commander.settled()
    assert shop.ran == ["a"]


async def test_attempt_that_a_process_did_not_survive_is_not_followed_by_another(
    open_commander: OpenCommander,
) -> None:
    """It is put on record that it was interrupted; the next one comes when the mission is resumed."""
    gate = Gate()
    definition = START.step("a", gate).end()
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x", wait=False)
    await gate.begun.wait()
    await commander.operations.pause_mission("x")
    await open_commander.crash()
    commander = await open_commander([definition])
    await commander.settled()
    mission = await found(commander)

    assert (await recorded(mission))[-1] == "step-interrupted a #1"
    gate.opened.set()
    await commander.operations.resume_mission("x")
    await commander.settled()
    assert (await recorded(mission))[-2:] == ["step-succeeded a #2", "mission-completed"]


async def test_pausing_works_without_the_definition(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """And so does resuming: the mission goes on when that is there."""
    definition = START.sleep("z", 60).end()
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x")
    commander = await open_commander([])
    assert (await commander.operations.pause_mission("x")).paused
    await fake_clock.advance(60)
    assert not (await commander.operations.resume_mission("x")).paused
    commander.register(definition)
    await commander.settled()

    assert await (await found(commander)).status() is MissionStatus.COMPLETED


async def test_step_does_not_pause_its_own_mission(open_commander: OpenCommander) -> None:
    """It would be told so, as for other operations: it would wait for itself."""
    refused: list[BaseException] = []

    async def pause(ctx: MissionContext[int]) -> None:
        try:
            await commander.operations.pause_mission(ctx.mission_id)
        except Exception as error:
            refused.append(error)

    definition = START.step("a", pause).end()
    commander: Any = await open_commander([definition])
    await asyncio.wait_for(commander.start(definition, 5, mission_id="x"), 10)

    assert ["tried to pause the mission itself" in str(error) for error in refused] == [True]


async def test_mission_that_is_paused_while_it_waits_for_a_slot_is_at_rest(open_commander: OpenCommander) -> None:
    """It does not take the slot, and gets one when it is resumed."""
    gate, shop = Gate(), Shop()
    busy = m.define("busy").start(input=int, run=gate).end()
    definition = START.need_to(GO).step("a", shop.work).end()
    commander = await open_commander([busy, definition], max_concurrency=1)
    mission = await commander.start(definition, 5, mission_id="x")
    holder = await commander.start(busy, 5, wait=False)
    await gate.begun.wait()
    await mission.signal(GO, 1, wait=False)
    await commander.operations.pause_mission("x")
    gate.opened.set()
    await holder.result()
    await commander.settled()

    assert shop.ran == []
    await commander.operations.resume_mission("x")
    await commander.settled()
    assert shop.ran == ["a"]


async def test_request_that_is_taken_back_is_not_done(open_commander: OpenCommander) -> None:
    """It comes once more, under the same id, and would be done twice."""
    definition = START.need_to(GO).sleep("z", 60).end()
    storages: list[Gated] = []

    def gated(inner: PersistenceAdapter) -> PersistenceAdapter:
        storages.append(Gated(inner))
        return storages[-1]

    commander: Any = await open_commander([definition], wrap=gated)
    mission = await commander.start(definition, 5, mission_id="x")
    storages[0].gate.clear()
    sent = asyncio.ensure_future(mission.signal(GO, 1, wait=False))
    await asyncio.sleep(0)
    port = await commander._port()
    asked = asyncio.ensure_future(port.change(PauseRequest(mission_id="x"), Requested("r-1", is_final=True)))
    await asyncio.sleep(0)
    asked.cancel()
    storages[0].gate.set()
    await sent
    await commander.settled()

    assert not (await mission.snapshot()).paused
