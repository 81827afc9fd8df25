"""A client of a file of the shop's missions, beside who runs them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import SQLiteCommander, sqlite_mailbox
from mission_control.client import CommanderClient, create_commander_client
from mission_control.core import MissionContext, Reminder, RetryPolicy, Schedule, Signal, m

from ..command.shop import Order, accept, delivered, invoice

rated = Signal("rated", int)


async def greet(ctx: MissionContext[str]) -> str:
    return f"hello, {ctx.input}"


async def ring(ctx: MissionContext[str]) -> str:
    raise ConnectionError("nobody there")


order = (
    m.define("order")
    .start(input=Order, run=accept)
    .step("invoice", invoice)
    .need_to(delivered, timeout=timedelta(hours=2))
    .end()
)
survey = (
    m.define("survey")
    .start(input=str, run=greet)
    .parallel("both", {"shop": m.path().need_to(rated), "courier": m.path().need_to(rated)})
    .end()
)


async def is_content(ctx: MissionContext[str]) -> bool:
    return False


rounds = (
    m.define("rounds")
    .start(input=str, run=greet)
    .repeat("round", m.path().step("greet", greet).need_to(rated), until=is_content, max_rounds=3)
    .end()
)
reminded = (
    m.define("reminded")
    .start(input=str, run=greet)
    .need_to(Signal("paid", str), reminder=Reminder(greet, every=timedelta(days=1), at_most=3))
    .end()
)
nap = m.define("nap").start(input=str, run=greet).sleep("doze", timedelta(days=3)).end()
call = (
    m.define("call")
    .start(input=str, run=greet)
    .step("ring", ring, retry=RetryPolicy(max_attempts=9, initial_interval=3600.0))
    .end()
)
errand = (
    m.define("errand")
    .start(input=str, run=greet)
    .parallel(
        "both",
        {
            "reply": m.path().need_to(rated, timeout=timedelta(hours=1)),
            "rest": m.path().sleep("doze", timedelta(days=3)),
        },
    )
    .end()
)
nightly = Schedule("nightly", nap, input="the night", cron="0 2 * * *")

DEFINITIONS = (order, survey, rounds, reminded, nap, call, errand)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
async def commander(database: Path) -> AsyncIterator[SQLiteCommander]:
    """Who runs the missions."""
    async with SQLiteCommander(database_path=database, definitions=DEFINITIONS, schedules=[nightly]) as running:
        yield running


@pytest.fixture
async def client(database: Path) -> AsyncIterator[CommanderClient]:
    """A client of the file, for whom nobody need run the missions."""
    mailbox = sqlite_mailbox(database)
    async with create_commander_client(mailbox=mailbox, answer_timeout=10, unowned_timeout=0, by="Carol") as client:
        yield client
