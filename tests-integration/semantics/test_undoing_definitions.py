"""Undoing where the definition is not there, or has changed meanwhile (rule 46)."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest

from mission_control.core import (
    MissionContext,
    MissionDefinition,
    MissionDefinitionMismatchError,
    MissionNotRegisteredError,
    RetryPolicy,
    m,
)
from one_step import Step, failure_of, found
from storages import Gate, OpenCommander
from undone import GO, Undos, begin, fail, items, make, records_of, undoing, waiting


async def test_cancelling_without_the_definition_changes_nothing(open_commander: OpenCommander) -> None:
    """Where there is something to undo it takes the definition; with it, cancelling works."""
    undo = Undos()
    definition = waiting(undo)
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="x")
    commander = await open_commander()
    before = await commander.inspect_mission("x")
    with pytest.raises(MissionNotRegisteredError, match="waiting"):
        await commander.cancel_mission("x")
    assert await commander.inspect_mission("x") == before
    commander.register(definition)

    assert (await commander.cancel_mission("x")).status == "cancelled"
    assert undo.steps == ["undo:make"]


async def test_cancelling_without_the_definition_works_where_there_is_nothing_to_undo(
    open_commander: OpenCommander,
) -> None:
    """As it ever did: only steps that began count."""
    definition = m.define("d").start(input=int, run=begin).need_to(GO).step("make", make, undo=Undos()).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="x")
    commander = await open_commander()

    assert (await commander.cancel_mission("x")).status == "cancelled"


async def test_cancellation_that_was_requested_waits_for_the_definition(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """A crash behind the request, and a next process that cannot undo: it leaves the mission alone, without a loop."""
    undo = Undos()
    begun, leave = asyncio.Event(), asyncio.Event()

    async def work(ctx: MissionContext[int]) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await leave.wait()

    definition = (
        m.define("d").start(input=int, run=begin).step("make", make, undo=undo).step("work", work, undo=undo).end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, mission_id="x", wait=False)
    await begun.wait()
    cancelling = asyncio.create_task(mission.cancel("enough"))
    while not records_of(await mission.history(), "mission-cancellation-requested"):
        await asyncio.sleep(0)
    await open_commander.crash()
    leave.set()
    with contextlib.suppress(Exception):
        await cancelling
    caplog.clear()
    commander = await open_commander()
    before = await commander.inspect_mission("x")
    with pytest.raises(MissionNotRegisteredError):
        await commander.cancel_mission("x")
    await commander.settled()
    assert await commander.inspect_mission("x") == before
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    commander.register(definition)

    assert (await commander.cancel_mission("x")).status == "cancelled"
    assert undo.steps == ["undo:work", "undo:make"]


async def test_undoing_waits_for_the_definition(open_commander: OpenCommander) -> None:
    """A mission that is being undone when its definition goes away stays as it is, and goes on when it is back."""
    gate = Gate()
    definition = waiting(gate)
    _, cancelling = await undoing(open_commander, gate)
    await gate.begun.wait()
    await open_commander.crash()
    with contextlib.suppress(Exception):
        await cancelling
    commander = await open_commander()
    with pytest.raises(MissionNotRegisteredError):
        await commander.cancel_mission("x")
    gate.opened.set()
    commander.register(definition)

    assert (await commander.cancel_mission("x")).status == "cancelled"


@pytest.mark.parametrize("change", ["gone", "without an undo"])
async def test_step_that_cannot_be_undone_any_more_counts_as_not_undone(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    """Today's definition says what undoes a step; one that it does not have is named, warned of, and passed over."""
    undo = Undos()
    before = (
        m.define("d")
        .start(input=int, run=begin, undo=undo)
        .step("old", make, undo=undo)
        .step("kept", make, undo=undo)
        .need_to(GO)
        .end()
    )
    after = m.define("d").start(input=int, run=begin, undo=undo)
    if change == "without an undo":
        after = after.step("old", make)
    commander = await open_commander([before])
    await commander.start(before, 1, mission_id="x")
    commander = await open_commander([after.step("kept", make, undo=undo).need_to(GO).end()])
    with caplog.at_level(logging.WARNING):
        snapshot = await commander.cancel_mission("x")

    assert undo.steps == ["undo:kept", "undo:start"]
    assert snapshot.status == "cancelled"
    assert snapshot.error is not None
    assert snapshot.error.undo_failed == ("old",)
    assert any("could not be undone: 'old'" in line for line in caplog.messages)


async def test_undo_that_was_added_later_is_not_for_steps_that_began_before(open_commander: OpenCommander) -> None:
    """What there is to undo is what the records of the attempts say."""
    undo = Undos()
    before = m.define("d").start(input=int, run=begin).step("make", make).need_to(GO).end()
    after = m.define("d").start(input=int, run=begin).step("make", make, undo=undo).need_to(GO).end()
    commander = await open_commander([before])
    await commander.start(before, 1, mission_id="x")
    commander = await open_commander([after])

    assert (await commander.cancel_mission("x")).status == "cancelled"
    assert undo.steps == []


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
