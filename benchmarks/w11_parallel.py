"""W11: a parallel of 10 paths of one step each, one mission after another, against a linear mission of two steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from mission_control.core import MissionDefinition, m

from .figures import FLOOR, OURS, Figure, Line
from .floor import Floor
from .missions import PAYLOAD, Payload, linear, open_commander, prepare, work
from .plan import Contender, Plan, alternate

PATHS = tuple(f"path-{number}" for number in range(1, 11))
_LINEAR = "linear"
_OPENED = '"paths",null,{"kind":"parallel","paths":[' + ",".join(f'"{name}"' for name in PATHS) + "]}"


def parallel() -> MissionDefinition[Payload]:
    """Return a mission of a start and 10 paths of one step."""
    path = m.path().step("work", work)
    return m.define("parallel").start(input=Payload, run=work).parallel("paths", dict.fromkeys(PATHS, path)).end()


async def measure(plan: Plan) -> list[Line]:
    """Measure both missions and the floor in turns."""
    missions = plan.size(300, 100)
    forked, straight = parallel(), linear(2)
    with plan.folder() as folder:
        database = Path(folder) / "ours.db"
        await prepare(database)
        floor = Floor(Path(folder) / "floor.db", database)
        async with open_commander(database, forked, straight) as commander:

            def running(definition: MissionDefinition[Payload]) -> Contender:
                async def run() -> Mapping[str, float]:
                    times: list[float] = []
                    for _ in range(missions):
                        begun = time.perf_counter()
                        await commander.start(definition, PAYLOAD)
                        times.append(time.perf_counter() - begun)
                    return {"p50": median(times) * 1e3}

                return run

            async def bare() -> Mapping[str, float]:
                return {"p50": _bare_p50(lambda: _run(floor), missions)}

            contenders = {OURS: running(forked), _LINEAR: running(straight), FLOOR: bare}
            rounds = await alternate(plan.rounds, contenders)
        floor.close()
    what = f"a start and {len(PATHS)} paths of one step, one after another: p50"
    against_linear = Line(
        workload="W11",
        what=f"{what}, against a linear mission of two steps",
        subject=OURS,
        unit="ms",
        values=[outcome["p50"] for outcome in rounds[OURS]],
        ratios=[one["p50"] / other["p50"] for one, other in zip(rounds[OURS], rounds[_LINEAR], strict=True)],
        target="<= 3",
    )
    beside = Figure(workload="W11", key="p50", what=f"{what}, beside the rows alone", unit="ms")
    return [against_linear, *beside.lines({OURS: rounds[OURS], FLOOR: rounds[FLOOR]})]


def _bare_p50(run: Callable[[], None], missions: int) -> float:
    times: list[float] = []
    for _ in range(missions):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return median(times) * 1e3


def _run(floor: Floor) -> None:
    mission = floor.create()
    floor.open(mission, _OPENED, [f"paths/{name}/work" for name in PATHS])
    for name in PATHS:
        floor.end_path(mission, f"paths/{name}", None)
    floor.complete(mission)
