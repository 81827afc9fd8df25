"""An approval to wait for, a step that waits, and storage that does: what the tests of signals share."""

from __future__ import annotations

import asyncio
from typing import Any

from attrs import define

from mission_control.core import Commander, MissionContext, MissionDefinition, MissionHandle, Signal
from storages import Gated, Kept, OpenCommander


@define
class Approval:
    by: str
    amount: int = 1


APPROVE = Signal("approve", Approval)


def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


async def fail(ctx: MissionContext[int]) -> None:
    raise ValueError("no")


class Gate:
    """A step that says that it has begun, and waits until it may end."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self, ctx: MissionContext[int]) -> str:
        self.entered.set()
        await self.may_end.wait()
        return "done"


async def signals_of(mission: MissionHandle[Any]) -> list[tuple[str, Any]]:
    return [(signal.event_name, signal.payload) for signal in (await mission.inspect()).signals]


async def turns(count: int = 50) -> None:
    """Let everything that can go on do so."""
    for _ in range(count):
        await asyncio.sleep(0)


async def open_slow(open_commander: OpenCommander, *definitions: MissionDefinition[Any]) -> tuple[Commander, Gated]:
    """Return a commander, and its storage, whose gate is open."""
    slow = Kept(Gated)
    commander = await open_commander(definitions, wrap=slow)
    return commander, slow.adapter
