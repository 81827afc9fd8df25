"""The system's clock, which may be set, and the one that measures time within a process, which may not."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from mission_control.core import SystemClock
from mission_control.core.engine import clock
from mission_control.core.engine.clock import SteadyClock, steady
from mission_control.testing import FakeClock

HOUR = timedelta(hours=1)


class Wall:
    """Stands in for the `datetime` class that the clocks read: a wall clock that goes, and can be set."""

    def __init__(self) -> None:
        self.shift = timedelta()

    def now(self, zone: object) -> datetime:
        return datetime.now(UTC) + self.shift


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    """The wall clock of this test."""
    standing_in = Wall()
    monkeypatch.setattr(clock, "datetime", standing_in)
    return standing_in


async def test_wait_for_a_clock_that_is_set_forward_ends_when_the_clock_is_looked_at_again(
    wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was an hour away is there once the clock was set forward by an hour, at the next look at the clock."""
    monkeypatch.setattr(clock, "LONGEST_WAIT", 0.01)
    system = SystemClock()
    sleeping = asyncio.create_task(system.sleep_until(system.now() + HOUR))
    await asyncio.sleep(0)
    wall.shift = HOUR

    async with asyncio.timeout(30):
        await sleeping


async def test_wait_for_a_clock_that_is_set_back_takes_longer_by_as_much(wall: Wall) -> None:
    """A wait never ends early by the wall clock: what was set back is waited for, and no more than that."""
    system = SystemClock()
    began = time.monotonic()
    due = system.now() + timedelta(seconds=0.02)
    sleeping = asyncio.create_task(system.sleep_until(due))
    await asyncio.sleep(0)
    wall.shift = timedelta(seconds=-0.1)
    async with asyncio.timeout(30):
        await sleeping

    assert system.now() >= due
    assert time.monotonic() - began >= 0.12


def test_clock_is_looked_at_often_enough_for_what_is_promised() -> None:
    """What the tests shorten leaves room, within the 60 seconds that are promised, for the wait itself."""
    assert clock.LONGEST_WAIT == 30.0


@pytest.mark.parametrize("shift", [HOUR, -HOUR])
async def test_steady_clock_is_not_set(wall: Wall, shift: timedelta) -> None:
    """It starts as the wall clock, and then neither jumps with it nor waits for it."""
    pace = SteadyClock()
    assert abs(pace.now() - datetime.now(UTC)) < timedelta(minutes=1)
    wall.shift = shift
    assert abs(pace.now() - datetime.now(UTC)) < timedelta(minutes=1)
    due = pace.now() + timedelta(seconds=0.02)
    async with asyncio.timeout(30):
        await pace.sleep_until(due)

    assert pace.now() >= due


def test_clock_that_the_program_brought_is_what_everything_goes_by(fake_clock: FakeClock) -> None:
    """Only the system's own clock is replaced within a process: a clock of somebody's own may be any clock."""

    class Shifted(SystemClock):
        pass

    shifted = Shifted()
    assert isinstance(steady(SystemClock()), SteadyClock)
    assert steady(fake_clock) is fake_clock
    assert steady(shifted) is shifted
