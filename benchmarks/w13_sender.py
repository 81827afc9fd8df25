"""A process beside W1: it sends signals at an even pace through a mailbox, and says how long each took to be answered.

`python -m benchmarks.w13_sender <database> <prefix> <missions> <a second>` prints "ready", begins at the first line of
its input, ends at the next, and prints its figures as JSON. With a prefix of `-` it is as busy and signals nobody: each
request goes into the mailbox of a database that no process owns, and instead of an answer it reads a mission there.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from mission_control.adapter_sqlite import sqlite_mailbox
from mission_control.client import CommanderClient, create_commander_client
from mission_control.core import MissionHandle

from .missions import PAYLOAD, Payload, go

NOBODY = "-"
_Send = Callable[[MissionHandle[Payload]], Awaitable[None]]


async def main(database: str, prefix: str, missions: str, rate: str) -> None:
    """Send until told to stop."""
    async with create_commander_client(mailbox=sqlite_mailbox(Path(database))) as client:
        handles = [await _handle(client, f"{prefix}{number}") for number in range(int(missions))]
        send = _post if prefix == NOBODY else _signal
        stopped = asyncio.to_thread(_told)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        times = await _send_evenly(handles, send, 1 / float(rate), asyncio.ensure_future(stopped))
    print(json.dumps(times))


async def _handle(client: CommanderClient, mission_id: str) -> MissionHandle[Payload]:
    mission = await client.get_mission(mission_id)
    assert mission is not None, f"{mission_id} was not prepared"
    return mission


def _told() -> None:
    sys.stdin.readline()


async def _signal(mission: MissionHandle[Payload]) -> None:
    await mission.signal(go, PAYLOAD)


async def _post(mission: MissionHandle[Payload]) -> None:
    await mission.signal(go, PAYLOAD, wait=False)
    await mission.status()


async def _send_evenly(
    handles: list[MissionHandle[Payload]], send: _Send, pause: float, stopped: asyncio.Future[None]
) -> list[float]:
    """Send by the clock, whether or not what was sent before is answered; return the times in milliseconds."""
    times: list[float] = []

    async def timed(handle: MissionHandle[Payload]) -> None:
        begun = time.perf_counter()
        await send(handle)
        times.append((time.perf_counter() - begun) * 1e3)

    due, sending = time.perf_counter(), list[asyncio.Task[None]]()
    for handle in handles:
        due += pause
        await asyncio.wait([stopped], timeout=max(0.0, due - time.perf_counter()))
        if stopped.done():
            break
        sending.append(asyncio.create_task(timed(handle)))
    await asyncio.gather(*sending)
    if not stopped.done():
        raise SystemExit("more missions have to be prepared: they were all signalled before the end")
    return times


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
