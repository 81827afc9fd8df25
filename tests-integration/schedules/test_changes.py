"""Schedules are paused, resumed, triggered and backfilled."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from mission_control.core import (
    MissionExecutionError,
    MissionStatus,
    MissionValidationError,
    ScheduleNotFoundError,
)
from mission_control.testing import FakeClock
from storages import OpenCommander
from timetables import MINUTE, at, every, fired, passed, quick, running, slot_id, statuses, summary


def minute(slot: datetime) -> int:
    return slot.minute


async def test_a_paused_schedule_starts_nothing(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Not in the next process either, until it is resumed; what was missed is on record, and not caught up."""
    schedules = [every(10, definition=quick, catch_up=timedelta(days=1))]
    commander = await open_commander(schedules=schedules)
    await fake_clock.advance(10 * MINUTE)
    await commander.schedules.pause("s")
    await commander.schedules.pause("s")
    seen = await summary(commander)
    assert (seen.status, seen.next_slot) == ("paused", None)
    await fake_clock.advance(10 * MINUTE)
    await open_commander.crash()
    await fake_clock.advance(10 * MINUTE)
    commander = await open_commander(schedules=schedules)
    await fake_clock.advance(5 * MINUTE)
    await commander.schedules.resume("s")
    await commander.schedules.resume("s")
    assert await passed(commander) == [(20, 30, 2, "paused")]
    assert (await summary(commander)).next_slot == at(40)
    await fake_clock.advance(5 * MINUTE)
    assert await fired(commander) == [10, 40]


async def test_resuming_with_nothing_missed(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Nothing is on record then."""
    commander = await open_commander(schedules=[every(10, definition=quick)])
    await commander.schedules.pause("s")
    await fake_clock.advance(9 * MINUTE)
    await commander.schedules.resume("s")
    await fake_clock.advance(1 * MINUTE)
    assert (await fired(commander), await passed(commander)) == ([10], [])


async def test_pausing_passes_over_what_waits(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A slot that waits for the one before does not start once that has ended."""
    commander = await open_commander(schedules=[every(10, overlap="queue")])
    await fake_clock.advance(20 * MINUTE)
    await commander.schedules.pause("s")
    await commander.cancel_mission(slot_id(10))
    await fake_clock.advance(20 * MINUTE)
    assert await running(commander) == []
    assert await passed(commander) == [(20, 20, 1, "paused")]


async def test_a_schedule_that_is_triggered(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A mission starts now, paused or not; each time another one, of no slot."""
    commander = await open_commander(schedules=[every(10, definition=quick, input=minute)])
    await commander.schedules.pause("s")
    await fake_clock.advance(7 * MINUTE + timedelta(microseconds=5))
    first = await commander.schedules.trigger("s")
    await fake_clock.advance(timedelta(microseconds=1))
    second = await commander.schedules.trigger("s")
    assert (first, second) == ("s@1970-01-01T00:07:00.000005Z+manual", "s@1970-01-01T00:07:00.000006Z+manual")
    await commander.settled()
    found = await commander.inspect_mission(first)
    assert found is not None
    assert (found.snapshot.schedule, found.snapshot.slot, found.snapshot.output) == ("s", None, 7)
    assert (await summary(commander)).last_mission_id is None


async def test_a_schedule_that_is_backfilled(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Each slot from the one instant on and before the other starts once, also one that was passed over."""
    commander = await open_commander(schedules=[every(10, definition=quick)])
    await fake_clock.advance(30 * MINUTE)
    wanted = [slot_id(number) for number in (-10, 0, 10, 20)]
    for _ in range(2):
        assert await commander.schedules.backfill("s", since=at(-10), until=at(30)) == wanted
    await commander.settled()
    assert await fired(commander) == [10, 20, 30, -10, 0]
    assert set((await statuses(commander)).values()) == {MissionStatus.COMPLETED}
    assert await commander.schedules.backfill("s", since=at(1), until=at(10)) == []


async def test_a_slot_that_was_backfilled_before_its_time(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """It has had its mission, and starts no other."""
    commander = await open_commander(schedules=[every(10, definition=quick)])
    await commander.schedules.backfill("s", since=at(20), until=at(21))
    await fake_clock.advance(30 * MINUTE)
    assert sorted(await fired(commander)) == [10, 20, 30]
    assert await passed(commander) == []


async def test_too_many_slots(open_commander: OpenCommander) -> None:
    """More than ten thousand are asked for in parts."""
    commander = await open_commander(schedules=[every(1, definition=quick)])
    with pytest.raises(ValueError, match="more than 10000 slots"):
        await commander.schedules.backfill("s", since=at(0), until=at(10_001))
    assert await statuses(commander) == {}


async def test_a_name_that_none_has(open_commander: OpenCommander) -> None:
    """The error says which there are; of one that is absent only what starts missions is refused."""
    await open_commander(schedules=[every(10, definition=quick)])
    commander = await open_commander()
    for change in (
        commander.schedules.pause("t"),
        commander.schedules.resume("t"),
        commander.schedules.trigger("t"),
        commander.schedules.backfill("t", since=at(0), until=at(1)),
    ):
        with pytest.raises(ScheduleNotFoundError, match=r"no schedule has the name 't' \(there are: 's'\)"):
            await change
    with pytest.raises(ScheduleNotFoundError, match="schedule 's' is absent"):
        await commander.schedules.trigger("s")
    await commander.schedules.pause("s")
    assert (await summary(commander)).status == "absent"
    commander = await open_commander(schedules=[every(10, definition=quick)])
    assert (await summary(commander)).status == "paused"
    commander = await open_commander()
    await commander.schedules.resume("s")
    commander = await open_commander(schedules=[every(10, definition=quick)])
    assert (await summary(commander)).status == "active"


async def test_what_its_input_says(open_commander: OpenCommander) -> None:
    """Whoever triggers or backfills hears why no input could be made."""

    def fail(slot: datetime) -> int:
        raise ZeroDivisionError("oh")

    def misfit(slot: datetime) -> object:
        return "text"

    commander = await open_commander(
        schedules=[
            every(10, "fails", definition=quick, input=fail),
            every(10, "misfits", definition=quick, input=misfit),
        ]
    )
    with pytest.raises(MissionExecutionError, match=r"the function that makes the input failed.*ZeroDivisionError"):
        await commander.schedules.trigger("fails")
    with pytest.raises(MissionValidationError, match="schedule 'misfits'"):
        await commander.schedules.backfill("misfits", since=at(0), until=at(20))
    assert await statuses(commander) == {}


async def test_a_caller_that_is_cancelled(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """What was asked for is done all the same."""
    commander = await open_commander(schedules=[every(10, definition=quick)])
    asking = asyncio.ensure_future(commander.schedules.pause("s"))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    await commander.settled()
    await fake_clock.advance(30 * MINUTE)
    assert await fired(commander) == []
    assert (await summary(commander)).status == "paused"


async def test_by_whom(open_commander: OpenCommander) -> None:
    """A triggered mission bears the note of who asked for it."""
    from mission_control.core.commander.missions import NotedMissions

    commander = await open_commander(schedules=[every(10, definition=quick)])
    mission_id = await NotedMissions(commander, "ops").schedules.trigger("s")
    found = await commander.inspect_mission(mission_id)
    assert found is not None
    assert found.history[0].details["by"] == "ops"
