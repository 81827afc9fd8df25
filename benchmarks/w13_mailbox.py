"""W13: W1 while other processes send signals through the mailbox, against W1 while they are as busy without it."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from statistics import quantiles

from mission_control.core import Commander, MissionDefinition, m

from .figures import OURS, Line
from .missions import PAYLOAD, Payload, go, linear, open_commander, work
from .plan import Plan, Rounds, alternate
from .processes import ROOT
from .w1_throughput import STEPS, burst
from .w13_sender import NOBODY

SENDERS = 4
RATE = 200
"""Signals a second, of all senders together."""
_BUSY, _IDLE = "busy", "idle"


async def measure(plan: Plan) -> list[Line]:
    """Measure W1 beside senders, W1 beside those who post to nobody, and the senders alone, in turns."""
    missions, parked = plan.size(4000, 1000), plan.size(800, 400)
    steps, awaited = linear(STEPS), m.define("awaited").start(input=Payload, run=work).need_to(go).end()
    with plan.folder() as folder:
        database, nobody = Path(folder) / "ours.db", Path(folder) / "nobody.db"
        async with open_commander(nobody, awaited) as commander:
            await _park(commander, awaited, [NOBODY], parked)
        async with open_commander(database, steps, awaited) as commander:
            numbers = count()

            async def signalled() -> list[str]:
                prefixes = [f"{next(numbers)}-" for _ in range(SENDERS)]
                await _park(commander, awaited, prefixes, parked)
                return prefixes

            async def ours() -> Mapping[str, float]:
                async with _sending(database, await signalled(), parked) as times:
                    rate = await burst(commander, steps, missions)
                return {"rate": rate, **_percentiles(times)}

            async def busy() -> Mapping[str, float]:
                await signalled()
                async with _sending(nobody, [NOBODY] * SENDERS, parked):
                    return {"rate": await burst(commander, steps, missions)}

            async def idle() -> Mapping[str, float]:
                async with _sending(database, await signalled(), parked) as times:
                    await asyncio.sleep(plan.size(2, 1))
                return _percentiles(times)

            rounds = await alternate(plan.rounds, {OURS: ours, _BUSY: busy, _IDLE: idle})
    return _lines(rounds)


async def _park(
    commander: Commander, definition: MissionDefinition[Payload], prefixes: Sequence[str], missions: int
) -> None:
    ids = [f"{prefix}{number}" for prefix in prefixes for number in range(missions)]
    await asyncio.gather(*(commander.start(definition, PAYLOAD, mission_id=mission_id) for mission_id in ids))


@asynccontextmanager
async def _sending(database: Path, prefixes: Sequence[str], missions: int) -> AsyncGenerator[list[float]]:
    """Let a process for each prefix send meanwhile; the times that they measured are there afterwards."""
    senders = [await _sender(database, prefix, missions) for prefix in prefixes]
    times: list[float] = []
    await asyncio.gather(*map(_next_line, senders))
    for sender in senders:
        _tell(sender)
        await asyncio.sleep(1 / RATE)  # each at its own moments, as those who know nothing of one another
    yield times
    for sender in senders:
        _tell(sender)
    for sender in senders:
        times += json.loads(await _next_line(sender))
        await sender.wait()


async def _sender(database: Path, prefix: str, missions: int) -> Process:
    arguments = (str(database), prefix, str(missions), str(RATE / SENDERS))
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.w13_sender", *arguments, cwd=ROOT, stdin=PIPE, stdout=PIPE, limit=2**20
    )


def _tell(sender: Process) -> None:
    assert sender.stdin is not None
    sender.stdin.write(b"\n")


async def _next_line(sender: Process) -> bytes:
    assert sender.stdout is not None
    line = await sender.stdout.readline()
    if not line:
        raise SystemExit("w13_sender failed")
    return line


def _percentiles(times: Sequence[float]) -> Mapping[str, float]:
    parts = quantiles(times, n=100)
    return {"p50": parts[49], "p99": parts[98]}


def _lines(rounds: Rounds) -> list[Line]:
    what, ours, busy, idle = f"{RATE} signals a second of {SENDERS} processes", *(rounds[name] for name in _TURNS)
    beside = Line(
        workload="W13",
        what=f"W1 beside {what}, against W1 beside as busy ones that post to nobody",
        subject=OURS,
        unit="missions/s",
        values=[outcome["rate"] for outcome in ours],
        ratios=[one["rate"] / other["rate"] for one, other in zip(ours, busy, strict=True)],
        target=">= 0.9",
    )
    figures = (
        (ours, "p50", "posted to answered, during W1: p50", "<= 20 ms"),
        (ours, "p99", "posted to answered, during W1: p99", "<= 100 ms"),
        (idle, "p50", "posted to answered, by an owner that is otherwise idle: p50", "<= 5 ms"),
        (idle, "p99", "posted to answered, by an owner that is otherwise idle: p99", ""),
    )
    return [
        beside,
        *(
            Line(
                workload="W13",
                what=f"{what}, {measured}",
                subject=OURS,
                unit="ms",
                values=[outcome[key] for outcome in outcomes],
                target=target,
            )
            for outcomes, key, measured, target in figures
        ),
    ]


_TURNS = (OURS, _BUSY, _IDLE)
