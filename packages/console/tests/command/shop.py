"""What the missions of the tests run under: a shop that sells lamps, asks people, and reports each night."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from attrs import define, field

from mission_control.adapter_sqlite import SQLiteCommander, create_sqlite_persistence_adapter
from mission_control.client import BlockingCommanderClient, create_blocking_client
from mission_control.core import MissionContext, MissionDefinition, RetryPolicy, Schedule, Signal, m
from mission_control.runtime import CommanderRuntime, create_commander_runtime


@define
class Order:
    item: str
    country: str


@define
class Rating:
    stars: int
    mood: Literal["happy", "angry"]
    would_come_again: bool
    comment: str | None = None
    tags: list[str] = field(factory=list[str])


VAT = {"DE": 19, "FR": 20}

delivered = Signal("delivered", str)
rated = Signal("rated", Rating)


async def accept(ctx: MissionContext[Order]) -> str:
    return ctx.input.item


async def invoice(ctx: MissionContext[Order]) -> str:
    return f"{ctx.input.item} with {VAT[ctx.input.country]} % VAT"


async def thank(ctx: MissionContext[Order]) -> str:
    return f"thank you for {ctx.input.item}"


order = (
    m.define("order")
    .start(input=Order, run=accept)
    .step("invoice", invoice)
    .need_to(delivered, timeout=timedelta(days=30))
    .end()
)


async def ask(ctx: MissionContext[str]) -> str:
    return f"how was it, {ctx.input}?"


survey = (
    m.define("survey")
    .start(input=str, run=ask)
    .parallel("both", {"shop": m.path().need_to(rated), "courier": m.path().need_to(rated)})
    .end()
)

nap = m.define("nap").start(input=str, run=ask).sleep("doze", timedelta(days=3)).end()


async def ring(ctx: MissionContext[str]) -> str:
    raise ConnectionError("nobody there")


call = (
    m.define("call")
    .start(input=str, run=ask)
    .step("ring", ring, retry=RetryPolicy(max_attempts=9, initial_interval=3600.0))
    .end()
)


async def is_enough(ctx: MissionContext[str]) -> bool:
    return False


tour = (
    m.define("tour")
    .start(input=str, run=ask)
    .repeat("stop", m.path().need_to("seen", bool), until=is_enough, max_rounds=3)
    .end()
)


class Weight:
    """A schema that no JSON Schema can say."""

    def parse(self, value: object) -> int:
        """Return a weight. Raises `ValueError`."""
        if not isinstance(value, int) or value <= 0:
            raise ValueError("expected grams, more than none")
        return value


parcel = m.define("parcel").start(input=str, run=ask).need_to("weighed", Weight()).end()


async def who(ctx: MissionContext[str]) -> str:
    return ctx.input


trip = m.define("trip").start(input=str, run=ask).mission("rest", nap, who).end()


async def collect(ctx: MissionContext[str]) -> str:
    return f"the figures of {ctx.input}"


report = m.define("report").start(input=str, run=collect).end()

nightly = Schedule("nightly-report", report, input="the day", cron="0 2 * * *", time_zone="Europe/Berlin")

ONE = 1
"""Nothing that could be run, or planned for."""

DEFINITIONS: list[MissionDefinition[Any]] = [order, survey, nap, call, tour, parcel, trip, report]


def owner(database: Path) -> BlockingCommanderClient:
    """Own a database, on a thread of this process."""
    storage = create_sqlite_persistence_adapter(database)
    return create_blocking_client(persistence=storage, definitions=DEFINITIONS, schedules=[nightly])


def work_off(database: Path) -> None:
    """Own a database until all that was asked for is done."""

    async def work() -> None:
        async with SQLiteCommander(database_path=database, definitions=DEFINITIONS) as commander:
            await commander.settled()

    asyncio.run(work())


def runtime() -> CommanderRuntime:
    """Return the runtime that `run shop:runtime` is for."""
    storage = create_sqlite_persistence_adapter("shop.db")
    return create_commander_runtime(definitions=DEFINITIONS, schedules=[nightly], persistence=storage)


def fill(database: Path) -> None:
    """Make a database with a bit of everything."""
    with owner(database) as shop:
        for number, country in enumerate(["DE", "AT", "FR", "AT", "DE"], 1):
            lamp = Order(item="a lamp", country=country)
            shop.start_mission(order, lamp, mission_id=f"order-{number}", labels={"country": country}, wait=False)
        for definition, mission_id in (
            (survey, "survey-1"),
            (nap, "nap-1"),
            (call, "call-1"),
            (parcel, "parcel-1"),
            (trip, "trip-1"),
        ):
            shop.start_mission(definition, "Ada", mission_id=mission_id)
        first = shop.get_mission("order-1")
        assert first is not None
        first.signal(delivered, "reception", by="Bob")
        shop.start_mission(order, Order(item="a desk", country="DE"), mission_id="order-6")
        shop.cancel_mission("order-6", "ordered twice", by="Bob")
