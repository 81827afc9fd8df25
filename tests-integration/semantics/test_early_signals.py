"""Signals that come before their waits, of linear missions (rule 51)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal

import pytest
from attrs import define

from flows import Stage, T, Watched, begin, ended, flow, history_of, path, recovered, turns
from mission_control.core import (
    CommanderClosedError,
    MissionContext,
    MissionDefinition,
    MissionDefinitionError,
    MissionDefinitionMismatchError,
    MissionHandle,
    MissionSignalError,
    MissionValidationError,
    PersistenceError,
    Reminder,
    RetryPolicy,
    Signal,
    m,
)
from mission_control.core.machine import refusals
from mission_control.testing import FakeClock, FaultInjectingAdapter, Life, crash_everywhere
from storages import Kept, NewStorage, OpenCommander


@define
class Approval:
    by: str
    amount: int = 1


GO = Signal("go", int)
APPROVED = Signal("approved", Approval)


def read(ctx: MissionContext[Any]) -> int:
    return ctx.received(GO)


def gated(stage: Stage, **wait: Any) -> MissionDefinition[int]:
    """Return a mission with a step before its wait, and one behind it that returns what came."""
    return flow().step("before", stage).need_to(GO, early=True, **wait).step("behind", read).end()


async def signals_of(mission: MissionHandle[Any]) -> list[tuple[str, Any, str]]:
    """Return what came, and whether it is kept."""
    return [(it.event_name, it.payload, it.status) for it in (await mission.inspect()).signals]


# Kept


async def test_signal_is_kept_while_the_mission_runs(open_commander: OpenCommander) -> None:
    """`signal` returns when that is durable, whatever `wait` says, and the mission has not moved by it."""
    stage = Stage()
    definition = gated(stage)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("before")
    await mission.signal(GO, 7, wait=True)

    assert (await mission.snapshot()).cursor == "before"
    assert (await history_of(mission))[-1] == ("signal-kept", "go")
    assert await signals_of(mission) == [("go", 7, "kept")]
    stage.let_all_go()
    assert await mission.output() == 7
    assert await signals_of(mission) == [("go", 7, "received")]


async def test_wait_and_signal_are_one_commit(open_commander: OpenCommander) -> None:
    """The one in which the wait would begin, with the next step behind them; the payload is in one record alone."""
    stage = Stage()
    definition = gated(stage)
    watched = Kept(Watched)
    commander = await open_commander([definition], wrap=watched)
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("before")
    await mission.signal(GO, 7)
    stage.let_all_go()
    assert await ended(mission) == "completed"

    assert watched.adapter.with_(T.SIGNAL_RECEIVED) == [
        ("step-succeeded", "before"),
        ("waiting-for-signal", "go"),
        ("signal-received", "go"),
        ("step-started", "behind"),
    ]
    records = {record.type: record for record in await mission.history()}
    assert records[T.SIGNAL_KEPT].details == {"payload": 7}
    assert records[T.SIGNAL_RECEIVED].details == {"kept": records[T.SIGNAL_KEPT].seq}


async def test_signal_is_kept_before_there_is_a_slot(open_commander: OpenCommander) -> None:
    """A mission that was accepted, and of which nothing has run yet, keeps it at once."""
    stage = Stage()
    busy, definition = flow("busy").step("s", stage).end(), flow().need_to(GO, early=True).step("behind", read).end()
    commander = await open_commander([busy, definition], max_concurrency=1)
    await commander.start(busy, 1, wait=False)
    await stage.entered("s")
    mission = await commander.start(definition, 1, wait=False)
    await mission.signal(GO, 7)

    assert await history_of(mission) == [("mission-created", None), ("mission-started", None), ("signal-kept", "go")]
    stage.let_all_go()
    assert await mission.output() == 7


@pytest.mark.parametrize("rest", ["delayed", "sleep", "backoff", "another wait"])
async def test_signal_is_kept_while_the_mission_waits(
    open_commander: OpenCommander, fake_clock: FakeClock, rest: str
) -> None:
    """For its start, in a sleep, in a backoff, and for another signal: after a crash it is there as before."""

    async def flaky(ctx: MissionContext[int]) -> None:
        if rest == "backoff" and ctx.attempt == 1:
            raise ConnectionError

    line: Any = flow().step("flaky", flaky, retry=RetryPolicy(max_attempts=2, initial_interval=60))
    if rest == "sleep":
        line = line.sleep("nap", 60)
    if rest == "another wait":
        line = line.need_to("other", int)
    definition: MissionDefinition[int] = line.need_to(GO, early=True).step("behind", read).end()
    commander = await open_commander([definition])
    start_at = fake_clock.now() + timedelta(seconds=60) if rest == "delayed" else None
    mission = await commander.start(definition, 1, mission_id="x", start_at=start_at)
    await mission.signal(GO, 7)
    assert await mission.status() == "waiting"
    await open_commander.crash()
    mission = await recovered(await open_commander([definition]))
    assert await signals_of(mission) == [("go", 7, "kept")]
    if rest == "another wait":
        await mission.signal("other", 1)
    await fake_clock.advance(60)

    assert await mission.output() == 7


async def test_signal_for_an_open_wait_is_applied(open_commander: OpenCommander) -> None:
    """As ever: with `wait` it returns when the mission next waits or ends."""
    definition = flow().need_to(GO, early=True).step("behind", read).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await mission.signal(GO, 7)

    assert await mission.status() == "completed"
    assert await history_of(mission, T.SIGNAL_KEPT) == []


async def test_wait_that_takes_a_kept_signal_is_no_open_wait(open_commander: OpenCommander) -> None:
    """It began and was over in one commit: the inbox has what the mission waits for now."""
    stage = Stage()
    definition = flow().step("before", stage).need_to(GO, early=True).need_to("next", int).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("before")
    await mission.signal(GO, 1)
    assert await commander.list_waits() == []
    stage.let_all_go()
    await commander.settled()

    assert [wait.event_name for wait in await commander.list_waits()] == ["next"]


async def test_kept_signals_are_consumed_in_order_one_by_each_wait(open_commander: OpenCommander) -> None:
    """What none of them takes is "kept" for ever, also when the mission has ended."""
    stage = Stage()

    def is_over(ctx: MissionContext[int]) -> bool:
        return ctx.index == 1

    definition = flow().step("before", stage).repeat("r", path().need_to(GO, early=True), until=is_over).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("before")
    for payload in (1, 2, 3):
        await mission.signal(GO, payload)
    stage.let_all_go()

    assert await ended(mission) == "completed"
    assert await signals_of(mission) == [("go", 3, "kept"), ("r[0]/go", 1, "received"), ("r[1]/go", 2, "received")]
    kept = (await mission.inspect()).signals[0]
    assert kept.to_dict() == {
        "event_name": "go",
        "received_at": "1970-01-01T00:00:00.000000+00:00",
        "payload": 3,
        "status": "kept",
        "key": None,
        "by": None,
    }


async def test_payload_is_validated_when_it_comes(open_commander: OpenCommander) -> None:
    """One that does not fit is refused, and nothing is kept; one that does is restored like any recorded one."""
    stage = Stage()
    seen: list[Approval] = []

    def look(ctx: MissionContext[Any]) -> None:
        seen.append(ctx.received(APPROVED))

    definition = flow().step("before", stage).need_to(APPROVED, early=True).step("look", look).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("before")
    with pytest.raises(MissionValidationError, match="signal 'approved' of mission") as refused:
        await mission.signal("approved", {"by": 5})
    await mission.signal("approved", {"by": "ann"})
    stage.let_all_go()

    assert refused.value.event_name == "approved"
    assert await ended(mission) == "completed"
    assert await signals_of(mission) == [("approved", {"by": "ann", "amount": 1}, "received")]
    assert seen == [Approval(by="ann", amount=1)]


async def test_kept_signal_is_not_received_before_its_wait(open_commander: OpenCommander) -> None:
    """Code that runs meanwhile does not see it, in `received` or in `events`."""
    stage, seen = Stage(), list[Any]()

    def look(ctx: MissionContext[Any]) -> None:
        seen.append((ctx.received(GO, default=None), "go" in ctx.events))

    definition = flow().step("before", stage).step("look", look).need_to(GO, early=True).step("late", look).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("before")
    await mission.signal(GO, 7)
    stage.let_all_go()

    assert await ended(mission) == "completed"
    assert seen == [(None, False), (7, True)]


async def test_wait_that_is_over_as_it_begins_neither_reminds_nor_times_out(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """However long the mission lives on."""
    stage, reminders = Stage(), Stage(holds=False)
    line = flow().step("before", stage)
    line = line.need_to(GO, early=True, timeout=20, reminder=Reminder(reminders, 10)).sleep("nap", 60)
    definition = line.step("behind", read).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("before")
    await mission.signal(GO, 7)
    stage.let_all_go()
    await fake_clock.advance(60)

    assert await mission.output() == 7
    assert reminders.begun == []


async def test_deadline_of_a_wait_that_takes_early_signals_passes_as_any(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Where nothing was kept; what comes then is too late."""
    definition = gated(Stage(holds=False), timeout=20)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(20)

    assert await ended(mission) == "failed"
    with pytest.raises(MissionSignalError, match="does not wait for signal 'go': it is failed"):
        await mission.signal(GO, 7)


async def test_timeline_shows_what_is_kept_and_what_took_it(open_commander: OpenCommander) -> None:
    """The payload where it came, and where it was taken which record has it."""
    stage = Stage()
    definition = gated(stage)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, mission_id="x", wait=False)
    await stage.entered("before")
    await mission.signal(GO, 7)
    stage.let_all_go()
    await ended(mission)
    lines = str(await mission.inspect()).splitlines()[1:]

    assert [" ".join(line.split()[2:]) for line in lines if " signal-" in line] == [
        "signal-kept go 7",
        "signal-received go kept since record 6",
    ]
    assert "signal-kept" in lines[5]


# Refused


async def test_mission_that_has_ended_refuses(open_commander: OpenCommander) -> None:
    """Completed, failed or cancelled."""
    definition = gated(Stage(holds=False))
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await mission.cancel()

    with pytest.raises(MissionSignalError, match=r"it is cancelled at 'go'$"):
        await mission.signal(GO, 7)


async def test_signal_whose_wait_is_over_is_refused_at_once(open_commander: OpenCommander) -> None:
    """While a step runs too: nothing that lies ahead takes it, so it is not held."""
    stage = Stage()
    definition = flow().need_to(GO, early=True).step("behind", stage).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await mission.signal(GO, 7, wait=False)
    await stage.entered("behind")

    with pytest.raises(MissionSignalError, match="it is running at 'behind'; no wait ahead takes it early"):
        await mission.signal(GO, 8)


async def test_wait_without_early_is_as_it_was(open_commander: OpenCommander) -> None:
    """Its signal is held while a step runs, and refused in a sleep; the static form says nothing of it."""
    stage = Stage()
    definition = flow().step("before", stage).sleep("nap", 60).need_to(GO).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("before")
    held = asyncio.create_task(mission.signal(GO, 7))
    await turns()
    assert not held.done()
    stage.let_all_go()

    with pytest.raises(MissionSignalError, match=r"sleeps in 'nap' until [^;]*$"):
        await held
    assert flow().need_to(GO, early=False).end().fingerprint == flow().need_to(GO).end().fingerprint
    assert "early" not in definition.to_static()["nodes"][3]


def test_early_is_part_of_a_definition() -> None:
    """Of its static form and its fingerprint, on missions and paths; it is True or False."""
    definition = flow().need_to(GO, early=True).end()

    assert definition.to_static()["nodes"][1]["early"] is True
    assert definition.fingerprint != flow().need_to(GO).end().fingerprint
    with pytest.raises(MissionDefinitionError, match=r"signal 'go' of .*, early: expected True or False, found int 1"):
        path().need_to(GO, early=1)  # type: ignore[call-overload] # pyright: ignore[reportArgumentType] - the fault


async def test_mission_keeps_a_thousand_signals(open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is refused, until a wait has taken one."""
    monkeypatch.setattr(refusals, "MOST_KEPT", 3)
    stage = Stage()
    definition = flow().step("before", stage).need_to(GO, early=True).step("s", stage).need_to("last", int, early=True)
    commander = await open_commander([definition.end()])
    mission = await commander.start("flow", 1, wait=False)
    await stage.entered("before")
    for name in ("go", "last", "last"):
        await mission.signal(name, 1)
    with pytest.raises(MissionSignalError, match="keeps 3 signals that no wait has taken yet, and no more than that"):
        await mission.signal("last", 1)
    stage.let_go("before")
    await stage.entered("s")
    await mission.signal("last", 1)

    stage.let_all_go()
    assert await ended(mission) == "completed"


async def test_step_still_may_not_signal_its_own_mission(open_commander: OpenCommander) -> None:
    """Not early either."""
    mission: MissionHandle[Any]

    async def meddle(ctx: MissionContext[int]) -> None:
        with pytest.raises(MissionSignalError, match="itself"):
            await mission.signal(GO, 7)

    definition = flow().need_to("begin", int).step("meddle", meddle).need_to(GO, early=True).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await mission.signal("begin", 1)

    assert await mission.status() == "waiting"


# Faults, restarts and changes


@pytest.mark.parametrize("when", ["before", "after"])
async def test_signal_whose_commit_failed_is_unknown(
    open_commander: OpenCommander, when: Literal["before", "after"]
) -> None:
    """The sender is told, and may send it again; what did take effect is kept, and the step is not run again."""
    stage = Stage()
    definition = gated(stage)
    third = partial(FaultInjectingAdapter, fail_commits={3}, when=when)
    commander = await open_commander([definition], wrap=third)
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("before")
    with pytest.raises(PersistenceError):
        await mission.signal(GO, 7)
    await mission.signal(GO, 8)
    stage.let_all_go()

    assert await mission.output() == (8 if when == "before" else 7)
    assert [it.payload for it in (await mission.inspect()).signals] == ([8] if when == "before" else [8, 7])
    assert stage.begun == ["before"]


async def test_kept_signals_outlive_closing(open_commander: OpenCommander) -> None:
    """The step that was interrupted runs again, and its mission takes them."""
    stage = Stage()
    definition = gated(stage)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, mission_id="x", wait=False)
    await stage.entered("before")
    await mission.signal(GO, 7)
    await open_commander.close()
    with pytest.raises(CommanderClosedError):
        await mission.signal(GO, 8)
    stage.let_all_go()
    commander = await open_commander([definition])

    assert await (await recovered(commander)).output() == 7


async def test_signal_whose_wait_is_gone_stays_in_the_history(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Today's definition has no such wait: the mission goes on without it."""
    before = flow().sleep("nap", 60).need_to(GO, early=True).end()
    commander = await open_commander([before])
    mission = await commander.start(before, 1, mission_id="x")
    await mission.signal(GO, 7)
    mission = await recovered(await open_commander([flow().sleep("nap", 60).step("last", begin).end()]))
    await fake_clock.advance(60)

    assert await ended(mission) == "completed"
    assert await signals_of(mission) == [("go", 7, "kept")]


async def test_wait_that_is_new_takes_early_signals_of_missions_in_flight(open_commander: OpenCommander) -> None:
    """Today's definition says what lies ahead."""
    commander = await open_commander([flow().need_to("other", int).need_to(GO).end()])
    await commander.start("flow", 1, mission_id="x")
    after = flow().need_to("other", int).need_to(GO, early=True).step("behind", read).end()
    mission = await recovered(await open_commander([after]))
    await mission.signal(GO, 7)
    await mission.signal("other", 1)

    assert await mission.output() == 7


async def test_kept_payload_that_fits_no_more_is_a_mismatch(open_commander: OpenCommander) -> None:
    """The mission stays as it is until a definition that reads it is registered."""
    before = flow().need_to("other", int).need_to(GO, early=True).step("behind", read).end()
    commander = await open_commander([before])
    await (await commander.start(before, 1, mission_id="x")).signal(GO, 7)
    after = flow().need_to("other", int).need_to("go", str, early=True).end()
    mission = await recovered(await open_commander([after]))
    with pytest.raises(MissionDefinitionMismatchError, match="the signal kept for 'go' of mission 'x'"):
        await mission.signal("other", 1)
    mission = await recovered(await open_commander([before]))
    await mission.signal("other", 1)

    assert await mission.output() == 7


async def comes_early(life: Life) -> None:
    """Signals that come while a step stands before its retry, for a linear mission's waits."""

    async def flaky(ctx: MissionContext[int]) -> None:
        if ctx.attempt == 1:
            raise ConnectionError

    line = m.define("d").start(input=int, run=begin)
    line = line.step("flaky", flaky, retry=RetryPolicy(max_attempts=9, initial_interval=60, jitter=0))
    line = line.need_to(GO, early=True, timeout=30).step("one", read).sleep("nap", 60)
    definition = line.need_to("last", int, early=True, reminder=Reminder(flaky, 10)).step("two", read).end()
    mission = await life.commander.start(definition, 1, mission_id="x", if_exists="return")
    await life.signal(mission, "last", 8)
    await life.signal(mission, GO, 7)
    await life.advance(60)
    await life.advance(60)
    assert await mission.output() == 7
    inspection = await mission.inspect()
    assert [(it.event_name, it.payload, it.status) for it in inspection.signals] == [
        ("go", 7, "received"),
        ("last", 8, "received"),
    ]


async def test_early_signals_survive_a_crash_at_every_commit(new_storage: NewStorage) -> None:
    """Once `signal` has returned the signal is there, and it is taken once."""
    report = await crash_everywhere(comes_early, new_storage=new_storage)

    assert len(report.crashes) >= 14


async def test_update_and_early_signal_come_in_their_order(open_commander: OpenCommander) -> None:
    """An update that is held for a step does not hold up a signal that is kept."""
    stage = Stage()

    def note(ctx: MissionContext[Any], text: str) -> list[str]:
        return [it for it in ctx.events if it != "start"]

    draft = m.define("noted").update("note", str, note).start(input=int, run=begin)
    definition = draft.step("before", stage).need_to("other", int).need_to(GO, early=True).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("before")
    update = asyncio.create_task(mission.update("note", "x"))
    await turns()
    await mission.signal(GO, 7)
    assert not update.done()
    stage.let_all_go()

    assert await update == ["before"]
    assert (await history_of(mission, T.SIGNAL_KEPT, T.MISSION_UPDATE))[0] == ("signal-kept", "go")


async def test_signal_that_is_kept_long_before_its_wait_has_its_own_time(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """While it is kept that is when it came; once it is received, when its wait took it."""
    definition = flow().sleep("nap", 60).need_to(GO, early=True).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(10)
    await mission.signal(GO, 7)
    kept = (await mission.inspect()).signals[0]
    await fake_clock.advance(50)
    received = (await mission.inspect()).signals[0]

    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert (kept.received_at - epoch, received.received_at - epoch) == (timedelta(seconds=10), timedelta(seconds=60))
