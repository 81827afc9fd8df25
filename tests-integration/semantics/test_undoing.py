"""What a mission did is undone when it fails or is cancelled (rules 44 to 46)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import pytest

from mission_control.core import (
    HistoryRecord,
    MissionContext,
    MissionDefinition,
    MissionExecutionError,
    MissionFailedError,
    MissionHandle,
    MissionNotRegisteredError,
    MissionSignalError,
    MissionTerminalError,
    RetryPolicy,
    Signal,
    StepAttempt,
    m,
)
from mission_control.testing import FakeClock, FaultInjectingAdapter
from one_step import failure_of, found
from storages import Gate, Kept, OpenCommander, ThreadGate, commits_pass

GO = Signal("go", str)
EAGER = RetryPolicy(max_attempts=3, initial_interval=60, jitter=0)


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


async def make(ctx: MissionContext[int]) -> str:
    return f"made {ctx.step_name}"


async def fail(ctx: MissionContext[int]) -> None:
    raise ValueError("no")


class Undos:
    """Undoes steps, and keeps in which order."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    async def __call__(self, ctx: MissionContext[int]) -> None:
        self.steps.append(ctx.step_name)


def records_of(history: tuple[HistoryRecord, ...], kind: str) -> list[HistoryRecord]:
    return [record for record in history if record.type.value == kind]


def types_of(history: tuple[HistoryRecord, ...]) -> list[str]:
    return [f"{record.type.value} {record.event_name or ''}".rstrip() for record in history]


async def undoing_of(mission: MissionHandle[Any]) -> HistoryRecord:
    (record,) = records_of(await mission.history(), "mission-undoing")
    return record


async def attempts_of(mission: MissionHandle[Any], step: str) -> list[StepAttempt]:
    return [attempt for attempt in (await mission.inspect()).step_attempts if attempt.step_name == step]


def waiting(undo: Callable[..., object], **options: Any) -> MissionDefinition[int]:
    """Return a mission that has made something, and waits for a signal."""
    return (
        m.define("waiting")
        .start(input=int, run=begin)
        .step("make", make, undo=undo, **options)
        .need_to(GO)
        .step("last", fail)
        .end()
    )


# What is undone, and in which order: rule 44


async def test_failed_mission_undoes_what_began_in_reverse_order(open_commander: OpenCommander) -> None:
    """Also the start and the step that failed; steps without an undo, and those that have not begun, are left out."""
    undo = Undos()
    definition = (
        m.define("d")
        .start(input=int, run=begin, undo=undo)
        .step("first", make, undo=undo)
        .step("plain", make)
        .step("second", make, undo=undo)
        .step("failing", fail, undo=undo)
        .step("never", make, undo=undo)
        .end()
    )
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    failure = await failure_of(mission)

    assert undo.steps == ["undo:failing", "undo:second", "undo:first", "undo:start"]
    assert (failure.message, failure.code, failure.undo_failed) == ("no", "STEP_FAILED", ())
    record = await undoing_of(mission)
    assert record.event_name == "failing"
    assert record.details["steps"] == ["failing", "second", "first", "start"]
    assert record.details["error"]["message"] == "no"
    assert "cancellation" not in record.details
    history = types_of(await mission.history())
    assert history[history.index("mission-undoing failing") :] == [
        "mission-undoing failing",
        *(
            f"{kind} undo:{step}"
            for step in ("failing", "second", "first", "start")
            for kind in ("step-started", "step-succeeded")
        ),
        "mission-failed failing",
    ]
    assert (await mission.snapshot()).cursor == "failing"


async def test_cancelled_mission_undoes_what_began(open_commander: OpenCommander) -> None:
    """It is told apart by the record that begins the undoing, and by the end; `cancel` returns when it is done."""
    undo = Undos()
    commander = await open_commander()
    mission = await commander.start(waiting(undo), 1)
    snapshot = await mission.cancel("enough")

    assert undo.steps == ["undo:make"]
    assert snapshot.status == "cancelled"
    assert snapshot.error is not None
    assert (snapshot.error.code, snapshot.error.message) == ("MISSION_CANCELLED", "the mission was cancelled: enough")
    record = await undoing_of(mission)
    assert record.event_name is None
    assert record.details == {"cancellation": "enough", "steps": ["make"]}


async def test_completed_mission_undoes_nothing(open_commander: OpenCommander) -> None:
    """Undoing is for missions that fail or are cancelled."""
    undo = Undos()
    definition = m.define("d").start(input=int, run=begin, undo=undo).step("make", make, undo=undo).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1)

    assert (await mission.result()).status == "completed"
    assert undo.steps == []
    assert records_of(await mission.history(), "mission-undoing") == []


async def test_where_nothing_can_be_undone_nothing_is_recorded_of_it(open_commander: OpenCommander) -> None:
    """A mission whose steps have no undo, or have not begun, fails and is cancelled as it ever was."""
    undo = Undos()
    definition = (
        m.define("d").start(input=int, run=begin).need_to(GO).step("fail", fail).step("made", make, undo=undo).end()
    )
    commander = await open_commander()
    failed = await commander.start(definition, 1)
    await failed.signal(GO, "on")
    cancelled = await commander.start(definition, 1)
    await cancelled.cancel()

    assert types_of(await failed.history())[-2:] == ["step-failed fail", "mission-failed fail"]
    assert types_of(await cancelled.history())[-2:] == ["mission-cancellation-requested", "mission-cancelled go"]
    assert all("undo" not in record.details for record in await failed.history())
    assert undo.steps == []


async def test_start_of_a_step_says_whether_it_can_be_undone(open_commander: OpenCommander) -> None:
    """So the history alone tells what there is to undo; the start of an undo does not say so of itself."""
    commander = await open_commander()
    mission = await commander.start(waiting(Undos()), 1)
    await mission.cancel()

    starts = records_of(await mission.history(), "step-started")
    started = {record.event_name: record.details.get("undo") for record in starts}
    assert started == {"start": None, "make": True, "undo:make": None}


async def test_step_that_was_tried_several_times_is_undone_once(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Its place in the order is that of its first attempt."""
    undo = Undos()
    slow = m.path().step("slow", fail, retry=EAGER, undo=undo)
    quick = m.path().sleep("nap", 30).step("quick", make, undo=undo)
    definition = m.define("d").start(input=int, run=begin).parallel("both", {"slow": slow, "quick": quick}).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1)
    await fake_clock.advance(600)

    assert (await mission.result()).status == "failed"
    assert len(await attempts_of(mission, "both/slow/slow")) == 3
    assert undo.steps == ["undo:both/quick/quick", "undo:both/slow/slow"]


async def test_paths_that_lost_and_items_that_failed_are_undone_with_the_rest(open_commander: OpenCommander) -> None:
    """And only when the mission as a whole fails or is cancelled."""
    undo = Undos()

    async def configure(ctx: MissionContext[int]) -> str:
        if ctx.index == 1:
            raise ValueError("broken")
        return "configured"

    come, win = (m.path().step(name, make, undo=undo) for name in ("come", "win"))
    definition = (
        m.define("d")
        .start(input=int, run=begin)
        .each("devices", items, m.path().step("configure", configure, undo=undo), max_failures=1)
        .race("first", {"a": come.need_to(GO), "b": win})
        .repeat("survey", m.path().step("ask", make, undo=undo), until=twice)
        .branch("kind", kind, {"office": m.path().step("desk", make, undo=undo)}, otherwise=m.path())
        .need_to("last", str)
        .end()
    )
    commander = await open_commander()
    mission = await commander.start(definition, 1)
    assert (await mission.snapshot()).status == "waiting"
    assert undo.steps == []
    await mission.cancel()

    began = [record.event_name or "" for record in await mission.history() if record.details.get("undo") is True]
    assert sorted(began) == sorted(
        [
            *(f"devices[{index}]/configure" for index in range(3)),
            *("first/a/come", "first/b/win"),
            *("survey[0]/ask", "survey[1]/ask"),
            "kind/office/desk",
        ]
    )
    assert undo.steps == [f"undo:{step}" for step in reversed(began)]


async def items(ctx: MissionContext[int]) -> list[str]:
    return ["a", "b", "c"]


async def twice(ctx: MissionContext[int]) -> bool:
    return ctx.index == 1


async def kind(ctx: MissionContext[int]) -> str:
    return "office"


# What an undo sees: rule 44


async def test_undo_sees_what_its_step_saw_and_what_was_recorded_since(open_commander: OpenCommander) -> None:
    """The item, the index, outputs and signals of its place; and that its own step had succeeded."""
    seen: dict[str, object] = {}

    async def configure(ctx: MissionContext[int]) -> str:
        return f"{ctx.item(items)} configured"

    async def check(ctx: MissionContext[int]) -> str:
        return f"{ctx.item(items)} checked"

    async def wipe(ctx: MissionContext[int]) -> None:
        seen[ctx.step_name] = (
            ctx.index,
            ctx.item(items),
            ctx.output(configure, default=None),
            ctx.output(check, default=None),
            ctx.received(GO, default=None),
            ctx.output(begin),
            ctx.attempt,
            ctx.idempotency_key,
        )

    path = m.path().step("configure", configure, undo=wipe).need_to(GO).step("check", check)
    definition = m.define("d").start(input=int, run=begin).each("devices", items, path).end()
    commander = await open_commander()
    mission = await commander.start(definition, 7, mission_id="x")
    await mission.signal(GO, "on", at="devices[1]")
    await mission.cancel()

    key = "x:undo:devices[{}]/configure"
    assert seen == {
        "undo:devices[2]/configure": (2, "c", "c configured", None, None, 7, 1, key.format(2)),
        "undo:devices[1]/configure": (1, "b", "b configured", "b checked", "on", 7, 1, key.format(1)),
        "undo:devices[0]/configure": (0, "a", "a configured", None, None, 7, 1, key.format(0)),
    }


async def test_undo_is_told_whether_its_step_had_succeeded(open_commander: OpenCommander) -> None:
    """`ctx.output(step, default=None)` is None for one that began and did not."""
    seen: list[object] = []

    async def undo(ctx: MissionContext[int]) -> None:
        seen.append(ctx.output(fail, default=None))
        seen.append(ctx.output(make, default=None))

    definition = m.define("d").start(input=int, run=begin).step("make", make).step("fail", fail, undo=undo).end()
    commander = await open_commander()
    await failure_of(await commander.start(definition, 1, wait=False))

    assert seen == [None, "made make"]


async def test_what_an_undo_returns_is_recorded_and_no_output_of_the_mission(open_commander: OpenCommander) -> None:
    """Neither `events` nor `output` change by it."""

    async def undo(ctx: MissionContext[int]) -> dict[str, int]:
        return {"deleted": 3}

    commander = await open_commander()
    mission = await commander.start(waiting(undo), 1)
    before = await mission.snapshot()
    after = await mission.cancel()

    assert (after.events, after.output) == (before.events, before.output)
    (attempt,) = await attempts_of(mission, "undo:make")
    assert attempt.status == "succeeded"
    record = records_of(await mission.history(), "step-succeeded")[-1]
    assert record.event_name == "undo:make"
    assert record.details["output"] == {"deleted": 3}


async def test_undo_may_be_a_plain_function(open_commander: OpenCommander) -> None:
    """It runs on a thread, as a step does."""
    seen: list[str] = []

    def undo(ctx: MissionContext[int]) -> None:
        seen.append(ctx.step_name)

    commander = await open_commander()
    mission = await commander.start(waiting(undo), 1)

    assert (await mission.cancel()).status == "cancelled"
    assert seen == ["undo:make"]


# Policies: rules 44 and 45


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


# What has to end before: rule 44


async def test_first_undo_waits_for_async_code_that_was_stopped(open_commander: OpenCommander) -> None:
    """Its `finally` runs to its end; nothing is undone beside it."""
    order: list[str] = []
    begun, leave = asyncio.Event(), asyncio.Event()

    async def work(ctx: MissionContext[int]) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await leave.wait()
            order.append("left")

    async def undo(ctx: MissionContext[int]) -> None:
        order.append(ctx.step_name)

    async def fail_then(ctx: MissionContext[int]) -> None:
        await begun.wait()
        raise ValueError("no")

    paths = {"works": m.path().step("work", work, undo=undo), "fails": m.path().step("fail", fail_then)}
    definition = m.define("d").start(input=int, run=begin).parallel("both", paths).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    while (await mission.snapshot()).error is None:
        await asyncio.sleep(0)
    snapshot = await mission.snapshot()
    assert (snapshot.status, snapshot.cursor) == ("running", "undo:both/works/work")
    await commits_pass(commander)
    assert order == []
    leave.set()
    await mission.result()

    assert order == ["left", "undo:both/works/work"]


async def test_async_code_that_does_not_end_is_waited_for_no_longer_than_the_grace(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given up on, and the undoing begins."""
    monkeypatch.setattr("mission_control.core.engine.attempt.GRACE", 0.02)
    undo = Undos()
    begun, leave = asyncio.Event(), asyncio.Event()

    async def stubborn(ctx: MissionContext[int]) -> None:
        begun.set()
        while not leave.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await leave.wait()

    async def fail_then(ctx: MissionContext[int]) -> None:
        await begun.wait()
        raise ValueError("no")

    paths = {"works": m.path().step("work", stubborn, undo=undo), "fails": m.path().step("fail", fail_then)}
    definition = m.define("d").start(input=int, run=begin).parallel("both", paths).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    try:
        assert (await failure_of(mission)).message == "no"
        assert undo.steps == ["undo:both/works/work"]
    finally:
        leave.set()


async def test_undoing_does_not_wait_for_sync_code(open_commander: OpenCommander) -> None:
    """It is abandoned at once, as always, and what it returns is discarded."""
    undo = Undos()
    gate = ThreadGate()

    async def fail_then(ctx: MissionContext[int]) -> None:
        await gate.begun.wait()
        raise ValueError("no")

    paths = {"works": m.path().step("work", gate, undo=undo), "fails": m.path().step("fail", fail_then)}
    definition = m.define("d").start(input=int, run=begin).parallel("both", paths).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    try:
        assert (await failure_of(mission)).message == "no"
        assert undo.steps == ["undo:both/works/work"]
    finally:
        gate.opened.set()
        await gate.ended.wait()


async def test_cancelled_coroutine_has_ended_before_it_is_undone(open_commander: OpenCommander) -> None:
    """On the main line too."""
    order: list[str] = []
    begun = asyncio.Event()

    async def work(ctx: MissionContext[int]) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            order.append("left")

    async def undo(ctx: MissionContext[int]) -> None:
        order.append(ctx.step_name)

    definition = m.define("d").start(input=int, run=begin).step("work", work, undo=undo).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await begun.wait()
    snapshot = await mission.cancel("enough")

    assert order == ["left", "undo:work"]
    assert (snapshot.status, snapshot.cursor) == ("cancelled", "work")


# While it is being undone: rules 44 and 46


async def undoing(
    open_commander: OpenCommander, gate: Callable[..., object], **options: Any
) -> tuple[MissionHandle[Any], asyncio.Task[Any]]:
    """Return a mission that is being undone, and the task of who cancelled it."""
    commander = await open_commander([waiting(gate, **options)])
    mission = await commander.start("waiting", 1, mission_id="x")
    cancelling = asyncio.create_task(mission.cancel("enough"))
    return mission, cancelling


async def test_mission_runs_while_it_is_undone(open_commander: OpenCommander) -> None:
    """Its cursor is the undo's name, its one position too, and its error is that with which it will end."""
    gate = Gate()
    mission, cancelling = await undoing(open_commander, gate)
    await gate.begun.wait()
    snapshot = await mission.snapshot()
    gate.opened.set()
    await cancelling

    assert (snapshot.status, snapshot.cursor, snapshot.waiting) == ("running", "undo:make", None)
    assert snapshot.error is not None
    assert snapshot.error.code == "MISSION_CANCELLED"
    (position,) = snapshot.positions
    assert (position.path, position.cursor) == (None, "undo:make")
    assert (position.status, position.attempt_number) == ("running", 1)


async def test_signals_and_updates_are_refused_while_it_is_undone(open_commander: OpenCommander) -> None:
    """At once, and saying so; queries are answered."""
    gate = Gate()
    definition = (
        m.define("d")
        .update("set", int, set_to)
        .query("look", look)
        .start(input=int, run=begin)
        .step("make", make, undo=gate)
        .need_to(GO)
        .end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    cancelling = asyncio.create_task(mission.cancel("enough"))
    await gate.begun.wait()
    with pytest.raises(MissionSignalError, match=r"was cancelled, and what it did is being undone \(at 'undo:make'\)"):
        await mission.signal(GO, "on")
    with pytest.raises(MissionExecutionError, match="was cancelled, and what it did is being undone") as raised:
        await mission.update("set", 3)
    assert not isinstance(raised.value, MissionTerminalError)
    assert await mission.query("look") == "made make"
    gate.opened.set()

    assert (await cancelling).status == "cancelled"


async def set_to(ctx: MissionContext[int], value: int) -> int:
    return value


def look(ctx: MissionContext[int]) -> str:
    return ctx.output(make)


async def test_signal_that_was_held_is_refused_when_the_undoing_begins(open_commander: OpenCommander) -> None:
    """It does not wait until the mission has ended."""
    gate, step = Gate(), Gate()
    definition = (
        m.define("d").start(input=int, run=begin).step("make", make, undo=gate).step("step", step).need_to(GO).end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await step.begun.wait()
    signalling = asyncio.create_task(mission.signal(GO, "on"))
    await asyncio.sleep(0)
    cancelling = asyncio.create_task(mission.cancel())
    with pytest.raises(MissionSignalError, match="is being undone"):
        await signalling
    await gate.begun.wait()
    gate.opened.set()
    await cancelling


async def test_update_that_runs_when_the_undoing_begins_records_nothing(open_commander: OpenCommander) -> None:
    """Cancelling wins over it, and its caller is told."""
    gate, updating = Gate(), Gate()

    async def change(ctx: MissionContext[int], value: int) -> str:
        return await updating(ctx)

    definition = (
        m.define("d")
        .update("change", int, change)
        .start(input=int, run=begin)
        .step("make", make, undo=gate)
        .need_to(GO)
        .end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    update = asyncio.create_task(mission.update("change", 1))
    await updating.begun.wait()
    cancelling = asyncio.create_task(mission.cancel())
    await gate.begun.wait()
    updating.opened.set()
    with pytest.raises(MissionExecutionError, match="is being undone"):
        await update
    gate.opened.set()
    await cancelling

    assert records_of(await mission.history(), "mission-update") == []


async def test_deadlines_and_timers_of_before_do_not_fire_while_it_is_undone(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """What was open has ended with the mission's failing."""
    gate = Gate()

    async def undo(ctx: MissionContext[int]) -> None:
        if ctx.attempt == 1:
            raise ConnectionError("no answer")

    paths = {
        "waits": m.path().step("make", make, undo=undo, retry=EAGER).need_to(GO, timeout=10),
        "sleeps": m.path().sleep("nap", 10).step("never", gate),
        "fails": m.path().need_to("break", str).step("fail", fail),
    }
    definition = m.define("d").start(input=int, run=begin).parallel("all", paths).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1)
    await mission.signal("break", "now")
    await fake_clock.advance(600)

    assert (await failure_of(mission)).message == "no"
    types = types_of(await mission.history())
    assert not any(line.startswith(("signal-timed-out", "timer-fired all")) for line in types)
    assert gate.runs == 0


async def test_cancel_during_the_undoing_returns_when_it_is_done(open_commander: OpenCommander) -> None:
    """What the mission ends as was settled before: the failed one has failed, and the first reason stays."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=begin).step("make", make, undo=gate).step("fail", fail).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    cancelling = asyncio.create_task(mission.cancel("late"))
    await commits_pass(commander)
    assert not cancelling.done()
    gate.opened.set()
    snapshot = await cancelling

    assert snapshot.status == "failed"
    assert records_of(await mission.history(), "mission-cancellation-requested") == []


async def test_second_cancel_waits_for_the_undoing_too(open_commander: OpenCommander) -> None:
    """All who cancel get the same end."""
    gate = Gate()
    mission, cancelling = await undoing(open_commander, gate)
    await gate.begun.wait()
    again = asyncio.create_task(mission.cancel("again"))
    gate.opened.set()
    first, second = await asyncio.gather(cancelling, again)

    assert first == second
    assert first.error is not None
    assert "enough" in first.error.message


async def test_undo_that_cancels_its_own_mission_is_told(open_commander: OpenCommander) -> None:
    """It is refused as any step is that would wait for itself."""
    refused: list[str] = []

    async def undo(ctx: MissionContext[int]) -> None:
        try:
            await mission.cancel()
        except MissionExecutionError as error:
            refused.append(str(error))

    commander = await open_commander()
    mission = await commander.start(waiting(undo), 1)
    await mission.cancel()

    assert len(refused) == 1
    assert "itself" in refused[0]


async def test_cancelling_while_an_undo_backs_off_changes_nothing(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """The undo is tried again when it is due, and cancel returns after it."""

    async def undo(ctx: MissionContext[int]) -> None:
        if ctx.attempt == 1:
            raise ConnectionError("no answer")

    mission, cancelling = await undoing(open_commander, undo, retry=EAGER)
    await fake_clock.advance(1)
    again = asyncio.create_task(mission.cancel())
    await fake_clock.advance(1)
    assert not again.done()
    assert (await mission.snapshot()).status == "waiting"
    await fake_clock.advance(60)

    assert (await cancelling).status == (await again).status == "cancelled"


# Crashes and closes in the middle: rule 45


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


# Definitions that are not there, or have changed: rule 46


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


async def test_reads_of_an_undone_mission_are_the_same_in_a_new_process(open_commander: OpenCommander) -> None:
    """The history alone tells everything, who gave up included."""
    commander = await open_commander()
    definition = waiting(fail)
    mission = await commander.start(definition, 1, mission_id="x")
    ended = await mission.cancel("enough")
    commander = await open_commander([definition])

    assert await (await found(commander)).snapshot() == ended


async def test_undoing_takes_one_slot(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """With a bound of one the undos run one after another, and the next mission after them."""
    undo = Undos()
    definition = (
        m.define("d")
        .start(input=int, run=begin, undo=undo)
        .each("devices", items, m.path().step("configure", make, undo=undo))
        .step("fail", fail)
        .end()
    )
    commander = await open_commander(max_concurrency=1)
    missions = [await commander.start(definition, 1, wait=False) for _ in range(2)]
    for mission in missions:
        await failure_of(mission)

    steps = ["undo:devices[2]/configure", "undo:devices[1]/configure", "undo:devices[0]/configure", "undo:start"]
    assert sorted(undo.steps) == sorted(steps * 2)


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


async def test_hundreds_of_items_are_undone(open_commander: OpenCommander) -> None:
    """One after another, all of them."""
    undo = Undos()

    async def many(ctx: MissionContext[int]) -> list[int]:
        return list(range(300))

    definition = (
        m.define("d")
        .start(input=int, run=begin)
        .each("devices", many, m.path().step("configure", make, undo=undo))
        .step("fail", fail)
        .end()
    )
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await failure_of(mission)

    assert len(undo.steps) == 300
