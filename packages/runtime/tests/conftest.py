"""Runtimes that are stopped when their test ends."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mission_control.testing import FakeClock

from .harness import Runtimes


@pytest.fixture
async def runtimes(fake_clock: FakeClock) -> AsyncIterator[Runtimes]:
    runtimes = Runtimes(fake_clock)
    yield runtimes
    await runtimes.stop()
