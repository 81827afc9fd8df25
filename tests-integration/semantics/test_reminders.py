"""What reminds of an open wait: when, how often, and that it never ends the wait."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows import (
    Stage,
    T,
    Watched,
    begin,
    ended,
    flow,
    free_slots,
    history_of,
    names_of,
    path,
    places,
    recovered,
    turns,
)
from mission_control.core import MissionContext, MissionHandle, NonRetryableError, Reminder, RetryPolicy
from mission_control.testing import FakeClock
from storages import Kept, OpenCommander, ThreadGate, Undriven

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def waiting(run: Any, *, every: float = 10, **more: Any) -> Any:
    """Return a mission that waits for `go`, and reminds of it."""
    at_most, retry = more.pop("at_most", None), more.pop("retry", None)
    reminder = Reminder(run, every=every, at_most=at_most, retry=retry)
    return flow().need_to("go", int, reminder=reminder, **more).step("behind", begin).end()


async def reminded_at(mission: MissionHandle[Any]) -> list[tuple[str, float]]:
    """Return which reminders began, and after how many seconds."""
    return [
        (it.event_name or "", (it.at - EPOCH).total_seconds())
        for it in await mission.history()
        if it.type == T.STEP_STARTED and "reminder" in (it.event_name or "") and it.attempt_number == 1
    ]


async def test_it_runs_first_after_its_interval_and_then_again(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Reminders run at multiples of `every` from the beginning of the wait, each as a step of its own name."""
    seen: list[Any] = []

    def remind(ctx: MissionContext[int]) -> None:
        seen.append((ctx.step_name, ctx.index, ctx.attempt, ctx.input))

    definition = waiting(remind)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 7)
    assert seen == []
    await fake_clock.advance(35)

    assert seen == [(f"go/reminder[{index}]", index, 1, 7) for index in range(3)]
    assert await reminded_at(mission) == [(f"go/reminder[{index}]", 10.0 * (index + 1)) for index in range(3)]
    record = next(it for it in await mission.history() if it.event_name == "go/reminder[0]")
    assert record.path == "go"
    await mission.signal("go", 1)
    assert await ended(mission) == "completed"
    await fake_clock.advance(100)
    assert len(seen) == 3


async def test_it_runs_so_many_times_at_most(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """After `at_most` reminders none is due, and the wait goes on."""
    stage = Stage(holds=False)
    definition = waiting(stage, at_most=2)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(1_000)

    assert stage.begun == ["go/reminder[0]", "go/reminder[1]"]
    snapshot = await mission.snapshot()
    assert (snapshot.status, snapshot.next_due) == ("waiting", None)
    await mission.signal("go", 1)
    assert await ended(mission) == "completed"


async def test_idle_reminder_has_no_position_and_is_never_the_wait(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """`positions`, `waiting` and `next_wait` are those of the wait; `next_due` is the reminder's."""
    definition = waiting(Stage(holds=False), timeout=25, on_timeout=path())
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(10)
    snapshot = await mission.snapshot()

    assert await places(mission) == [(None, "go", "waiting")]
    assert snapshot.waiting is not None
    assert snapshot.waiting.event_name == "go"
    assert snapshot.next_wait == snapshot.waiting
    assert snapshot.next_due == EPOCH + timedelta(seconds=20)
    assert [it.mission_id for it in await commander.list_scheduled(limit=5)] == []


async def test_mission_runs_while_a_reminder_does(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A reminder that runs makes the mission running; the wait goes on beside it, with both as positions."""
    stage = Stage()
    definition = waiting(stage)
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1)
    await fake_clock.advance(10)
    await stage.entered("go/reminder[0]")

    snapshot = await mission.snapshot()
    assert (snapshot.status, snapshot.waiting) == ("running", None)
    assert snapshot.next_wait is not None
    assert snapshot.next_wait.event_name == "go"
    assert await places(mission) == [(None, "go", "waiting"), ("go", "go/reminder[0]", "running")]
    stage.let_all_go()
    await commander.settled()
    assert await mission.status() == "waiting"


async def test_several_that_were_missed_are_one(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """After a downtime one reminder runs at once, and the next one at the next multiple of the interval."""
    stage = Stage(holds=False)
    definition = waiting(stage)
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="x")
    await open_commander.close()
    await fake_clock.advance(57)
    commander = await open_commander([definition])
    await commander.settled()
    mission = await recovered(commander)
    assert await reminded_at(mission) == [("go/reminder[0]", 57.0)]
    await fake_clock.advance(20)

    assert await reminded_at(mission) == [
        ("go/reminder[0]", 57.0),
        ("go/reminder[1]", 60.0),
        ("go/reminder[2]", 70.0),
    ]


async def test_one_that_still_runs_passes_the_next_over(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A reminder of 25 s, every 10 s: the next one begins at the multiple after its end."""
    stage = Stage()
    definition = waiting(stage)
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1)
    await fake_clock.advance(10)
    await stage.entered("go/reminder[0]")
    for _ in range(5):
        await fake_clock.advance(5)
        await turns()
    assert stage.begun == ["go/reminder[0]"]
    stage.let_all_go()
    await commander.settled()
    assert (await mission.snapshot()).next_due == EPOCH + timedelta(seconds=40)
    await fake_clock.advance(5)
    await commander.settled()

    assert await reminded_at(mission) == [("go/reminder[0]", 10.0), ("go/reminder[1]", 40.0)]


async def test_one_that_fails_is_recorded_and_logged_and_the_next_comes(
    open_commander: OpenCommander, fake_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A reminder that fails for good fails nothing else: one warning a reminder, and the wait goes on."""

    async def remind(ctx: MissionContext[int]) -> None:
        raise NonRetryableError("no mail")

    definition = waiting(remind)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    with caplog.at_level(logging.WARNING):
        await fake_clock.advance(20)

    assert await names_of(mission, T.STEP_FAILED) == ["go/reminder[0]", "go/reminder[1]"]
    warnings = [record.getMessage() for record in caplog.records]
    assert ["go/reminder[0]" in warnings[0], "go/reminder[1]" in warnings[1], len(warnings)] == [True, True, 2]
    assert await mission.status() == "waiting"
    await mission.signal("go", 1)
    assert await ended(mission) == "completed"


async def test_one_is_retried_with_its_own_policy(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """`retry` is the reminder's; its backoff is due as any, and its attempts are of one reminder."""
    tries: list[tuple[str, int]] = []

    def remind(ctx: MissionContext[int]) -> None:
        tries.append((ctx.step_name, ctx.attempt))
        if ctx.attempt == 1:
            raise ValueError("again")

    retry = RetryPolicy(max_attempts=2, initial_interval=3, jitter=0)
    definition = waiting(remind, retry=retry)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(10)
    snapshot = await mission.snapshot()
    assert snapshot.next_due is not None
    assert EPOCH + timedelta(seconds=10) < snapshot.next_due < EPOCH + timedelta(seconds=20)
    assert (snapshot.status, snapshot.next_wait and snapshot.next_wait.event_name) == ("waiting", "go")
    await fake_clock.advance(25)

    assert tries == [(f"go/reminder[{index}]", attempt) for index in range(3) for attempt in (1, 2)][: len(tries)]
    assert len(tries) >= 4


@pytest.mark.parametrize("ending", ["crash", "close"])
async def test_one_that_its_process_did_not_survive_runs_again(
    open_commander: OpenCommander, fake_clock: FakeClock, ending: str
) -> None:
    """A reminder that was interrupted is tried again by the next process, under its name."""
    stage = Stage()
    definition = waiting(stage)
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    await commander.start(definition, 1, mission_id="x")
    await fake_clock.advance(10)
    await stage.entered("go/reminder[0]")
    await (open_commander.crash() if ending == "crash" else open_commander.close())
    stage.let_all_go()
    commander = await open_commander([definition])
    await commander.settled()
    mission = await recovered(commander)

    assert stage.begun == ["go/reminder[0]"] * 2
    assert await mission.status() == "waiting"
    await fake_clock.advance(10)
    assert stage.begun == ["go/reminder[0]", "go/reminder[0]", "go/reminder[1]"]
    await mission.signal("go", 1)
    assert await ended(mission) == "completed"


async def test_one_that_kills_its_process_is_given_up(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """After `max_interruptions` deaths of the process the next reminder is due instead, and the wait goes on."""
    stage = Stage()
    definition = waiting(stage, retry=RetryPolicy(max_interruptions=2))
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    await commander.start(definition, 1, mission_id="x")
    await fake_clock.advance(10)
    for number in (1, 2):
        async with asyncio.timeout(30):
            while len(stage.begun) < number:
                await asyncio.sleep(0.001)
        await open_commander.crash()
        commander = await open_commander([definition], clock=Undriven(fake_clock))
    await commander.settled()
    mission = await recovered(commander)

    assert await mission.status() == "waiting"
    stage.let_all_go()
    await fake_clock.advance(10)
    await commander.settled()
    assert stage.begun == ["go/reminder[0]", "go/reminder[0]", "go/reminder[1]"]
    await mission.signal("go", 1)
    assert await ended(mission) == "completed"


async def test_reminder_waits_for_a_slot(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """With the one slot taken a reminder runs when it is free."""
    busy, stage = Stage(), Stage(holds=False)
    definition = waiting(stage)
    other = flow("other").step("s", busy).end()
    commander = await open_commander([definition, other], max_concurrency=1, clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1)
    await commander.start(other, 1, wait=False)
    await busy.entered("s")
    await fake_clock.advance(10)
    await turns()
    assert stage.begun == []
    busy.let_all_go()
    await commander.settled()

    assert stage.begun == ["go/reminder[0]"]
    await mission.signal("go", 1)
    assert await ended(mission) == "completed"
    await free_slots(commander, 1)


async def test_definition_without_the_reminder_reminds_no_more(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A wait that began with a reminder goes on without under a definition that has none."""
    stage = Stage(holds=False)
    definition = waiting(stage)
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="x")
    await open_commander.close()
    plain = flow().need_to("go", int).step("behind", begin).end()
    commander = await open_commander([plain])
    await fake_clock.advance(100)
    mission = await recovered(commander)

    assert stage.begun == []
    assert (await mission.snapshot()).next_due is None
    await mission.signal("go", 1)
    assert await ended(mission) == "completed"


# The end of the wait


async def test_wait_that_ends_stops_a_reminder_that_runs(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A signal is taken at once though a reminder runs, and stops it as a path is stopped."""
    stage, watched = Stage(), Kept(Watched)
    definition = waiting(stage)
    commander = await open_commander([definition], clock=Undriven(fake_clock), wrap=watched)
    mission = await commander.start(definition, 1)
    await fake_clock.advance(10)
    await stage.entered("go/reminder[0]")
    await mission.signal("go", 1)

    assert await mission.status() == "completed"
    assert watched.adapter.with_(T.SIGNAL_RECEIVED) == [
        ("step-interrupted", "go/reminder[0]"),
        ("signal-received", "go"),
        ("step-started", "behind"),
    ]
    stopped = next(it for it in await mission.history() if it.type == T.STEP_INTERRUPTED)
    assert stopped.details == {"reason": "stopped"}
    await commander.settled()
    assert stage.unwound == ["go/reminder[0]"]
    await free_slots(commander, 256)


async def test_deadline_stops_a_reminder_that_runs(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A deadline that passes ends the wait and what reminds of it."""
    stage = Stage()
    definition = waiting(stage, timeout=15, on_timeout=path().step("late", begin))
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1)
    await fake_clock.advance(10)
    await stage.entered("go/reminder[0]")
    await fake_clock.advance(5)

    assert await ended(mission) == "completed"
    await commander.settled()
    assert stage.unwound == ["go/reminder[0]"]


async def test_signal_during_the_backoff_of_a_reminder(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A wait that ends while its reminder waits to be tried again ends that too."""

    def remind(ctx: MissionContext[int]) -> None:
        raise ValueError("again")

    definition = waiting(remind, retry=RetryPolicy(max_attempts=9, initial_interval=3))
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(10)
    await mission.signal("go", 1)

    assert await ended(mission) == "completed"
    await fake_clock.advance(100)
    assert len(await names_of(mission, T.STEP_FAILED)) == 1


async def test_one_on_a_thread_is_abandoned(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A synchronous reminder that runs when the wait ends is left alone, and what it returns is discarded."""
    gate = ThreadGate()
    definition = waiting(gate)
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1)
    await fake_clock.advance(10)
    await gate.begun.wait()
    await mission.signal("go", 1)
    assert await mission.status() == "completed"
    history = await history_of(mission)
    gate.opened.set()
    await gate.ended.wait()
    await commander.settled()

    assert await history_of(mission) == history


async def test_cancelling_stops_a_reminder_that_runs(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A mission that is cancelled while it reminds waits for that to unwind, and has ended."""
    stage = Stage()
    definition = waiting(stage)
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1)
    await fake_clock.advance(10)
    await stage.entered("go/reminder[0]")
    snapshot = await mission.cancel("enough")

    assert snapshot.status == "cancelled"
    assert stage.unwound == ["go/reminder[0]"]
    await fake_clock.advance(100)
    assert stage.begun == ["go/reminder[0]"]
