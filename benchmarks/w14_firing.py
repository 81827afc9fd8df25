"""A fresh process whose schedules fire, each of them once, spread evenly over a while: how late they are.

`python -m benchmarks.w14_firing <database> <schedules> <seconds>` prints its figures as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles

from mission_control.core import MissionContext, Schedule

from .missions import PAYLOAD, Payload, linear, open_commander

_AHEAD = timedelta(seconds=5)
"""What it has to be ready before the first of them is due."""


async def main(database: Path, schedules: int, seconds: int) -> dict[str, float]:
    """Let all of them fire; late is how long after its slot the first code of a mission runs."""
    late: list[float] = []
    all_fired = asyncio.Event()

    async def note(ctx: MissionContext[Payload]) -> Payload:
        slot = datetime.fromisoformat(ctx.mission_id.partition("@")[2])
        late.append((datetime.now(UTC) - slot) / timedelta(milliseconds=1))
        if len(late) == schedules:
            all_fired.set()
        return PAYLOAD

    definition = linear(1, run=note)
    begins = datetime.now(UTC).replace(microsecond=0) + _AHEAD
    written = [
        Schedule(
            f"fires-{number}",
            definition,
            input=PAYLOAD,
            every=seconds,
            starts_at=begins + timedelta(seconds=number % seconds),
            ends_at=begins + timedelta(seconds=seconds),
        )
        for number in range(schedules)
    ]
    async with open_commander(database, schedules=written) as commander:
        if datetime.now(UTC) > begins:
            raise SystemExit("it was not ready in time")
        await all_fired.wait()
        await commander.settled()
    parts = quantiles(late, n=100)
    return {"p50": parts[49], "p99": parts[98], "latest": max(late)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))))
