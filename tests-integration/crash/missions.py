"""The missions of the program that is killed: together they use whatever a mission can do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from zlib import crc32

from attrs import define

from crash.ledger import Ledger
from mission_control.core import (
    Commander,
    MissionContext,
    MissionDefinition,
    MissionSignalError,
    RetryPolicy,
    Signal,
    m,
)

MOST_FAILURES = 2
"""Failures after which a doomed mission gives up."""

APPROVE = Signal("approve", str)
CHILD_ENDED = Signal("child-ended", str)
LAPSING = Signal("hurry", str)

PERSISTENT = RetryPolicy(max_attempts=None, initial_interval=0.005, max_interruptions=1_000)


@define
class Order:
    """What every mission here is given."""

    number: int


@define
class Errand:
    """What a mission is given that reports to the one that started it."""

    number: int
    parent: str


class World:
    """What steps reach for: the ledger to leave their effects in, and the commander to command other missions with."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.commander: Commander | None = None

    def leave(self, ctx: MissionContext[Any]) -> None:
        """Have a side effect, which bears the attempt's number."""
        self.ledger.write("effect", ctx.mission_id, ctx.step_name, ctx.attempt)

    @property
    def here(self) -> Commander:
        """The commander of this process."""
        assert self.commander is not None  # set before the first mission starts
        return self.commander


def fails(ctx: MissionContext[Any]) -> bool:
    """True for about every third attempt, and for the same ones in every process."""
    return crc32(f"{ctx.idempotency_key}:{ctx.attempt}".encode()) % 3 == 0


def create_definitions(world: World) -> list[MissionDefinition[Any]]:
    """Return all definitions of the program."""
    return [create(world) for create in (_order, _account, _family, _errand, _doomed, _hopeless, _lapsing)]


def _begin(world: World) -> Callable[[MissionContext[Any]], Any]:
    async def begin(ctx: MissionContext[Any]) -> int:
        world.leave(ctx)
        return ctx.attempt

    return begin


def _charge(world: World) -> Callable[[MissionContext[Any]], Any]:
    def charge(ctx: MissionContext[Any]) -> int:
        """Run on a thread, and fail now and then."""
        world.leave(ctx)
        if fails(ctx):
            raise ConnectionError("the bank did not answer")
        return ctx.attempt

    return charge


def _order(world: World) -> MissionDefinition[Order]:
    async def ship(ctx: MissionContext[Any]) -> int:
        await asyncio.sleep(0.002)
        world.leave(ctx)
        if fails(ctx):
            raise ConnectionError("the carrier did not answer")
        return ctx.attempt

    return (
        m.define("order")
        .start(input=Order, run=_begin(world))
        .step("charge", _charge(world), retry=PERSISTENT)
        .sleep("settle", 0.01)
        .need_to(APPROVE)
        .step("ship", ship, retry=PERSISTENT)
        .step("file", _charge(world), retry=PERSISTENT)
        .end()
    )


def _account(world: World) -> MissionDefinition[Order]:
    async def deposit(ctx: MissionContext[Any], token: str) -> str:
        await asyncio.sleep(0.001)
        return token

    return (
        m.define("account")
        .update("deposit", str, deposit)
        .start(input=Order, run=_begin(world))
        .need_to(APPROVE, timeout=3600)
        .step("close", _charge(world), retry=PERSISTENT)
        .end()
    )


def _family(world: World) -> MissionDefinition[Order]:
    async def spawn(ctx: MissionContext[Order]) -> str:
        world.leave(ctx)
        errand = {"number": ctx.input.number, "parent": ctx.mission_id}
        child = f"{ctx.mission_id}-child"
        await world.here.start("errand", errand, mission_id=child, if_exists="return", wait=False)
        world.ledger.write("accepted", child)
        return child

    return (
        m.define("family")
        .start(input=Order, run=_begin(world))
        .step("spawn", spawn, retry=PERSISTENT)
        .need_to(CHILD_ENDED)
        .step("celebrate", _charge(world), retry=PERSISTENT)
        .end()
    )


def _errand(world: World) -> MissionDefinition[Errand]:
    async def report(ctx: MissionContext[Errand]) -> str:
        world.leave(ctx)
        parent = await world.here.get_mission(ctx.input.parent)
        assert parent is not None
        token = f"{ctx.mission_id}:{ctx.attempt}"
        try:
            await parent.signal(CHILD_ENDED, token, wait=False)
        except MissionSignalError:
            received = (await parent.snapshot()).events.get(CHILD_ENDED.name)
            if received is None:
                raise  # the parent is not there yet: another attempt
        else:
            world.ledger.write("signalled", parent.mission_id, CHILD_ENDED.name, token)
        return token

    return (
        m.define("errand")
        .start(input=Errand, run=_begin(world))
        .sleep("walk", 0.005)
        .step("report", report, retry=PERSISTENT)
        .end()
    )


def _doomed(world: World) -> MissionDefinition[Order]:
    async def break_down(ctx: MissionContext[Any]) -> None:
        world.leave(ctx)
        raise RuntimeError("always")

    policy = RetryPolicy(max_attempts=MOST_FAILURES, initial_interval=0.003, max_interruptions=1_000)
    return m.define("doomed").start(input=Order, run=_begin(world)).step("break", break_down, retry=policy).end()


def _hopeless(world: World) -> MissionDefinition[Order]:
    async def hang(ctx: MissionContext[Any]) -> None:
        world.leave(ctx)
        await asyncio.sleep(3600)

    policy = RetryPolicy(max_interruptions=1_000)
    return m.define("hopeless").start(input=Order, run=_begin(world)).step("hang", hang, retry=policy).end()


def _lapsing(world: World) -> MissionDefinition[Order]:
    return (
        m.define("lapsing")
        .start(input=Order, run=_begin(world))
        .need_to(LAPSING, timeout=0.02)
        .step("rest", _charge(world), retry=PERSISTENT)
        .end()
    )
