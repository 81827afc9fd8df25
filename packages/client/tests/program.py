"""A program that uses the blocking client and ends in one of several ways, its client never closed."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.client import create_blocking_client
from mission_control.core import CommanderClosedError, MissionContext, m

begun = threading.Event()


async def work(ctx: MissionContext[str]) -> str:
    begun.set()
    if ctx.input == "leave":
        raise SystemExit(3)
    if ctx.input == "for ever":
        await asyncio.Event().wait()
    await asyncio.to_thread(time.sleep, 0.01)
    return "done"


labour = m.define("labour").start(input=str, run=lambda ctx: None).step("work", work).end()


def main(way: str, database: str) -> None:
    client = create_blocking_client(
        definitions=[labour], persistence=create_sqlite_persistence_adapter(database), identity="program"
    )
    if way == "idle":
        return
    if way == "used":
        client.start_mission(labour, "x").output()
    if way in ("running", "raises", "waits"):
        mission = client.start_mission(labour, "for ever", mission_id="labour-1", wait=False)
        assert begun.wait(20)
        if way == "raises":
            raise ValueError("the program's own")
        if way == "waits":
            sys.stderr.write("waiting\n")
            sys.stderr.flush()
            mission.result()
    if way == "left":
        for call in (lambda: client.start_mission(labour, "leave"), client.list_missions):
            try:
                call()
            except CommanderClosedError as error:
                sys.stderr.write(f"{error}\n")
        client.close()
    if way == "forks":
        child = os.fork()
        if child == 0:
            try:
                client.list_missions()
            except CommanderClosedError as error:
                sys.stderr.write(f"{error}\n")
            client.close()
            sys.exit(7)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 7
        client.list_missions()


main(*sys.argv[1:])
