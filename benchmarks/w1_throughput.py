"""W1: missions of a start and 3 steps, 100 in flight; and how late the event loop is meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mission_control.core import Commander, MissionDefinition

from .figures import FLOOR, OURS, Figure, Line
from .floor import Floor
from .heartbeat import heartbeat
from .missions import PAYLOAD, Payload, linear, open_commander, prepare
from .plan import Plan, alternate

IN_FLIGHT = 100
STEPS = 3
TRANSITIONS = STEPS + 2
"""Commits of a mission: its creation, the start's end, and each step's."""

THROUGHPUT = Figure(
    workload="W1",
    key="rate",
    what=f"a start and {STEPS} steps, {IN_FLIGHT} in flight",
    unit="missions/s",
    target=">= 3 (stretch 4)",
)
LATENESS = Figure(workload="W1", key="late", what="a 10 ms heartbeat meanwhile: latest", unit="ms", target="<= 50 ms")


async def burst(commander: Commander, definition: MissionDefinition[Payload], missions: int) -> float:
    """Run missions from start to end, 100 at a time, and return how many there were in a second."""
    left = iter(range(missions))

    async def caller() -> None:
        for _ in left:
            await commander.start(definition, PAYLOAD)

    begun = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))
    return missions / (time.perf_counter() - begun)


async def measure(plan: Plan) -> list[Line]:
    """Measure ours, the floor and the peers in turns."""
    missions = plan.size(1000, 300)
    definition = linear(STEPS)
    with plan.folder() as folder:
        database = Path(folder) / "ours.db"
        await prepare(database)
        floor = Floor(Path(folder) / "floor.db", database)
        async with open_commander(database, definition) as commander, plan.contending("W1", IN_FLIGHT) as peers:

            async def ours() -> Mapping[str, float]:
                async with heartbeat() as pulse:
                    rate = await burst(commander, definition, missions)
                return {"rate": rate, "late": pulse.worst}

            async def bare() -> Mapping[str, float]:
                return {"rate": _bare_rate(floor, missions)}

            rounds = await alternate(plan.rounds, {OURS: ours, FLOOR: bare, **peers})
        floor.close()
    return [*THROUGHPUT.lines(rounds), *LATENESS.lines(rounds)]


def _bare_rate(floor: Floor, missions: int) -> float:
    names: Sequence[str] = [f"step-{number}" for number in range(1, STEPS + 1)]
    begun = time.perf_counter()
    for _ in range(missions):
        floor.run(names)
    return missions / (time.perf_counter() - begun)
