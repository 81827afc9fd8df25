"""Two years of sleeps, retries, deadlines, restarts, crashes and clock steps: all on time, and nothing lost (R6)."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from mission_control.core import Commander, MissionContext, MissionInspection, PersistenceAdapter, RetryPolicy, m
from mission_control.core.engine.clock import Driven
from mission_control.core.history.records import HistoryRecord, SignalWait, parse_iso
from mission_control.core.machine import load
from mission_control.core.storage.persistence import CommitOutcome, MissionCommit
from mission_control.testing import FakeClock
from storages import Forwarding, OpenCommander

START = datetime(2024, 1, 1, tzinfo=UTC)
MONTH = timedelta(days=30, hours=10, minutes=30)
YEAR = 12
STARTS_A_MONTH = 6
CLOCK_STEPS = [timedelta(hours=-3), timedelta(minutes=-1), timedelta(hours=1), timedelta(days=2)]


class WallClock:
    """A clock on the wall, which runs as the tests' clock does and can be set."""

    def __init__(self, inner: FakeClock) -> None:
        self._inner = inner
        self._offset = START - inner.now()
        self._sleeps: set[asyncio.Task[None]] = set()
        self.leave: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return self._inner.now() + self._offset

    def step(self, by: timedelta) -> None:
        """Set the clock; whoever sleeps by it looks at it again."""
        self._offset += by
        for sleep in self._sleeps:
            sleep.cancel()

    async def sleep_until(self, instant: datetime, /) -> None:
        while instant > self.now():
            sleep = asyncio.ensure_future(self._inner.sleep_until(instant - self._offset))
            self._sleeps.add(sleep)
            try:
                await asyncio.wait([sleep])
            finally:
                sleep.cancel()
                self._sleeps.discard(sleep)

    def join(self, driven: Driven, /) -> Callable[[], None]:
        self.leave = self._inner.join(driven)
        return self.leave


class Witness:
    """Knows when each mission is due, and sees when what is due comes about."""

    def __init__(self, clock: WallClock) -> None:
        self._clock = clock
        self._due: dict[str, datetime | None] = {}
        self.since = clock.now()
        """When the commander was opened, or its clock set: what was due before comes about then."""
        self.fired = 0
        self.mistimed: list[str] = []

    def saw(self, mission_id: str, record: HistoryRecord) -> None:
        due = record.details.get("due_at") or record.details.get("timeout_at")
        if due is not None:
            self._due[mission_id] = parse_iso(due)
        elif record.type in ("timer-fired", "signal-timed-out"):
            self._check(mission_id, record)

    def _check(self, mission_id: str, record: HistoryRecord) -> None:
        now, due = self._clock.now(), self._due[mission_id]
        assert due is not None
        self.fired += 1
        if now != max(due, self.since):
            self.mistimed.append(f"{mission_id}: {record.event_name} was due {due} (or {self.since}) and came {now}")


class Witnessed(Forwarding):
    """Storage whose commits have a witness."""

    def __init__(self, inner: PersistenceAdapter, witness: Witness) -> None:
        super().__init__(inner)
        self._witness = witness

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await super().commit(batch)
        for member, outcome in zip(batch, outcomes, strict=True):
            for record in member.records if outcome is None else ():
                self._witness.saw(member.mission_id, record)
        return outcomes


def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


async def work(ctx: MissionContext[int]) -> str:
    if (ctx.input + ctx.attempt) % 3:
        raise ConnectionError("not today")
    return "x" * 200


def work_on_thread(ctx: MissionContext[int]) -> int:
    if ctx.attempt <= ctx.input % 4:
        raise ConnectionError("not today either")
    return ctx.attempt


POLICY = RetryPolicy(max_attempts=None, initial_interval=3600, backoff_multiplier=4, max_interval=timedelta(days=5))
SEASONS = (
    m.define("seasons")
    .start(input=int, run=begin, retry=POLICY)
    .sleep("spring", timedelta(days=3, microseconds=1))
    .step("sow", work, retry=POLICY)
    .sleep("summer", timedelta(days=45))
    .step("reap", work_on_thread, retry=POLICY)
    .need_to("rain", str, timeout=timedelta(days=40))
    .step("rest", work, retry=POLICY)
    .end()
)


class Years:
    """One storage over two years, in many processes: what is done to it, month by month."""

    def __init__(self, open_commander: OpenCommander, fake_clock: FakeClock) -> None:
        self._open = open_commander
        self._time = fake_clock
        self._chance = random.Random(24)
        self.clock = WallClock(fake_clock)
        self.witness = Witness(self.clock)
        self.accepted: list[str] = []
        self.rained: set[str] = set()

    async def open(self) -> Commander:
        self.witness.since = self.clock.now()
        return await self._open(
            [SEASONS], clock=self.clock, wrap=lambda inner: Witnessed(inner, self.witness), max_concurrency=4
        )

    async def reopen(self) -> Commander:
        """Close or crash, be down for a while, and come back."""
        if self._chance.random() < 0.5:
            self.clock.leave()
            await self._open.crash()
        else:
            await self._open.close()
        await self._time.advance(timedelta(days=self._chance.uniform(0, 9)))
        return await self.open()

    async def month(self, commander: Commander) -> None:
        """Start missions, let it rain on some that wait for it, set the clock, and let the month pass."""
        for _ in range(STARTS_A_MONTH):
            number = len(self.accepted)
            start_at = self.clock.now() + timedelta(days=self._chance.uniform(-1, 40))
            mission = await commander.start(
                SEASONS,
                number,
                mission_id=f"seasons-{number}",
                start_at=start_at if number % 3 == 0 else None,
                wait=False,
            )
            self.accepted.append(mission.mission_id)
        await self._time.advance(MONTH * self._chance.random())
        await self._rain(commander)
        await commander.settled()
        self.clock.step(self._chance.choice(CLOCK_STEPS))
        self.witness.since = self.clock.now()
        await self._time.advance(MONTH)

    async def _rain(self, commander: Commander) -> None:
        async for summary in commander.iter_missions(mission_name="seasons"):
            if isinstance(summary.waiting, SignalWait) and self._chance.random() < 0.5:
                mission = await commander.get_mission(summary.mission_id)
                assert mission is not None
                await mission.signal("rain", "a lot", wait=False)
                self.rained.add(summary.mission_id)


def check(inspection: MissionInspection, *, rained: bool) -> None:
    """Check that a mission ended as it had to, and that its history tells it without a contradiction."""
    snapshot, history = inspection.snapshot, inspection.history
    assert snapshot.status == ("completed" if rained else "failed"), str(inspection)
    assert rained or (snapshot.error is not None and snapshot.error.code == "SIGNAL_TIMEOUT")
    assert load(snapshot.mission_id, history).snapshot() == snapshot
    assert all(before.at <= after.at for before, after in pairwise(history))
    succeeded = [attempt.step_name for attempt in inspection.step_attempts if attempt.status == "succeeded"]
    assert succeeded == ["start", "sow", "reap", "rest"][: 4 if rained else 3]


async def test_two_years_pass_with_nothing_early_nothing_late_and_nothing_lost(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Through restarts, crashes, downtime and clock steps each timer fires at its instant, and each mission ends."""
    years = Years(open_commander, fake_clock)
    commander = await years.open()
    for _ in range(2 * YEAR):
        await years.month(commander)
        commander = await years.reopen()
    while [summary async for summary in commander.iter_missions() if not summary.status.is_terminal]:
        await fake_clock.advance(MONTH)

    assert years.witness.mistimed == []
    assert years.witness.fired > 5 * len(years.accepted)
    assert [summary.mission_id async for summary in commander.iter_missions()] == years.accepted
    for mission_id in years.accepted:
        inspection = await commander.inspect_mission(mission_id)
        assert inspection is not None
        check(inspection, rained=mission_id in years.rained)
    assert 0 < len(years.rained) < len(years.accepted)


@pytest.mark.usefixtures("young_heap")
@pytest.mark.parametrize("adapter_factory", ["sqlite"], indirect=True)
async def test_memory_is_flat_over_two_years(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """One process that runs for two years holds as much at their end as after their first months."""
    years = Years(open_commander, fake_clock)
    commander = await years.open()
    counts: list[int] = []
    for _ in range(2 * YEAR):
        await years.month(commander)
        gc.collect()
        counts.append(len(gc.get_objects()))

    early, late = counts[YEAR // 2 : YEAR], counts[-YEAR // 2 :]
    assert sum(late) / len(late) - sum(early) / len(early) < STARTS_A_MONTH * YEAR * 2, counts
