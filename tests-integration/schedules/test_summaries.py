"""What can be seen of a schedule is what storage has of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from mission_control.client import create_commander_client
from mission_control.core import (
    Mailbox,
    MissionStatus,
    PassedOver,
    PersistenceAdapter,
    ScheduleSummary,
    create_commander,
    m,
)
from mission_control.core.schedules import Spec, StoredSchedule

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURLY = Spec(cron=None, every=3600, time_zone="UTC", starts_at=NOON)
NIGHTLY = Spec(cron="0 2 * * *", every=None, time_zone="Europe/Berlin", starts_at=None)
passing = m.define("passing").start(input=int, run=lambda ctx: ctx.input).end()


def stored(name: str, **more: Any) -> StoredSchedule:
    active = StoredSchedule(name=name, mission_name="passing", spec=HOURLY, decided=NOON, next_slot=NOON + HOUR)
    return attrs.evolve(active, **more)


async def seen(adapter: PersistenceAdapter, mailbox: Mailbox, *rows: StoredSchedule) -> list[ScheduleSummary]:
    """Write rows, and return what another process sees, beside no owner."""
    await adapter.bootstrap()
    await adapter.record_schedules(rows)
    await adapter.close()
    async with create_commander_client(mailbox=mailbox) as client:
        return await client.schedules.list()


@pytest.mark.parametrize(
    ("row", "status", "next_slot"),
    [
        ({}, "active", NOON + HOUR),
        ({"next_slot": None}, "ended", None),
        ({"is_paused": True}, "paused", None),
        ({"is_paused": True, "next_slot": None}, "paused", None),
        ({"is_absent": True}, "absent", None),
        ({"is_absent": True, "is_paused": True}, "absent", None),
    ],
)
async def test_status_says_why_a_schedule_fires_or_not(
    adapter_factory: Callable[[], PersistenceAdapter],
    mailbox: Mailbox,
    row: dict[str, Any],
    status: str,
    next_slot: datetime | None,
) -> None:
    """The next slot is that of an active one alone: another fires at none, whatever it had before it."""
    (summary,) = await seen(adapter_factory(), mailbox, stored("hourly", **row))

    assert (summary.status, summary.next_slot) == (status, next_slot)


async def test_a_summary_has_all_there_is_to_know(
    adapter_factory: Callable[[], PersistenceAdapter], mailbox: Mailbox
) -> None:
    """When it fires as a text, what it started last and how that ended, and what it passed over; by name."""
    adapter = adapter_factory()
    async with create_commander(definitions=[passing], persistence=adapter) as commander:
        await commander.start(passing, 1, mission_id="nightly@1")
    missed = PassedOver(NOON - HOUR, NOON, 2, "missed")
    rows = (
        stored("weekly", last_slot=NOON, last_mission_id="weekly@1"),
        stored("nightly", spec=NIGHTLY, last_slot=NOON, last_mission_id="nightly@1", passed_over=(missed,)),
        stored("hourly"),
    )

    hourly, nightly, weekly = await seen(adapter_factory(), mailbox, *rows)

    assert nightly == ScheduleSummary(
        name="nightly",
        mission_name="passing",
        spec="0 2 * * * Europe/Berlin",
        status="active",
        next_slot=NOON + HOUR,
        last_slot=NOON,
        last_mission_id="nightly@1",
        last_outcome=MissionStatus.COMPLETED,
        passed_over=(missed,),
    )
    assert (hourly.spec, hourly.last_slot, hourly.last_mission_id, hourly.last_outcome) == (
        "every 3600 s from 2026-11-22T12:00:00.000000+00:00",
        *(None, None, None),
    )
    assert (weekly.last_mission_id, weekly.last_outcome) == ("weekly@1", None)


async def test_there_are_none_before_the_first_owner(mailbox: Mailbox) -> None:
    """A client that comes first sees nothing, as it sees no missions."""
    async with create_commander_client(mailbox=mailbox) as client:
        assert await client.schedules.list() == []
