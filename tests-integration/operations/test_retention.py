"""Missions are kept for a time: a commander deletes what ended longer ago, when it is ready and then once a day."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from mission_control.adapter_sqlite import SQLiteCommander, sqlite_mailbox
from mission_control.client import create_blocking_client
from mission_control.core import (
    Commander,
    MissionContext,
    MissionStatus,
    PersistenceAdapter,
    PersistenceError,
    create_commander,
    m,
)
from mission_control.in_memory_commander import InMemoryCommander, create_in_memory_persistence_adapter
from mission_control.runtime import create_commander_runtime
from mission_control.testing import FakeClock
from storages import Forwarding, OpenCommander

DAY = timedelta(days=1)
LOGGER = "mission_control.retention"


def give(ctx: MissionContext[int]) -> int:
    if ctx.input < 0:
        raise ValueError("less than nothing")
    return ctx.input


ONE = m.define("one").start(input=int, run=give).end()
PARKED = m.define("parked").start(input=int, run=give).need_to("go", str).end()
DEFINITIONS = [ONE, PARKED]


async def ids(commander: Commander) -> list[str]:
    """Return which missions there are, once nothing is to be done."""
    await commander.settled()
    return [one.mission_id for one in await commander.list_missions(limit=2_000)]


async def end_all_ways(commander: Commander) -> None:
    """Have a mission end in each way, and one wait."""
    await commander.start(ONE, 1, mission_id="completed")
    await commander.start(ONE, -1, mission_id="failed", wait=False)
    await (await commander.start(PARKED, 1, mission_id="cancelled")).cancel()
    await commander.start(PARKED, 1, mission_id="parked")
    await commander.settled()


async def test_missions_are_deleted_when_they_have_been_kept_for_their_time(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Each by how it ended, once a day by the commander's clock; what is not named is kept for ever."""
    commander = await open_commander(DEFINITIONS, retention={"completed": 2 * DAY, "failed": 4 * DAY})
    await end_all_ways(commander)
    shown: list[list[str]] = []
    for _ in range(6):
        await fake_clock.advance(DAY.total_seconds())
        shown.append(await ids(commander))
    all_four = ["completed", "failed", "cancelled", "parked"]
    assert shown == [all_four] * 2 + [all_four[1:]] * 2 + [all_four[2:]] * 2


async def test_what_is_over_its_time_goes_when_the_commander_is_ready(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A program that does not run all day deletes all the same; without `retention` nothing goes."""
    await end_all_ways(await open_commander(DEFINITIONS))
    await fake_clock.advance(10 * DAY.total_seconds())
    assert len(await ids(await open_commander(DEFINITIONS))) == 4
    kept = {MissionStatus.CANCELLED: 10 * DAY, MissionStatus.COMPLETED: timedelta()}
    commander = await open_commander(DEFINITIONS, retention={str(status): time for status, time in kept.items()})
    assert await ids(commander) == ["failed", "cancelled", "parked"]


async def test_many_missions_are_deleted_at_once(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """More than one request may delete; those that are started meanwhile stay."""
    commander = await open_commander(DEFINITIONS)
    await asyncio.gather(*(commander.start(ONE, 1, mission_id=f"old-{number}") for number in range(1_100)))
    await fake_clock.advance(1)
    commander = await open_commander(DEFINITIONS, retention={"completed": timedelta()})
    await commander.start(PARKED, 1, mission_id="new")
    assert await ids(commander) == ["new"]


class Failing(Forwarding):
    """Storage that cannot delete for a while."""

    def __init__(self, inner: PersistenceAdapter) -> None:
        super().__init__(inner)
        self.is_broken = True
        self.asked = 0

    async def purge(self, before: datetime, /, **wanted: Any) -> int:
        self.asked += 1
        if self.is_broken:
            raise PersistenceError("the disk is full")
        return await super().purge(before, **wanted)


async def test_a_fault_of_storage_is_logged_once_and_tried_again(
    open_commander: OpenCommander, fake_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Missions go on meanwhile, and what has to go does so when storage can."""
    storages: list[Failing] = []

    def failing(inner: PersistenceAdapter) -> PersistenceAdapter:
        storages.append(Failing(inner))
        return storages[-1]

    with caplog.at_level(logging.WARNING, LOGGER):
        commander = await open_commander(DEFINITIONS, wrap=failing, retention={"completed": timedelta()})
        await commander.start(ONE, 1, mission_id="completed")
        for _ in range(3):
            await fake_clock.advance(600)
        assert await ids(commander) == ["completed"]
    assert storages[0].asked >= 3
    assert [record.message for record in caplog.records if record.name == LOGGER] == [
        "missions past their time stay for now: the disk is full"
    ]
    storages[0].is_broken = False
    await fake_clock.advance(600)
    assert await ids(commander) == []


class Hanging(Forwarding):
    """Storage whose purge never ends."""

    async def purge(self, before: datetime, /, **wanted: Any) -> int:
        await asyncio.Event().wait()
        raise AssertionError


async def test_closing_does_not_wait_for_it(open_commander: OpenCommander) -> None:
    """What is under way is given up; so it is by a commander that dies."""
    commander = await open_commander(DEFINITIONS, wrap=Hanging, retention={"completed": timedelta()})
    await commander.start(ONE, 1, mission_id="completed")
    await asyncio.wait_for(commander.close(), 5)
    await open_commander(DEFINITIONS, wrap=Hanging, retention={"completed": timedelta()})
    await asyncio.wait_for(open_commander.crash(), 5)


WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "no dict": (timedelta(1), TypeError, "retention: expected a dict of statuses and timedeltas"),
    "an unknown status": ({"finished": DAY}, ValueError, "expected one of 'idle'"),
    "a status that is no end": ({"waiting": DAY}, ValueError, "expected completed, failed or cancelled, found str"),
    "no status": ({None: DAY}, TypeError, "expected completed, failed or cancelled"),
    "less than nothing": ({"failed": -DAY}, ValueError, r"retention\['failed'\]: expected no less than nothing"),
    "a number": ({"failed": 30}, TypeError, r"retention\['failed'\]: expected a timedelta, found int 30"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_says_nothing_is_refused(wrong: str) -> None:
    """Where the commander is made, and not when it would delete."""
    retention, error, message = WRONG[wrong]
    with pytest.raises(error, match=message):
        create_commander(retention=retention)


MADE: dict[str, Callable[..., object]] = {
    "SQLiteCommander": partial(SQLiteCommander, database_path="missions.db"),
    "InMemoryCommander": InMemoryCommander,
    "create_commander_runtime": create_commander_runtime,
    "create_blocking_client": create_blocking_client,
}


@pytest.mark.parametrize("made", MADE)
def test_it_is_said_wherever_a_commander_is_made(made: str) -> None:
    """What is wrong is refused there, too."""
    with pytest.raises(TypeError, match="retention: expected a dict"):
        MADE[made](retention=30)


def test_a_client_of_a_mailbox_keeps_nothing() -> None:
    """Its owner says for how long."""
    with pytest.raises(TypeError, match="with a mailbox, pass definitions="):
        create_blocking_client(mailbox=sqlite_mailbox("missions.db"), retention={"completed": DAY})


def test_a_blocking_client_deletes_what_is_over_its_time() -> None:
    """Its runtime's commander is given what it was given."""
    storage = create_in_memory_persistence_adapter()
    with create_blocking_client(definitions=DEFINITIONS, persistence=storage) as client:
        client.start_mission(ONE, 1, mission_id="completed")
    with create_blocking_client(persistence=storage, retention={"completed": timedelta()}) as client:
        client.start_mission(PARKED, 1, mission_id="new")
        while [one.mission_id for one in client.list_missions()] != ["new"]:
            pass


async def test_any_length_of_time_will_do(open_commander: OpenCommander) -> None:
    """Also one that is longer than there are dates."""
    longest: Mapping[str, timedelta] = {"completed": timedelta.max, "failed": timedelta.max}
    commander = await open_commander(DEFINITIONS, retention=longest)
    await commander.start(ONE, 1, mission_id="completed")
    assert await ids(commander) == ["completed"]


async def test_calendar_that_ends_before_the_next_day_ends_it() -> None:
    """There is no other day to look on."""
    clock = FakeClock(datetime(9999, 12, 31, 12, tzinfo=UTC))
    async with create_commander(definitions=DEFINITIONS, clock=clock, retention={"completed": DAY}) as commander:
        await commander.start(ONE, 1, mission_id="completed")
        assert await ids(commander) == ["completed"]
