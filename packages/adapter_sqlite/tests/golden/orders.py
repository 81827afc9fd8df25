"""Orders with every kind of node that a line has, lived through in four processes, always in the same way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import (
    Commander,
    MissionContext,
    MissionDefinition,
    MissionFailedError,
    MissionHandle,
    RetryPolicy,
    Signal,
    create_commander,
    m,
)
from mission_control.testing import FakeClock, crash

BEGAN = datetime(2024, 2, 29, 12, tzinfo=UTC)


@attrs.frozen
class Order:
    """What is ordered."""

    item: str
    price: float = 9.5


@attrs.frozen
class Payment:
    """Who paid, and how much."""

    payer: str
    amount: int | None = None


paid = Signal("paid", Payment)


async def reserve(ctx: MissionContext[Order]) -> Order:
    return ctx.input


def note(ctx: MissionContext[Order], text: str) -> str:
    return f"{text}: \"\\\u00e4\u2028\x7f/'"


def total(ctx: MissionContext[Order]) -> float:
    return ctx.output(reserve).price


_code: dict[str, Any] = {}
exec(  # its tracebacks are recorded: they are the same wherever this file lies, and whatever else is in it
    compile(
        """
def pack(ctx):
    if ctx.input.item == "unicorn":
        raise LookupError("no such item: \N{UNICORN FACE}")
    if ctx.attempt == 1:
        raise ConnectionError("no answer")
    return {"weight": 1.50, "key": ctx.idempotency_key, "parts": [1, None, True]}
""",
        "orders",
        "exec",
    ),
    _code,
)
pack: Callable[[MissionContext[Order]], object] = _code["pack"]


async def weigh(ctx: MissionContext[Order]) -> str | None:
    """Never end in the first two processes where the order is heavy."""
    if ctx.input.item == "anvil" and ctx.attempt < 3:
        await asyncio.get_running_loop().create_future()
    return ctx.input.item


async def charge(ctx: MissionContext[Order]) -> int | None:
    return ctx.received(paid).amount


def define() -> MissionDefinition[Order]:
    """Return the definition of an order."""
    return (
        m.define("order")
        .query("total", total)
        .update("note", str, note)
        .start(input=Order, run=reserve)
        .step("weigh", weigh, retry=RetryPolicy(max_attempts=2))
        .step(
            "pack",
            pack,
            retry=RetryPolicy(max_attempts=3, initial_interval=60, backoff_multiplier=2, give_up_on=(LookupError,)),
            timeout=timedelta(minutes=5),
        )
        .sleep("drying", timedelta(hours=2))
        .need_to(paid, timeout=timedelta(days=5), timeout_message="never paid")
        .step("charge", charge)
        .sleep("no-time", 0)
        .need_to("rating", int)
        .end()
    )


async def first_half(path: Path) -> None:
    """Let orders begin: at the end one waits for each kind of thing, one has failed, and some were cancelled."""
    clock = FakeClock(BEGAN)
    commander = _commander(path, clock)
    for name, item in (("paid", "kettle"), ("late", "teapot"), ("cancelled", "cup"), ("failed", "unicorn")):
        with suppress(MissionFailedError):
            await _begin(commander, name, item)
    await _begin(commander, "delayed", "saucer", start_at=BEGAN + timedelta(days=9))
    await clock.advance(timedelta(hours=3))
    await (await _order(commander, "paid")).signal(paid, Payment("J\u00f8rgen", 10**20))
    await (await _order(commander, "cancelled")).cancel("changed my mind: \N{CROSS MARK}")
    await _begin(commander, "asleep", "bowl")
    await _begin(commander, "cancelled-asleep", "plate")
    await clock.advance(90)
    await _begin(commander, "backing-off", "spoon")
    await _begin(commander, "cancelled-backing-off", "fork")
    await (await _order(commander, "cancelled-backing-off")).cancel()
    await _begin(commander, "interrupted", "anvil", wait=False)
    await _hangs(commander, attempt=1)
    await crash(commander)
    async with _commander(path, clock) as commander:
        await _hangs(commander, attempt=2)


async def second_half(path: Path) -> None:
    """Bring the orders of the first half to their ends."""
    clock = FakeClock(BEGAN + timedelta(days=1))
    async with _commander(path, clock) as commander:
        await (await _order(commander, "paid")).update("note", "mind the handle")
        await (await _order(commander, "paid")).signal("rating", 5)
        await (await _order(commander, "cancelled-asleep")).cancel("asleep")
        await clock.advance(timedelta(hours=4))
        for name in ("asleep", "backing-off", "interrupted"):
            await (await _order(commander, name)).signal(paid, {"payer": name})
        for name in ("asleep", "backing-off", "interrupted"):
            await (await _order(commander, name)).signal("rating", len(name))
        await clock.advance(timedelta(days=20))


def _commander(path: Path, clock: FakeClock) -> Commander:
    return create_commander(definitions=[define()], persistence=create_sqlite_persistence_adapter(path), clock=clock)


async def _begin(commander: Commander, mission_id: str, item: str, **options: Any) -> None:
    await commander.start("order", {"item": item}, mission_id=mission_id, **options)


async def _order(commander: Commander, mission_id: str) -> MissionHandle[Any]:
    mission = await commander.get_mission(mission_id)
    assert mission is not None
    return mission


async def _hangs(commander: Commander, *, attempt: int) -> None:
    """Return when the heavy order is on record as being weighed."""
    async with asyncio.timeout(30):
        while True:
            inspection = await commander.inspect_mission("interrupted")
            if inspection is not None and inspection.step_attempts:
                last = inspection.step_attempts[-1]
                if (last.step_name, last.attempt_number, last.status) == ("weigh", attempt, "running"):
                    return
            await asyncio.sleep(0)
