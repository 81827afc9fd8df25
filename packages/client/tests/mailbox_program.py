"""Processes around one database: an owner, clients that do not stop asking, and clients that are forked."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, sqlite_mailbox
from mission_control.client import create_blocking_client, create_commander_client
from mission_control.core import CommanderClosedError, MissionContext, NotAnsweredError, Signal, m
from mission_control.runtime import create_commander_runtime

T = TypeVar("T")

go = Signal("go", int)


async def work(ctx: MissionContext[str]) -> int:
    return ctx.received(go)


labour = m.define("labour").start(input=str, run=lambda ctx: None).need_to(go).step("work", work).end()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def own(database: str) -> None:
    runtime = create_commander_runtime(
        definitions=[labour], persistence=create_sqlite_persistence_adapter(database, lock_timeout=20)
    )

    async def run() -> None:
        async with runtime:
            say("ready")
            await runtime.run_until_stopped()

    asyncio.run(run())


def ask(database: str, name: str, count: str) -> None:
    """Bring missions to their ends one after the other, whatever becomes of the owner meanwhile."""
    asyncio.run(_ask(database, [f"{name}-{number}" for number in range(int(count))]))


async def _ask(database: str, mission_ids: list[str]) -> None:
    client = create_commander_client(mailbox=sqlite_mailbox(database), definitions=[labour], answer_timeout=0.5)
    async with client:
        for number, mission_id in enumerate(mission_ids):

            async def start(mission_id: str = mission_id) -> None:
                await client.start_mission(labour, "x", mission_id=mission_id, if_exists="return")

            await answered(start)
            mission = await client.get_mission(mission_id)
            assert mission is not None

            async def signal(number: int = number, send: Callable[..., Awaitable[None]] = mission.signal) -> None:
                await send(go, number, key="once")

            await answered(signal)
            assert await mission.output() == number
            say(mission_id)


async def answered(ask: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await ask()
        except NotAnsweredError:
            pass


def fork(database: str) -> None:
    """Use clients that were made before a fork on both sides of it, and some that were opened before another one."""
    waiting = create_blocking_client(mailbox=sqlite_mailbox(database), definitions=[labour])
    client = create_commander_client(mailbox=sqlite_mailbox(database), definitions=[labour])
    child = os.fork()
    who = "child" if child == 0 else "parent"
    waiting.start_mission(labour, "x", mission_id=f"{who}-1").signal(go, 1)
    with asyncio.Runner() as runner:
        runner.run(client.start_mission(labour, "x", mission_id=f"{who}-2"))
        if child != 0:
            succeeded(child)
            succeeded(refused_in_a_fork(waiting.list_missions))
            succeeded(refused_in_a_fork(lambda: asyncio.run(client.list_missions())))
            assert len(waiting.list_missions()) == len(runner.run(client.list_missions())) == 4
        runner.run(client.close())
    waiting.close()
    if child == 0:
        os._exit(0)


def refused_in_a_fork(use: Callable[[], object]) -> int:
    """Fork a process that succeeds where the use is refused, and return its id."""
    child = os.fork()
    if child == 0:
        try:
            use()
        except CommanderClosedError as error:
            os._exit(0 if "from which this one was forked" in str(error) else 2)
        os._exit(3)
    return child


def succeeded(child: int) -> None:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def leave(database: str) -> None:
    """End without closing."""
    client = create_blocking_client(mailbox=sqlite_mailbox(database))
    client.list_missions()
    create_blocking_client(mailbox=sqlite_mailbox(database))


if __name__ == "__main__":
    programs: dict[str, Callable[..., None]] = {"own": own, "ask": ask, "fork": fork, "leave": leave}
    programs[sys.argv[1]](*sys.argv[2:])
