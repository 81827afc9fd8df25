"""Other processes pause, resume, trigger and backfill schedules as the owner's own does; each request is done once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from approvals import turns
from faulty_mailbox import Failing, Faulty, Holding
from mission_control.client import CommanderClient, create_commander_client
from mission_control.core import (
    Mailbox,
    MissionExecutionError,
    MissionValidationError,
    ScheduleNotFoundError,
    ScheduleSummary,
)
from mission_control.core.storage import ScheduleRequest
from mission_control.testing import FakeClock
from sending import Sender, code
from storages import Kept, OpenCommander
from timetables import MINUTE, at, every, fired, passed, quick, slot_id, statuses, summary


@pytest.fixture
async def client(mailbox: Mailbox) -> AsyncIterator[CommanderClient]:
    """A client in what may be another process."""
    async with create_commander_client(mailbox=mailbox, by="ops") as client:
        yield client


async def seen(client: CommanderClient) -> ScheduleSummary:
    (summary,) = await client.schedules.list()
    return summary


async def test_a_schedule_is_paused_and_resumed(
    open_commander: OpenCommander, fake_clock: FakeClock, client: CommanderClient
) -> None:
    """Who has asked sees that it was done, and the owner does as it says; a second time changes nothing."""
    commander = await open_commander(schedules=[every(10, definition=quick)])
    for _ in range(2):
        await client.schedules.pause("s")
        assert ((await seen(client)).status, (await seen(client)).next_slot) == ("paused", None)
    await fake_clock.advance(25 * MINUTE)
    for _ in range(2):
        await client.schedules.resume("s")
        assert ((await seen(client)).status, (await seen(client)).next_slot) == ("active", at(30))
    await fake_clock.advance(5 * MINUTE)
    assert await fired(commander) == [30]
    assert await passed(commander) == [(10, 20, 2, "paused")]


async def test_each_trigger_is_a_mission(open_commander: OpenCommander, client: CommanderClient) -> None:
    """By the instant at which it was asked for, on the clock of who asks; it bears the note of who that is."""
    commander = await open_commander(schedules=[every(10, definition=quick)])
    before = datetime.now(UTC)
    triggered = [await client.schedules.trigger("s") for _ in range(2)]
    after = datetime.now(UTC)
    first, second = (datetime.strptime(one, "s@%Y-%m-%dT%H:%M:%S.%fZ+manual").replace(tzinfo=UTC) for one in triggered)
    assert before <= first < second <= after
    assert list(await statuses(commander)) == triggered
    inspection = await commander.inspect_mission(triggered[0])
    assert inspection is not None
    assert inspection.history[0].details["by"] == "ops"


async def test_a_call_says_who_asks(open_commander: OpenCommander, client: CommanderClient) -> None:
    """Its own note goes before the client's, on what it starts."""
    commander = await open_commander(schedules=[every(10, definition=quick)])
    triggered = await client.schedules.trigger("s", by="night shift")
    (backfilled,) = await client.schedules.backfill("s", since=at(10), until=at(20), by="night shift")

    for mission_id in (triggered, backfilled):
        inspection = await commander.inspect_mission(mission_id)
        assert inspection is not None
        assert inspection.history[0].details["by"] == "night shift"


async def test_slots_are_backfilled(open_commander: OpenCommander, client: CommanderClient) -> None:
    """Those that are there already are named with the others, and left alone."""
    commander = await open_commander(schedules=[every(10, definition=quick)])
    assert await client.schedules.backfill("s", since=at(10), until=at(10)) == []
    assert await client.schedules.backfill("s", since=at(10), until=at(20)) == [slot_id(10)]
    assert await client.schedules.backfill("s", since=at(0), until=at(30)) == [slot_id(0), slot_id(10), slot_id(20)]
    assert list(await statuses(commander)) == [slot_id(10), slot_id(0), slot_id(20)]
    inspection = await commander.inspect_mission(slot_id(0))
    assert inspection is not None
    assert inspection.history[0].details["by"] == "ops"


async def test_errors_come_back(open_commander: OpenCommander, client: CommanderClient) -> None:
    """Each is the one that a caller in the owner's process gets, and is kept with what was refused."""

    def fail(slot: datetime) -> int:
        raise KeyError("rates")

    def say(slot: datetime) -> object:
        return "x"

    await open_commander(schedules=[every(10, "absent")])
    commander = await open_commander(
        schedules=[
            every(10, "fails", definition=quick, input=fail),
            every(10, "no int", definition=quick, input=say),
        ]
    )
    with pytest.raises(ScheduleNotFoundError, match="there are: 'absent', 'fails', 'no int'"):
        await client.schedules.pause("s")
    with pytest.raises(ScheduleNotFoundError, match="'absent' is absent"):
        await client.schedules.trigger("absent")
    with pytest.raises(MissionExecutionError, match=r"'fails'.*KeyError"):
        await client.schedules.trigger("fails")
    with pytest.raises(MissionValidationError, match=r"'no int' does not fit int"):
        await client.schedules.backfill("no int", since=at(0), until=at(10))
    with pytest.raises(ValueError, match="more than 10000 slots"):
        await client.schedules.backfill("fails", since=at(0), until=at(200_000))
    assert await statuses(commander) == {}
    assert [(one.kind, one.name) for one in await client.list_refused()] == [
        ("schedule", name) for name in ("fails", "no int", "fails", "absent", "s")
    ]


async def test_storage_fails(open_commander: OpenCommander, client: CommanderClient) -> None:
    """What was asked for stays in the mailbox, and is done when storage works again."""
    commit = Failing(0)
    commander = await open_commander(
        schedules=[every(10, definition=quick)], wrap=lambda inner: Faulty(inner, commit=commit)
    )
    commit.left = 1
    triggered = await client.schedules.trigger("s")
    assert commit.left == 0
    assert list(await statuses(commander)) == [triggered]


async def test_a_trigger_is_applied_once(open_commander: OpenCommander, fake_clock: FakeClock, sender: Sender) -> None:
    """Its owner dies before the answer is durable: the next one starts no other mission, and answers with the same."""
    record = Holding()
    record.close()
    await open_commander(schedules=[every(10, definition=quick)], wrap=lambda inner: Faulty(inner, record=record))
    request_id = await sender.post(ScheduleRequest(name="s", action="trigger", since=at(1)))
    async with asyncio.timeout(20):
        await record.entered.wait()
    await open_commander.crash()
    await fake_clock.advance(2 * MINUTE)
    commander = await open_commander(schedules=[every(10, definition=quick)])
    answer = await sender.answer(request_id)
    assert (code(answer), answer.value) == (None, ["s@1970-01-01T00:01:00.000000Z+manual"])
    assert list(await statuses(commander)) == answer.value


async def test_what_came_before_the_first_owner(open_commander: OpenCommander, client: CommanderClient) -> None:
    """It is done when there is one, in its order."""
    changes = (client.schedules.pause, client.schedules.resume, client.schedules.pause)
    asked = asyncio.gather(*(change("s") for change in changes))
    await open_commander(schedules=[every(10)])
    async with asyncio.timeout(20):
        await asked
    assert (await seen(client)).status == "paused"


async def test_what_comes_while_the_owner_closes(open_commander: OpenCommander, sender: Sender) -> None:
    """Code that makes an input holds it up: nothing else is begun meanwhile, and the next owner does what was asked."""
    begun, stopped, may_end = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def wait(slot: datetime) -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
            return 1
        finally:
            stopped.set()
            await may_end.wait()

    storage = Kept(Faulty)
    await open_commander(schedules=[every(10, input=wait)], wrap=storage)
    posted = [await sender.post(ScheduleRequest(name="s", action="trigger", since=at(1)))]
    async with asyncio.timeout(20):
        await begun.wait()
        closing = asyncio.create_task(open_commander.close())
        await stopped.wait()
        posted.append(await sender.post(ScheduleRequest(name="s", action="pause")))
        while storage.adapter.taken != posted:
            await asyncio.sleep(0)
        await turns()
        may_end.set()
        await closing
    assert await sender.outbox.answers(posted) == {}
    commander = await open_commander(schedules=[every(10, input=1)])
    assert [(await sender.answer(one)).value for one in posted] == [["s@1970-01-01T00:01:00.000000Z+manual"], []]
    assert (await summary(commander)).status == "paused"
