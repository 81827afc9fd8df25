"""What people look at is the same by a commander, by each client, through the mailbox, and from the file alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mission_control.core import Mailbox, MissionContext, MissionStatus, PersistenceAdapter, RetryPolicy, m
from mission_control.testing import FakeClock
from storages import OpenCommander
from timetables import MINUTE, at
from ways import READ, Place

FOR_EVER = timedelta(days=400 * 365)


async def given(ctx: MissionContext[int]) -> int:
    return ctx.input


async def fail(ctx: MissionContext[int]) -> None:
    raise ValueError("no paper")


order = m.define("order").start(input=int, run=given).need_to("approve", int).end()
nap = m.define("nap").start(input=int, run=given).sleep("sleep", FOR_EVER).end()
late = m.define("late").start(input=int, run=fail, retry=RetryPolicy(max_attempts=2, initial_interval=FOR_EVER)).end()
quick = m.define("quick").start(input=int, run=given).end()
DEFINITIONS = [order, nap, late, quick]


@pytest.fixture
async def place(
    open_commander: OpenCommander,
    adapter_factory: Callable[[], PersistenceAdapter],
    mailbox: Mailbox,
    database_path: Path,
    fake_clock: FakeClock,
) -> Place:
    """A mission of each kind, under the name of its definition, one each minute, and no owner."""
    commander = await open_commander(DEFINITIONS)
    for definition in DEFINITIONS:
        await commander.start(definition, 1, mission_id=definition.name)
        await fake_clock.advance(MINUTE)
    await open_commander.close()
    return Place(adapter_factory, mailbox, database_path, DEFINITIONS)


async def test_a_mission_is_seen_on_one_row(asked: Any) -> None:
    """The same row as in a listing; None where there is no such mission."""
    assert await asked.list_missions() == [await asked.get_summary(one.name) for one in DEFINITIONS]
    assert (await asked.get_summary("quick")).status is MissionStatus.COMPLETED
    assert await asked.get_summary("nobody") is await asked.get_summary("\ud800") is None
    with pytest.raises(TypeError, match="a mission id: expected a str"):
        await asked.get_summary(5)


async def test_definitions_are_listed(asked: Any) -> None:
    """All that missions ran under, as they are stored, the newest last; or those of a name."""
    listed = await asked.list_definitions()
    assert listed == [one.stored for one in DEFINITIONS]
    assert [one.stored_at for one in listed] == [at(minutes) for minutes in range(4)]
    assert await asked.list_definitions(mission_name="nap") == [nap.stored]
    assert await asked.list_definitions(mission_name="nobody") == []
    assert await asked.load_definition(nap.fingerprint) == nap.stored.static
    with pytest.raises(TypeError, match="mission_name: expected a str"):
        await asked.list_definitions(mission_name=5)


async def test_a_view_is_told_of_what_is_committed(asked: Any) -> None:
    """By whatever anybody does, and of nothing else."""
    await asked.operations.pause_mission("nap")
    token = await asked.operations.change_token()
    await asked.list_missions()
    assert await asked.operations.change_token() == token
    await asked.operations.resume_mission("nap")
    assert await asked.operations.change_token() != token


async def test_where_missions_stand_is_seen(asked: Any) -> None:
    """Those of one name that have not ended, by definition and node."""
    (standing,) = await asked.operations.standing("order")
    where = (standing.mission_name, standing.fingerprint, standing.cursor)
    assert where == ("order", order.fingerprint, "approve")
    assert (standing.count, standing.examples) == (1, ("order",))
    assert await asked.operations.standing("quick") == await asked.operations.standing("nobody") == []
    with pytest.raises(TypeError, match="mission_name: expected a str"):
        await asked.operations.standing(5)
    with pytest.raises(ValueError, match="limit: expected an int of 1 or more"):
        await asked.operations.standing("order", limit=0)


@pytest.mark.parametrize("adapter_factory", ["sqlite"], indirect=True)
async def test_a_reader_is_such_a_way_too(place: Place) -> None:
    """It sees the same in the file."""
    async with READ(place) as reader:
        await test_a_mission_is_seen_on_one_row(reader)
        await test_definitions_are_listed(reader)
