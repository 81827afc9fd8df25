"""Schedules of every policy on storage that fails, in processes that die: each slot is decided once (rule 55)."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from mission_control.core import (
    Commander,
    MissionCommit,
    MissionContext,
    PersistenceAdapter,
    PersistenceError,
    Schedule,
    ScheduleSummary,
    m,
)
from mission_control.core.commander import scheduler
from mission_control.core.schedules import StoredSchedule
from mission_control.core.storage import CommitOutcome
from mission_control.testing import FakeClock
from storages import Forwarding, OpenCommander, new_storages
from timetables import EPOCH, MINUTE

LIVES = 5


class Unreliable(Forwarding):
    """Fails now and then, before or after a write takes effect, and is deaf once its process has died."""

    def __init__(self, inner: PersistenceAdapter, chance: random.Random, dies_at: int) -> None:
        super().__init__(inner)
        self._chance = chance
        self._left = dies_at
        self.died = asyncio.Event()

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        self._fail()
        outcomes = await super().commit(batch)
        self._fail()
        return outcomes

    async def record_schedules(self, rows: Sequence[StoredSchedule], /) -> None:
        self._fail()
        await super().record_schedules(rows)
        self._fail()

    def _fail(self) -> None:
        self._left -= 1
        if self._left <= 0:
            self.died.set()
        if self.died.is_set() or self._chance.random() < 0.04:
            raise PersistenceError("made to fail")


class Timetable:
    """Schedules of each policy, whose missions take a while, and some of which fail."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        definition = m.define("lasting").start(input=int, run=self._begin).sleep("for-a-while", self._last).end()
        self.schedules = [
            Schedule(
                f"{overlap}-{number}",
                definition,
                input=1,
                every=self.chance.choice([5, 10, 15]) * MINUTE,
                overlap=overlap,
                catch_up="latest" if number == 0 else timedelta(minutes=self.chance.choice([0, 20, 600])),
            )
            for overlap in ("skip", "allow", "queue", "cancel")
            for number in range(2)
        ]

    async def _begin(self, ctx: MissionContext[int]) -> int:
        if self.chance.random() < 0.2:
            raise ValueError("not today")
        return 1

    async def _last(self, ctx: MissionContext[int]) -> timedelta:
        return self.chance.choice([0, 3, 12, 40]) * MINUTE

    async def act(self, commander: Commander, clock: FakeClock) -> None:
        """Let an hour or two pass, while somebody pauses, resumes and triggers."""
        for _ in range(8):
            await clock.advance(self.chance.choice([1, 7, 20]) * MINUTE)
            name = self.chance.choice(self.schedules).name
            with suppress(PersistenceError):
                match self.chance.randrange(6):
                    case 0:
                        await commander.schedules.pause(name)
                    case 1:
                        await commander.schedules.trigger(name)
                    case _:
                        await commander.schedules.resume(name)


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have storage tried again at once: that takes real time."""
    monkeypatch.setattr(scheduler, "_FIRST_BACKOFF", 0.001)
    monkeypatch.setattr(scheduler, "_LONGEST_BACKOFF", 0.01)


async def live(opener: OpenCommander, timetable: Timetable) -> None:
    """Let a process live until it dies at one of its commits, or is closed, and let nothing run for a while."""
    opened: list[Unreliable] = []

    def unreliable(inner: PersistenceAdapter) -> PersistenceAdapter:
        opened.append(Unreliable(inner, timetable.chance, timetable.chance.randrange(5, 120)))
        return opened[-1]

    with suppress(PersistenceError):
        commander = await opener(schedules=timetable.schedules, wrap=unreliable)
        acting = asyncio.ensure_future(timetable.act(commander, opener.clock))
        dying = asyncio.ensure_future(opened[-1].died.wait())
        await asyncio.wait([acting, dying], return_when=asyncio.FIRST_COMPLETED)
        if dying.done():
            await opener.crash()
        acting.cancel()
        dying.cancel()
        await asyncio.wait([acting, dying])
        await opener.close()
    await opener.crash()
    await opener.clock.advance(timetable.chance.choice([0, 2, 30, 90]) * MINUTE)


def decided(summary: ScheduleSummary, row: StoredSchedule, every: timedelta) -> Counter[float]:
    """Return the slots that started no mission, in minutes, with how often they are on record."""
    found: Counter[float] = Counter()
    for one in summary.passed_over:
        slots = [one.first + number * every for number in range((one.last - one.first) // every + 1)]
        assert len(slots) == one.count
        found.update((slot - EPOCH) / MINUTE for slot in slots)
    if row.queued is not None:
        found[(row.queued - EPOCH) / MINUTE] += 1
    return found


@pytest.mark.parametrize("seed", range(12))
async def test_each_slot_is_decided_once(seed: int, tmp_path: Path) -> None:
    """It has a mission, or is passed over, or waits, and missions that may not overlap do not."""
    adapter = new_storages("sqlite" if seed % 4 == 0 else "memory", tmp_path)()
    opener = OpenCommander(lambda: adapter, FakeClock(EPOCH))
    timetable = Timetable(seed)
    await opener(schedules=timetable.schedules)
    for _ in range(LIVES):
        await live(opener, timetable)

    commander = await opener(schedules=timetable.schedules)
    await commander.settled()
    missions = [one async for one in commander.iter_missions()]
    summaries = {one.name: one for one in await commander.schedules.list()}
    rows = {row.name: row for row, _ in await adapter.list_schedules()}
    for schedule in timetable.schedules:
        of_slots = sorted((one.slot, one) for one in missions if one.schedule == schedule.name and one.slot is not None)
        every = timedelta(seconds=schedule.spec.every or 0)
        found = decided(summaries[schedule.name], rows[schedule.name], every)
        found.update((slot - EPOCH) / MINUTE for slot, _ in of_slots)
        until = rows[schedule.name].decided if rows[schedule.name].is_paused else opener.clock.now()
        expected = [number * every / MINUTE for number in range(1, (until - EPOCH) // every + 1)]
        assert found == dict.fromkeys(expected, 1), schedule.name
        if schedule.overlap != "allow":
            for (_, before), (_, after) in pairwise(of_slots):
                assert before.status.is_terminal
                assert before.updated_at is not None
                assert after.created_at is not None
                assert before.updated_at <= after.created_at
    await opener.close()
