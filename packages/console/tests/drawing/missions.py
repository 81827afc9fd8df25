"""A mission of every construct, and real missions of it at every kind of place."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from mission_control.core import MissionContext, MissionDefinition, NonRetryableError, Reminder, RetryPolicy, m

Text = MissionContext[list[str]]


async def work(ctx: MissionContext[Any]) -> str:
    if ctx.step_name.endswith("fails") or (ctx.index is not None and "bad" in _item(ctx)):
        raise NonRetryableError("it cannot be done")
    return "done"


def _item(ctx: MissionContext[Any]) -> str:
    return str(ctx.input[ctx.index]) if "items[" in ctx.step_name and ctx.index is not None else ""


async def flaky(ctx: MissionContext[Any]) -> str:
    raise ValueError("not yet")


async def take_back(ctx: MissionContext[Any]) -> str:
    return "taken back"


async def items(ctx: Text) -> list[str]:
    return ctx.input


async def choose(ctx: MissionContext[Any]) -> Literal["left", "right"]:
    return "left"


async def other(ctx: MissionContext[Any]) -> str:
    return "neither"


async def over(ctx: MissionContext[Any]) -> bool:
    return (ctx.index or 0) >= 2


async def never(ctx: MissionContext[Any]) -> bool:
    return False


async def nothing(ctx: MissionContext[Any]) -> str:
    return "x"


child = m.define("child").start(input=str, run=work).need_to("go", bool).end()

DAY = timedelta(days=1)


def line(name: str = "flow") -> Any:
    """A mission that has begun."""
    return m.define(name).start(input=list[str], run=work)


def everything() -> MissionDefinition[list[str]]:
    """A definition that has every construct, with every part that it can have."""
    late = m.path().step("call", work)
    reminder = Reminder(work, DAY, at_most=3)
    definition: MissionDefinition[list[str]] = (
        line("everything")
        .step("prepare", work, undo=take_back)
        .need_to("approve", bool, timeout=7 * DAY, on_timeout=late, reminder=reminder)
        .sleep("pause", DAY)
        .parallel("both", {"a": m.path().step("one", work), "b": m.path().need_to("two", int)})
        .race("first", {"quick": m.path().step("run", work), "slow": m.path().sleep("crawl", 9 * DAY)})
        .branch(
            "way", choose, {"left": m.path().step("l", work), "right": m.path()}, otherwise=m.path().step("o", work)
        )
        .each("items", items, m.path().step("item", work, undo=take_back), max_concurrency=2, max_failures=None)
        .repeat("again", m.path().step("turn", work), until=over, every=DAY, max_rounds=5, on_exhausted=late)
        .mission("child", child, nothing)
        .step("flaky", flaky, retry=RetryPolicy(max_attempts=None, initial_interval=DAY))
        .end()
    )
    return definition
