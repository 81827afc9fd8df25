"""W4: one mission of many sequential steps: its whole time, and whether its last steps cost what its first did."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mission_control.core import Commander, MissionContext

from .edges import edges, growth
from .figures import FLOOR, OURS, Figure, Line
from .floor import Floor
from .missions import PAYLOAD, Payload, linear, open_commander, prepare
from .plan import Contender, Plan, Rounds, alternate


async def measure(plan: Plan) -> list[Line]:
    """Measure ours, the floor and the peers in turns, for each length."""
    lines: list[Line] = []
    for steps in (plan.size(1000, 300), plan.size(5000, 1000)):
        rounds = await _race(plan, steps)
        time_taken = Figure(
            workload="W4",
            key="seconds",
            what=f"a mission of {steps:,} steps",
            unit="s",
            target="<= 2.5 (stretch 1.8)",
        )
        lines += time_taken.lines(rounds)
        lines += growth(rounds, "W4", f"of {steps:,} steps", "ms/step")
    return lines


async def _race(plan: Plan, steps: int) -> Rounds:
    with plan.folder() as folder:
        database = Path(folder) / "ours.db"
        await prepare(database)
        floor = Floor(Path(folder) / "floor.db", database)
        async with open_commander(database) as commander, plan.contending("W4", steps) as peers:
            contenders = {OURS: _ours(commander, steps), FLOOR: _bare(floor, steps), **peers}
            rounds = await alternate(plan.rounds, contenders)
        floor.close()
    return rounds


def _ours(commander: Commander, steps: int) -> Contender:
    instants: list[float] = []

    async def step(ctx: MissionContext[Payload]) -> Payload:
        instants.append(time.perf_counter())
        return PAYLOAD

    definition = linear(steps, run=step)

    async def ours() -> Mapping[str, float]:
        instants.clear()
        begun = time.perf_counter()
        await commander.start(definition, PAYLOAD)
        return _figures(time.perf_counter() - begun, instants)

    return ours


def _bare(floor: Floor, steps: int) -> Contender:
    names = [f"step-{number}" for number in range(1, steps + 1)]

    async def bare() -> Mapping[str, float]:
        instants: list[float] = []
        begun = time.perf_counter()
        mission = floor.create()
        for name in names:
            floor.step(mission, name)
            instants.append(time.perf_counter())
        floor.complete(mission)
        return _figures(time.perf_counter() - begun, instants)

    return bare


def _figures(seconds: float, instants: Sequence[float]) -> Mapping[str, float]:
    """Return the whole time, and the time of a step at either end."""
    return {"seconds": seconds, **edges(instants)}
