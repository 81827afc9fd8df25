"""Schedules fire: each slot once, with the input of that slot, whatever the clock and the code do meanwhile."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.core import HistoryType, MissionContext, MissionDefinition, MissionStatus, Schedule, m
from mission_control.testing import FakeClock
from storages import OpenCommander
from timetables import MINUTE, at, every, fired, passed, quick, slot_id, slow, statuses, summary


async def test_a_slot_starts_a_mission(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """When it is due, under an id that says for which slot, which its record and its row say too."""
    commander = await open_commander(schedules=[every(10, definition=quick, input=7)])
    await fake_clock.advance(10 * MINUTE - timedelta.resolution)
    assert await statuses(commander) == {}
    await fake_clock.advance(timedelta.resolution)
    assert await statuses(commander) == {"s@1970-01-01T00:10:00Z": MissionStatus.COMPLETED}
    found = await commander.inspect_mission("s@1970-01-01T00:10:00Z")
    assert found is not None
    created = found.history[0]
    assert created.type is HistoryType.MISSION_CREATED
    assert created.at == at(10)
    assert {name: created.details[name] for name in ("schedule", "slot", "input")} == {
        "schedule": "s",
        "slot": "1970-01-01T00:10:00.000000+00:00",
        "input": 7,
    }
    assert (found.snapshot.schedule, found.snapshot.slot, found.snapshot.output) == ("s", at(10), 7)
    (row,) = await commander.list_missions()
    assert (row.schedule, row.slot) == ("s", at(10))


async def test_slots_follow_one_another(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """In one big step of the clock as in many small ones."""
    commander = await open_commander(schedules=[every(10, definition=quick)])
    await fake_clock.advance(65 * MINUTE)
    assert await fired(commander) == [10, 20, 30, 40, 50, 60]
    seen = await summary(commander)
    assert (seen.next_slot, seen.last_slot, seen.last_mission_id) == (at(70), at(60), slot_id(60))
    assert (seen.last_outcome, seen.status, seen.passed_over) == (MissionStatus.COMPLETED, "active", ())
    assert (seen.name, seen.mission_name, seen.spec) == ("s", "quick", "every 600 s")


async def test_the_input_is_of_the_slot(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A function makes it, with the slot as the clocks in its zone show it, on a thread or on the loop."""
    asked: list[datetime] = []

    def by_thread(slot: datetime) -> int:
        asked.append(slot)
        return slot.hour

    async def by_loop(slot: datetime) -> int:
        await asyncio.sleep(0)
        return slot.minute

    zone: dict[str, Any] = {"cron": "30 2 * * *", "time_zone": "Asia/Kolkata"}
    commander = await open_commander(
        schedules=[Schedule("a", quick, input=by_thread, **zone), Schedule("b", quick, input=by_loop, **zone)]
    )
    await fake_clock.advance(24 * 60 * MINUTE)
    outputs = {
        one.schedule: (await (await commander.get_mission(one.mission_id)).result()).output  # type: ignore[union-attr]
        async for one in commander.iter_missions()
    }
    assert outputs == {"a": 2, "b": 30}
    assert [slot.isoformat() for slot in asked] == ["1970-01-02T02:30:00+05:30"]


@pytest.mark.parametrize("problem", ["raises", "misfits"])
async def test_an_input_that_cannot_be_made(
    open_commander: OpenCommander, fake_clock: FakeClock, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, the slot is on record as failed, and the next one is not concerned."""

    def make(slot: datetime) -> Any:
        if slot != at(10):
            return 1
        if problem == "raises":
            raise KeyError("gone")
        return "no number"

    commander = await open_commander(schedules=[every(10, definition=quick, input=make)])
    await fake_clock.advance(25 * MINUTE)
    assert await fired(commander) == [20]
    assert await passed(commander) == [(10, 10, 1, "failed")]
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "schedule s: no input for slot 1970-01-01 00:10:00+00:00" in record.getMessage()


async def test_a_mission_that_fails_ends_no_schedule(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """The next slot starts another one."""

    async def fail(ctx: MissionContext[int]) -> None:
        raise ValueError("no")

    commander = await open_commander(schedules=[every(10, definition=m.define("f").start(input=int, run=fail).end())])
    await fake_clock.advance(20 * MINUTE)
    assert list((await statuses(commander)).values()) == [MissionStatus.FAILED] * 2
    assert (await summary(commander)).last_outcome is MissionStatus.FAILED


async def test_its_time(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Nothing before `starts_at`, nothing from `ends_at` on, and then it has ended."""
    commander = await open_commander(
        schedules=[every(10, definition=quick, starts_at=at(25), ends_at=at(45)), every(10, "never", ends_at=at(5))]
    )
    assert (await summary(commander, "never")).status == "ended"
    await fake_clock.advance(100 * MINUTE)
    assert await fired(commander) == [25, 35]
    seen = await summary(commander)
    assert (seen.status, seen.next_slot) == ("ended", None)


async def test_slots_before_its_first_sight_are_not_missed(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A schedule begins when storage sees it first, and from there on it is known."""
    await fake_clock.advance(35 * MINUTE)
    schedules = [every(10, overlap="allow", catch_up=timedelta(days=1))]
    commander = await open_commander(schedules=schedules)
    await commander.settled()
    assert await fired(commander) == []
    await open_commander.close()
    await fake_clock.advance(20 * MINUTE)
    commander = await open_commander(schedules=schedules)
    await commander.settled()
    assert await fired(commander) == [40, 50]


@pytest.mark.parametrize("definition", [quick, slow], ids=["it has ended", "it waits"])
async def test_a_mission_that_is_there_already(
    open_commander: OpenCommander, fake_clock: FakeClock, definition: MissionDefinition[int]
) -> None:
    """A slot whose id is taken has had its mission: nothing fails, and the schedule goes on."""
    commander = await open_commander([definition], schedules=[every(10, definition=definition)])
    await commander.start(definition, 99, mission_id=slot_id(10))
    await fake_clock.advance(20 * MINUTE)
    assert list(await statuses(commander)) == [slot_id(10), slot_id(20)]
    assert (await summary(commander)).last_slot == at(20)


async def test_a_clock_set_back_fires_nothing_again(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """What is decided is decided, also where the next process reads another time."""
    schedules = [every(10, definition=quick)]
    await open_commander(schedules=schedules)
    await fake_clock.advance(30 * MINUTE)
    earlier = FakeClock(at(0))
    commander = await open_commander(schedules=schedules, clock=earlier)
    await earlier.advance(39 * MINUTE)
    assert await fired(commander) == [10, 20, 30]
    await earlier.advance(1 * MINUTE)
    assert await fired(commander) == [10, 20, 30, 40]


async def test_another_spec_begins_anew(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Nothing of the time before is caught up; what else is changed in code just holds."""
    await open_commander(schedules=[every(10, definition=quick, catch_up=timedelta(days=1))])
    await fake_clock.advance(10 * MINUTE)
    await open_commander.close()
    await fake_clock.advance(35 * MINUTE)
    commander = await open_commander(schedules=[every(15, definition=slow, catch_up=timedelta(days=1))])
    await commander.settled()
    assert await fired(commander) == [10]
    await fake_clock.advance(15 * MINUTE)
    assert await fired(commander) == [10, 60]
    assert (await summary(commander)).mission_name == "slow"


async def test_a_schedule_that_the_code_names_no_longer(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """It stays as absent and fires nothing; where it is named again it goes on."""
    schedules = [every(10, definition=quick, catch_up=timedelta(0))]
    await open_commander(schedules=schedules)
    await fake_clock.advance(10 * MINUTE)
    commander = await open_commander([quick])
    await fake_clock.advance(30 * MINUTE)
    seen = await summary(commander)
    assert (seen.status, seen.next_slot, seen.last_slot) == ("absent", None, at(10))
    assert await fired(commander) == [10]
    commander = await open_commander(schedules=schedules)
    await fake_clock.advance(10 * MINUTE)
    assert await fired(commander) == [10, 40, 50]
    assert (await summary(commander)).status == "active"


async def test_it_ends_at_another_time(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """What the code says about the end holds from the next process on, earlier or later."""
    await open_commander(schedules=[every(10, definition=quick, ends_at=at(15))])
    await fake_clock.advance(16 * MINUTE)
    commander = await open_commander(schedules=[every(10, definition=quick, ends_at=at(35))])
    await fake_clock.advance(4 * MINUTE)
    commander = await open_commander(schedules=[every(10, definition=quick, ends_at=at(30))])
    await fake_clock.advance(60 * MINUTE)
    assert await fired(commander) == [10, 20]
    assert (await summary(commander)).status == "ended"


async def test_many_schedules(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Each fires at its own times, and they do not wait for one another."""
    gate = asyncio.Event()

    async def held(slot: datetime) -> int:
        await gate.wait()
        return 1

    schedules = [every(number, f"s{number}", definition=quick) for number in range(1, 20)]
    commander = await open_commander(schedules=[every(1, "held", definition=quick, input=held), *schedules])
    moving = asyncio.ensure_future(fake_clock.advance(1 * MINUTE))
    while not await fired(commander, "s1"):
        await asyncio.sleep(0)
    assert await fired(commander, "held") == []
    gate.set()
    await moving
    await fake_clock.advance(19 * MINUTE)
    for number in range(1, 20):
        assert await fired(commander, f"s{number}") == list(range(number, 21, number))


def test_utc() -> None:
    """The helper's epoch is the clock's."""
    assert at(0) == FakeClock().now() == datetime(1970, 1, 1, tzinfo=UTC)
