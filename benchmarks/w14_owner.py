"""A fresh process over a database with schedules that are not due: how long until it is ready, and what it uses then.

`python -m benchmarks.w14_owner <database> <schedules> <seconds>` prints its figures as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mission_control.core import MissionDefinition, Schedule

from .missions import PAYLOAD, Payload, linear, open_commander

_ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC")


async def main(database: Path, schedules: int, seconds: float) -> dict[str, float]:
    """Open the database, and do nothing for a while."""
    definition = linear(1)
    begun = time.perf_counter()
    written = list(_schedules(definition, schedules))
    made = time.perf_counter()
    async with open_commander(database, definition, schedules=written) as commander:
        ready = time.perf_counter()
        await commander.settled()
        used = time.process_time()
        await asyncio.sleep(seconds)
        used = time.process_time() - used
    return {"made": (made - begun) * 1e3, "ready": (ready - made) * 1e3, "used": used / seconds * 1e3}


def _schedules(definition: MissionDefinition[Payload], count: int) -> Iterator[Schedule[Payload]]:
    """Yield schedules of each day, at all times of the day, the same ones in each process of a day."""
    begins = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
    for number in range(count):
        yield Schedule(
            f"daily-{number}",
            definition,
            input=PAYLOAD,
            cron=f"{number % 60} {number // 60 % 24} * * *",
            time_zone=_ZONES[number % len(_ZONES)],
            starts_at=begins,
        )


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))))
