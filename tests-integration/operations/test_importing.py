"""Missions that were exported, and go on elsewhere."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from mended import GO, Shop, begin, found, recorded
from mission_control.core import (
    Commander,
    MissionAlreadyExistsError,
    MissionDefinition,
    MissionNotFoundError,
    MissionStatus,
    Reminder,
    m,
)
from mission_control.testing import FakeClock
from storages import OpenCommander

START = m.define("it").start(input=int, run=begin)


async def exported(commander: Commander, mission_id: str = "x") -> Any:
    """Return the form of a mission, as a file would have it."""
    return json.loads(json.dumps(await commander.operations.export_mission(mission_id)))


async def test_mission_that_has_not_ended_is_paused_and_goes_on_when_it_is_resumed(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Its waits are there, and nothing of it fires before."""
    shop = Shop()
    paths = {"a": m.path().need_to(GO, timeout=60, reminder=Reminder(shop.work, 10)), "b": m.path().sleep("z", 60)}
    definition = START.parallel("p", paths).step("end", shop.work).end()
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x", labels={"who": "ann"})
    taken_in = await commander.operations.import_mission(await exported(commander), mission_id="y")

    assert (taken_in.status, taken_in.paused, dict(taken_in.labels)) == (MissionStatus.WAITING, True, {"who": "ann"})
    assert [wait.mission_id for wait in await commander.list_waits()] == ["x", "y"]
    await commander.cancel_mission("x")
    await fake_clock.advance(3600)
    commander = await open_commander([definition])
    mission = await found(commander, "y")
    assert (await recorded(mission))[-1] == "mission-paused"
    paused = (await mission.history())[-1]
    assert paused.details == {"reason": "imported"}
    await mission.signal(GO, 1)
    await commander.operations.resume_mission("y")
    await commander.settled()
    assert (await mission.status(), shop.ran) == (MissionStatus.COMPLETED, ["end"])


async def test_mission_that_has_ended_stays_as_it_is_and_can_be_reopened(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """Its end is no news, and its definition need not be there."""
    shop = Shop(broken={"a"})
    definition = START.step("a", shop.work).end()
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x", wait=False)
    await commander.settled()
    form = await exported(commander)
    caplog.clear()
    commander = await open_commander([])
    taken_in = await commander.operations.import_mission(form, mission_id="y")
    assert (taken_in.status, taken_in.paused) == (MissionStatus.FAILED, False)
    assert caplog.text == ""
    (fingerprint,) = form["definitions"]
    assert await commander.load_definition(fingerprint) == form["definitions"][fingerprint]
    shop.broken.clear()
    commander.register(definition)
    await commander.operations.reopen_mission("y")
    assert (await (await found(commander, "y")).result()).status is MissionStatus.COMPLETED


async def test_child_that_comes_after_its_parent_is_waited_for(open_commander: OpenCommander) -> None:
    """They are exported each by itself, and belong together again under the ids that they had."""
    child = m.define("child").start(input=int, run=begin).need_to(GO).end()
    definition: MissionDefinition[int] = START.mission("kid", child, begin).end()
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x")
    parent = await exported(commander)
    await (await found(commander, "x/kid")).signal(GO, 1)
    await commander.settled()
    kid = await exported(commander, "x/kid")

    await commander.operations.import_mission(parent, mission_id="y")
    await commander.operations.resume_mission("y")
    await commander.settled()
    assert await (await found(commander, "y")).status() is MissionStatus.WAITING
    kid_of_y = json.loads(json.dumps(kid).replace("x/kid", "y/kid").replace('"parent": "x"', '"parent": "y"'))
    await commander.operations.import_mission(kid_of_y)
    await commander.settled()
    assert await (await found(commander, "y")).status() is MissionStatus.COMPLETED


async def test_what_is_none_is_refused_and_nothing_has_changed(open_commander: OpenCommander) -> None:
    """An id that is in use, a form that is none, and a mission that is not there."""
    definition = START.need_to(GO).end()
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x")
    form = await exported(commander)

    with pytest.raises(MissionAlreadyExistsError, match=r"mission 'x' .* exists already; it is waiting"):
        await commander.operations.import_mission(form)
    with pytest.raises(ValueError, match="format"):
        await commander.operations.import_mission({})
    with pytest.raises(ValueError, match="format"):
        await commander.operations.import_mission(form | {"format": 2}, mission_id="y")
    with pytest.raises(MissionNotFoundError):
        await commander.operations.export_mission("y")
    assert [one.mission_id for one in await commander.list_missions()] == ["x"]


async def test_id_that_somebody_asks_for_meanwhile_is_taken(open_commander: OpenCommander) -> None:
    """Who asked before it was there hears that it was not."""
    definition = START.need_to(GO).end()
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x")
    form = await exported(commander)
    asked = asyncio.ensure_future(commander.operations.pause_mission("y"))
    await asyncio.sleep(0)
    taken_in = await commander.operations.import_mission(form, mission_id="y")

    assert (taken_in.mission_id, taken_in.paused) == ("y", True)
    with pytest.raises(MissionNotFoundError):
        await asked
