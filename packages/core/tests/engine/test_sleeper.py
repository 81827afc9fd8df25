"""Deadlines: many instants on one wait."""

from __future__ import annotations

import asyncio
import gc
import weakref
from datetime import timedelta

from mission_control.core.engine.activity import Activity
from mission_control.core.engine.sleeper import Deadlines
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
