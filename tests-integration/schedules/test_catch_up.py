"""What becomes of slots that an owner comes to late: the latest, those of a while, or none."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest

from mission_control.testing import FakeClock
from storages import OpenCommander
from timetables import EPOCH, MINUTE, at, every, fired, passed, quick, summary

SECOND = timedelta(seconds=1)


class Leaping:
    """A clock whose time may move without those who wait being woken on the way."""

    def __init__(self) -> None:
        self._now = EPOCH
        self._moved = asyncio.Event()

    def leap(self, by: timedelta) -> None:
        """Move on."""
        self._now += by
        self._moved.set()

    def now(self) -> datetime:
        return self._now

    async def sleep_until(self, instant: datetime, /) -> None:
        while self._now < instant:
            await self._moved.wait()
            self._moved.clear()


@pytest.mark.parametrize(
    ("catch_up", "started", "over"),
    [
        ("latest", [70], [(10, 60, 6, "missed")]),
        (timedelta(0), [], [(10, 70, 7, "missed")]),
        (timedelta(minutes=25), [50, 60, 70], [(10, 40, 4, "missed")]),
        (timedelta(minutes=24), [60, 70], [(10, 50, 5, "missed")]),
        (timedelta(days=300_000), [10, 20, 30, 40, 50, 60, 70], []),
    ],
)
async def test_an_outage(
    open_commander: OpenCommander,
    fake_clock: FakeClock,
    catch_up: timedelta | Literal["latest"],
    started: list[float],
    over: list[tuple[float, float, int, str]],
) -> None:
    """What is missed by more than `catch_up` is passed over, on record; afterwards all goes on."""
    schedules = [every(10, overlap="allow", catch_up=catch_up)]
    await open_commander(schedules=schedules)
    await open_commander.crash()
    await fake_clock.advance(75 * MINUTE)
    commander = await open_commander(schedules=schedules)
    await commander.settled()
    assert (await fired(commander), await passed(commander)) == (started, over)
    await fake_clock.advance(10 * MINUTE)
    assert await fired(commander) == [*started, 80]


@pytest.mark.parametrize(("late", "starts"), [(60, True), (61, False)])
async def test_a_minute_is_not_late(
    open_commander: OpenCommander, fake_clock: FakeClock, late: int, *, starts: bool
) -> None:
    """Up to 60 seconds after its time a slot is not missed, whatever `catch_up` says."""
    schedules = [every(10, catch_up=timedelta(0))]
    await open_commander(schedules=schedules)
    await open_commander.close()
    await fake_clock.advance(10 * MINUTE + late * SECOND)
    commander = await open_commander(schedules=schedules)
    await commander.settled()
    assert await fired(commander) == ([10] if starts else [])


async def test_a_clock_that_leaps(open_commander: OpenCommander) -> None:
    """A machine that was suspended has missed slots just as one that was off."""
    clock = Leaping()
    commander = await open_commander(schedules=[every(10, definition=quick)], clock=clock)
    clock.leap(65 * MINUTE)
    async with asyncio.timeout(20):
        while await fired(commander) != [60]:
            await asyncio.sleep(0)
    assert await passed(commander) == [(10, 50, 5, "missed")]


async def test_latest_beside_what_is_not_missed(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """The newest of the missed ones starts, and then those that are not."""
    schedules = [every(0.5, overlap="allow")]
    await open_commander(schedules=schedules)
    await open_commander.close()
    await fake_clock.advance(5 * MINUTE)
    commander = await open_commander(schedules=schedules)
    await commander.settled()
    assert await fired(commander) == [3.5, 4, 4.5, 5]
    assert await passed(commander) == [(0.5, 3, 6, "missed")]


async def test_a_long_outage_holds_up_nobody(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A hundred thousand missed slots are one entry, and others get their turns while they are counted."""
    schedules = [every(1 / 60, "often", definition=quick, overlap="allow"), every(10, "s", definition=quick)]
    await open_commander(schedules=schedules)
    await open_commander.close()
    await fake_clock.advance(timedelta(seconds=100_000))
    commander = await open_commander(schedules=schedules)
    await commander.settled()
    started = [one.schedule async for one in commander.iter_missions()]
    assert (started[0], len(started)) == ("s", 63)
    ((first, last, count, reason),) = await passed(commander, "often")
    assert (round(first * 60), round(last * 60), count, reason) == (1, 99_938, 99_938, "missed")


async def test_a_hundred_entries_are_kept(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Of what was passed over for one reason and another, the latest are."""

    def every_other(slot: Any) -> int:
        if (slot - EPOCH) // MINUTE % 20:
            raise ValueError("no")
        return 1

    commander = await open_commander(schedules=[every(10, definition=quick, input=every_other)])
    await fake_clock.advance(2500 * MINUTE)
    over = (await summary(commander)).passed_over
    assert [one.first for one in over] == [at(10 + 20 * number) for number in range(25, 125)]
    assert {(one.count, one.reason) for one in over} == {(1, "failed")}
