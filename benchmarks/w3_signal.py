"""W3: from a signal's sending to the mission's end, with one step after the wait."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from .figures import FLOOR, OURS, Figure, Line
from .floor import Floor
from .missions import PAYLOAD, go, open_commander, prepare, signalled
from .plan import Plan, alternate

LATENCY = Figure(
    workload="W3",
    key="p50",
    what="signal sent to mission completed, one step after the wait: p50",
    unit="ms",
    target="<= 3 (stretch 2)",
)


async def measure(plan: Plan) -> list[Line]:
    """Measure ours, the floor and the peers in turns. The missions are parked before the clock starts."""
    missions = plan.size(400, 150)
    definition = signalled()
    with plan.folder() as folder:
        database = Path(folder) / "ours.db"
        await prepare(database)
        floor = Floor(Path(folder) / "floor.db", database)
        async with open_commander(database, definition) as commander, plan.contending("W3", missions // 10) as peers:

            async def ours() -> Mapping[str, float]:
                parked = [await commander.start(definition, PAYLOAD) for _ in range(missions)]
                times: list[float] = []
                for handle in parked:
                    begun = time.perf_counter()
                    await handle.signal(go, PAYLOAD)
                    times.append(time.perf_counter() - begun)
                return {"p50": median(times) * 1e3}

            async def bare() -> Mapping[str, float]:
                parked = [floor.create() for _ in range(missions)]
                for mission in parked:
                    floor.wait(mission)
                times: list[float] = []
                for mission in parked:
                    begun = time.perf_counter()
                    floor.receive(mission)
                    floor.complete(mission)
                    times.append(time.perf_counter() - begun)
                return {"p50": median(times) * 1e3}

            rounds = await alternate(plan.rounds, {OURS: ours, FLOOR: bare, **peers})
        floor.close()
    return LATENCY.lines(rounds)
