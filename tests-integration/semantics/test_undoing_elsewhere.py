"""Undoing under definitions that changed meanwhile, and in processes that end at any moment (rules 44 to 46)."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest

from mission_control.core import MissionContext, MissionDefinition, MissionDefinitionMismatchError, RetryPolicy, m
from mission_control.testing import Life, crash_everywhere
from one_step import Step, failure_of, found
from storages import Gate, NewStorage, OpenCommander
from undone import EAGER, GO, Undos, begin, fail, items, make, types_of, undoing_of


async def test_mission_that_does_not_fit_its_definition_is_undone_when_cancelled(open_commander: OpenCommander) -> None:
    """The node that it waits on is gone: nothing else can be done with it, and what can be undone is."""
    undo = Undos()
    before = m.define("d").start(input=int, run=begin, undo=undo).step("make", make, undo=undo).need_to(GO).end()
    after = m.define("d").start(input=int, run=begin, undo=undo).step("make", make, undo=undo).need_to("new", str).end()
    commander = await open_commander([before])
    await commander.start(before, 1, mission_id="x")
    commander = await open_commander([after])
    with pytest.raises(MissionDefinitionMismatchError, match="or cancel the mission"):
        await (await found(commander)).signal("new", "on")

    assert (await commander.cancel_mission("x")).status == "cancelled"
    assert undo.steps == ["undo:make", "undo:start"]


@pytest.mark.parametrize("ending", ["crash", "close"])
async def test_undoing_goes_on_under_a_definition_that_changed_meanwhile(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture, ending: str
) -> None:
    """Whatever nodes that has: what it cannot undo counts as not undone, also the one that was being undone."""
    undo, gate = Undos(), Gate()
    path = m.path().step("configure", make, undo=undo)
    before = (
        m.define("d")
        .start(input=int, run=begin, undo=undo)
        .each("devices", items, path)
        .step("old", make, undo=gate)
        .step("fail", fail)
        .end()
    )
    after = (
        m.define("d")
        .start(input=int, run=begin, undo=undo)
        .parallel("devices", {"configure": path})
        .sleep("old", 5)
        .need_to(GO)
        .end()
    )
    commander = await open_commander([before])
    await commander.start(before, 1, mission_id="x", wait=False)
    await gate.begun.wait()
    await (open_commander.crash() if ending == "crash" else open_commander.close())
    gate.opened.set()
    with caplog.at_level(logging.WARNING):
        commander = await open_commander([after])
        failure = await failure_of(await found(commander))

    assert undo.steps == ["undo:start"]
    assert failure.message == "no"
    assert failure.undo_failed == ("old", *(f"devices[{index}]/configure" for index in (2, 1, 0)))
    assert any("could not be undone: 'old', 'devices[2]/configure'" in line for line in caplog.messages)


async def test_undo_runs_as_todays_definition_has_it(open_commander: OpenCommander) -> None:
    """Its code and its policy are those of the definition under which it runs, not of that under which its step ran."""
    today: list[int] = []

    async def undo(ctx: MissionContext[int]) -> None:
        today.append(ctx.attempt)
        raise ConnectionError("no answer")

    def define(undo: Step, attempts: int) -> MissionDefinition[int]:
        policy = RetryPolicy(max_attempts=attempts, initial_interval=0)
        return (
            m.define("d").start(input=int, run=begin).step("make", make, undo=undo, undo_retry=policy).need_to(GO).end()
        )

    before, after = define(Undos(), 1), define(undo, 3)
    commander = await open_commander([before])
    await commander.start(before, 1, mission_id="x")
    commander = await open_commander([after])
    snapshot = await commander.cancel_mission("x")

    assert today == [1, 2, 3]
    assert snapshot.error is not None
    assert snapshot.error.undo_failed == ("make",)


async def failing_is_undone(life: Life) -> None:
    """Steps side by side and in rounds, an undo that is tried again, and one that fails for good."""

    async def refuse_once(ctx: MissionContext[int]) -> str:
        if ctx.attempt == 1:
            raise ConnectionError("no answer")
        return ctx.step_name

    paths = {
        "again": m.path().step("make", make, undo=refuse_once, undo_retry=EAGER),
        "never": m.path().step("make", make, undo=fail, undo_retry=RetryPolicy(max_attempts=1)),
    }
    definition = (
        m.define("d")
        .start(input=int, run=begin, undo=make)
        .parallel("both", paths)
        .each("devices", items, m.path().step("configure", make, undo=make))
        .step("fail", fail, undo=make)
        .end()
    )
    mission = await life.commander.start(definition, 1, mission_id="x", if_exists="return", wait=False)
    await life.advance(120)
    failure = await failure_of(mission)
    assert (failure.message, failure.undo_failed) == ("no", ("both/never/make",))
    steps = (await undoing_of(mission)).details["steps"]
    succeeded = [line.partition("undo:")[2] for line in types_of(await mission.history()) if "succeeded undo:" in line]
    assert sorted(succeeded) == sorted(set(steps) - {"both/never/make"})
    assert succeeded == [step for step in steps if step in succeeded]


async def test_undoing_survives_a_crash_at_every_commit(new_storage: NewStorage) -> None:
    """Each step is undone once, in the order that was recorded, whenever the process dies."""
    report = await crash_everywhere(failing_is_undone, new_storage=new_storage)

    assert len(report.crashes) >= 30


async def test_cancel_of_a_mission_that_is_undone_in_the_next_process_returns_when_it_is_done(
    open_commander: OpenCommander,
) -> None:
    """Whoever cancels again there waits for the same end, with the first reason."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=begin).step("make", make, undo=gate).need_to(GO).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, mission_id="x")
    first = asyncio.create_task(mission.cancel("enough"))
    await gate.begun.wait()
    gate.begun.clear()
    await open_commander.crash()
    with contextlib.suppress(Exception):
        await first
    commander = await open_commander([definition])
    again = asyncio.create_task(commander.cancel_mission("x", "again"))
    await gate.begun.wait()
    assert not again.done()
    gate.opened.set()
    snapshot = await again

    assert (snapshot.status, gate.runs) == ("cancelled", 2)
    assert snapshot.error is not None
    assert snapshot.error.message == "the mission was cancelled: enough"
