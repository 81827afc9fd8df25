"""The workloads in DBOS, for `dbos.py`: reads a workload and a size from each line of its input, answers in JSON.

The settings: SQLite in WAL (set on the file; DBOS leaves the journal mode alone) with synchronous=FULL, a listener
for notifications that polls every 10 ms instead of every second (`notification_listener_polling_interval_sec`), no
console log, no telemetry, asynchronous workflows and steps. DBOS is not typed as strictly as we check, and not
installed where we check, so it is used as `Any`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

from ..processes import resident_megabytes, threads

DBOS: Any = import_module("dbos").DBOS
SetWorkflowID: Any = import_module("dbos").SetWorkflowID

_A_YEAR = 365 * 86_400.0
_IN_FLIGHT = 100


async def _work(number: int) -> dict[str, int]:
    return {"n": number}


work: Any = DBOS.step()(_work)


async def _linear(number: int, steps: int) -> None:
    await work(number)
    for _ in range(steps):
        await work(number)


async def _signalled(number: int) -> None:
    await work(number)
    await DBOS.recv_async("go", timeout_seconds=_A_YEAR)
    await work(number)


linear: Any = DBOS.workflow()(_linear)
signalled: Any = DBOS.workflow()(_signalled)


async def throughput(missions: int) -> Mapping[str, float]:
    """W1."""
    left = iter(range(missions))

    async def caller() -> None:
        for number in left:
            await linear(number, 3)

    begun = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(_IN_FLIGHT)))
    return {"rate": missions / (time.perf_counter() - begun)}


async def latency(missions: int) -> Mapping[str, float]:
    """W2."""
    times: list[float] = []
    for number in range(missions):
        begun = time.perf_counter()
        await linear(number, 1)
        times.append(time.perf_counter() - begun)
    return {"p50": median(times) * 1e3}


async def signal(missions: int) -> Mapping[str, float]:
    """W3."""
    parked = [await DBOS.start_workflow_async(signalled, number) for number in range(missions)]
    await asyncio.sleep(1.0)  # until all of them are waiting, which DBOS has no call for
    times: list[float] = []
    for handle in parked:
        begun = time.perf_counter()
        await DBOS.send_async(handle.get_workflow_id(), {"n": 1}, "go")
        await handle.get_result()
        times.append(time.perf_counter() - begun)
    return {"p50": median(times) * 1e3}


async def long_mission(steps: int) -> Mapping[str, float]:
    """W4."""
    begun = time.perf_counter()
    await linear(1, steps)
    return {"seconds": time.perf_counter() - begun}


async def park(workflows: int) -> None:
    """The first half of W5: begin the workflows, and die."""
    for number in range(workflows):
        with SetWorkflowID(f"parked-{number}"):
            await DBOS.start_workflow_async(signalled, number)
    print("{}", flush=True)
    os._exit(0)


async def resume(workflows: int, begun: float, imported: float) -> Mapping[str, float]:
    """The second half of W5: take them up, and send one of them its signal."""
    ready = time.perf_counter()
    chosen = f"parked-{workflows // 2}"
    await DBOS.send_async(chosen, {"n": 1}, "go")
    handle = await DBOS.retrieve_workflow_async(chosen)
    await handle.get_result(polling_interval_sec=0.01)
    served = time.perf_counter()
    return {
        "ready": (ready - begun) * 1e3,
        "signal": (served - ready) * 1e3,
        "rss": resident_megabytes() - imported,
        "threads": float(threads()),
    }


WORKLOADS = {"W1": throughput, "W2": latency, "W3": signal, "W4": long_mission}


async def serve() -> None:
    """Answer line by line."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        workload, size = line.split()
        print(json.dumps(await WORKLOADS[workload](int(size))), flush=True)


def launch(database: Path) -> None:
    """Open the database."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"sqlite:///{database}",
            "application_version": "1",
            "notification_listener_polling_interval_sec": 0.01,
            "log_level": "ERROR",
        }
    )
    DBOS.launch()


async def main(database: Path, what: str, size: int) -> None:
    """Do what the command line says, in a process that ends without waiting for anybody."""
    imported, begun = resident_megabytes(), time.perf_counter()
    launch(database)
    if what == "serve":
        await serve()
    elif what == "park":
        await park(size)
    else:
        print(json.dumps(await resume(size, begun, imported)), flush=True)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0))
