"""W2: a mission of a start and 1 step, one after another."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from .figures import FLOOR, OURS, Figure, Line
from .floor import Floor
from .missions import PAYLOAD, linear, open_commander, prepare
from .plan import Plan, alternate

LATENCY = Figure(
    workload="W2",
    key="p50",
    what="a start and 1 step, one after another: p50",
    unit="ms",
    target="<= 2.5 (stretch 1.8)",
)


async def measure(plan: Plan) -> list[Line]:
    """Measure ours, the floor and the peers in turns."""
    missions = plan.size(400, 150)
    definition = linear(1)
    with plan.folder() as folder:
        database = Path(folder) / "ours.db"
        await prepare(database)
        floor = Floor(Path(folder) / "floor.db", database)
        async with open_commander(database, definition) as commander, plan.contending("W2", missions // 10) as peers:

            async def ours() -> Mapping[str, float]:
                times: list[float] = []
                for _ in range(missions):
                    begun = time.perf_counter()
                    await commander.start(definition, PAYLOAD)
                    times.append(time.perf_counter() - begun)
                return {"p50": median(times) * 1e3}

            async def bare() -> Mapping[str, float]:
                times: list[float] = []
                for _ in range(missions):
                    begun = time.perf_counter()
                    floor.run(["step-1"])
                    times.append(time.perf_counter() - begun)
                return {"p50": median(times) * 1e3}

            rounds = await alternate(plan.rounds, {OURS: ours, FLOOR: bare, **peers})
        floor.close()
    return LATENCY.lines(rounds)
