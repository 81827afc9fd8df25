"""Processes that tests of mailboxes stop and kill: `own DATABASE` runs missions, `send DATABASE NAME` sends.

`operate DATABASE NAME` sends, too, and pauses and resumes each mission twice before it signals it.

`fork DATABASE` runs missions beside a child of itself, whose id it says.

The owner says when it is ready. The sender starts missions and signals each of them, and says of each when it was
accepted.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from mission_control.adapter_sqlite import SQLiteCommander, sqlite_mailbox
from mission_control.core import MissionContext, m
from mission_control.core.storage import PauseRequest, ResumeRequest, SignalRequest, StartRequest


async def work(ctx: MissionContext[int]) -> int:
    return ctx.input


job = m.define("job").start(input=int, run=work).need_to("go", int).step("work", work).end()


async def own(database: Path) -> None:
    async with SQLiteCommander(database_path=database, definitions=[job]):
        say("ready")
        await asyncio.Event().wait()


async def own_and_fork(database: Path) -> None:
    async with SQLiteCommander(database_path=database, definitions=[job]):
        child = os.fork()
        if child == 0:
            os.close(1)  # who waits for the end of the owner's words waits for it alone
            signal.pause()
        say(str(child))
        await asyncio.Event().wait()


async def send(database: Path, name: str, *, pauses: int = 0) -> None:
    outbox = await sqlite_mailbox(database).open(lambda: None)
    for number in count():
        mission_id = f"{name}-{number}"
        await outbox.post(StartRequest(mission_id=mission_id, mission_name="job", input=number), is_awaited=False)
        for _ in range(pauses):
            await outbox.post(PauseRequest(mission_id=mission_id, by=name), is_awaited=False)
            await outbox.post(ResumeRequest(mission_id=mission_id, by=name), is_awaited=False)
        await outbox.post(SignalRequest(mission_id=mission_id, name="go", payload=number), is_awaited=False)
        say(mission_id)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    role, file, *names = sys.argv[1:]
    roles: dict[str, Callable[..., Any]] = {
        "own": own,
        "fork": own_and_fork,
        "send": send,
        "operate": partial(send, pauses=2),
    }
    asyncio.run(roles[role](Path(file), *names))
