"""How late the event loop is for a task that wants to run every 10 ms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

_PERIOD = 0.01


@dataclass
class Heartbeat:
    """The worst lateness so far, in milliseconds."""

    worst: float = 0.0

    async def beat(self) -> None:
        """Beat until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _PERIOD
            await asyncio.sleep(_PERIOD)
            self.worst = max(self.worst, (loop.time() - due) * 1e3)


@asynccontextmanager
async def heartbeat() -> AsyncGenerator[Heartbeat]:
    """Watch the loop meanwhile."""
    pulse = Heartbeat()
    task = asyncio.create_task(pulse.beat())
    try:
        yield pulse
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
