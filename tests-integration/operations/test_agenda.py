"""Everything that goes on by itself is listed in order of time, whichever way it is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mission_control.core import Mailbox, MissionContext, PersistenceAdapter, Reminder, RetryPolicy, m
from storages import OpenCommander
from timetables import MINUTE, at
from ways import WAYS, Place

YEAR = timedelta(days=365)


async def given(ctx: MissionContext[int]) -> int:
    return ctx.input


async def fail(ctx: MissionContext[int]) -> None:
    raise ValueError("no paper")


def until(ctx: MissionContext[int]) -> timedelta:
    return YEAR + ctx.input * MINUTE


nap = m.define("nap").start(input=int, run=given).sleep("sleep", until).end()
late = (
    m.define("late")
    .start(input=int, run=given)
    .step("pack", fail, retry=RetryPolicy(max_attempts=2, initial_interval=YEAR + 2 * MINUTE))
    .end()
)
bounded = m.define("bounded").start(input=int, run=given).need_to("approve", int, timeout=YEAR + 3 * MINUTE).end()
reminded = (
    m.define("reminded")
    .start(input=int, run=given)
    .need_to("approve", int, timeout=3 * YEAR, reminder=Reminder(given, every=YEAR + 4 * MINUTE))
    .end()
)
parked = m.define("parked").start(input=int, run=given).need_to("approve", int).end()
quick = m.define("quick").start(input=int, run=given).end()
DEFINITIONS = [nap, late, bounded, reminded, parked, quick]

AGENDA = ["later", "nap", "late", "bounded", "reminded", "last"]


def due(minutes: int) -> datetime:
    """Return the instant so many minutes after a year has passed."""
    return at(0) + YEAR + minutes * MINUTE


@pytest.fixture
async def place(
    open_commander: OpenCommander,
    adapter_factory: Callable[[], PersistenceAdapter],
    mailbox: Mailbox,
    database_path: Path,
) -> Place:
    """One that is due each minute after a year, some that never are, one that is paused, and no owner."""
    commander = await open_commander(DEFINITIONS)
    await commander.start(nap, 5, mission_id="last")
    await commander.start(quick, 1, mission_id="later", start_at=due(0))
    for definition in DEFINITIONS:
        await commander.start(definition, 1, mission_id=definition.name)
    await commander.start(nap, 1, mission_id="paused")
    await commander.operations.pause_mission("paused")
    await open_commander.close()
    return Place(adapter_factory, mailbox, database_path, DEFINITIONS)


@pytest.fixture(params=WAYS)
async def asked(request: pytest.FixtureRequest, place: Place) -> AsyncIterator[Any]:
    """Who is asked, in each way; none of the missions is run meanwhile."""
    idle = Place(place.adapter, place.mailbox, place.database_path, [])
    async with WAYS[request.param](idle) as asked:
        yield asked


async def ids(asked: Any, **options: Any) -> list[str]:
    return [one.mission_id for one in await asked.operations.list_due(**options)]


async def test_what_goes_on_by_itself_is_listed(asked: Any) -> None:
    """Each at the first of its times, the earliest first; not what waits for people alone, has ended, or is paused."""
    listed = await asked.operations.list_due()
    assert [one.mission_id for one in listed] == AGENDA
    assert [one.next_due for one in listed] == [due(minutes) for minutes in range(6)]


async def test_the_list_is_read_page_by_page(asked: Any) -> None:
    """Behind the last one seen; what is not there has nothing behind it."""
    assert await ids(asked, limit=4) == AGENDA[:4]
    assert await ids(asked, limit=4, after="bounded") == AGENDA[4:]
    assert await ids(asked, after="last") == await ids(asked, after="nobody") == []


async def test_the_list_ends_with_an_instant(asked: Any) -> None:
    """What is due just then is in it, page by page too."""
    assert await ids(asked, until=due(2)) == AGENDA[:3]
    assert await ids(asked, until=due(2) - timedelta(microseconds=1)) == AGENDA[:2]
    assert await ids(asked, until=due(2), after="nap", limit=5) == ["late"]
    assert await ids(asked, until=at(0)) == []


async def test_the_list_goes_on_behind_what_is_due_no_longer(asked: Any) -> None:
    """One that was never due, is paused, or has ended stands where its last change puts it."""
    assert await ids(asked, after="quick", limit=1) == await ids(asked, after="paused", limit=1) == ["later"]
    await asked.operations.pause_mission("bounded")
    assert await ids(asked) == [one for one in AGENDA if one != "bounded"]
    await asked.operations.resume_mission("bounded")
    assert await ids(asked) == AGENDA


async def test_what_cannot_be_listed_is_refused(asked: Any) -> None:
    """Before anything is read."""
    refused: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (ValueError, "until: .*naive", {"until": datetime(2026, 1, 1)}),  # noqa: DTZ001  # that is what is refused
        (ValueError, "until: expected an aware datetime", {"until": 5}),
        (ValueError, "limit: expected an int of 1 or more", {"limit": 0}),
        (TypeError, "after: expected a str", {"after": 5}),
    ]
    for kind, message, options in refused:
        with pytest.raises(kind, match=message):
            await asked.operations.list_due(**options)
