"""Sleeps, deadlines and retry waits: when they are due, and what wakes them (rules 13 to 15, 20 and 21)."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import (
    HistoryRecord,
    MissionContext,
    MissionDefinitionError,
    MissionFailedError,
    MissionHandle,
    MissionSignalError,
    MissionSummary,
    PersistenceAdapter,
    PersistenceError,
    RetryPolicy,
    SystemClock,
    create_commander,
    m,
)
from mission_control.core.engine import clock as clocks
from mission_control.core.engine.flight import Flight
from mission_control.core.history.records import due_at
from mission_control.core.storage import CommitOutcome, DueKind, LoadOutcome, MissionCommit
from mission_control.testing import FakeClock
from storages import Forwarding, Gate, Kept, OpenCommander, Undriven

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


NAPPING = m.define("napping").start(input=int, run=begin).sleep("nap", 60).end()
WAITING = m.define("waiting").start(input=int, run=begin).need_to("go", str, timeout=60).end()


def types(history: Sequence[HistoryRecord]) -> list[str]:
    return [record.type.value for record in history]


class CountingAdapter(Forwarding):
    """Counts what is asked of storage by name."""

    def __init__(self, inner: PersistenceAdapter) -> None:
        super().__init__(inner)
        self.calls: Counter[str] = Counter()
        self.loaded: list[str] = []

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        self.calls["load"] += 1
        self.loaded += mission_ids
        return await super().load(mission_ids)

    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None = None
    ) -> Sequence[MissionSummary]:
        self.calls["due"] += 1
        return await super().due(before, limit=limit, after=after)

    async def next_due(self, after: datetime | None, /, kind: DueKind | None = None) -> datetime | None:
        self.calls["next_due"] += 1
        return await super().next_due(after, kind)

    async def list_interrupted(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        self.calls["list_interrupted"] += 1
        return await super().list_interrupted(limit=limit, after=after)


# Deadlines


async def test_deadline_is_fixed_when_the_wait_begins_and_survives_a_restart(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A restart within a signal's wait moves neither the deadline nor what happens at it."""
    commander = await open_commander([WAITING])
    await commander.start(WAITING, 1, mission_id="late")
    await fake_clock.advance(40)
    await open_commander.crash()
    commander = await open_commander([WAITING])
    mission = await commander.get_mission("late")
    assert mission is not None
    waiting = (await mission.snapshot()).waiting
    assert due_at(waiting) == EPOCH + timedelta(seconds=60)

    await fake_clock.advance(19.999)
    assert await mission.status() == "waiting"
    await fake_clock.advance(0.001)

    snapshot = await mission.result()
    assert snapshot.error is not None
    assert (snapshot.status, snapshot.error.code) == ("failed", "SIGNAL_TIMEOUT")
    assert "'go'" in snapshot.error.message


async def test_wait_and_its_deadline_are_durable_with_the_step_before(open_commander: OpenCommander) -> None:
    """There is no moment at which the step before a wait is over and the deadline not on record."""
    commander = await open_commander([WAITING])
    mission = await commander.start(WAITING, 1)

    history = await mission.history()
    succeeded, waits = history[-2:]
    assert (succeeded.type, waits.type) == ("step-succeeded", "waiting-for-signal")
    assert waits.details["timeout_at"].startswith("1970-01-01T00:01:00")


async def test_timeout_message_is_what_the_mission_fails_with(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A definition's own words for a deadline that passed are the failure's."""
    definition = (
        m.define("d").start(input=int, run=begin).need_to("go", str, timeout=5, timeout_message="nobody came").end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(5)

    with pytest.raises(MissionFailedError, match="nobody came"):
        await mission.wait_for_completion()


async def test_signal_before_the_deadline_is_handled_wins(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A mission whose signal is durable has no deadline any more."""
    commander = await open_commander([WAITING])
    mission = await commander.start(WAITING, 1)
    await fake_clock.advance(59.999)
    await mission.signal("go", "now")
    await fake_clock.advance(60)

    assert (await mission.result()).status == "completed"


async def test_deadline_that_passed_while_nobody_ran_fails_the_mission_on_recovery(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Downtime does not stretch a deadline."""
    commander = await open_commander([WAITING])
    await commander.start(WAITING, 1, mission_id="late")
    await open_commander.close()
    await fake_clock.advance(3600)
    commander = await open_commander([WAITING])
    await commander.settled()

    (summary,) = await commander.list_missions()
    assert (summary.status, summary.error and summary.error.code) == ("failed", "SIGNAL_TIMEOUT")


# Sleeps


async def test_sleep_is_never_early_and_its_due_time_is_fixed(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A sleep ends at the instant that was fixed when it began, across a restart."""
    commander = await open_commander([NAPPING])
    await commander.start(NAPPING, 1, mission_id="nap")
    await fake_clock.advance(30)
    commander = await open_commander([NAPPING])
    mission = await commander.get_mission("nap")
    assert mission is not None
    await fake_clock.advance(29.999999)
    assert await mission.status() == "waiting"
    await fake_clock.advance(0.000001)

    (timer,) = (await mission.inspect()).timers
    assert (timer.kind, timer.due_at, timer.resumed_at) == ("sleep", EPOCH + timedelta(seconds=60), fake_clock.now())
    assert await mission.status() == "completed"


async def test_zero_sleep_is_recorded_as_scheduled_and_fired_in_one_commit(open_commander: OpenCommander) -> None:
    """A sleep of nothing leaves its two records, and is no wait."""
    definition = m.define("d").start(input=int, run=begin).sleep("none", 0).need_to("go", str).end()
    commits: list[list[str]] = []

    class Commits(Forwarding):
        async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
            commits.extend(types(member.records) for member in batch)
            return await super().commit(batch)

    commander = await open_commander([definition], wrap=Commits)
    await commander.start(definition, 1)

    assert commits[-1] == ["step-succeeded", "timer-scheduled", "timer-fired", "waiting-for-signal"]


async def test_definition_of_only_zero_sleeps_completes_within_start(open_commander: OpenCommander) -> None:
    """A thousand zero sleeps are passed in one go."""
    builder = m.define("d").start(input=int, run=begin)
    for number in range(1000):
        builder = builder.sleep(f"nap-{number}", 0)
    definition = builder.end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await mission.status() == "completed"


@pytest.mark.parametrize("years", [30, 1000])
async def test_sleep_of_decades_and_of_a_thousand_years(
    open_commander: OpenCommander, fake_clock: FakeClock, years: int
) -> None:
    """The longest durations are kept to the second, over a restart."""
    duration = timedelta(days=365.25 * years)
    definition = m.define("d").start(input=int, run=begin).sleep("long", duration).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="long")
    await fake_clock.advance(duration - timedelta(seconds=1))
    commander = await open_commander([definition])
    mission = await commander.get_mission("long")
    assert mission is not None
    await commander.settled()
    assert await mission.status() == "waiting"
    await fake_clock.advance(1)

    assert await mission.status() == "completed"


async def test_deadline_behind_the_last_datetime_is_the_last_datetime(
    open_commander: OpenCommander,
) -> None:
    """A duration that ends after year 9999 waits until then instead of raising."""
    clock = FakeClock(datetime(9500, 1, 1, tzinfo=UTC))
    definition = m.define("d").start(input=int, run=begin).sleep("long", timedelta(days=365_250)).end()
    commander = await open_commander([definition], clock=clock)
    mission = await commander.start(definition, 1)

    assert await mission.status() == "waiting"
    await commander.settled()


async def test_timeout_behind_the_last_datetime_never_passes(open_commander: OpenCommander) -> None:
    """A step may be given more time than there is."""
    clock = FakeClock(datetime(9999, 1, 1, tzinfo=UTC))
    definition = m.define("d").start(input=int, run=begin, timeout=timedelta(days=36_500)).end()
    commander = await open_commander(clock=clock)
    mission = await commander.start(definition, 1)

    assert (await mission.result()).status == "completed"


def test_sleep_of_more_than_a_thousand_years_is_refused() -> None:
    """A duration that no clock will see is a mistake of the definition."""
    with pytest.raises(MissionDefinitionError, match="1,000 years"):
        m.define("d").start(input=int, run=begin).sleep("long", timedelta(days=365_251))


async def test_timers_fire_in_due_order(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Missions that became due while nobody ran go on in the order of their due times."""
    order: list[str] = []

    async def note(ctx: MissionContext[int]) -> None:
        order.append(ctx.mission_id)

    durations = {"c": 30, "a": 10, "d": 40, "b": 20}
    definitions = {
        name: m.define(name).start(input=int, run=begin).sleep("nap", seconds).step("note", note).end()
        for name, seconds in durations.items()
    }
    commander = await open_commander(definitions.values())
    for name, definition in definitions.items():
        await commander.start(definition, 1, mission_id=name)
    await open_commander.close()
    await fake_clock.advance(3600)
    commander = await open_commander(definitions.values(), max_concurrency=1)
    await commander.settled()

    assert order == ["a", "b", "c", "d"]


async def test_downtime_does_not_shift_the_sleep_that_follows(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A timer that fires late starts the next one from then."""
    definition = m.define("d").start(input=int, run=begin).sleep("one", 60).sleep("two", 60).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="late")
    await open_commander.close()
    await fake_clock.advance(1000)
    commander = await open_commander([definition])
    await commander.settled()

    (summary,) = await commander.list_scheduled()
    assert due_at(summary.waiting) == EPOCH + timedelta(seconds=1060)


async def test_retry_wait_ends_with_a_timer_fired_that_bears_the_steps_name(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A backoff is a durable timer of its step, and survives a crash."""
    failing = True

    async def step(ctx: MissionContext[int]) -> int:
        if failing:
            raise ValueError("not yet")
        return ctx.attempt

    policy = RetryPolicy(max_attempts=3, initial_interval=10)
    definition = m.define("d").start(input=int, run=begin).step("try", step, retry=policy).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="retry")
    await open_commander.crash()
    failing = False
    commander = await open_commander([definition])
    await fake_clock.advance(10)
    mission = await commander.get_mission("retry")
    assert mission is not None

    history = await mission.history()
    (fired,) = [record for record in history if record.type == "timer-fired"]
    assert fired.event_name == "try"
    assert await mission.output() == 2


async def test_retry_without_delay_records_only_the_next_attempt(open_commander: OpenCommander) -> None:
    """A retry at once has no timer."""

    async def step(ctx: MissionContext[int]) -> int:
        if ctx.attempt == 1:
            raise ValueError("once")
        return ctx.attempt

    definition = m.define("d").start(input=int, run=begin).step("try", step, retry=RetryPolicy(max_attempts=2)).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert types(await mission.history())[4:] == [
        "step-started",
        "step-failed",
        "step-started",
        "step-succeeded",
        "mission-completed",
    ]


# The wall clock


class Wall:
    """Stands in for the `datetime` class that the system clock reads: a wall clock that can be set."""

    def __init__(self) -> None:
        self.time = datetime(2030, 1, 1, tzinfo=UTC)

    def now(self, zone: object) -> datetime:
        return self.time


async def eventually(mission: MissionHandle[int], status: str) -> None:
    async with asyncio.timeout(30):
        while await mission.status() != status:
            await asyncio.sleep(0.001)


async def test_wall_clock_set_forward_fires_what_is_due_by_it(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sleeping commander looks at the wall clock again and again, so a clock set forward fires its timers."""
    wall = Wall()
    monkeypatch.setattr(clocks, "datetime", wall)
    monkeypatch.setattr(clocks, "LONGEST_WAIT", 0.005)
    commander = await open_commander([NAPPING], clock=SystemClock())
    mission = await commander.start(NAPPING, 1)
    wall.time += timedelta(days=1)

    await eventually(mission, "completed")


async def test_wall_clock_set_back_delays_and_never_fires_early(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the clock set back, a new sleep ends by that clock, and no record goes back."""
    wall = Wall()
    monkeypatch.setattr(clocks, "datetime", wall)
    monkeypatch.setattr(clocks, "LONGEST_WAIT", 0.005)
    commander = await open_commander([NAPPING], clock=SystemClock())
    first = await commander.start(NAPPING, 1)
    wall.time += timedelta(seconds=61)
    await eventually(first, "completed")
    wall.time -= timedelta(hours=1)
    second = await commander.start(NAPPING, 1)
    summary = await second.snapshot()
    assert due_at(summary.waiting) == wall.time + timedelta(seconds=60)
    wall.time += timedelta(seconds=60)

    await eventually(second, "completed")
    for mission in (first, second):
        ats = [record.at for record in await mission.history()]
        assert ats == sorted(ats)


async def test_clock_that_is_set_back_between_two_looks_fires_nothing(
    open_commander: OpenCommander, fake_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A timer that was due at one look at the clock and is not at the next stays a timer."""

    class Wavering(Undriven):
        ahead = 0.0

        def now(self) -> datetime:
            ahead, self.ahead = self.ahead, 0.0
            return super().now() + timedelta(seconds=ahead)

    clock = Wavering(fake_clock)
    definition = m.define("d").start(input=int, run=begin).sleep("nap", 60).end()
    commander = await open_commander(clock=clock)
    mission = await commander.start(definition, 1)
    history = await mission.history()
    clock.ahead = 60.0
    with pytest.raises(MissionSignalError):
        await mission.signal("go", "on")
    await commander.settled()
    assert clock.ahead == 0.0
    assert await mission.history() == history
    assert caplog.records == []
    await fake_clock.advance(60)

    assert (await mission.result()).status == "completed"


async def test_records_never_go_back_in_time_when_the_clock_does(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`at` is clamped to the record before; a due time is not."""
    wall = Wall()
    monkeypatch.setattr(clocks, "datetime", wall)
    definition = m.define("d").start(input=int, run=begin).need_to("go", str).sleep("nap", 60).end()
    commander = await open_commander([definition], clock=SystemClock())
    mission = await commander.start(definition, 1)
    before = wall.time
    wall.time -= timedelta(hours=1)
    await mission.signal("go", "now")

    inspection = await mission.inspect()
    assert inspection.history[-1].at == before
    assert inspection.timers[0].due_at == wall.time + timedelta(seconds=60)


# What a parked mission costs


def flights() -> int:
    """Count the missions in memory, those included that stuck threads of other tests hold on to."""
    gc.collect()
    return sum(type(thing) is Flight for thing in gc.get_objects())


async def test_parked_missions_cost_no_task_and_no_thread(open_commander: OpenCommander) -> None:
    """Hundreds of waiting missions leave as many tasks and threads as one."""
    commander = await open_commander([WAITING, NAPPING])
    await commander.start(WAITING, 1)
    await commander.start(NAPPING, 1)
    await commander.settled()
    tasks, threads = len(asyncio.all_tasks()), threading.active_count()
    handles = [await commander.start((WAITING, NAPPING)[number % 2], 1) for number in range(300)]
    await commander.settled()

    assert len(handles) == 300
    assert len(asyncio.all_tasks()) == tasks
    assert threading.active_count() <= threads  # threads of earlier tests may end meanwhile


@pytest.mark.usefixtures("young_heap")
async def test_parked_missions_leave_memory_although_their_handles_live(open_commander: OpenCommander) -> None:
    """Beyond a bounded cache, nothing of a waiting mission is in memory."""
    before = flights()
    commander = await open_commander([WAITING])
    handles = await asyncio.gather(*(commander.start(WAITING, number) for number in range(1500)))
    await commander.settled()

    assert flights() - before <= 1024
    assert await handles[0].status() == "waiting"


@pytest.mark.usefixtures("young_heap")
async def test_heavy_parked_missions_leave_memory_sooner(open_commander: OpenCommander) -> None:
    """The cache of waiting missions is bounded by what they weigh, too."""
    definition = m.define("heavy").start(input=str, run=lambda ctx: None).need_to("go", str).end()
    before = flights()
    commander = await open_commander([definition])
    for _ in range(20):
        await commander.start(definition, "x" * 1_000_000)
    await commander.settled()

    assert flights() - before <= 5


# Many, and those that cannot run


async def test_overdue_missions_that_cannot_run_do_not_stand_before_others(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Hundreds of overdue missions without a definition neither starve one that has one, nor are asked for again."""
    other = m.define("other").start(input=int, run=begin).sleep("nap", 1).end()
    commander = await open_commander([other, NAPPING])
    await asyncio.gather(*(commander.start(other, 1) for _ in range(300)))
    await commander.start(NAPPING, 1, mission_id="mine")
    await open_commander.close()
    await fake_clock.advance(59)
    counting = Kept(CountingAdapter)
    commander = await open_commander([NAPPING], wrap=counting)
    await fake_clock.advance(1)
    mission = await commander.get_mission("mine")
    assert mission is not None
    assert await mission.status() == "completed"
    adapter = counting.adapter
    assert set(adapter.loaded) == {"mine"}
    calls = adapter.calls.copy()
    for _ in range(100):
        await fake_clock.advance(3600)

    assert adapter.calls == calls


async def test_overdue_missions_that_do_not_fit_are_passed_over_once(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A mission whose node is gone is read once when it is due, not with every other mission's timer."""
    renamed = m.define("napping").start(input=int, run=begin).sleep("doze", 60).end()
    commander = await open_commander([NAPPING])
    await commander.start(NAPPING, 1, mission_id="stranded")
    await open_commander.close()
    counting = Kept(CountingAdapter)
    commander = await open_commander([renamed], wrap=counting)
    await fake_clock.advance(60)
    for number in range(5):
        await commander.start(renamed, number, mission_id=f"fresh-{number}")
        await fake_clock.advance(60)
        fresh = await commander.get_mission(f"fresh-{number}")
        assert fresh is not None
        assert await fresh.status() == "completed"

    assert counting.adapter.loaded.count("stranded") == 1


@pytest.mark.usefixtures("young_heap")
async def test_flood_of_due_timers_is_worked_off_within_max_concurrency(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Fifteen hundred timers that are due at once all fire, and never more than eight of their steps run together."""
    running = most = done = most_flights = 0
    before = flights()

    async def work(ctx: MissionContext[int]) -> None:
        nonlocal running, most, done, most_flights
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        if done % 300 == 0:
            most_flights = max(most_flights, flights() - before)
        running -= 1
        done += 1

    definition = m.define("flood").start(input=int, run=begin).sleep("nap", 60).step("work", work).end()
    commander = await open_commander([definition])
    await asyncio.gather(*(commander.start(definition, number, wait=False) for number in range(1500)))
    await commander.settled()
    await open_commander.close()
    await fake_clock.advance(3600)
    commander = await open_commander([definition], max_concurrency=8)
    await commander.settled()

    assert (done, most) == (1500, 8)
    assert most_flights <= 1024 + 8


class Paged(Forwarding):
    """Counts the missions on the pages of what is due."""

    def __init__(self, inner: PersistenceAdapter) -> None:
        super().__init__(inner)
        self.pages: list[int] = []
        self.error: PersistenceError | None = None

    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None = None
    ) -> Sequence[MissionSummary]:
        if self.error is not None:
            raise self.error
        page = await super().due(before, limit=limit, after=after)
        self.pages.append(len(page))
        return page


async def test_due_missions_are_read_one_page_ahead_of_those_that_run(
    open_commander: OpenCommander, fake_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """While slots are taken, the next page is there already, and no other; a page that fails is read again."""
    gate = asyncio.Event()
    running = done = 0

    async def work(ctx: MissionContext[int]) -> None:
        nonlocal running, done
        running += 1
        await gate.wait()
        done += 1

    definition = m.define("flood").start(input=int, run=begin).sleep("nap", 60).step("work", work).end()
    commander = await open_commander([definition])
    await asyncio.gather(*(commander.start(definition, number) for number in range(800)))
    await open_commander.close()
    await fake_clock.advance(60)
    storages = Kept(Paged)
    commander = await open_commander([definition], max_concurrency=8, wrap=storages)
    storage = storages.adapter
    async with asyncio.timeout(30):
        while running < 8 or storage.pages.count(256) < 3:  # one of them is the other bell's
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)
    assert storage.pages.count(256) == 3
    storage.error = PersistenceError("the disk is gone")
    gate.set()
    async with asyncio.timeout(30):
        while "the disk is gone" not in caplog.text:
            await asyncio.sleep(0.001)
    assert done < 800
    storage.error = None
    await commander.settled()
    assert done == 800


async def test_closing_discards_the_page_that_was_read_ahead(
    open_commander: OpenCommander, fake_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A commander that is closed in a flood leaves nothing behind, were it a page that could not be read."""
    gate = asyncio.Event()

    async def work(ctx: MissionContext[int]) -> None:
        await gate.wait()

    definition = m.define("flood").start(input=int, run=begin).sleep("nap", 60).step("work", work).end()
    commander = await open_commander([definition])
    await asyncio.gather(*(commander.start(definition, number) for number in range(300)))
    await open_commander.close()
    await fake_clock.advance(60)

    class Failing(Paged):
        async def due(
            self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None = None
        ) -> Sequence[MissionSummary]:
            if after is not None:
                self.pages.append(0)
                raise PersistenceError("the disk is gone")
            return await super().due(before, limit=limit, after=after)

    storages = Kept(Failing)
    await open_commander([definition], max_concurrency=8, wrap=storages)
    async with asyncio.timeout(30):
        while 0 not in storages.adapter.pages:
            await asyncio.sleep(0.001)
    await open_commander.close()
    gc.collect()

    assert "never retrieved" not in caplog.text


async def test_idle_commander_asks_nothing_of_storage(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """While missions only wait, days pass without a single call."""
    counting = Kept(CountingAdapter)
    commander = await open_commander([WAITING, NAPPING], wrap=counting)
    definition = m.define("forever").start(input=int, run=begin).need_to("go", str).end()
    await commander.start(definition, 1)
    await commander.settled()
    calls = counting.adapter.calls.copy()
    for _ in range(50):
        await fake_clock.advance(86_400)

    assert counting.adapter.calls == calls


async def test_recovery_reads_no_parked_mission(open_commander: OpenCommander) -> None:
    """Readiness asks for interrupted and due missions, and loads none of those that wait."""
    commander = await open_commander([WAITING, NAPPING])
    for number in range(50):
        await commander.start((WAITING, NAPPING)[number % 2], number)
    counting = Kept(CountingAdapter)
    commander = await open_commander([WAITING, NAPPING], wrap=counting)
    await commander.settled()

    assert counting.adapter.calls == {"list_interrupted": 1, "due": 2, "next_due": 5}


async def test_timer_that_comes_due_while_a_read_for_a_caller_fails_still_fires(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A failing read, begun for a signal, does not take away the timer that came due meanwhile."""

    class Failing(Forwarding):
        """Holds the first load back, and fails it when told to."""

        def __init__(self, inner: PersistenceAdapter) -> None:
            super().__init__(inner)
            self.gate = Gate()
            self.holds = True
            self.due_calls = 0

        async def next_due(self, after: datetime | None, /, kind: DueKind | None = None) -> datetime | None:
            self.due_calls += 1  # the last call of a look at what is due
            return await super().next_due(after, kind)

        async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
            if self.holds:
                self.holds = False
                self.gate.begun.set()
                await self.gate.opened.wait()
                raise PersistenceError("the disk is gone for a moment")
            return await super().load(mission_ids)

    failing = Kept(Failing)
    commander = await open_commander([NAPPING])
    await commander.start(NAPPING, 1, mission_id="nap")
    commander = await open_commander([NAPPING], wrap=failing, clock=Undriven(fake_clock))
    mission = await commander.get_mission("nap")
    assert mission is not None
    caller = asyncio.create_task(mission.signal("go", "now"))
    await failing.adapter.gate.begun.wait()
    await fake_clock.advance(60)
    async with asyncio.timeout(30):
        while failing.adapter.due_calls < 2:
            await asyncio.sleep(0)
    failing.adapter.gate.opened.set()
    with pytest.raises(PersistenceError, match="for a moment"):
        await caller

    async with asyncio.timeout(30):
        assert (await mission.result()).status == "completed"


async def test_due_time_is_the_injected_clocks_to_the_last_microsecond(tmp_path: Path) -> None:
    """A commander that is created at exactly a due time fires it."""
    path = tmp_path / "missions.db"
    clock = FakeClock()
    async with create_commander(
        definitions=[NAPPING], persistence=create_sqlite_persistence_adapter(path), clock=clock
    ) as commander:
        await commander.start(NAPPING, 1, mission_id="nap")
    clock = FakeClock(EPOCH + timedelta(seconds=60))
    async with create_commander(
        definitions=[NAPPING], persistence=create_sqlite_persistence_adapter(path), clock=clock
    ) as commander:
        await commander.settled()

        (summary,) = await commander.list_missions()
        assert summary.status == "completed"


async def test_deadlines_are_found_behind_many_timers_without_reading_them(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A deadline behind 600 due timers is met at once, and the timers are read once, by those who wake them."""
    storages = Kept(Paged)
    timed = m.define("timed").start(input=int, run=begin).sleep("nap", 60).end()
    asked = m.define("asked").start(input=int, run=begin).need_to("answer", str, timeout=90).end()
    commander = await open_commander()
    await asyncio.gather(*(commander.start(timed, number) for number in range(600)))
    await commander.start(asked, 1, mission_id="asked")
    await commander.close()
    await fake_clock.advance(120)
    commander = await open_commander([timed, asked], wrap=storages)
    await commander.settled()

    assert await commander.list_waiting() == []
    unanswered = await commander.get_mission("asked")
    assert unanswered is not None
    assert await unanswered.status() == "failed"
    # Those who wake timers read all 601; those who meet deadlines read a page of others, and the one that they leap to.
    assert sum(storages.adapter.pages) <= 601 + 256 + 1
