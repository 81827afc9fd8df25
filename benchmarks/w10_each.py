"""W10: an `each` over many items of one step, 100 at once, against W1's transitions, and the rows that it writes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from .edges import edges, growth
from .figures import FLOOR, OURS, Figure, Line, share
from .floor import Floor
from .missions import prepare
from .plan import Plan, alternate
from .processes import run_fresh
from .w10_items import AT_ONCE


async def measure(plan: Plan) -> list[Line]:
    """Measure ours in fresh processes, which measure W1 first, and the floor in turns."""
    items = plan.size(10_000, 2_000)
    with plan.folder() as folder:
        prepared = Path(folder) / "prepared.db"
        await prepare(prepared)
        floor = Floor(Path(folder) / "floor.db", prepared)

        async def ours() -> Mapping[str, float]:
            return await run_fresh("w10_items", folder, str(items))

        async def bare() -> Mapping[str, float]:
            return _bare(floor, items)

        rounds = await alternate(plan.rounds, {OURS: ours, FLOOR: bare})
        floor.close()
    what = f"{items:,} items of one step, {AT_ONCE} at once"
    against_w1 = Line(
        workload="W10",
        what=f"{what}, against W1's transitions/s",
        subject=OURS,
        unit="items/s",
        values=[outcome["rate"] for outcome in rounds[OURS]],
        ratios=share(rounds[OURS], "rate", "w1_rate"),
        target=">= 0.5",
    )
    beside = Figure(workload="W10", key="rate", what=f"{what}, beside the rows alone", unit="items/s")
    memory = Figure(workload="W10", key="rss", what="most memory over the bare import", unit="MB", target="<= 100 MB")
    by_edge = growth({OURS: rounds[OURS]}, "W10", f"of {items:,} items", "ms/item")
    return [against_w1, *beside.lines(rounds), *by_edge, *memory.lines(rounds)]


def _bare(floor: Floor, items: int) -> Mapping[str, float]:
    """Write what an `each` writes that has the time to make each item's end durable by itself."""
    instants: list[float] = []
    begun = time.perf_counter()
    mission = floor.create()
    at_once = [f"items[{number}]/work" for number in range(AT_ONCE)]
    details = f'{{"kind":"each","count":{items},"limit":{AT_ONCE}}}'
    floor.open(mission, f'"items",null,{details}', at_once)
    for number in range(items):
        following = number + AT_ONCE
        floor.end_path(mission, f"items[{number}]", f"items[{following}]/work" if following < items else None)
        instants.append(time.perf_counter())
    floor.complete(mission)
    return {"rate": items / (time.perf_counter() - begun), **edges(instants)}
