"""Deadlines: many instants on one wait."""

from __future__ import annotations

import asyncio
import gc
import weakref
from datetime import datetime, timedelta

import pytest

from mission_control.core import SystemClock
from mission_control.core.engine import sleeper
from mission_control.core.engine.activity import Activity
from mission_control.core.engine.sleeper import Deadlines, Sleeper
from mission_control.testing import FakeClock


class Expiry:
    def __init__(self) -> None:
        self.expired = asyncio.Event()

    def __call__(self) -> None:
        self.expired.set()


async def test_removed_deadlines_are_forgotten_long_before_their_time(fake_clock: FakeClock) -> None:
    """Steps with long timeouts that end early do not pile up in memory, and the deadlines that stay still expire."""
    deadlines = Deadlines(fake_clock, Activity())
    last = Expiry()
    deadlines.add(fake_clock.now() + timedelta(hours=1), last)

    def forget() -> weakref.ref[Expiry]:
        expiry = Expiry()
        deadlines.remove(deadlines.add(fake_clock.now() + timedelta(days=1), expiry))
        return weakref.ref(expiry)

    forgotten = [forget() for _ in range(200)]
    gc.collect()

    assert sum(expiry() is not None for expiry in forgotten) < 100
    await fake_clock.advance(3600)
    async with asyncio.timeout(30):
        await last.expired.wait()
    deadlines.close()


class Breaking(SystemClock):
    """A clock that fails at first."""

    def __init__(self) -> None:
        self.asked = 0

    async def sleep_until(self, instant: datetime) -> None:
        self.asked += 1
        if self.asked == 1:
            raise OSError("no such clock")
        await super().sleep_until(instant)


async def test_clock_that_fails_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for stays, and comes when the clock is there again."""
    monkeypatch.setattr(sleeper, "_BROKEN_CLOCK_SECONDS", 0.0)
    clock, woken = Breaking(), Expiry()
    waiting = Sleeper(clock, Activity(), woken)
    instant = clock.now() + timedelta(milliseconds=1)
    waiting.set(instant)
    async with asyncio.timeout(30):
        await woken.expired.wait()

    assert clock.asked == 2
    assert waiting.instant is None
