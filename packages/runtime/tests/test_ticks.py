"""What a tick does, and what it leaves alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from mission_control.core import MissionNotRegisteredError, MissionStatus, PersistenceError, Schedule, m
from mission_control.core.storage.memory import InMemoryAdapter
from mission_control.core.storage.persistence import DueKind
from mission_control.testing import FakeClock

from .harness import Gate, Reads, Runtimes, gated, sleeping, waiting


async def test_startup_tick_resumes_what_is_due_or_was_interrupted(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """After a restart the startup tick lets due and interrupted missions go on, and not parked ones."""
    gate = Gate()
    definitions = [sleeping(), gated(gate), waiting()]
    first = await runtimes(definitions)
    await first.commander.start("sleeping", "x", mission_id="due")
    await first.commander.start("gated", "x", mission_id="interrupted", wait=False)
    await first.commander.start("waiting", "x", mission_id="parked")
    await gate.begun.wait()
    await first.stop()
    await fake_clock.advance(60)
    gate.opened.set()

    second = await runtimes(definitions)
    await second.commander.settled()

    assert runtimes.ids("mission-resume-started") == ["due", "interrupted"]
    assert runtimes.names[:2] == ["runtime-started", "tick-started"]
    assert runtimes.names[-1] == "tick-completed"
    assert runtimes.measured("runtime.mission.resume.started") == [1, 1]
    assert [mission.status for mission in await second.commander.list_missions()] == [
        MissionStatus.COMPLETED,
        MissionStatus.COMPLETED,
        MissionStatus.WAITING,
    ]


async def test_what_goes_on_before_the_startup_tick_belongs_to_it(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """A mission that the commander resumes as it opens is reported after the tick's start, in order."""

    class Late(InMemoryAdapter):
        """Storage that tells of delayed starts, which a runtime asks for first, when the mission has gone on."""

        is_late = False

        async def next_due(self, after: datetime | None, /, kind: DueKind | None = None) -> datetime | None:
            while self.is_late and kind == "start_at":
                summary = await self.load_summary("due")
                self.is_late = summary is not None and summary.status is MissionStatus.WAITING
                await asyncio.sleep(0)
            return await super().next_due(after, kind)

    runtimes.storage = storage = Late()
    first = await runtimes([sleeping()])
    await first.commander.start("sleeping", "x", mission_id="due")
    await first.stop()
    await fake_clock.advance(60)
    storage.is_late = True

    await runtimes([sleeping()])

    assert runtimes.names == [
        "runtime-started",
        "tick-started",
        "mission-resume-started",
        "mission-completed",
        "tick-completed",
    ]
    assert runtimes.measured("runtime.tick.empty") == []


async def test_tick_without_anything_to_do_is_empty(runtimes: Runtimes) -> None:
    """A tick that finds nothing is a success, and counted as empty."""
    runtime = await runtimes()
    runtimes.clear()

    assert await runtime.tick() is True

    assert runtimes.names == ["tick-started", "tick-completed"]
    assert [metric.name for metric in runtimes.metrics] == [
        "runtime.tick",
        "runtime.tick.empty",
        "runtime.tick.duration",
    ]


async def test_tick_that_resumes_something_is_not_empty(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """Only a tick that found nothing is counted as empty."""
    first = await runtimes([sleeping()])
    await first.commander.start("sleeping", "x")
    await first.stop()
    await fake_clock.advance(60)

    await runtimes([sleeping()])

    assert runtimes.measured("runtime.tick.empty") == []


async def test_tick_while_one_runs_is_skipped(runtimes: Runtimes) -> None:
    """Of two ticks at once the second returns False and is reported as skipped."""
    runtimes.storage = reads = Reads()
    runtime = await runtimes()
    runtimes.clear()
    reads.asked.clear()
    reads.answers.clear()
    running = asyncio.create_task(runtime.tick())
    await reads.asked.wait()

    assert runtime.is_tick_running()
    assert await runtime.tick() is False
    reads.answers.set()
    assert await running is True

    assert not runtime.is_tick_running()
    assert runtimes.names == ["tick-started", "tick-skipped", "tick-completed"]
    assert runtimes.measured("runtime.tick.skipped") == [1]
    assert runtimes.measured("runtime.tick") == [1]


async def test_cancelled_caller_leaves_the_tick_running(runtimes: Runtimes) -> None:
    """A caller that gives up does not stop the tick."""
    runtimes.storage = reads = Reads()
    runtime = await runtimes()
    runtimes.clear()
    reads.asked.clear()
    reads.answers.clear()
    caller = asyncio.create_task(runtime.tick())
    await reads.asked.wait()

    caller.cancel()
    await asyncio.wait([caller])
    reads.answers.set()
    await runtime.commander.settled()

    assert runtimes.names == ["tick-started", "tick-completed"]


async def test_tick_before_start_and_after_stop_does_nothing(runtimes: Runtimes) -> None:
    """A tick outside of the runtime's life returns False and reports nothing."""
    runtime = await runtimes(start=False)
    assert await runtime.tick() is False
    await runtime.start()
    await runtime.stop()
    runtimes.clear()

    assert await runtime.tick() is False

    assert runtimes.events == []
    assert runtimes.metrics == []


async def test_tick_that_cannot_read_storage_fails(runtimes: Runtimes) -> None:
    """A pass that fails makes the tick return False, with the error in its event, and the next tick may succeed."""
    runtimes.storage = reads = Reads()
    runtime = await runtimes()
    runtimes.clear()
    reads.error = PersistenceError("the disk is gone")

    assert await runtime.tick() is False

    assert [(event.event, event.level, event.error) for event in runtimes.events] == [
        ("tick-started", "info", None),
        ("tick-failed", "error", reads.error),
    ]
    assert runtimes.measured("runtime.tick.failed") == [1]
    assert len(runtimes.measured("runtime.tick.duration")) == 1
    assert runtimes.measured("runtime.tick.empty") == []
    reads.error = None
    assert await runtime.tick() is True


async def test_start_succeeds_although_its_tick_fails(runtimes: Runtimes) -> None:
    """Storage that cannot be read does not keep a runtime from starting: the commander tries again by itself."""
    runtimes.storage = reads = Reads()
    reads.error = PersistenceError("the disk is gone")

    runtime = await runtimes()

    assert "tick-failed" in runtimes.names
    reads.error = None
    assert await runtime.tick() is True


async def test_mission_that_cannot_be_resumed_does_not_stop_the_pass(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """Missions without a definition, or with one that does not fit, are reported; the others go on."""
    definitions = [sleeping("lost"), sleeping("changed"), sleeping("kept")]
    first = await runtimes(definitions)
    for definition in definitions:
        await first.commander.start(definition, "x", mission_id=definition.name)
    await first.stop()
    await fake_clock.advance(60)
    changed = m.define("changed").start(input=str, run=lambda ctx: ctx.input).sleep("siesta", 60).end()

    await runtimes([changed, sleeping("kept")])

    assert runtimes.ids("mission-resume-failed") == ["changed", "lost"]
    assert runtimes.ids("mission-resume-started") == ["kept"]
    assert runtimes.names[-1] == "tick-completed"
    assert runtimes.measured("runtime.mission.resume.failed") == [1, 1]
    (lost,) = [event for event in runtimes.events if event.mission_id == "lost"]
    assert isinstance(lost.error, MissionNotRegisteredError)
    assert lost.level == "error"


async def test_explicit_tick_reports_again_what_cannot_be_resumed(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """Each tick is a whole pass: it also tells of missions that an earlier one could not resume."""
    first = await runtimes([sleeping()])
    await first.commander.start("sleeping", "x", mission_id="lost")
    await first.stop()
    await fake_clock.advance(60)
    second = await runtimes()
    runtimes.clear()

    assert await second.tick() is True

    assert runtimes.ids("mission-resume-failed") == ["lost"]
    assert runtimes.measured("runtime.tick.empty") == []


async def test_tick_does_not_wait_for_missions_to_finish(runtimes: Runtimes) -> None:
    """Starting returns while a resumed mission still runs."""
    gate = Gate()
    first = await runtimes([gated(gate)])
    mission = await first.commander.start("gated", "x", wait=False)
    await gate.begun.wait()

    second = await runtimes([gated(gate)])

    assert runtimes.names[-1] == "tick-completed"
    found = await second.commander.get_mission(mission.mission_id)
    assert found is not None
    assert await found.status() == MissionStatus.RUNNING


async def test_tick_does_not_wait_for_a_slot(runtimes: Runtimes) -> None:
    """Where no more user code may run at once, the tick ends, and the rest is resumed as slots become free."""
    gate = Gate()
    first = await runtimes([gated(gate)])
    for mission_id in ("a", "b", "c"):
        await first.commander.start("gated", "x", mission_id=mission_id, wait=False)
    await first.stop()

    second = await runtimes([gated(gate)], max_concurrency=1)
    assert runtimes.ids("mission-resume-started") == ["a"]
    assert await second.tick() is True
    assert runtimes.ids("mission-resume-started") == ["a"]
    gate.opened.set()
    await second.commander.settled()

    assert runtimes.ids("mission-resume-started") == ["a", "b", "c"]
    assert [mission.status for mission in await second.commander.list_missions()] == [MissionStatus.COMPLETED] * 3


async def test_tick_leaves_alone_what_is_in_motion(runtimes: Runtimes) -> None:
    """A mission that runs here is not touched."""
    gate = Gate()
    runtime = await runtimes([gated(gate)])
    await runtime.commander.start("gated", "x", wait=False)
    await gate.begun.wait()
    runtimes.clear()

    assert await runtime.tick() is True

    assert runtimes.names == ["tick-started", "tick-completed"]
    assert gate.runs == 1


async def test_tick_reads_in_bounded_pages(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """Many due missions are read page by page, and each is resumed once."""
    runtimes.storage = reads = Reads()
    first = await runtimes([sleeping()])
    page = reads.limits[0]
    numbers = [f"{number:05}" for number in range(page + 10)]
    for number in numbers:
        await first.commander.start("sleeping", "x", mission_id=number)
    await first.stop()
    await fake_clock.advance(60)
    reads.limits.clear()

    second = await runtimes([sleeping()])
    await second.commander.settled()

    assert runtimes.ids("mission-resume-started") == numbers
    assert len(reads.limits) > 1
    assert max(reads.limits) < 1000


async def test_tick_sets_no_other(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """However many missions wait, no tick leads to another."""
    runtime = await runtimes([sleeping()])
    await runtime.commander.start("sleeping", "x")
    runtimes.clear()

    await runtime.tick()
    await fake_clock.advance(timedelta(days=1))

    assert runtime.next_tick_at is None
    assert runtimes.names.count("tick-started") == 1


async def test_running_tick_counts_as_not_settled(runtimes: Runtimes) -> None:
    """`settled` waits for the tick that is running."""
    runtimes.storage = reads = Reads()
    runtime = await runtimes()
    reads.answers.clear()
    tick = asyncio.create_task(runtime.tick())
    await asyncio.sleep(0)
    settled = asyncio.create_task(runtime.commander.settled())

    done, _ = await asyncio.wait([settled], timeout=0.05)
    assert not done
    reads.answers.set()
    await settled

    assert not runtime.is_tick_running()
    assert await tick is True


async def test_commander_closed_by_somebody_else_fails_the_tick(runtimes: Runtimes) -> None:
    """A tick on a commander that was closed under the runtime returns False instead of raising."""
    runtime = await runtimes()
    await runtime.commander.close()

    assert await runtime.tick() is False

    assert runtimes.names[-1] == "tick-failed"


async def test_commander_closed_during_a_tick_ends_it(runtimes: Runtimes) -> None:
    """Closing the commander does not leave a tick waiting for ever."""
    runtimes.storage = reads = Reads()
    runtime = await runtimes()
    reads.asked.clear()
    reads.answers.clear()
    tick = asyncio.create_task(runtime.tick())
    await reads.asked.wait()

    await runtime.commander.close()

    assert await tick is False


class Asleep:
    """The clock of a machine that was suspended: who waits by it has not noticed yet what time it is."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 2, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    async def sleep_until(self, instant: datetime, /) -> None:
        await asyncio.Event().wait()


async def test_a_tick_fires_schedules(runtimes: Runtimes) -> None:
    """A slot that is due is something to do; its mission is on record when the tick has completed."""
    clock = Asleep()
    schedule = Schedule("s", waiting(), input="x", every=timedelta(minutes=10))
    runtime = await runtimes(schedules=[schedule], clock=clock)
    runtimes.clear()
    clock.time += timedelta(minutes=10)
    assert await runtime.tick()
    assert runtimes.measured("runtime.tick.empty") == []
    (mission,) = await runtime.commander.list_missions()
    assert (mission.mission_id, mission.status) == ("s@2026-11-02T00:10:00Z", MissionStatus.WAITING)
    assert await runtime.tick()
    assert runtimes.measured("runtime.tick.empty") == [1]
