"""What is asked of schedules is checked the same everywhere: in the owner's process, and through its mailbox."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mission_control.adapter_sqlite import SQLiteCommander
from mission_control.client import create_blocking_client, create_commander_client
from mission_control.core import (
    CommanderClosedError,
    Mailbox,
    MissionDefinitionError,
    NotAnsweredError,
    ScheduleNotFoundError,
    Schedules,
    create_commander,
)
from mission_control.core.storage import ScheduleRequest
from mission_control.in_memory_commander import InMemoryCommander
from mission_control.runtime import create_commander_runtime
from sending import Sender, code
from storages import OpenCommander
from timetables import at, every

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)

CHANGES: dict[str, Callable[[Schedules, Any], Awaitable[object]]] = {
    "pause": Schedules.pause,
    "resume": Schedules.resume,
    "trigger": Schedules.trigger,
    "backfill": lambda schedules, name: schedules.backfill(name, since=NOON, until=NOON),
}
ALL_CHANGES = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)

MAKES: list[Callable[..., object]] = [
    create_commander,
    InMemoryCommander,
    partial(SQLiteCommander, database_path="missions.db"),
    create_commander_runtime,
    create_blocking_client,
]

FROM_ANOTHER_PROCESS = """
import sys
from mission_control.adapter_sqlite import sqlite_mailbox
from mission_control.client import create_blocking_client
from mission_control.core import ScheduleNotFoundError

with create_blocking_client(mailbox=sqlite_mailbox(sys.argv[1])) as client:
    try:
        client.schedules.trigger("nightly")
    except ScheduleNotFoundError as error:
        print(error)
    print([(one.kind, one.mission_id, one.name, one.code) for one in client.list_refused()])
"""


@pytest.fixture(params=["here", "through a mailbox"])
async def schedules(
    request: pytest.FixtureRequest, open_commander: OpenCommander, mailbox: Mailbox
) -> AsyncIterator[Schedules]:
    """The schedules of a commander that has none, asked in its process or in another."""
    commander = await open_commander()
    async with create_commander_client(mailbox=mailbox) as client:
        yield commander.schedules if request.param == "here" else client.schedules


@ALL_CHANGES
@pytest.mark.parametrize("name", ["nightly", "", "n" * 1_000, "\ud800", "night\nly\0"])
async def test_a_schedule_that_is_not_there(
    schedules: Schedules, change: Callable[[Schedules, str], Awaitable[object]], name: str
) -> None:
    """Whatever the name looks like, nothing bears it; the error says what there is."""
    with pytest.raises(ScheduleNotFoundError, match=r"there are: none") as caught:
        await change(schedules, name)

    assert isinstance(caught.value, LookupError)


async def test_what_is_no_note_of_who_asks(schedules: Schedules) -> None:
    """It is refused before anything is asked."""
    for asked in (schedules.pause("s", by=""), schedules.resume("s", by=""), schedules.trigger("s", by="")):
        with pytest.raises(MissionDefinitionError, match="by"):
            await asked
    with pytest.raises(MissionDefinitionError, match="by"):
        await schedules.backfill("s", since=NOON, until=NOON, by="")


@ALL_CHANGES
@pytest.mark.parametrize("name", [None, 5, b"nightly", ["nightly"]])
async def test_what_is_no_name(
    schedules: Schedules, change: Callable[[Schedules, object], Awaitable[object]], name: object
) -> None:
    """It is told from a name that nothing bears."""
    with pytest.raises(TypeError, match="the name of a schedule: expected a str"):
        await change(schedules, name)


@pytest.mark.parametrize(
    ("since", "until", "problem"),
    [
        (NOON.replace(tzinfo=None), NOON, "since: expected an aware datetime"),
        (NOON, NOON.replace(tzinfo=None), "until: expected an aware datetime"),
        (NOON.date(), NOON, "since: expected an aware datetime"),
        (NOON, None, "until: expected an aware datetime, found None"),
        (NOON, NOON - timedelta(microseconds=1), "until: expected an instant that is not before since"),
        (
            NOON,
            NOON.replace(tzinfo=timezone(timedelta(hours=1))),
            "until: expected an instant that is not before since",
        ),
        (datetime.max.replace(tzinfo=timezone(-DAY / 2)), NOON, "since: the instant is beyond"),
    ],
)
async def test_instants_that_mark_out_nothing(schedules: Schedules, since: Any, until: Any, problem: str) -> None:
    """They are refused before anything is sent, with what was expected."""
    with pytest.raises(ValueError, match=problem):
        await schedules.backfill("nightly", since=since, until=until)


@pytest.mark.parametrize(
    ("since", "until", "slots"),
    [
        (BEGINNING, BEGINNING, 0),
        (BEGINNING, at(15), 2),
        (at(0), END, 3),
        (BEGINNING, END, 3),
        (END, END, 0),
    ],
)
async def test_all_slots_from_the_beginning_of_time_to_its_end(
    open_commander: OpenCommander, since: datetime, until: datetime, slots: int
) -> None:
    """A schedule that has a first slot and a last has so many."""
    commander = await open_commander(schedules=[every(10, starts_at=at(0), ends_at=at(21))])

    assert len(await commander.schedules.backfill("s", since=since, until=until)) == slots


@pytest.mark.parametrize("end", [OpenCommander.close, OpenCommander.crash])
async def test_a_commander_that_ends_meanwhile(
    open_commander: OpenCommander, end: Callable[[OpenCommander], Awaitable[None]]
) -> None:
    """Whoever waits for a mission to be started is told so, and does not take it for a cancellation."""
    begun = asyncio.Event()

    async def wait(slot: datetime) -> int:
        begun.set()
        await asyncio.Event().wait()
        return 1

    commander = await open_commander(schedules=[every(10, input=wait)])
    asked = asyncio.create_task(commander.schedules.trigger("s"))
    async with asyncio.timeout(20):
        await begun.wait()
        await end(open_commander)
        with pytest.raises(CommanderClosedError):
            await asked


@ALL_CHANGES
async def test_schedules_of_a_commander_that_is_closed(
    open_commander: OpenCommander, change: Callable[[Schedules, str], Awaitable[object]]
) -> None:
    """They end with it."""
    commander = await open_commander()
    await open_commander.close()

    with pytest.raises(CommanderClosedError):
        await change(commander.schedules, "nightly")
    with pytest.raises(CommanderClosedError):
        await commander.schedules.list()


@pytest.mark.parametrize("make", MAKES)
def test_whoever_runs_missions_takes_schedules(make: Callable[..., object]) -> None:
    """Each hands them to its commander, which checks them."""
    with pytest.raises(TypeError, match="schedules: expected a Schedule, found int 5"):
        make(schedules=[5])


def test_who_asks_is_a_note(mailbox: Mailbox) -> None:
    """What cannot be one is refused where the client is made."""
    with pytest.raises(MissionDefinitionError, match="by"):
        create_commander_client(mailbox=mailbox, by="")


# Through a mailbox


@pytest.mark.parametrize(
    ("name", "again"),
    [
        ("pause", "asking again is safe"),
        ("trigger", "triggering again starts one more mission"),
        ("backfill", "asking again is safe"),
    ],
)
async def test_what_nobody_answers_in_time(
    open_commander: OpenCommander, mailbox: Mailbox, name: str, again: str
) -> None:
    """The error says what asking again does; an owner serves the request when there is one, and refusals are kept."""
    async with create_commander_client(mailbox=mailbox, answer_timeout=0.01, by="ops") as client:
        with pytest.raises(NotAnsweredError, match=rf"is durable.*; {again}$") as caught:
            await CHANGES[name](client.schedules, "nightly")
        assert not caught.value.has_owner
        commander = await open_commander()
        await commander.settled()

        (refused,) = await client.list_refused()

    assert refused.request_id == caught.value.request_id
    assert (refused.kind, refused.name, refused.code) == ("schedule", "nightly", "SCHEDULE_NOT_FOUND")


@pytest.mark.parametrize(
    ("request_", "refused_with"),
    [
        (ScheduleRequest(name="nightly", action="trigger"), "VALUE_ERROR"),
        (ScheduleRequest(name="nightly", action="backfill", since=NOON), "VALUE_ERROR"),
        (ScheduleRequest(name="nightly", action="backfill", until=NOON), "VALUE_ERROR"),
        (ScheduleRequest(name="nightly", action="backfill", since=NOON, until=NOON - DAY), "VALUE_ERROR"),
        (ScheduleRequest(name="nightly", action="pause", by=""), "MISSION_DEFINITION_ERROR"),
        (ScheduleRequest(name="\ud800", action="pause"), "SCHEDULE_NOT_FOUND"),
        (ScheduleRequest(name="n" * 1_000, action="resume"), "SCHEDULE_NOT_FOUND"),
    ],
)
async def test_a_stranger_is_checked_as_a_caller_is(
    open_commander: OpenCommander, sender: Sender, request_: ScheduleRequest, refused_with: str
) -> None:
    """What does not say when it is to be would be another mission each time it is asked: it is refused."""
    await open_commander()
    assert code(await sender.ask(request_)) == refused_with


async def test_a_refusal_reaches_another_process(tmp_path: Path) -> None:
    """It is the same error there, and it is listed."""
    database = tmp_path / "missions.db"
    async with SQLiteCommander(database_path=database):
        program = [sys.executable, "-W", "error", "-c", FROM_ANOTHER_PROCESS, str(database)]
        asked = await asyncio.to_thread(subprocess.run, program, check=True, capture_output=True, text=True, timeout=60)

    error, refused = asked.stdout.splitlines()
    assert error.startswith("no schedule has the name 'nightly'")
    assert refused == "[('schedule', 'nightly@', 'nightly', 'SCHEDULE_NOT_FOUND')]"
