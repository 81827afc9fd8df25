"""Missions for the tests of the package, and a worker and a commander for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from attrs import define
from temporalio.client import Client

from mission_control.core import Commander, MissionContext, MissionDefinition, RetryPolicy, Signal, m
from mission_control.temporal import create_temporal_commander, create_temporal_worker


@define
class Order:
    item: str
    country: str


VAT = {"DE": 19}
paid = Signal("paid", int)


async def accept(ctx: MissionContext[Order]) -> str:
    return ctx.input.item


async def invoice(ctx: MissionContext[Order]) -> str:
    return f"{ctx.input.item} with {VAT[ctx.input.country]} %"


def note(ctx: MissionContext[Order], text: str) -> str:
    if text == "bad":
        raise ValueError("it is bad")
    return text.upper()


def item(ctx: MissionContext[Order]) -> str:
    return ctx.input.item


order = (
    m.define("order")
    .query("item", item)
    .update("note", str, note)
    .start(input=Order, run=accept)
    .step("invoice", invoice, retry=RetryPolicy(max_attempts=1))
    .need_to(paid)
    .end()
)


async def doze(ctx: MissionContext[int]) -> int:
    return ctx.input


nap = m.define("nap").start(input=int, run=doze).sleep("night", timedelta(hours=8)).step("wake", doze).end()


async def whom(ctx: MissionContext[int]) -> int:
    return ctx.input


family = m.define("family").start(input=int, run=doze).mission("kid", nap, whom).end()

DEFINITIONS: tuple[MissionDefinition[Any], ...] = (order, nap, family)
LAMP = Order(item="a lamp", country="DE")


@asynccontextmanager
async def at_work(client: Client, *definitions: MissionDefinition[Any]) -> AsyncGenerator[Commander]:
    """Yield a commander, beside one worker."""
    known = definitions or DEFINITIONS
    async with (
        create_temporal_worker(client, definitions=known, task_queue="tests"),
        create_temporal_commander(client, definitions=known, task_queue="tests") as commander,
    ):
        yield commander


async def listed(commander: Commander, count: int, **query: Any) -> list[Any]:
    """Return missions once there are so many in the lists, which are there a moment later."""
    found: list[Any] = []
    for _ in range(100):
        found = await commander.list_missions(**query)
        if len(found) == count:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{count} missions were expected, found {found}")
