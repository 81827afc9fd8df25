"""Missions about orders, and storage that holds its commits back: what the tests of starting share."""

from __future__ import annotations

import asyncio
from typing import Any

from attrs import define

from mission_control.core import (
    Commander,
    MissionContext,
    MissionDefinition,
    MissionStatus,
    m,
)


@define
class Order:
    item: str
    amount: int = 1


async def nothing(ctx: MissionContext[Any]) -> None:
    pass


async def fail(ctx: MissionContext[Any]) -> None:
    raise ValueError("out of stock")


ORDER = m.define("order").start(input=Order, run=nothing).end()
APPROVAL = m.define("approval").start(input=Order, run=nothing).need_to("approve", str).end()
FAILING = m.define("failing").start(input=Order, run=fail).end()


def blocked_on(gate: asyncio.Event, runs: list[str] | None = None) -> MissionDefinition[Order]:
    """Return a mission whose step waits for `gate`, and notes that it ran."""

    async def block(ctx: MissionContext[Order]) -> str:
        if runs is not None:
            runs.append(ctx.mission_id)
        await gate.wait()
        return ctx.input.item

    return m.define("blocked").start(input=Order, run=nothing).step("block", block).end()


async def begun(runs: list[str]) -> None:
    """Return when a step of `blocked_on` has noted its run."""
    async with asyncio.timeout(30):
        while not runs:
            await asyncio.sleep(0)


async def status_of(commander: Commander, mission_id: str) -> MissionStatus | None:
    inspection = await commander.inspect_mission(mission_id)
    return None if inspection is None else inspection.snapshot.status
