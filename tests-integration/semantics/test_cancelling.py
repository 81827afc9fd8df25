"""Cancelling a mission, wherever it is (rule 17)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta

import pytest

from mission_control.core import (
    MissionCancelledError,
    MissionContext,
    MissionNotFoundError,
    MissionSignalError,
    MissionTerminalError,
    PersistenceAdapter,
    PersistenceError,
    RetryPolicy,
    m,
)
from mission_control.core.engine import attempt as attempts
from mission_control.core.storage.persistence import CommitOutcome, MissionCommit
from mission_control.testing import FakeClock, FaultInjectingAdapter
from storages import Forwarding, Gate, Gated, Kept, OpenCommander, ThreadGate


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


async def fail(ctx: MissionContext[int]) -> None:
    raise ValueError("no")


WAITS = {
    "signal": m.define("signal").start(input=int, run=begin).need_to("go", str, timeout=60).step("last", begin).end(),
    "sleep": m.define("sleep").start(input=int, run=begin).sleep("nap", 60).step("last", begin).end(),
    "retry": (
        m.define("retry")
        .start(input=int, run=begin)
        .step("again", fail, retry=RetryPolicy(max_attempts=9, initial_interval=60))
        .end()
    ),
}


@pytest.mark.parametrize("wait", list(WAITS))
async def test_waiting_mission_is_cancelled_at_once_and_for_good(
    open_commander: OpenCommander, fake_clock: FakeClock, wait: str
) -> None:
    """A mission that waits for anything ends at once; its time passes without effect, and its wait is over."""
    commander = await open_commander()
    mission = await commander.start(WAITS[wait], 1)
    snapshot = await mission.cancel("enough")
    assert snapshot.error is not None
    assert (snapshot.status, snapshot.waiting, snapshot.error.code) == ("cancelled", None, "MISSION_CANCELLED")
    assert "enough" in snapshot.error.message
    history = await mission.history()
    assert [record.type.value for record in history[-2:]] == ["mission-cancellation-requested", "mission-cancelled"]
    await fake_clock.advance(3600)

    assert await mission.history() == history
    timers = (await mission.inspect()).timers
    assert [timer.status for timer in timers] == ([] if wait == "signal" else ["cancelled"])


async def test_running_coroutine_is_cancelled_and_its_finally_runs(open_commander: OpenCommander) -> None:
    """The request is durable before the coroutine is cancelled, which cleans up, and the attempt is interrupted."""
    begun = asyncio.Event()
    seen: list[str] = []

    async def step(ctx: MissionContext[int]) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            handle = await commander.get_mission(ctx.mission_id)
            assert handle is not None
            seen.extend(record.type.value for record in await handle.history())

    definition = m.define("d").start(input=int, run=begin).step("step", step).step("never", fail).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await begun.wait()
    snapshot = await mission.cancel()

    assert snapshot.status == "cancelled"
    assert seen[-1] == "mission-cancellation-requested"
    history = await mission.history()
    assert [record.type.value for record in history][-3:] == [
        "mission-cancellation-requested",
        "step-interrupted",
        "mission-cancelled",
    ]
    assert history[-2].details["reason"] == "cancelled"
    assert (await mission.inspect()).step_attempts[-1].status == "interrupted"


async def test_result_that_is_returned_after_the_request_is_discarded(open_commander: OpenCommander) -> None:
    """A coroutine that swallows its cancellation and returns all the same does not complete its mission."""
    begun = asyncio.Event()

    async def stubborn(ctx: MissionContext[int]) -> str:
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "done all the same"

    definition = m.define("d").start(input=int, run=stubborn).step("never", fail).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await begun.wait()
    snapshot = await mission.cancel()

    assert (snapshot.status, snapshot.output) == ("cancelled", None)
    assert "step-succeeded" not in {record.type.value for record in await mission.history()}


async def test_coroutine_that_never_ends_is_abandoned_and_the_mission_cancelled(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A coroutine that ignores its cancellation for good is given up on after the grace, with a log line."""
    monkeypatch.setattr(attempts, "GRACE", 0.02)
    begun, over = asyncio.Event(), asyncio.Event()

    async def deaf(ctx: MissionContext[int]) -> None:
        begun.set()
        while not over.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await over.wait()

    definition = m.define("d").start(input=int, run=deaf).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await begun.wait()
    async with asyncio.timeout(30):
        snapshot = await mission.cancel()
    over.set()

    assert snapshot.status == "cancelled"
    assert "abandoned" in caplog.text


@pytest.mark.usefixtures("endless_grace")
async def test_running_thread_is_left_alone_and_the_mission_cancelled_at_once(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """A sync step's mission does not wait for its thread, whose outcome is discarded."""
    thread = ThreadGate()
    definition = m.define("d").start(input=int, run=thread).step("never", fail).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await thread.begun.wait()
    async with asyncio.timeout(30):
        snapshot = await mission.cancel("enough")
    assert snapshot.status == "cancelled"
    history = await mission.history()
    thread.opened.set()
    await thread.ended.wait()
    await commander.settled()

    assert await mission.history() == history
    assert [record.type.value for record in history][-3:] == [
        "mission-cancellation-requested",
        "step-interrupted",
        "mission-cancelled",
    ]
    assert "abandoned" in caplog.text


async def test_second_cancellation_behind_a_thread_that_returns_meanwhile(open_commander: OpenCommander) -> None:
    """Whoever cancels while the first cancellation is on its way to storage, and the thread returns, is answered."""
    thread = ThreadGate()
    storages = Kept(Gated)
    definition = m.define("d").start(input=int, run=thread).end()
    commander = await open_commander(wrap=storages)
    mission = await commander.start(definition, 1, wait=False)
    await thread.begun.wait()
    storages.adapter.gate.clear()
    storages.adapter.arrived.clear()
    first = asyncio.create_task(mission.cancel("enough"))
    await storages.adapter.arrived.wait()
    thread.opened.set()
    await thread.ended.wait()
    second = asyncio.create_task(mission.cancel("too late"))
    await asyncio.sleep(0.01)
    storages.adapter.gate.set()

    assert (await first) == (await second)
    assert (await first).status == "cancelled"


@pytest.mark.usefixtures("endless_grace")
async def test_thread_that_never_returns_does_not_keep_the_commander_from_closing(
    open_commander: OpenCommander,
) -> None:
    """Close does not wait for the thread of a mission that was cancelled."""
    thread = ThreadGate()
    definition = m.define("d").start(input=int, run=thread).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await thread.begun.wait()
    await mission.cancel()
    async with asyncio.timeout(30):
        await commander.close()
    thread.opened.set()


async def test_mission_that_waits_for_a_slot_is_cancelled_at_once(open_commander: OpenCommander) -> None:
    """A mission between its steps, or before its first, ends without ever getting a slot."""
    gate = Gate()
    blocker = m.define("blocker").start(input=int, run=gate).end()
    definition = m.define("d").start(input=int, run=begin).end()
    commander = await open_commander(max_concurrency=1)
    blocking = await commander.start(blocker, 1, wait=False)
    await gate.begun.wait()
    mission = await commander.start(definition, 1, wait=False)
    assert (await mission.cancel()).status == "cancelled"
    gate.opened.set()
    await commander.settled()

    assert (await mission.inspect()).step_attempts == ()
    assert (await blocking.result()).status == "completed"


async def test_first_reason_stays(open_commander: OpenCommander) -> None:
    """Cancelling twice, at once or later, changes nothing, and both callers get the one end."""
    begun = asyncio.Event()
    clean = asyncio.Event()

    async def step(ctx: MissionContext[int]) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await clean.wait()

    definition = m.define("d").start(input=int, run=step).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await begun.wait()
    first = asyncio.create_task(mission.cancel("first"))
    await asyncio.sleep(0)
    second = asyncio.create_task(commander.cancel_mission(mission.mission_id, "second"))
    await asyncio.sleep(0.01)
    assert not first.done()
    assert not second.done()
    clean.set()
    snapshots = await asyncio.gather(first, second, mission.cancel("third"))

    for snapshot in snapshots:
        assert snapshot.error is not None
        assert "first" in snapshot.error.message
    requests = [r for r in await mission.history() if r.type.value == "mission-cancellation-requested"]
    assert [request.details["reason"] for request in requests] == ["first"]


@pytest.mark.parametrize("end", ["completed", "failed"])
async def test_cancelling_what_has_ended_returns_its_snapshot_unchanged(
    open_commander: OpenCommander, end: str
) -> None:
    """A mission that has ended does not change again, in this process or a later one."""
    definition = m.define("d").start(input=int, run=begin if end == "completed" else fail).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, mission_id="over", wait=False)
    before = await mission.result()
    assert before.status == end

    assert await mission.cancel("late") == before
    commander = await open_commander([])
    assert await commander.cancel_mission("over", "later") == before


async def test_unknown_mission_cannot_be_cancelled(open_commander: OpenCommander) -> None:
    """An id that nobody has is a `MissionNotFoundError`, by id and by an idle handle."""
    definition = m.define("d").start(input=int, run=begin).end()
    commander = await open_commander([definition])

    with pytest.raises(MissionNotFoundError, match="nobody"):
        await commander.cancel_mission("nobody")
    with pytest.raises(MissionNotFoundError, match="idle"):
        await commander.create_mission(definition, mission_id="idle").cancel()


@pytest.mark.parametrize("wait", list(WAITS))
async def test_mission_is_cancelled_without_its_definition(open_commander: OpenCommander, wait: str) -> None:
    """A mission whose definition is not registered can be ended."""
    commander = await open_commander()
    await commander.start(WAITS[wait], 1, mission_id="orphan")
    commander = await open_commander([])
    snapshot = await commander.cancel_mission("orphan", "nobody runs it")

    assert snapshot.status == "cancelled"
    assert (await commander.inspect_mission("orphan")) is not None


async def test_interrupted_mission_is_cancelled_without_its_definition(open_commander: OpenCommander) -> None:
    """An attempt that its process did not survive is closed by the cancellation, and never run again."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="orphan", wait=False)
    await gate.begun.wait()
    await open_commander.crash()
    commander = await open_commander([])
    snapshot = await commander.cancel_mission("orphan")
    commander = await open_commander([definition])
    await commander.settled()

    assert snapshot.status == "cancelled"
    assert gate.runs == 1
    gate.opened.set()


async def test_mission_that_no_longer_fits_its_definition_is_cancelled(open_commander: OpenCommander) -> None:
    """A mission stranded by a changed definition can be ended."""
    changed = m.define("sleep").start(input=int, run=begin).sleep("other", 60).end()
    commander = await open_commander()
    await commander.start(WAITS["sleep"], 1, mission_id="stranded")
    commander = await open_commander([changed])
    mission = await commander.get_mission("stranded")
    assert mission is not None

    assert (await mission.cancel()).status == "cancelled"


class DyingAfter(Forwarding):
    """Lets one kind of record be committed, and nothing after it."""

    def __init__(self, inner: PersistenceAdapter, last: str) -> None:
        super().__init__(inner)
        self._last = last
        self.is_dead = False

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        if self.is_dead:
            raise PersistenceError("this process dies any moment")
        outcomes = await super().commit(batch)
        self.is_dead = any(record.type.value == self._last for member in batch for record in member.records)
        return outcomes


@pytest.mark.parametrize("with_definition", [True, False])
async def test_crash_after_the_request_still_cancels_and_runs_nothing_again(
    open_commander: OpenCommander, with_definition: bool
) -> None:
    """A process that dies between request and end leaves a mission that the next one cancels."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="torn", wait=False)
    await gate.begun.wait()
    await open_commander.crash()

    gate.begun.clear()
    dying = Kept(lambda inner: DyingAfter(inner, "mission-cancellation-requested"))
    commander = await open_commander([definition], wrap=dying)
    await gate.begun.wait()
    cancelling = asyncio.create_task(commander.cancel_mission("torn", "enough"))
    async with asyncio.timeout(30):
        while not dying.adapter.is_dead:
            await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    assert gate.runs == 2
    await open_commander.crash()
    cancelling.cancel()
    await asyncio.gather(cancelling, return_exceptions=True)

    commander = await open_commander([definition] if with_definition else [])
    await commander.settled()
    if not with_definition:
        await commander.cancel_mission("torn", "another reason")
    inspection = await commander.inspect_mission("torn")
    assert inspection is not None
    assert inspection.snapshot.status == "cancelled"
    assert inspection.snapshot.error is not None
    assert "enough" in inspection.snapshot.error.message
    assert gate.runs == 2


async def test_cancel_races_completion_and_one_of_them_wins(open_commander: OpenCommander) -> None:
    """Whenever the request comes, the mission is completed or cancelled, its history folds, and the caller is told."""
    definition = m.define("d").start(input=int, run=begin).step("one", begin).step("two", begin).end()
    commander = await open_commander()
    seen: set[str] = set()
    for delay in range(40):
        mission = await commander.start(definition, 1, wait=False)
        for _ in range(delay):
            await asyncio.sleep(0)
        snapshot = await mission.cancel()
        seen.add(snapshot.status)
        assert snapshot == (await mission.inspect()).snapshot

    assert seen <= {"completed", "cancelled"}
    assert "cancelled" in seen


async def test_operations_after_the_end_say_that_it_was_cancelled(open_commander: OpenCommander) -> None:
    """Signals, updates and the output of a cancelled mission are errors that name its status."""
    definition = (
        m.define("d").update("u", str, lambda ctx, text: text).start(input=int, run=begin).need_to("go", str).end()
    )
    commander = await open_commander()
    mission = await commander.start(definition, 1)
    await mission.cancel("enough")

    with pytest.raises(MissionSignalError, match="cancelled"):
        await mission.signal("go", "now")
    with pytest.raises(MissionTerminalError, match="cancelled"):
        await mission.update("u", "now")
    with pytest.raises(MissionCancelledError, match="enough"):
        await mission.output()
    assert (await mission.wait_for_completion()).status == "cancelled"


async def test_cancelled_start_at_mission_never_runs(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A delayed start that is cancelled before its time runs nothing."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, start_at=fake_clock.now() + timedelta(hours=1))
    snapshot = await mission.cancel()
    await fake_clock.advance(7200)

    assert (snapshot.status, snapshot.cursor, gate.runs) == ("cancelled", "start", 0)


@pytest.mark.usefixtures("endless_grace")
async def test_failed_commit_of_the_end_of_a_cancellation_is_repeated(open_commander: OpenCommander) -> None:
    """Where the second of a cancellation's two commits fails, the mission is cancelled all the same, by itself."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate).end()
    commander = await open_commander(wrap=lambda inner: FaultInjectingAdapter(inner, fail_commits={3}))
    mission = await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    async with asyncio.timeout(30):
        with contextlib.suppress(PersistenceError):
            await mission.cancel("enough")
        assert (await mission.result()).status == "cancelled"
