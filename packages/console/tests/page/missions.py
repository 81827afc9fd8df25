"""What the pages of these tests are about: missions that wait, fail, sleep and end, with what looks like markup."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from attrs import define, field, validators

from mission_control.core import MissionContext, MissionDefinition, RetryPolicy, Schedule, Signal, m

MARKUP = "<script>alert('x')</script>"


@define
class Order:
    customer: str
    amount: int


@define
class Approval:
    approved: bool
    reason: str
    level: int = field(default=1, validator=validators.le(3))


APPROVED = Signal("approved", Approval)

credit = {"is_given": False}
"""Whether orders above 100 pass; a test that reopens one changes it."""


def take(ctx: MissionContext[Order]) -> dict[str, Any]:
    return {"customer": ctx.input.customer}


def check(ctx: MissionContext[Order]) -> dict[str, bool]:
    if ctx.input.amount > 100 and not credit["is_given"]:
        raise ValueError(f"no credit for {ctx.input.customer}")
    return {"is_good": True}


def fail(ctx: MissionContext[Order]) -> None:
    raise ConnectionError("the line is down")


def people(ctx: MissionContext[dict[str, list[str]]]) -> list[str]:
    return ctx.input["people"]


def definitions() -> list[MissionDefinition[Any]]:
    """Return the definitions."""
    order = (
        m.define("order")
        .start(input=Order, run=take)
        .step("check-credit", check)
        .need_to(APPROVED, timeout=timedelta(days=2))
        .sleep("cool-down", timedelta(hours=3))
        .end()
    )
    forked = (
        m.define("forked")
        .start(input=Order, run=take)
        .parallel("both", {"left": m.path().need_to(APPROVED), "right": m.path().need_to("papers", str)})
        .end()
    )
    retrying = (
        m.define("retrying")
        .start(input=Order, run=take)
        .step("send", fail, retry=RetryPolicy(max_attempts=9, initial_interval=3600))
        .end()
    )
    asking = (
        m.define("asking")
        .start(input=dict[str, list[str]], run=lambda ctx: None)
        .each("people", people, m.path().need_to(APPROVED))
        .end()
    )
    return [order, forked, retrying, asking, m.define("plain").start(input=Order, run=take).end()]


def nightly(definitions: list[MissionDefinition[Any]]) -> Schedule:
    """Return a schedule that fires every night."""
    return Schedule("nightly", definitions[-1], input={"customer": "nobody", "amount": 1}, cron="0 3 * * *")
