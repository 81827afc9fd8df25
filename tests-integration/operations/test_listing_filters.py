"""Missions are found by what is known of them, in either order, whichever way they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import pytest

from mission_control.core import (
    Mailbox,
    MissionContext,
    MissionStatus,
    PersistenceAdapter,
    RetryPolicy,
    Schedule,
    m,
)
from mission_control.testing import FakeClock
from storages import OpenCommander
from timetables import MINUTE, at
from ways import READ, Place, each

FOR_EVER = timedelta(days=400 * 365)


async def given(ctx: MissionContext[int]) -> int:
    return ctx.input


async def fail(ctx: MissionContext[int]) -> None:
    raise ValueError("no")


order = m.define("order").start(input=int, run=given).need_to("approve", int).end()
quick = m.define("quick").start(input=int, run=given).end()
failing = m.define("failing").start(input=int, run=fail).end()
late = m.define("late").start(input=int, run=fail, retry=RetryPolicy(max_attempts=2, initial_interval=FOR_EVER)).end()
family = m.define("family").start(input=int, run=given).mission("kid", order, input=lambda ctx: 1).end()
DEFINITIONS = [order, quick, failing, late, family]

CREATED = ["a-1", "a-2", "b-1", "a-3", "b_1", "l-1", "f-1", "f-1/kid", "s@1970-01-01T00:07:00.000000Z+manual"]
"""One each minute, and the child with its parent."""
TEAM = {"team": "north"}


@pytest.fixture
async def place(
    open_commander: OpenCommander,
    adapter_factory: Callable[[], PersistenceAdapter],
    mailbox: Mailbox,
    database_path: Path,
    fake_clock: FakeClock,
) -> Place:
    """Missions of all kinds, and no owner."""
    schedule = Schedule("s", quick, input=1, every=timedelta(days=365))
    commander = await open_commander(DEFINITIONS, schedules=[schedule])
    await commander.start(order, 1, mission_id="a-1", labels={"employee": "e-1", **TEAM})
    await fake_clock.advance(MINUTE)
    await commander.start(quick, 1, mission_id="a-2", labels=TEAM)
    await fake_clock.advance(MINUTE)
    await commander.start(failing, 1, mission_id="b-1", labels={"employee": "e-2"}, wait=False)
    await fake_clock.advance(MINUTE)
    cancelled = await commander.start(order, 1, mission_id="a-3", labels={"employee": "e-1"})
    await cancelled.cancel()
    await fake_clock.advance(MINUTE)
    await commander.start(order, 1, mission_id="b_1", labels={"team": "e-1"})
    await fake_clock.advance(MINUTE)
    await commander.start(late, 1, mission_id="l-1")
    await fake_clock.advance(MINUTE)
    await commander.start(family, 1, mission_id="f-1", labels=TEAM)
    await fake_clock.advance(MINUTE)
    await commander.schedules.trigger("s")
    await commander.settled()
    await open_commander.close()
    return Place(adapter_factory, mailbox, database_path, DEFINITIONS)


WAITING, FAILED = MissionStatus.WAITING, MissionStatus.FAILED

FOUND: list[tuple[dict[str, Any], list[str]]] = [
    ({}, CREATED),
    ({"status": FAILED}, ["b-1"]),
    ({"status": "cancelled"}, ["a-3"]),
    ({"status": [FAILED, "cancelled"]}, ["b-1", "a-3"]),
    ({"status": {"completed"}}, ["a-2", CREATED[-1]]),
    ({"status": ("waiting",)}, ["a-1", "b_1", "l-1", "f-1", "f-1/kid"]),
    ({"status": list(MissionStatus)}, CREATED),
    ({"status": "idle"}, []),
    ({"mission_name": "order"}, ["a-1", "a-3", "b_1", "f-1/kid"]),
    ({"mission_name": "orde"}, []),
    ({"labels": {}}, CREATED),
    ({"labels": TEAM}, ["a-1", "a-2", "f-1", "f-1/kid"]),
    ({"labels": {"employee": "e-1"}}, ["a-1", "a-3"]),
    ({"labels": {"employee": "e-1", **TEAM}}, ["a-1"]),
    ({"labels": {"employee": "north"}}, []),
    ({"id_prefix": "a"}, ["a-1", "a-2", "a-3"]),
    ({"id_prefix": "f-1"}, ["f-1", "f-1/kid"]),
    ({"id_prefix": "b_"}, ["b_1"]),
    ({"id_prefix": "%"}, []),
    ({"id_prefix": "A"}, []),
    ({"id_prefix": ""}, CREATED),
    ({"id_prefix": "a-1\0"}, []),
    ({"id_prefix": "\ud800"}, []),
    ({"id_prefix": "\U0010ffff"}, []),
    ({"parent_id": "f-1"}, ["f-1/kid"]),
    ({"parent_id": "a-1"}, []),
    ({"schedule": "s"}, [CREATED[-1]]),
    ({"schedule": "t"}, []),
    ({"schedule": ""}, []),
    ({"error": "STEP_FAILED"}, ["b-1", "l-1"]),
    ({"error": "MISSION_CANCELLED"}, ["a-3"]),
    ({"error": "no"}, []),
    ({"error": "x" * 256}, []),
    ({"since": at(5)}, CREATED[5:]),
    ({"until": at(5)}, CREATED[:5]),
    ({"since": at(1), "until": at(3)}, ["a-2", "b-1"]),
    ({"since": at(1), "until": at(1)}, []),
    ({"since": at(3), "until": at(1)}, []),
    ({"since": at(2) + timedelta(microseconds=1), "until": at(3) + timedelta(microseconds=1)}, ["a-3"]),
    ({"status": WAITING, "mission_name": "order"}, ["a-1", "b_1", "f-1/kid"]),
    ({"status": ["waiting", "cancelled"], "mission_name": "order", "labels": {"employee": "e-1"}}, ["a-1", "a-3"]),
    ({"status": WAITING, "error": "STEP_FAILED"}, ["l-1"]),
    ({"id_prefix": "a", "since": at(1), "status": ["completed", "waiting"]}, ["a-2"]),
    ({"parent_id": "f-1", "labels": TEAM, "mission_name": "order", "status": WAITING}, ["f-1/kid"]),
    ({"parent_id": "f-1", "labels": {"team": "south"}}, []),
    ({"schedule": "s", "status": "completed", "until": at(8), "id_prefix": "s@"}, [CREATED[-1]]),
    ({"schedule": "s", "status": FAILED}, []),
]


async def test_what_is_found(asked: Any) -> None:
    """All that fits is there, in order of creation, or against it; iterating gives the same."""
    for filters, expected in FOUND:
        for newest_first in (False, True):
            wanted = expected[::-1] if newest_first else expected
            found = await asked.list_missions(**filters, newest_first=newest_first)
            assert [one.mission_id for one in found] == wanted, filters
            assert await each(asked, **filters, newest_first=newest_first) == found, filters


async def test_pages(asked: Any) -> None:
    """Each goes on behind the last one of the page before it, whether or not that one fits what is looked for."""
    for filters, expected in FOUND:
        for newest_first in (False, True):
            order = CREATED[::-1] if newest_first else CREATED
            wanted = expected[::-1] if newest_first else expected
            for place, last_seen in enumerate(order):
                found = await asked.list_missions(**filters, newest_first=newest_first, after=last_seen, limit=2)
                behind = [one for one in wanted if order.index(one) > place]
                assert [one.mission_id for one in found] == behind[:2], (filters, last_seen)
            assert await asked.list_missions(**filters, newest_first=newest_first, after="nobody") == []


async def test_what_cannot_be_looked_for_is_refused(asked: Any) -> None:
    """By the same errors everywhere, before anything is read."""
    refused: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (ValueError, "status: expected one or several of 'idle', 'running', .*found none", {"status": []}),
        (ValueError, "status: expected one or several of .*found none", {"status": iter(())}),
        (ValueError, "status: expected one of .*found str 'over'", {"status": "over"}),
        (ValueError, "status: expected one of .*found str 'over'", {"status": ["failed", "over"]}),
        (ValueError, "status: expected one of .*found None", {"status": [None]}),
        (ValueError, "status: expected one of .*found int 102", {"status": b"failed"}),
        (ValueError, "status: expected one or several of .*found int 5", {"status": 5}),
        (ValueError, "labels: expected a mapping", {"labels": ["team"]}),
        (ValueError, "labels, 'team': expected a str, found int 5", {"labels": {"team": 5}}),
        (ValueError, "labels: expected up to 16", {"labels": {str(number): "x" for number in range(17)}}),
        (TypeError, "id_prefix: expected a str, found bytes", {"id_prefix": b"a"}),
        (TypeError, "parent_id: expected a str, found int 5", {"parent_id": 5}),
        (TypeError, "mission_name: expected a str, found int 5", {"mission_name": 5}),
        (TypeError, "schedule: expected a str, found int 5", {"schedule": 5}),
        (TypeError, "error: expected a str, found int 5", {"error": 5}),
        (ValueError, "since: expected an aware datetime, found a naive one", {"since": at(1).replace(tzinfo=None)}),
        (ValueError, "until: expected an aware datetime, found str 'noon'", {"until": "noon"}),
        (TypeError, "newest_first: expected True or False, found int 1", {"newest_first": 1}),
    ]
    for kind, message, filters in refused:
        with pytest.raises(kind, match=message):
            await asked.list_missions(**filters)
        with pytest.raises(kind, match=message):
            await each(asked, **filters)


async def test_statuses_are_taken_from_whatever_has_some(asked: Any) -> None:
    """Also from what can be iterated over once, and then for all pages."""

    def statuses() -> Iterator[str]:
        yield from islice(repeat("failed"), 1_000)
        yield "cancelled"

    assert [one.mission_id for one in await each(asked, status=statuses())] == ["b-1", "a-3"]


@pytest.mark.parametrize("adapter_factory", ["sqlite"], indirect=True)
async def test_a_reader_is_such_a_way_too(place: Place) -> None:
    """It finds the same in the file, in the same pages, and refuses the same."""
    async with READ(place) as reader:
        await test_what_is_found(reader)
        await test_pages(reader)
        await test_what_cannot_be_looked_for_is_refused(reader)
        await test_statuses_are_taken_from_whatever_has_some(reader)
