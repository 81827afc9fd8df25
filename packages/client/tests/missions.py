"""The missions that the clients are tested with."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from attrs import define

from mission_control.core import MissionContext, MissionDefinition, MissionInspection, Signal, m


@define
class Order:
    item: str
    count: int = 1


@define
class Approval:
    by: str


approve = Signal("approve", Approval)


def place(ctx: MissionContext[Order]) -> Order:
    return ctx.input


async def ship(ctx: MissionContext[Order]) -> str:
    return f"{ctx.input.count} x {ctx.input.item}, approved by {ctx.received(approve).by}"


def count(ctx: MissionContext[Any]) -> int:
    """A query."""
    return int(ctx.events["start"].output["count"])


def rename(ctx: MissionContext[Any], name: str) -> str:
    """An update."""
    return name.upper()


order = (
    m.define("order")
    .query("count", count)
    .update("rename", str, rename)
    .start(input=Order, run=place)
    .need_to(approve)
    .step("ship", ship)
    .end()
)


def noted(inspection: MissionInspection | None) -> list[str]:
    """Return who is noted in the records of a mission."""
    assert inspection is not None
    return [record.details["by"] for record in inspection.history if "by" in record.details]


def stepping(run: Callable[[MissionContext[str]], object], name: str = "stepping") -> MissionDefinition[str]:
    """Return a mission of one step."""
    return m.define(name).start(input=str, run=lambda ctx: ctx.input).step("run", run).end()


class Hold:
    """A synchronous step that runs until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, ctx: MissionContext[str]) -> str:
        self.begun.set()
        assert self.let_go.wait(20)
        return "let go"
