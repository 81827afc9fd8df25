"""Two years of schedules over every change of the clock, in many processes: each slot once (rules 55 and 58)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from mission_control.core import Commander, MissionContext, PersistenceAdapter, Schedule, ScheduleSummary, m
from mission_control.testing import FakeClock
from storages import OpenCommander, memory_adapter_factory, sqlite_adapter_factory

START = datetime(2026, 1, 15, 3, 17, 21, 500, tzinfo=UTC)
END = datetime(2028, 1, 15, tzinfo=UTC)
RESTARTS = 60
CRONS = (
    "15 2 * * *",  # does not exist where an hour is left out, nor where half an hour is; comes twice in Berlin
    "45 1 * * 0",  # comes twice in New York and on Lord Howe
    "*/30 0-3 * 3,4,10,11 0",  # each half hour of the nights in which the clocks change
    "5 */6 * * 0",
)
HOUR = timedelta(hours=1)
LONG = timedelta(days=30)
"""Longer than any outage."""


def changes_of_the_clock(zone: ZoneInfo) -> list[datetime]:
    """Return the hours in which the clocks of a zone jump."""
    hours = (START + number * HOUR for number in range((END - START) // HOUR))
    return [hour for hour in hours if hour.astimezone(zone).utcoffset() != (hour + HOUR).astimezone(zone).utcoffset()]


class Calendar:
    """Schedules in one time zone over two years and many processes, and what is seen of them."""

    def __init__(
        self, opener: OpenCommander, zone: str, *, catch_up: timedelta | Literal["latest"], outage: timedelta
    ) -> None:
        self._opener = opener
        self._chance = random.Random(zone)
        self._outage = outage
        self._zone = zone
        self.ran: Counter[str] = Counter()
        definition = m.define("report").start(input=str, run=self._run).end()
        self.schedules: list[Schedule[Any]] = [
            Schedule(
                cron.replace(" ", "_"),
                definition,
                input=lambda slot: slot.isoformat(),
                cron=cron,
                time_zone=zone,
                overlap="allow",
                catch_up=catch_up,
            )
            for cron in CRONS
        ]

    async def _run(self, ctx: MissionContext[str]) -> str:
        self.ran[ctx.mission_id] += 1
        return ctx.input

    async def live(self) -> Commander:
        """Let two years pass, with restarts at drawn moments, some of them about the changes of the clock."""
        commander = await self._open()
        for moment in self._moments():
            await self._opener.clock.advance_to(max(moment, self._opener.clock.now()))
            await (self._opener.crash() if self._chance.random() < 0.5 else self._opener.close())
            await self._opener.clock.advance(self._outage * self._chance.random() ** 4)
            commander = await self._open()
        await self._opener.clock.advance_to(END)
        return commander

    async def _open(self) -> Commander:
        return await self._opener(schedules=self.schedules)

    def _moments(self) -> Sequence[datetime]:
        drawn = [START + (END - START) * self._chance.random() for _ in range(RESTARTS)]
        changes = changes_of_the_clock(ZoneInfo(self._zone))
        near = [change + timedelta(hours=self._chance.uniform(-2, 2)) for change in changes for _ in range(3)]
        return sorted(drawn + near)

    def expected(self, schedule: Schedule[Any]) -> list[datetime]:
        """Return the slots as one iterator of the library gives them, from the schedule's first sight on."""
        slots: Iterator[datetime] = CronSim(str(schedule.spec.cron), START.astimezone(ZoneInfo(self._zone)))
        return list(takewhile(lambda slot: slot <= END, (slot.astimezone(UTC) for slot in slots)))


async def started_by(commander: Commander, schedule: Schedule[Any]) -> list[datetime]:
    """Return the slots of a schedule whose missions there are, checked to be the missions of these slots."""
    slots: list[datetime] = []
    async for one in commander.iter_missions():
        if one.schedule == schedule.name:
            assert one.slot is not None
            assert one.mission_id == f"{schedule.name}@{one.slot:%Y-%m-%dT%H:%M:%S}Z"
            assert one.status == "completed"
            slots.append(one.slot)
    return sorted(slots)


def is_passed_over(summary: ScheduleSummary, slot: datetime) -> bool:
    return any(one.first <= slot <= one.last for one in summary.passed_over)


def opener_of(storage: str, folder: Path) -> OpenCommander:
    factory: Callable[[], PersistenceAdapter] = memory_adapter_factory()
    if storage == "sqlite":
        factory = sqlite_adapter_factory(folder / "missions.db")
    return OpenCommander(factory, FakeClock(START))


ZONES = pytest.mark.parametrize(
    ("zone", "storage"),
    [("Europe/Berlin", "memory"), ("America/New_York", "memory"), ("Australia/Lord_Howe", "sqlite")],
)


@ZONES
async def test_each_slot_of_two_years_starts_one_mission(zone: str, storage: str, tmp_path: Path) -> None:
    """Over all changes of the clock, restarts and crashes, where no outage is longer than `catch_up`."""
    opener = opener_of(storage, tmp_path)
    calendar = Calendar(opener, zone, catch_up=LONG, outage=timedelta(days=3))

    commander = await calendar.live()

    expected = {schedule.name: calendar.expected(schedule) for schedule in calendar.schedules}
    for schedule in calendar.schedules:
        assert await started_by(commander, schedule) == expected[schedule.name]
    assert set(calendar.ran.values()) == {1}
    assert calendar.ran.total() == sum(map(len, expected.values()))
    assert [one.passed_over for one in await commander.schedules.list()] == [()] * len(CRONS)
    await opener.close()


@ZONES
@pytest.mark.parametrize("catch_up", ["latest", timedelta(hours=6)], ids=str)
async def test_each_slot_is_started_or_on_record(
    zone: str, storage: str, catch_up: timedelta | Literal["latest"], tmp_path: Path
) -> None:
    """Where outages are longer than `catch_up`, what was missed is passed over, and nothing is both or neither."""
    opener = opener_of(storage, tmp_path)
    calendar = Calendar(opener, zone, catch_up=catch_up, outage=timedelta(days=9))

    commander = await calendar.live()

    summaries = {one.name: one for one in await commander.schedules.list()}
    passed_over = 0
    for schedule in calendar.schedules:
        started, summary = await started_by(commander, schedule), summaries[schedule.name]
        missed = [slot for slot in calendar.expected(schedule) if is_passed_over(summary, slot)]
        assert sorted([*started, *missed]) == calendar.expected(schedule)
        assert sum(one.count for one in summary.passed_over) == len(missed)
        assert {one.reason for one in summary.passed_over} <= {"missed"}
        passed_over += len(missed)
    assert passed_over > RESTARTS / 2
    await opener.close()
