"""What follows a deadline that passes, and deadlines of one line while others run (rules 37 and 39)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from flows import Stage, T, begin, ended, flow, history_of, names_of, path, places, recovered, turns
from mission_control.core import (
    MissionContext,
    MissionFailedError,
    MissionHandle,
    MissionSignalError,
    Reminder,
    RetryPolicy,
)
from mission_control.testing import FakeClock
from storages import Gated, Kept, OpenCommander, Undriven

late = path().step("escalate", begin)


async def test_path_runs_when_the_deadline_passes_and_the_flow_goes_on(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """`on_timeout` runs under the wait's name, and what follows is behind the wait."""
    definition = flow().need_to("signed", int, timeout=60, on_timeout=late).step("behind", begin).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(60)

    assert await ended(mission) == "completed"
    assert (await history_of(mission))[4:] == [
        ("waiting-for-signal", "signed"),
        ("signal-timed-out", "signed"),
        ("step-started", "signed/timeout/escalate"),
        ("step-succeeded", "signed/timeout/escalate"),
        ("step-started", "behind"),
        ("step-succeeded", "behind"),
        ("mission-completed", None),
    ]


async def test_signal_in_time_does_not_run_it(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A signal before the deadline leaves the path out."""
    definition = flow().need_to("signed", int, timeout=60, on_timeout=late).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await mission.signal("signed", 1)
    await fake_clock.advance(120)

    assert await names_of(mission, T.STEP_STARTED) == ["start"]


async def test_empty_path_goes_on_at_once(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """With an empty path the deadline just ends the wait; `received` has its default."""
    seen: list[Any] = []

    def behind(ctx: MissionContext[int]) -> None:
        seen.append(ctx.received("signed", default="late"))

    definition = flow().need_to("signed", int, timeout=60, on_timeout=path()).step("behind", behind).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(60)

    assert await ended(mission) == "completed"
    assert seen == ["late"]


async def test_wait_within_the_path_of_a_deadline(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """The path may wait again, with a deadline of its own; the first signal is not waited for any more."""
    again = path().need_to("signed_late", int, timeout=60)
    definition = flow().need_to("signed", int, timeout=60, on_timeout=again).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(60)
    assert await places(mission) == [(None, "signed/timeout/signed_late", "waiting")]
    with pytest.raises(MissionSignalError, match="signed/timeout/signed_late"):
        await mission.signal("signed", 1)
    await mission.signal("signed_late", 1)

    assert await ended(mission) == "completed"


async def test_deadline_within_the_path_of_a_deadline_fails(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Without a path of its own the second deadline fails the mission at that instance."""
    again = path().need_to("signed_late", int, timeout=60)
    definition = flow().need_to("signed", int, timeout=60, on_timeout=again).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(120)
    with pytest.raises(MissionFailedError, match="SIGNAL_TIMEOUT") as caught:
        await mission.wait_for_completion()

    assert caught.value.snapshot is not None
    assert caught.value.snapshot.cursor == "signed/timeout/signed_late"


async def test_overdue_deadline_runs_its_path_on_recovery(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A deadline that passed while the process was down leads to its path."""
    definition = flow().need_to("signed", int, timeout=60, on_timeout=late).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="x")
    await open_commander.crash()
    await fake_clock.advance(600)
    commander = await open_commander([definition])
    await commander.settled()

    mission = await recovered(commander)
    assert await ended(mission) == "completed"
    assert await names_of(mission, T.STEP_STARTED) == ["start", "signed/timeout/escalate"]


# 39. Beside others that run


async def test_deadline_passes_while_another_line_runs(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A deadline on one line fires at its time while a step of another runs."""
    stage = Stage()
    paths = {"step": path().step("s", stage), "wait": path().need_to("go", int, timeout=60, on_timeout=late)}
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/step/s")
    await fake_clock.advance(59)
    await commander_rests(mission)
    assert await names_of(mission, T.SIGNAL_TIMED_OUT) == []
    await fake_clock.advance(1)
    await has_record(mission, T.PATH_COMPLETED)

    assert await names_of(mission, T.SIGNAL_TIMED_OUT) == ["p/wait/go"]
    assert stage.running == 1
    stage.let_all_go()
    assert await ended(mission) == "completed"


async def commander_rests(mission: Any) -> None:
    await turns()
    await mission.snapshot()
    await turns()


async def has_record(mission: Any, kind: T) -> None:
    async with asyncio.timeout(30):
        while not await names_of(mission, kind):
            await asyncio.sleep(0.001)


async def test_sleep_ends_while_another_line_runs(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A sleep on one line ends at its time, and its next step runs, while a step of another goes on."""
    stage = Stage()
    paths = {"step": path().step("s", stage), "nap": path().sleep("nap", 60).step("t", stage)}
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/step/s")
    await turns()
    await fake_clock.advance(60)
    await stage.entered("p/nap/t")

    assert stage.running == 2
    stage.let_all_go()
    assert await ended(mission) == "completed"


async def test_backoff_ends_while_another_line_runs(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A failed attempt of one line is tried again at its time while a step of another goes on."""
    stage = Stage()
    tried = asyncio.Event()

    async def flaky(ctx: MissionContext[int]) -> None:
        if ctx.attempt == 1:
            raise ValueError("again")
        tried.set()

    retry = RetryPolicy(max_attempts=2, initial_interval=60)
    paths = {"step": path().step("s", stage), "flaky": path().step("s", flaky, retry=retry)}
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/step/s")
    await has_record(mission, T.STEP_RETRY_SCHEDULED)
    await commander_rests(mission)
    await fake_clock.advance(120)
    async with asyncio.timeout(30):
        await tried.wait()

    stage.let_all_go()
    assert await ended(mission) == "completed"


async def test_summary_says_what_is_due_while_a_line_runs(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A running mission has its `next_wait` and `next_due`, and no `waiting`; storage finds it by them."""
    stage = Stage()
    paths = {
        "step": path().step("s", stage),
        "later": path().sleep("nap", 90),
        "wait": path().need_to("go", int, timeout=60),
    }
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False, mission_id="x")
    await stage.entered("p/step/s")
    (summary,) = await commander.list_missions(limit=10)

    assert (summary.status, summary.waiting) == ("running", None)
    assert summary.next_wait is not None
    assert summary.next_wait.event_name == "p/wait/go"
    assert summary.next_due == fake_clock.now() + timedelta(seconds=60)
    stage.let_all_go()
    await commander.settled()
    (summary,) = await commander.list_missions(limit=10)
    assert summary.status == "waiting"
    assert summary.waiting == summary.next_wait
    await mission.cancel()


async def test_many_deadlines_fire_at_their_times_beside_a_step(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Ten sleeps of one mission end one after another, each at its time, while an eleventh line runs."""
    stage = Stage()
    paths = {f"n{index}": path().sleep("nap", 10 * (index + 1)) for index in range(10)}
    definition = flow().parallel("p", {"step": path().step("s", stage), **paths}).end()
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/step/s")
    for index in range(10):
        await turns()
        await fake_clock.advance(10)
        async with asyncio.timeout(30):
            while len(await names_of(mission, T.TIMER_FIRED)) < index + 1:
                await asyncio.sleep(0.001)
        assert (await names_of(mission, T.TIMER_FIRED))[-1] == f"p/n{index}/nap"

    times = [(it.at - record.at).total_seconds() for it, record in await fired_and_scheduled(mission)]
    assert times == [10.0 * (index + 1) for index in range(10)]
    stage.let_all_go()
    assert await ended(mission) == "completed"


async def fired_and_scheduled(mission: Any) -> list[Any]:
    history = await mission.history()
    scheduled = {it.event_name: it for it in history if it.type == T.TIMER_SCHEDULED}
    return [(it, scheduled[it.event_name]) for it in history if it.type == T.TIMER_FIRED]


async def test_deadline_beside_a_step_survives_a_crash(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """After a crash the step runs again, and the deadline of the other line passes at the time that it had."""
    stage = Stage()
    paths = {"step": path().step("s", stage), "wait": path().need_to("go", int, timeout=60, on_timeout=late)}
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    await commander.start(definition, 1, wait=False, mission_id="x")
    await stage.entered("p/step/s")
    await open_commander.crash()
    await fake_clock.advance(30)
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await recovered(commander)
    await turns()
    await fake_clock.advance(30)
    await has_record(mission, T.SIGNAL_TIMED_OUT)

    stage.let_all_go()
    assert await ended(mission) == "completed"


async def test_deadline_passes_while_another_line_waits_for_a_slot(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """With all slots taken by other missions, deadlines and sleeps of a mission that wants one end at their times."""
    busy = Stage()
    paths = {
        "a": path().need_to("go", int).step("s", begin),
        "b": path().need_to("signed", int, timeout=60, on_timeout=path().need_to("later", int)),
        "c": path().sleep("nap", 30).sleep("again", 60),
    }
    definition, other = flow().parallel("all", paths).end(), flow("other").step("s", busy).end()
    commander = await open_commander([definition, other], clock=Undriven(fake_clock), max_concurrency=1)
    mission = await commander.start(definition, 1)
    await commander.start(other, 1, wait=False)
    await busy.entered("s")
    await mission.signal("go", 1, wait=False)
    ends: list[Any] = []
    for seconds in (30, 30, 30):
        await fake_clock.advance(seconds)
        await recorded(mission, T.TIMER_FIRED, T.SIGNAL_TIMED_OUT, count=len(ends) + 1)
        ends = await history_of(mission, T.TIMER_FIRED, T.SIGNAL_TIMED_OUT)

    assert ends == [("timer-fired", "all/c/nap"), ("signal-timed-out", "all/b/signed"), ("timer-fired", "all/c/again")]
    busy.let_all_go()


async def test_deadline_passes_while_its_reminder_waits_for_a_slot(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A reminder that is due, and has no slot, holds up nothing: neither its own wait nor what else is due later."""
    stage, busy = Stage(holds=False), Stage()
    wait = path().need_to(
        "signed", int, timeout=60, on_timeout=path().need_to("later", int), reminder=Reminder(stage, every=10)
    )
    definition = flow().parallel("all", {"a": wait, "b": path().step("s", busy)}).end()
    commander = await open_commander([definition], clock=Undriven(fake_clock), max_concurrency=1)
    mission = await commander.start(definition, 1, wait=False)
    await busy.entered("all/b/s")
    for _ in range(6):
        await fake_clock.advance(10)
        await turns()
    await recorded(mission, T.SIGNAL_TIMED_OUT, count=1)

    assert await names_of(mission, T.SIGNAL_TIMED_OUT) == ["all/a/signed"]
    assert stage.begun == []
    busy.let_all_go()


async def recorded(mission: MissionHandle[int], *kinds: T, count: int) -> None:
    """Return when there are so many records of these types."""
    async with asyncio.timeout(30):
        while len(await history_of(mission, *kinds)) < count:
            await asyncio.sleep(0.001)


async def test_signal_that_is_durable_before_the_deadline_is_handled_wins(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A signal that is being written when the deadline passes is applied, and the deadline does nothing."""
    slow = Kept(Gated)
    stage = Stage()
    paths = {"step": path().step("s", stage), "wait": path().need_to("go", int, timeout=60)}
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition], wrap=slow, clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/step/s")
    slow.adapter.gate.clear()
    signal = asyncio.create_task(mission.signal("go", 1, wait=False))
    await turns()
    await fake_clock.advance(90)
    await turns()
    slow.adapter.gate.set()
    await signal
    stage.let_all_go()

    assert await ended(mission) == "completed"
