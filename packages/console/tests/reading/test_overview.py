"""How all missions are, and what comes."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mission_control.adapter_sqlite import SQLiteCommander, sqlite_mailbox
from mission_control.client import CommanderClient, create_commander_client
from mission_control.console.reading import read_agenda, read_overview
from mission_control.core import MissionStatus, Schedule
from mission_control.testing import FakeClock

from .conftest import DEFINITIONS, call, nap, reminded
from .test_actions import lamp


async def test_the_overview_tells_who_runs_what(commander: SQLiteCommander, client: CommanderClient) -> None:
    """And how many there are, and what comes first."""
    await lamp(commander, "failed", "AT")
    await lamp(commander, "waiting")
    await commander.start(nap, "Ada", mission_id="asleep")

    overview = await read_overview(client)

    assert overview.owner is not None
    assert overview.owner.pid == os.getpid()
    assert (overview.count(), overview.count(MissionStatus.FAILED)) == (3, 1)
    assert overview.next_due is not None
    assert overview.next_due.mission_id == "waiting"
    assert [one.name for one in overview.schedules] == ["nightly"]
    assert {one.kind: (one.count, one.mission_id) for one in overview.needs} == {
        "failed": (1, None),
        "deadline": (1, "waiting"),
    }


async def test_near_deadlines_are_counted_whatever_comes_before(
    commander: SQLiteCommander, client: CommanderClient
) -> None:
    """All of them, and not those of the first page of what is due."""
    await asyncio.gather(*(commander.start(call, "Ada", mission_id=f"call-{number}") for number in range(60)))
    await asyncio.gather(*(lamp(commander, f"lamp-{number}") for number in range(60)))

    needs = {one.kind: one.count for one in (await read_overview(client)).needs}

    assert needs["deadline"] == 60


async def test_missions_that_nobody_runs_need_somebody(database: Path, client: CommanderClient) -> None:
    """Those that ended do not."""
    assert (await read_overview(client)).needs == ()
    async with SQLiteCommander(database_path=database, definitions=DEFINITIONS) as commander:
        await commander.start(nap, "Ada")

    assert [(one.kind, one.count) for one in (await read_overview(client)).needs] == [("nobody runs", 1)]


async def test_what_should_have_gone_on_needs_somebody(database: Path, client: CommanderClient) -> None:
    """As does a schedule that cannot say what its missions are given."""

    def fail(slot: datetime) -> str:
        raise ValueError("no figures")

    broken = Schedule("broken", nap, input=fail, cron="0 2 * * *")
    clock = FakeClock(datetime.now(UTC) - timedelta(days=9))
    async with SQLiteCommander(
        database_path=database, definitions=DEFINITIONS, schedules=[broken], clock=clock
    ) as commander:
        await commander.start(nap, "Ada", mission_id="asleep")
        await clock.advance(timedelta(days=2))

    needs = {one.kind: one for one in (await read_overview(client)).needs}

    assert (needs["overdue"].mission_id, needs["overdue"].count) == ("asleep", 1)
    assert "broken" in needs["schedule"].text


async def test_the_agenda_is_everything_that_happens_by_itself(
    commander: SQLiteCommander, client: CommanderClient
) -> None:
    """In order of time, each with what it is."""
    await lamp(commander, "waiting")
    await commander.start(nap, "Ada", mission_id="asleep")
    await commander.start(call, "Ada", mission_id="calling")
    await commander.start(reminded, "Ada", mission_id="reminded")
    await commander.start(nap, "Ada", mission_id="later", start_at=datetime.now(UTC) + timedelta(days=9))

    entries = await read_agenda(client, until=None, limit=100)

    assert [one.at for one in entries] == sorted(one.at for one in entries)
    assert {one.mission_id or one.what: (one.kind, one.what) for one in entries} == {
        "calling": ("retry", "ring"),
        "waiting": ("deadline", "delivered"),
        "nightly": ("schedule", "nightly"),
        "reminded": ("reminder", "paid"),
        "asleep": ("sleep", "doze"),
        "later": ("start", "start_at"),
    }
    near = await read_agenda(client, until=datetime.now(UTC) + timedelta(minutes=90), limit=100)
    assert [one.mission_id for one in near if one.kind != "schedule"] == ["calling"]
    assert len(await read_agenda(client, until=None, limit=2)) == 2


async def test_what_belongs_together_is_read_of_one_file(tmp_path: Path) -> None:
    """A file that nobody has made yet is empty."""
    async with create_commander_client(mailbox=sqlite_mailbox(tmp_path / "new.db"), unowned_timeout=0) as client:
        overview = await read_overview(client)

    assert (overview.owner, overview.count(), overview.next_due, overview.needs) == (None, 0, None, ())
