"""A fresh process that measures W1, then works off the timers of a database, with starts and signals coming in."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from mission_control.core import Commander, MissionContext

from .heartbeat import heartbeat
from .missions import PAYLOAD, Payload, go, linear, open_commander, signalled, sleeping
from .parking import copied_id
from .processes import resident_megabytes
from .w1_throughput import STEPS, TRANSITIONS, burst

MAX_CONCURRENCY = 256
"""The commander's default."""

WAITING = 5_000
"""Missions that wait for the signals that come in meanwhile."""

_PROBE_EVERY = 0.02
_TIMER_TRANSITIONS = 2
"""Commits of a mission whose timer is due: the timer's firing, and the end of the step after it."""


@dataclass
class _Steps:
    """Counts the steps that run, and those that have run."""

    left: int = 0
    running: int = 0
    most: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, ctx: MissionContext[Payload]) -> Payload:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)  # let the others begin that may
        self.running -= 1
        self.left -= 1
        if self.left == 0:
            self.done.set()
        return PAYLOAD


async def _reference() -> float:
    """Return W1's missions/s in this process, with the code in its steps that is run for the timers."""
    definition = linear(STEPS, run=_Steps().run)
    with TemporaryDirectory(dir=Path(sys.argv[1]).parent) as folder:
        async with open_commander(Path(folder) / "w1.db", definition) as commander:
            await burst(commander, definition, 500)
            return median([await burst(commander, definition, 2_000) for _ in range(3)])


async def _probe(commander: Commander, starts: list[float], signals: list[float]) -> None:
    """Start a mission and signal another, again and again."""
    definition = linear(1, "newcomer")
    for number in range(1, WAITING + 1):
        begun = time.perf_counter()
        await commander.start(definition, PAYLOAD)
        starts.append(time.perf_counter() - begun)
        mission = await commander.get_mission(copied_id(number))
        assert mission is not None
        begun = time.perf_counter()
        await mission.signal(go, PAYLOAD)
        signals.append(time.perf_counter() - begun)
        await asyncio.sleep(_PROBE_EVERY)


async def main(database: Path, timers: int) -> dict[str, float]:
    """Return the figures."""
    imported = resident_megabytes()
    w1_rate = await _reference() * TRANSITIONS
    steps = _Steps(timers)
    due = sleeping(timedelta(milliseconds=500), steps.run)
    starts: list[float] = []
    signals: list[float] = []
    async with heartbeat() as pulse:
        begun = time.perf_counter()
        async with open_commander(database, due, signalled("probe")) as commander:
            probe = asyncio.create_task(_probe(commander, starts, signals))
            await steps.done.wait()
            probe.cancel()
            await commander.settled()
            seconds = time.perf_counter() - begun
    return {
        "w1_rate": w1_rate,
        "rate": timers * _TIMER_TRANSITIONS / seconds,
        "late": pulse.worst,
        "concurrency": float(steps.most),
        "rss": resident_megabytes(peak=True) - imported,
        "start": _p99(starts),
        "signal": _p99(signals),
    }


def _p99(seconds: list[float]) -> float:
    return quantiles(seconds, n=100, method="inclusive")[98] * 1e3 if len(seconds) > 1 else float("nan")


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))))
