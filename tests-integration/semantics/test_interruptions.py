"""Rule 8: attempts that their process did not survive."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from mission_control.core import (
    CommitOutcome,
    HistoryType,
    MissionCommit,
    MissionContext,
    MissionHandle,
    MissionStatus,
    PersistenceAdapter,
    RetryPolicy,
    create_commander,
    m,
)
from mission_control.core.engine import attempt
from mission_control.testing import FakeClock
from one_step import attempts_of, failure_of, found, one_step
from storages import Forwarding, OpenCommander

T = HistoryType


async def test_attempt_that_its_process_did_not_survive_is_interrupted(open_commander: OpenCommander) -> None:
    """Ends of the process are on record, take a number each, and cost no attempt of the policy's."""
    entered = asyncio.Event()

    async def work(ctx: MissionContext[int]) -> str:
        entered.set()
        if ctx.attempt < 4:
            await asyncio.Event().wait()
        return f"attempt {ctx.attempt}"

    definition = one_step(work, retry=RetryPolicy(max_attempts=1))
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x", wait=False)
    for _ in range(3):
        await entered.wait()
        entered.clear()
        await open_commander.crash()
        commander = await open_commander([definition])
    mission = await found(commander)

    assert await mission.output() == "attempt 4"
    attempts = await attempts_of(mission)
    assert [(it.attempt_number, it.status) for it in attempts] == [
        (1, "interrupted"),
        (2, "interrupted"),
        (3, "interrupted"),
        (4, "succeeded"),
    ]
    reasons = [it.details["reason"] for it in await mission.history() if it.type is T.STEP_INTERRUPTED]
    assert reasons == ["process ended"] * 3


async def test_failures_and_interruptions_are_counted_apart(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Attempt numbers count everything; `max_attempts` and the backoff count failures only."""
    entered = asyncio.Event()

    async def work(ctx: MissionContext[int]) -> None:
        entered.set()
        if ctx.attempt in (1, 3):
            await asyncio.Event().wait()
        raise ValueError("no")

    policy = RetryPolicy(max_attempts=3, initial_interval=10, backoff_multiplier=2)
    definition = one_step(work, retry=policy)
    await (await open_commander([definition])).start(definition, 5, mission_id="x", wait=False)
    await entered.wait()
    entered.clear()
    await open_commander.crash()
    commander = await open_commander([definition])
    await fake_clock.advance(0)
    entered.clear()
    advance = asyncio.create_task(fake_clock.advance(10))
    await entered.wait()
    advance.cancel()
    await asyncio.wait([advance])
    await open_commander.crash()
    commander = await open_commander([definition])
    await fake_clock.advance(20)

    mission = await found(commander)
    assert (await mission.result()).status == MissionStatus.FAILED
    assert [it.status for it in await attempts_of(mission)] == [
        "interrupted",
        "failed",
        "interrupted",
        "failed",
        "failed",
    ]
    timers = [it for it in (await mission.inspect()).timers if it.kind == "retry"]
    assert [(it.due_at - it.scheduled_at).total_seconds() for it in timers] == [10, 20]


async def test_step_that_kills_its_process_does_not_do_so_for_ever(open_commander: OpenCommander) -> None:
    """After `max_interruptions` ends of the process in a row the mission fails, code STEP_INTERRUPTED."""
    entered = asyncio.Event()
    runs: list[int] = []

    async def kill(ctx: MissionContext[int]) -> None:
        runs.append(ctx.attempt)
        entered.set()
        await asyncio.Event().wait()

    definition = one_step(kill, retry=RetryPolicy(max_attempts=None, max_interruptions=3))
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x", wait=False)
    for _ in range(3):
        await entered.wait()
        entered.clear()
        await open_commander.crash()
        commander = await open_commander([definition])

    failure = await failure_of(await found(commander))

    assert failure.code == "STEP_INTERRUPTED"
    assert "'work'" in failure.message
    assert "3" in failure.message
    assert runs == [1, 2, 3]


async def test_failure_ends_a_row_of_interruptions(open_commander: OpenCommander) -> None:
    """Two interruptions, a failure and two more are not three in a row."""
    entered = asyncio.Event()

    async def work(ctx: MissionContext[int]) -> str:
        if ctx.attempt == 3:
            raise ValueError("no")
        entered.set()
        if ctx.attempt < 6:
            await asyncio.Event().wait()
        return "done"

    definition = one_step(work, retry=RetryPolicy(max_attempts=2, max_interruptions=3))
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x", wait=False)
    for _ in range(4):
        await entered.wait()
        entered.clear()
        await open_commander.crash()
        commander = await open_commander([definition])

    assert await (await found(commander)).output() == "done"


async def test_clean_close_counts_towards_nothing(open_commander: OpenCommander) -> None:
    """An attempt that a close cut short is interrupted with the reason "closed", however often that happens."""
    entered = asyncio.Event()

    async def work(ctx: MissionContext[int]) -> str:
        entered.set()
        if ctx.attempt < 5:
            await asyncio.Event().wait()
        return "done"

    definition = one_step(work, retry=RetryPolicy(max_attempts=1, max_interruptions=1))
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x", wait=False)
    for _ in range(4):
        await entered.wait()
        entered.clear()
        commander = await open_commander([definition])
    mission = await found(commander)

    assert await mission.output() == "done"
    assert [it.status for it in await attempts_of(mission)] == ["interrupted"] * 4 + ["succeeded"]
    reasons = [it.details["reason"] for it in await mission.history() if it.type is T.STEP_INTERRUPTED]
    assert reasons == ["closed"] * 4


async def test_close_interrupts_an_attempt_that_was_not_launched(open_commander: OpenCommander) -> None:
    """An attempt whose record was on its way when the commander closed is closed too, and its code never ran."""
    runs: list[int] = []
    arrived, gate = asyncio.Event(), asyncio.Event()

    class Slow(Forwarding):
        async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
            arrived.set()
            await gate.wait()
            return await super().commit(batch)

    async def work(ctx: MissionContext[int]) -> str:
        runs.append(ctx.attempt)
        return "done"

    definition = m.define("it").start(input=int, run=work).end()
    commander = await open_commander([definition], wrap=Slow)
    start = asyncio.create_task(commander.start(definition, 5, mission_id="x", wait=False))
    await arrived.wait()
    closing = asyncio.create_task(open_commander.close())
    for _ in range(50):
        await asyncio.sleep(0)
    gate.set()
    await closing
    await asyncio.wait([start])
    start.exception()
    assert runs == []

    mission = await found(await open_commander([definition]))
    assert await mission.output() == "done"

    attempts = await attempts_of(mission, "start")
    assert [(it.attempt_number, it.status) for it in attempts] == [(1, "interrupted"), (2, "succeeded")]
    reasons = [it.details["reason"] for it in await mission.history() if it.type is T.STEP_INTERRUPTED]
    assert reasons == ["closed"]


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_program_that_goes_on_all_the_same_tries_the_step_again(
    adapter_factory: Callable[[], PersistenceAdapter], monkeypatch: pytest.MonkeyPatch, is_async: bool
) -> None:
    """Where somebody catches what should have ended the program, the attempt counts as one that its process ended."""
    monkeypatch.setattr(attempt, "_LINGERING", 0.01)

    def stop(ctx: MissionContext[int]) -> str:
        if ctx.attempt == 1:
            raise SystemExit(7)
        return "done"

    async def stop_on_the_loop(ctx: MissionContext[int]) -> str:
        return stop(ctx)

    definition = one_step(stop_on_the_loop if is_async else stop)

    async def start() -> MissionHandle[Any]:
        return await commander.start(definition, 5, mission_id="x", wait=False)

    async def finish() -> None:
        mission = await found(commander)
        assert await mission.output() == "done"
        reasons = [it.details["reason"] for it in await mission.history() if it.type is T.STEP_INTERRUPTED]
        assert reasons == ["process ended"]
        await commander.close()

    with asyncio.Runner() as runner:
        commander = create_commander(definitions=[definition], persistence=adapter_factory())
        with pytest.raises(SystemExit):
            runner.run(until_it_stops(start()))
        runner.run(finish())


def test_program_that_closes_at_once_after_what_should_have_ended_it_has_that_on_record(
    adapter_factory: Callable[[], PersistenceAdapter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Close does not wait to see whether the program goes on: the attempt is on record as ended by its process."""
    monkeypatch.setattr(attempt, "_LINGERING", 3600.0)
    monkeypatch.setattr(attempt, "GRACE", 3600.0)

    async def stop(ctx: MissionContext[int]) -> None:
        raise SystemExit(7)

    definition = one_step(stop)

    async def start() -> MissionHandle[Any]:
        return await commander.start(definition, 5, mission_id="x", wait=False)

    async def look() -> None:
        async with create_commander(persistence=adapter_factory()) as other:
            inspection = await other.inspect_mission("x")
        assert inspection is not None
        last = inspection.history[-1]
        assert (last.type, last.details) == ("step-interrupted", {"reason": "process ended"})

    with asyncio.Runner() as runner:
        commander = create_commander(definitions=[definition], persistence=adapter_factory())
        with pytest.raises(SystemExit):
            runner.run(until_it_stops(start()))
        runner.run(asyncio.wait_for(commander.close(), 10))
        runner.run(look())


async def until_it_stops(start: Awaitable[object]) -> None:
    await start
    await asyncio.Event().wait()
