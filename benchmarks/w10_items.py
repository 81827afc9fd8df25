"""A fresh process that measures W1, and then an `each` over many items."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from mission_control.core import MissionContext, MissionDefinition, m

from .edges import edges
from .missions import PAYLOAD, Payload, linear, open_commander, work
from .processes import resident_megabytes
from .w1_throughput import STEPS, TRANSITIONS, burst

AT_ONCE = 100


def each_of(items: int, instants: list[float]) -> MissionDefinition[Payload]:
    """Return a mission of many items, which notes when each of them runs."""

    def listed(ctx: MissionContext[Payload]) -> list[int]:
        return list(range(items))

    async def note(ctx: MissionContext[Payload]) -> Payload:
        instants.append(time.perf_counter())
        return PAYLOAD

    started = m.define("each").start(input=Payload, run=work)
    return started.each("items", listed, m.path().step("work", note), max_concurrency=AT_ONCE).end()


async def main(folder: str, items: int) -> dict[str, float]:
    """Return the figures."""
    imported = resident_megabytes()
    instants: list[float] = []
    definition, short = each_of(items, instants), linear(STEPS)
    with TemporaryDirectory(dir=folder) as inner:
        async with open_commander(Path(inner) / "ours.db", definition, short) as commander:
            await burst(commander, short, 500)
            w1_rate = TRANSITIONS * median([await burst(commander, short, 1_000) for _ in range(3)])
            begun = time.perf_counter()
            await commander.start(definition, PAYLOAD)
            seconds = time.perf_counter() - begun
    rss = resident_megabytes(peak=True) - imported
    return {"rate": items / seconds, "w1_rate": w1_rate, "rss": rss, **edges(instants)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], int(sys.argv[2])))))
