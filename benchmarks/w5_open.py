"""What a new process over a database of parked missions costs until it has served the first signal."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import timedelta
from pathlib import Path

from .missions import PAYLOAD, go, open_commander, signalled, sleeping
from .processes import resident_megabytes, threads


async def main(database: Path, mission_id: str) -> dict[str, float]:
    """Open the database, and send a signal to one of its missions."""
    definitions = signalled(), sleeping(timedelta(days=365))
    imported = resident_megabytes()
    begun = time.perf_counter()
    commander = open_commander(database, *definitions)
    await commander.wait_until_ready()
    ready = time.perf_counter()
    mission = await commander.get_mission(mission_id)
    assert mission is not None
    await mission.signal(go, PAYLOAD)
    served = time.perf_counter()
    await commander.settled()
    figures = {
        "ready": (ready - begun) * 1e3,
        "signal": (served - ready) * 1e3,
        "rss": resident_megabytes() - imported,
        "threads": float(threads()),
    }
    await commander.close()
    return figures


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))))
