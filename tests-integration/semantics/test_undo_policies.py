"""How an undo is tried, and given up: retries, timeouts, failures and deaths of the process (rules 44 and 45)."""

from __future__ import annotations

import asyncio
import logging

import pytest

from mission_control.core import MissionContext, MissionFailedError, RetryPolicy, m
from mission_control.testing import FakeClock
from one_step import failure_of, found
from storages import Gate, OpenCommander
from undone import EAGER, Undos, attempts_of, begin, fail, make, records_of, waiting


async def test_undo_is_retried_as_its_step_is(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """While it backs off the mission waits, and its cursor is the undo's name; its error is there from the start."""
    attempts: list[int] = []

    async def undo(ctx: MissionContext[int]) -> None:
        attempts.append(ctx.attempt)
        if ctx.attempt < 3:
            raise ConnectionError("no answer")

    definition = (
        m.define("d").start(input=int, run=begin).step("make", make, undo=undo, retry=EAGER).step("fail", fail).end()
    )
    commander = await open_commander()
    mission = await commander.start(definition, 1)
    snapshot = await mission.snapshot()
    assert (snapshot.status, snapshot.cursor) == ("waiting", "undo:make")
    assert snapshot.waiting is not None
    assert (snapshot.waiting.kind, snapshot.waiting.event_name) == ("retry", "undo:make")
    assert snapshot.error is not None
    assert snapshot.error.message == "no"
    assert [one.mission_id for one in await commander.list_scheduled()] == [mission.mission_id]
    await fake_clock.advance(600)

    assert attempts == [1, 2, 3]
    assert (await failure_of(mission)).undo_failed == ()


async def test_undo_has_a_policy_of_its_own_where_one_is_given(open_commander: OpenCommander) -> None:
    """`undo_retry` goes before the step's."""
    attempts: list[int] = []

    async def undo(ctx: MissionContext[int]) -> None:
        attempts.append(ctx.attempt)
        raise ConnectionError("no answer")

    commander = await open_commander()
    definition = waiting(undo, retry=EAGER, undo_retry=RetryPolicy(max_attempts=2, initial_interval=0))
    mission = await commander.start(definition, 1)
    snapshot = await mission.cancel()

    assert attempts == [1, 2]
    assert snapshot.error is not None
    assert snapshot.error.undo_failed == ("make",)


async def test_undo_has_the_timeout_of_its_step(open_commander: OpenCommander) -> None:
    """It is a failed attempt, code STEP_TIMEOUT."""

    async def undo(ctx: MissionContext[int]) -> None:
        await asyncio.Event().wait()

    clock = FakeClock(hang_patience=0.02)
    commander = await open_commander(clock=clock)
    mission = await commander.start(waiting(undo, timeout=30), 1)
    cancelling = asyncio.create_task(mission.cancel())
    await clock.advance(31)
    snapshot = await cancelling

    assert snapshot.error is not None
    assert snapshot.error.undo_failed == ("make",)
    (attempt,) = await attempts_of(mission, "undo:make")
    assert attempt.error is not None
    assert attempt.error.code == "STEP_TIMEOUT"


async def test_undo_that_fails_for_good_does_not_stop_the_others(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named in the end, and warned of; the mission fails with the error that it had first."""
    undo = Undos()

    async def broken(ctx: MissionContext[int]) -> None:
        raise RuntimeError("cannot be undone")

    definition = (
        m.define("d")
        .start(input=int, run=begin)
        .step("first", make, undo=undo)
        .step("second", make, undo=broken)
        .step("third", make, undo=undo)
        .step("fail", fail)
        .end()
    )
    commander = await open_commander()
    with caplog.at_level(logging.WARNING):
        mission = await commander.start(definition, 1, wait=False)
        failure = await failure_of(mission)

    assert undo.steps == ["undo:third", "undo:first"]
    assert (failure.message, failure.code, failure.undo_failed) == ("no", "STEP_FAILED", ("second",))
    assert any("undo:second" in line and "cannot be undone" in line for line in caplog.messages)
    (record,) = [one for one in records_of(await mission.history(), "step-failed") if one.event_name == "undo:second"]
    assert record.details["undo"] == "failed"
    with pytest.raises(MissionFailedError) as raised:
        await mission.output()
    assert isinstance(raised.value.__cause__, ValueError)
    assert "second" in str(await mission.inspect()).partition("\n")[0]


async def test_cancelled_mission_names_the_undos_that_failed(open_commander: OpenCommander) -> None:
    """It ends as cancelled all the same."""
    commander = await open_commander()
    mission = await commander.start(waiting(fail), 1)
    snapshot = await mission.cancel()

    assert snapshot.status == "cancelled"
    assert snapshot.error is not None
    assert (snapshot.error.code, snapshot.error.undo_failed) == ("MISSION_CANCELLED", ("make",))


async def test_undo_whose_output_is_no_payload_has_failed(open_commander: OpenCommander) -> None:
    """It is not tried again, as a step would not be."""

    async def undo(ctx: MissionContext[int]) -> int:
        return "many"  # type: ignore[return-value] # that is what is tested

    commander = await open_commander()
    mission = await commander.start(waiting(undo, retry=EAGER), 1)
    snapshot = await mission.cancel()

    assert snapshot.error is not None
    assert snapshot.error.undo_failed == ("make",)


async def test_undo_that_ends_its_process_too_often_is_given_up(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """`max_interruptions` holds for undos too; the next one goes on, and a warning says so."""
    gate = Gate()
    undo = Undos()
    definition = (
        m.define("d")
        .start(input=int, run=begin)
        .step("first", make, undo=undo)
        .step("second", make, undo=gate, retry=RetryPolicy(max_interruptions=2))
        .step("fail", fail)
        .end()
    )
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            commander = await open_commander([definition])
            if not gate.runs:
                await commander.start(definition, 1, mission_id="x", wait=False)
            await gate.begun.wait()
            gate.begun.clear()
            await open_commander.crash()
        commander = await open_commander([definition])
        mission = await found(commander)
        failure = await failure_of(mission)

    assert gate.runs == 2
    assert undo.steps == ["undo:first"]
    assert (failure.message, failure.undo_failed) == ("no", ("second",))
    last = [record for record in await mission.history() if record.event_name == "undo:second"][-1]
    assert (last.type, last.details["undo"]) == ("step-interrupted", "failed")
    assert any("could not be undone: 'second'" in line for line in caplog.messages)
