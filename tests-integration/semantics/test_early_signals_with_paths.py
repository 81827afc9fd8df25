"""Signals that come before their waits, of missions with paths (rule 51)."""

from __future__ import annotations

from typing import Any

import pytest

from flows import Stage, T, begin, ended, flow, history_of, path, recovered
from mission_control.core import (
    MissionContext,
    MissionHandle,
    MissionSignalError,
    MissionValidationError,
    Reminder,
    Signal,
    m,
)
from mission_control.testing import Life, crash_everywhere
from storages import NewStorage, OpenCommander

GO = Signal("go", int)

wait = path().need_to(GO, early=True)


def three(ctx: MissionContext[Any]) -> list[int]:
    return [0, 1, 2]


def yes(ctx: MissionContext[Any]) -> bool:
    return True


async def payloads(mission: MissionHandle[Any]) -> dict[str, Any]:
    """Return what each wait has received."""
    return {it.event_name: it.payload for it in (await mission.inspect()).signals if it.status == "received"}


async def test_item_is_told_apart_before_it_exists(open_commander: OpenCommander) -> None:
    """What is for an item is consumed by that one, whichever begins first, and whatever was sent without a place."""
    stage = Stage()
    line = flow().step("before", stage).each("e", three, wait, max_concurrency=1).need_to(GO, early=True)
    definition = line.end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, mission_id="x", wait=False)
    await stage.entered("before")
    await mission.signal(GO, 9)
    await mission.signal(GO, 2, at="e[2]")
    await mission.signal("e[0]/go", 0)
    await open_commander.crash()
    stage.let_all_go()
    mission = await recovered(await open_commander([definition]))
    await (await open_commander([definition])).settled()
    mission = await recovered(await open_commander([definition]))
    await mission.signal(GO, 1)

    assert await ended(mission) == "completed"
    assert await payloads(mission) == {"e[0]/go": 0, "e[1]/go": 1, "e[2]/go": 2, "go": 9}


async def test_item_that_can_never_exist_is_refused_when_that_is_known(open_commander: OpenCommander) -> None:
    """Not before the items are listed, then at once; so is one that has ended, and a bare name."""
    stage = Stage()
    definition = flow().step("before", stage).each("e", three, path().step("s", stage).need_to(GO, early=True)).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("before")
    await mission.signal(GO, 7, at="e[7]")
    stage.let_go("before", "e[0]/s")
    await stage.entered("e[1]/s", "e[2]/s")
    with pytest.raises(MissionSignalError, match=r"wait for signal 'e\[7\]/go'.*; no wait ahead takes it early"):
        await mission.signal(GO, 7, at="e[7]")
    await mission.signal(GO, 0, at="e[0]")
    with pytest.raises(MissionSignalError, match=r"'e\[0\]/go'.*no wait ahead"):
        await mission.signal(GO, 0, at="e[0]")
    with pytest.raises(MissionSignalError, match=r"say which, as in signal\('go', payload, at='e\[0\]'\)"):
        await mission.signal(GO, 1)
    for number in (1, 2):
        await mission.signal(GO, number, at=f"e[{number}]")
    stage.let_all_go()

    assert await ended(mission) == "completed"
    assert await payloads(mission) == {f"e[{number}]/go": number for number in range(3)}
    assert [it.event_name for it in (await mission.inspect()).signals if it.status == "kept"] == ["e[7]/go"]


async def test_branch_that_was_not_taken_takes_nothing(open_commander: OpenCommander) -> None:
    """Before the choice it is kept for any of the ways, after it for the one that was taken."""
    stage = Stage()
    ways = {True: path().step("s", stage).need_to(GO, early=True), False: path().need_to("no", int, early=True)}
    definition = flow().step("before", stage).branch("b", yes, ways).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("before")
    await mission.signal("no", 1)
    await mission.signal(GO, 2)
    stage.let_go("before")
    await stage.entered("b/true/s")
    with pytest.raises(MissionSignalError, match="no wait ahead takes it early"):
        await mission.signal("no", 1)
    await mission.signal(GO, 3)
    stage.let_all_go()

    assert await ended(mission) == "completed"
    assert await payloads(mission) == {"b/true/go": 2}


async def test_paths_take_in_the_order_in_which_their_waits_begin(open_commander: OpenCommander) -> None:
    """One each, whether they live beside one another or follow one another."""
    stage = Stage()
    paths = {"a": path().step("s", stage).need_to(GO, early=True), "b": wait, "c": wait}
    definition = flow().step("before", stage).parallel("p", paths).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("before")
    for payload in (1, 2, 3):
        await mission.signal(GO, payload)
    stage.let_all_go()

    assert await ended(mission) == "completed"
    assert await payloads(mission) == {"p/b/go": 1, "p/c/go": 2, "p/a/go": 3}


async def test_race_is_won_by_the_path_whose_signal_was_kept(open_commander: OpenCommander) -> None:
    """What is behind it in the race never begins."""
    stage, other = Stage(), Stage(holds=False)
    paths = {"came": wait, "else": path().step("s", other)}
    definition = flow().step("before", stage).race("r", paths).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("before")
    await mission.signal(GO, 7)
    stage.let_all_go()

    assert await ended(mission) == "completed"
    assert (await mission.snapshot()).events["r"].output == "came"
    assert other.begun == []


async def test_waits_of_one_name_agree_on_a_payload(open_commander: OpenCommander) -> None:
    """Whichever begins first reads it, so it has to fit all of those ahead; a place says which is meant."""
    stage = Stage()
    ways = {True: path().need_to("go", int, early=True), False: path().need_to("go", str, early=True)}
    definition = flow().step("before", stage).branch("b", yes, ways).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("before")
    for payload in (1, "one"):
        with pytest.raises(MissionValidationError):
            await mission.signal("go", payload)
    await mission.signal("go", 1, at="b/true")
    stage.let_all_go()

    assert await ended(mission) == "completed"


async def test_signal_is_kept_while_other_lines_wait_or_run(open_commander: OpenCommander) -> None:
    """And several open waits of its name are still too many for a bare one."""
    stage = Stage()
    line = flow().parallel("p", {"a": wait, "b": wait, "c": path().step("s", stage)}).need_to("last", int, early=True)
    definition = line.end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/c/s")
    await mission.signal("last", 9)
    with pytest.raises(MissionSignalError, match="2 open waits for signal 'go'"):
        await mission.signal(GO, 1)
    await mission.signal(GO, 1, at="p/a", wait=False)
    await mission.signal(GO, 2, wait=False)
    stage.let_all_go()

    assert await ended(mission) == "completed"
    assert await payloads(mission) == {"p/a/go": 1, "p/b/go": 2, "last": 9}


async def test_nothing_is_kept_while_a_mission_is_undone(open_commander: OpenCommander) -> None:
    """No wait lies ahead of what is being undone; what was kept stays."""
    stage, undo = Stage(), Stage()
    definition = flow().step("s", stage, undo=undo).need_to(GO, early=True).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("s")
    await mission.signal(GO, 7)
    stage.fail("s")
    await undo.entered("undo:s")
    with pytest.raises(MissionSignalError, match="what it did is being undone"):
        await mission.signal(GO, 8)
    undo.let_all_go()

    assert await ended(mission) == "failed"
    assert [it.status for it in (await mission.inspect()).signals] == ["kept"]


async def test_record_of_what_is_kept_is_of_the_place_it_is_for(open_commander: OpenCommander) -> None:
    """It begins no path there."""
    stage = Stage()
    definition = flow().step("before", stage).each("e", three, wait).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("before")
    await mission.signal(GO, 7, at="e[1]")
    record = (await mission.history())[-1]

    assert (record.type, record.event_name, record.path) == (T.SIGNAL_KEPT, "e[1]/go", "e[1]")
    assert await history_of(mission, T.PATHS_OPENED) == []
    assert [it.path for it in (await mission.snapshot()).positions] == [None]


async def keeps_for_everything(life: Life) -> None:
    """Signals for items, branches, rounds and paths that do not exist yet, and reminders that never come."""

    async def run(ctx: MissionContext[int]) -> Any:
        return ctx.received(GO, default=None)

    reminded = path().need_to(GO, early=True, timeout=30, on_timeout=m.path(), reminder=Reminder(run, 10))
    paths = {
        "e": path().each("e", three, reminded.step("s", run), max_concurrency=2),
        "b": path().branch("b", yes, {True: wait, False: path()}),
    }
    line = m.define("d").start(input=int, run=begin).sleep("nap", 60).parallel("p", paths)
    definition = line.repeat("r", path().need_to("again", int, early=True), until=lambda ctx: ctx.index == 1).end()
    mission = await life.commander.start(definition, 1, mission_id="x", if_exists="return")
    for number in (2, 0, 1):
        await life.signal(mission, GO, number, at=f"p/e/e[{number}]")
    await life.signal(mission, "again", 1, at="r[1]")
    await life.signal(mission, GO, 5, at="p/b/b/true")
    await life.signal(mission, "again", 0, at="r[0]")
    await life.advance(60)
    assert (await mission.result()).status == "completed"
    assert await payloads(mission) == {
        **{f"p/e/e[{number}]/go": number for number in range(3)},
        "p/b/b/true/go": 5,
        "r[0]/again": 0,
        "r[1]/again": 1,
    }
    assert not [it for it in await mission.history() if "reminder" in (it.event_name or "")]


async def test_early_signals_of_paths_survive_a_crash_at_every_commit(new_storage: NewStorage) -> None:
    """Each is taken once, by the wait that it is for."""
    report = await crash_everywhere(keeps_for_everything, new_storage=new_storage)

    assert len(report.crashes) >= 30
