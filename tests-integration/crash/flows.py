"""Missions of the program that is killed which have paths, decisions, undoing and children of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from crash.world import ONCE, PERSISTENT, Order, World, begin, fails
from mission_control.core import MissionContext, MissionDefinition, MissionPath, Reminder, Signal, m

PAID = Signal("paid", str)
LATE = Signal("late", str)

Code = Callable[[MissionContext[Any]], Any]


def create_flows(world: World) -> list[MissionDefinition[Any]]:
    """Return the missions that others are started with; their children are registered with them."""
    return [_voyage(world)]


def _number(ctx: MissionContext[Any]) -> int:
    """Return the number that the mission was given."""
    return int(ctx.input.number)


def _work(world: World) -> Code:
    async def work(ctx: MissionContext[Any]) -> str:
        """Take a moment, have the effect, and fail now and then."""
        await asyncio.sleep(0.001)
        world.leave(ctx)
        if fails(ctx):
            raise ConnectionError("no answer")
        return f"{ctx.step_name} {ctx.attempt}"

    return work


def _on_thread(world: World) -> Code:
    def work(ctx: MissionContext[Any]) -> int:
        world.leave(ctx)
        if fails(ctx):
            raise ConnectionError("no answer")
        return ctx.attempt

    return work


def _decides(world: World, decide: Callable[[MissionContext[Any]], Any]) -> Code:
    async def decision(ctx: MissionContext[Any]) -> Any:
        """Say the same in every process, and leave a trace as a step does."""
        world.leave(ctx)
        return decide(ctx)

    return decision


def _breaks(world: World, when: Callable[[int], bool]) -> Code:
    async def work(ctx: MissionContext[Any]) -> str:
        """Fail for good for some of the missions."""
        world.leave(ctx)
        if when(_number(ctx)):
            raise RuntimeError("for good")
        return "held"

    return work


def _undoable(world: World, name: str) -> MissionPath[Any]:
    """Return a path of one step whose undo is tried until it works."""
    return m.path().step(name, _work(world), retry=PERSISTENT, undo=_on_thread(world))


def _voyage(world: World) -> MissionDefinition[Order]:
    """Use every construct; a third of these missions fail at the end, and a seventh because of a child."""
    pay = _undoable(world, "charge").need_to(PAID, reminder=Reminder(_work(world), every=0.004, at_most=3, retry=ONCE))
    parcel = _undoable(world, "pack").step("seal", _breaks(world, lambda number: False), retry=ONCE).sleep("dry", 0.003)
    parcels = _decides(world, lambda ctx: list(range(_number(ctx) % 4)))
    pack = m.path().each("parcels", parcels, parcel, max_concurrency=2, retry=ONCE)
    nap = _decides(world, lambda ctx: 0.001 * (_number(ctx) % 5))
    fast = m.path().sleep("wind", nap).step("sail", _work(world), retry=PERSISTENT)
    slow = _undoable(world, "row").mission("ferry", _freight(world, "ferry", lambda number: False), _same(world))
    return (
        m.define("voyage")
        .start(input=Order, run=begin(world), retry=ONCE, undo=_work(world), undo_retry=PERSISTENT)
        .parallel("prepare", {"pay": pay, "pack": pack})
        .race("ride", {"fast": fast, "slow": slow})
        .branch(
            "kind",
            _decides(world, lambda ctx: _number(ctx) % 2 == 0),
            {True: _undoable(world, "gift"), False: m.path()},
            retry=ONCE,
        )
        .repeat(
            "knock",
            _undoable(world, "ring"),
            until=_decides(world, lambda ctx: ctx.index == _number(ctx) % 4),
            every=0.002,
            max_rounds=3,
            on_exhausted=_undoable(world, "leave"),
            retry=ONCE,
        )
        .need_to(LATE, timeout=0.004, on_timeout=_undoable(world, "excuse"))
        .mission("freight", _freight(world, "freight", lambda number: number % 7 == 0), _same(world), retry=ONCE)
        .mission("survey", _survey(world), _same(world), wait=False, retry=ONCE)
        .step("arrive", _breaks(world, lambda number: number % 3 == 0), retry=ONCE, undo=_gives_up(world))
        .end()
    )


def _same(world: World) -> Code:
    return _decides(world, lambda ctx: {"number": _number(ctx)})


def _gives_up(world: World) -> Code:
    async def undo(ctx: MissionContext[Any]) -> None:
        """Fail for good: nothing can be done about an arrival."""
        world.leave(ctx)
        raise RuntimeError("cannot be undone")

    return undo


def _freight(world: World, name: str, breaks: Callable[[int], bool]) -> MissionDefinition[Order]:
    """Have something to undo, and a child of its own."""
    return (
        m.define(name)
        .start(input=Order, run=begin(world), retry=ONCE)
        .step("load", _work(world), retry=PERSISTENT, undo=_work(world))
        .mission("customs", _customs(world, f"{name}-customs"), _same(world), retry=ONCE)
        .step("unload", _breaks(world, breaks), retry=ONCE)
        .end()
    )


def _customs(world: World, name: str) -> MissionDefinition[Order]:
    return (
        m.define(name)
        .start(input=Order, run=begin(world), retry=ONCE)
        .sleep("queue", 0.004)
        .step("stamp", _work(world), retry=PERSISTENT, undo=_work(world))
        .end()
    )


def _survey(world: World) -> MissionDefinition[Order]:
    return (
        m.define("survey")
        .start(input=Order, run=begin(world), retry=ONCE)
        .sleep("later", 0.003)
        .step("ask", _work(world), retry=PERSISTENT)
        .end()
    )
