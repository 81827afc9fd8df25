"""What runs when a commander is opened: nothing before whoever opens it has it."""

from __future__ import annotations

import asyncio
from typing import Any

from faulty_mailbox import Faulty
from mission_control.core import Commander, MissionContext, PersistenceAdapter, m
from sending import Sender, code, start
from storages import OpenCommander


async def lag() -> None:
    await asyncio.sleep(0.1)


def slow(inner: PersistenceAdapter) -> Faulty:
    """Storage whose mailbox is read slowly."""
    return Faulty(inner, take=lag)


async def test_what_comes_meanwhile(open_commander: OpenCommander, sender: Sender) -> None:
    """What is posted while the mailbox is read first is taken up right after that."""
    begun, gate = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        begun.set()
        await gate.wait()

    async def step(ctx: MissionContext[int]) -> int:
        return ctx.input

    definition: Any = m.define("meanwhile").start(input=int, run=step).end()
    await open_commander([definition])
    await open_commander.close()
    opening = asyncio.ensure_future(open_commander([definition], wrap=lambda inner: Faulty(inner, take=hold)))
    await begun.wait()
    posted = await sender.post(start("late", "meanwhile"))
    await asyncio.sleep(0.05)  # it is heard
    gate.set()
    await opening
    assert code(await sender.answer(posted)) is None


async def test_code_may_use_the_commander_that_is_being_opened(open_commander: OpenCommander, sender: Sender) -> None:
    """Neither what was interrupted nor what another process has asked for runs before the commander is handed out."""
    commanders: list[Commander] = []
    seen: list[tuple[str, int]] = []
    begun = asyncio.Event()

    async def step(ctx: MissionContext[int]) -> None:
        seen.append((ctx.mission_id, len(commanders)))
        begun.set()
        if len(commanders) < 2:
            await asyncio.Event().wait()

    definition: Any = m.define("looks").start(input=int, run=step).end()
    commanders.append(await open_commander([definition]))
    await commanders[0].start(definition, 1, mission_id="interrupted", wait=False)
    await asyncio.wait_for(begun.wait(), 20)
    await open_commander.crash()
    posted = await sender.post(start("posted", "looks"))
    commanders.append(await open_commander([definition], wrap=slow))
    assert code(await sender.answer(posted)) is None
    await commanders[1].settled()
    assert sorted(seen) == [("interrupted", 1), ("interrupted", 2), ("posted", 2)]
