"""W12: a `repeat` of many rounds of one step: its whole time, and whether its last rounds cost what its first did."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from mission_control.core import Commander, MissionContext, m

from .edges import edges, growth
from .figures import FLOOR, OURS, Figure, Line
from .floor import Floor
from .missions import PAYLOAD, Payload, open_commander, prepare, work
from .plan import Contender, Plan, alternate


async def measure(plan: Plan) -> list[Line]:
    """Measure ours and the floor in turns."""
    times = plan.size(10_000, 1_000)
    with plan.folder() as folder:
        database = Path(folder) / "ours.db"
        await prepare(database)
        floor = Floor(Path(folder) / "floor.db", database)
        async with open_commander(database) as commander:
            rounds = await alternate(plan.rounds, {OURS: _ours(commander, times), FLOOR: _bare(floor, times)})
        floor.close()
    whole = Figure(workload="W12", key="seconds", what=f"{times:,} rounds of one step", unit="s")
    return [*whole.lines(rounds), *growth(rounds, "W12", f"of {times:,} rounds", "ms/round")]


def _ours(commander: Commander, times: int) -> Contender:
    instants: list[float] = []

    async def step(ctx: MissionContext[Payload]) -> Payload:
        instants.append(time.perf_counter())
        return PAYLOAD

    async def is_over(ctx: MissionContext[Payload]) -> bool:
        return len(instants) == times

    path = m.path().step("work", step)
    definition = m.define("repeat").start(input=Payload, run=work).repeat("rounds", path, until=is_over).end()

    async def ours() -> Mapping[str, float]:
        instants.clear()
        begun = time.perf_counter()
        await commander.start(definition, PAYLOAD)
        return {"seconds": time.perf_counter() - begun, **edges(instants)}

    return ours


def _bare(floor: Floor, times: int) -> Contender:
    async def bare() -> Mapping[str, float]:
        instants: list[float] = []
        begun = time.perf_counter()
        mission = floor.create()
        for number in range(times):
            floor.step(mission, f"rounds[{number}]/work")
            floor.step(mission, f"rounds[{number}]")  # the decision whether there is another round
            instants.append(time.perf_counter())
        floor.complete(mission)
        return {"seconds": time.perf_counter() - begun, **edges(instants)}

    return bare
