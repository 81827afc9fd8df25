"""Steps in paths that wait for other missions: beside others, stopped, and without a thread (rules 8, 34, 36)."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from flows import Stage, ended, free_slots, path, until
from mission_control.core import Commander, MissionContext, PersistenceError, Signal, m
from one_step import found
from storages import OpenCommander

GO = Signal("go", int)


async def given(ctx: MissionContext[Any]) -> Any:
    return ctx.input


OTHER = m.define("other").start(input=int, run=given).need_to(GO).end()


class Asks:
    """A step that waits for the end of another mission."""

    commander: Commander
    is_asking: bool = False

    async def __call__(self, ctx: MissionContext[Any]) -> Any:
        other = await found(self.commander, "other")
        self.is_asking = True
        return await other.result()


async def begun(open_commander: OpenCommander, definition: Any, asks: Asks) -> tuple[Commander, Any]:
    """Return a mission whose step waits at rest for the end of another one."""
    commander = asks.commander = await open_commander([definition, OTHER], max_concurrency=2)
    await commander.start(OTHER, 1, mission_id="other")
    mission = await commander.start(definition, 1, mission_id="it", wait=False)
    async with asyncio.timeout(30):
        await until(lambda: asks.is_asking)
        await commander.settled()
    return commander, mission


async def test_step_runs_beside_one_that_waits_for_a_mission(open_commander: OpenCommander) -> None:
    """The mission is at rest again when the step has ended, and every slot is there in the end."""
    asks, stage = Asks(), Stage()
    paths = {"a": path().step("ask", asks), "b": path().need_to(GO).step("s", stage)}
    definition = m.define("it").start(input=int, run=given).parallel("p", paths).end()
    commander, mission = await begun(open_commander, definition, asks)
    await mission.signal(GO, 1, wait=False)
    await stage.entered("p/b/s")
    settled = asyncio.create_task(commander.settled())
    for _ in range(30):
        await asyncio.sleep(0)
    assert not settled.done()
    stage.let_all_go()
    async with asyncio.timeout(30):
        await settled
    assert await mission.status() == "running"
    await (await found(commander, "other")).signal(GO, 1)

    assert await ended(mission) == "completed"
    await free_slots(commander, 2)


async def test_lost_path_gives_no_slot_back_that_its_step_had_lent(open_commander: OpenCommander) -> None:
    """A step that waits for a mission has none; that it is stopped does not make one more."""
    asks = Asks()
    paths = {"a": path().step("ask", asks), "b": path().need_to(GO)}
    definition = m.define("it").start(input=int, run=given).race("r", paths).end()
    commander, mission = await begun(open_commander, definition, asks)
    await mission.signal(GO, 1)

    assert await ended(mission) == "completed"
    await free_slots(commander, 2)


async def test_update_for_which_there_is_no_thread(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its caller is told, the mission is as it was, and the slot is free."""
    definition = (
        m.define("it").update("note", str, lambda ctx, text: text).start(input=int, run=given).need_to(GO).end()
    )
    commander = await open_commander([definition], max_concurrency=2)
    mission = await commander.start(definition, 1)

    def no_thread(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises((PersistenceError, RuntimeError), match="can't start new thread"):
            await mission.update("note", "x")

    assert await mission.update("note", "x") == "x"
    assert await mission.status() == "waiting"
    await mission.signal(GO, 1)
    assert await ended(mission) == "completed"
    await free_slots(commander, 2)
