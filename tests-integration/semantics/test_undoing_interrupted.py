"""Undoing goes on after crashes, closes and failing commits, where it was (rules 45 and 46)."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import Literal

import pytest

from mission_control.core import MissionContext, RetryPolicy, m
from mission_control.testing import FakeClock, FaultInjectingAdapter, Life, crash_everywhere
from one_step import failure_of, found
from storages import Gate, Kept, NewStorage, OpenCommander
from undone import (
    EAGER,
    GO,
    Undos,
    attempts_of,
    begin,
    fail,
    items,
    make,
    records_of,
    types_of,
    undoing_of,
    waiting,
)


async def test_crash_in_the_middle_goes_on_with_what_was_not_undone(open_commander: OpenCommander) -> None:
    """Undos that are done are not done again; the interrupted one runs once more."""
    undo, gate = Undos(), Gate()
    definition = (
        m.define("d")
        .start(input=int, run=begin)
        .step("first", make, undo=undo)
        .step("second", make, undo=gate)
        .step("third", make, undo=undo)
        .step("fail", fail)
        .end()
    )
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="x", wait=False)
    await gate.begun.wait()
    await open_commander.crash()
    assert undo.steps == ["undo:third"]
    gate.opened.set()
    commander = await open_commander([definition])
    mission = await found(commander)
    failure = await failure_of(mission)

    assert undo.steps == ["undo:third", "undo:first"]
    assert [one.status for one in await attempts_of(mission, "undo:second")] == ["interrupted", "succeeded"]
    assert (failure.message, failure.undo_failed) == ("no", ())


@pytest.mark.parametrize("how", ["fails", "is cancelled"])
async def test_start_that_did_not_succeed_is_undone_after_a_crash_too(open_commander: OpenCommander, how: str) -> None:
    """Its output, which is not there, does not have to fit any type; the undo is told so, and queries are answered."""
    gate, starting = Gate(), Gate()
    seen: list[object] = []

    async def start(ctx: MissionContext[int]) -> int:
        await starting(ctx)
        raise ValueError("no")

    async def undo(ctx: MissionContext[int]) -> None:
        seen.append(ctx.output(start, default=None))
        await gate(ctx)

    definition = m.define("d").query("given", lambda ctx: ctx.input).start(input=int, run=start, undo=undo).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 7, mission_id="x", wait=False)
    await starting.begun.wait()
    cancelling = asyncio.create_task(mission.cancel()) if how == "is cancelled" else None
    starting.opened.set()
    await gate.begun.wait()
    await open_commander.crash()
    if cancelling is not None:
        with contextlib.suppress(Exception):
            await cancelling
    gate.opened.set()
    commander = await open_commander([definition])
    mission = await found(commander)
    assert await mission.query("given") == 7

    assert (await mission.result()).status == ("failed" if cancelling is None else "cancelled")
    assert seen == [None, None]


async def test_close_interrupts_an_undo_like_a_step(open_commander: OpenCommander) -> None:
    """That counts towards nothing, and the next process goes on."""
    gate, undo = Gate(), Undos()
    definition = (
        m.define("d")
        .start(input=int, run=begin)
        .step("first", make, undo=undo)
        .step("second", make, undo=gate, retry=RetryPolicy(max_interruptions=1))
        .step("fail", fail)
        .end()
    )
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="x", wait=False)
    for _ in range(3):
        await gate.begun.wait()
        gate.begun.clear()
        commander = await open_commander([definition])
    gate.opened.set()
    mission = await found(commander)

    assert (await failure_of(mission)).undo_failed == ()
    assert undo.steps == ["undo:first"]
    reasons = [record.details["reason"] for record in records_of(await mission.history(), "step-interrupted")]
    assert reasons == ["closed"] * 3


async def test_retry_of_an_undo_outlives_its_process(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """The backoff is durable, as a step's is."""

    async def undo(ctx: MissionContext[int]) -> None:
        if ctx.attempt == 1:
            raise ConnectionError("no answer")

    definition = waiting(undo, retry=EAGER)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, mission_id="x")
    cancelling = asyncio.create_task(mission.cancel())
    await fake_clock.advance(1)
    await open_commander.crash()
    with contextlib.suppress(Exception):
        await cancelling
    commander = await open_commander([definition])
    mission = await found(commander)
    assert (await mission.snapshot()).status == "waiting"
    await fake_clock.advance(60)

    assert (await mission.result()).status == "cancelled"
    assert [one.status for one in await attempts_of(mission, "undo:make")] == ["failed", "succeeded"]


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


@pytest.mark.parametrize("when", ["before", "after"])
async def test_undo_is_not_run_twice_by_a_commit_that_fails(
    open_commander: OpenCommander, when: Literal["before", "after"]
) -> None:
    """A storage fault while undoing loses nothing: the outcome in hand is offered again."""
    for number in range(4, 9):
        undo = Undos()
        definition = (
            m.define("d")
            .start(input=int, run=begin, undo=undo)
            .step("make", make, undo=undo)
            .step("fail", fail, undo=undo)
            .end()
        )
        kept = Kept(partial(FaultInjectingAdapter, fail_commits={number}, when=when))
        commander = await open_commander([definition], wrap=kept)
        mission = await commander.start(definition, 1, wait=False)
        assert (await failure_of(mission)).message == "no"
        assert undo.steps == ["undo:fail", "undo:make", "undo:start"]


async def test_reads_of_an_undone_mission_are_the_same_in_a_new_process(open_commander: OpenCommander) -> None:
    """The history alone tells everything, who gave up included."""
    commander = await open_commander()
    definition = waiting(fail)
    mission = await commander.start(definition, 1, mission_id="x")
    ended = await mission.cancel("enough")
    commander = await open_commander([definition])

    assert await (await found(commander)).snapshot() == ended
