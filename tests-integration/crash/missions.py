"""The missions of the program that is killed: together they use whatever a mission can do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from attrs import define

from crash.flows import create_flows
from crash.world import ONCE, PERSISTENT, Order, World, begin, fails
from mission_control.core import (
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


@define
class Errand:
    """What a mission is given that reports to the one that started it."""

    number: int
    parent: str


def create_definitions(world: World) -> list[MissionDefinition[Any]]:
    """Return all definitions of the program."""
    plain = (_order, _account, _family, _errand, _doomed, _hopeless, _lapsing)
    return [create(world) for create in plain] + create_flows(world)


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
        .start(input=Order, run=begin(world), retry=ONCE)
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
        .start(input=Order, run=begin(world), retry=ONCE)
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
        .start(input=Order, run=begin(world), retry=ONCE)
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
        .start(input=Errand, run=begin(world), retry=ONCE)
        .sleep("walk", 0.005)
        .step("report", report, retry=PERSISTENT)
        .end()
    )


def _doomed(world: World) -> MissionDefinition[Order]:
    async def break_down(ctx: MissionContext[Any]) -> None:
        world.leave(ctx)
        raise RuntimeError("always")

    policy = RetryPolicy(max_attempts=MOST_FAILURES, initial_interval=0.003, max_interruptions=1_000)
    return (
        m.define("doomed")
        .start(input=Order, run=begin(world), retry=ONCE)
        .step("break", break_down, retry=policy)
        .end()
    )


def _hopeless(world: World) -> MissionDefinition[Order]:
    async def hang(ctx: MissionContext[Any]) -> None:
        world.leave(ctx)
        await asyncio.sleep(3600)

    policy = RetryPolicy(max_interruptions=1_000)
    return m.define("hopeless").start(input=Order, run=begin(world), retry=ONCE).step("hang", hang, retry=policy).end()


def _lapsing(world: World) -> MissionDefinition[Order]:
    return (
        m.define("lapsing")
        .start(input=Order, run=begin(world), retry=ONCE)
        .need_to(LAPSING, timeout=0.02)
        .step("rest", _charge(world), retry=PERSISTENT)
        .end()
    )
