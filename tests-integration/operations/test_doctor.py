"""What is stored beside histories is checked, and put right, while missions go on."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings

from flows import Stage, begin, flow, path
from mended import GO, Shop, found
from mission_control.adapter_sqlite import SQLiteCommander
from mission_control.core import (
    Commander,
    CorruptMissionError,
    MissionDefinition,
    MissionStatus,
    PersistenceAdapter,
    Reminder,
    RetryPolicy,
    Schedule,
    create_commander,
)
from mission_control.core.storage import MissionRows, RepairRequest
from mission_control.in_memory_commander import create_in_memory_persistence_adapter
from mission_control.testing import FakeClock
from random_flows import World, missions
from storages import Forwarding, OpenCommander

ORDER: MissionDefinition[int] = flow("order").sleep("night", 3600).need_to(GO, timeout=7200).end()


def everything(shop: Shop) -> MissionDefinition[int]:
    """A mission with something open of every kind."""
    wait = path().need_to("wait", int, timeout=9_000, reminder=Reminder(begin, 500))
    return (
        flow("all")
        .parallel(
            "p",
            {
                "sleep": path().sleep("z", 4_000),
                "wait": wait,
                "retry": path().step("s", shop.work, retry=RetryPolicy(max_attempts=3, initial_interval=700)),
                "child": path().mission("c", ORDER, begin),
            },
        )
        .end()
    )


async def test_what_commits_store_is_what_histories_say(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Of missions that wait, sleep, back off, are reminded, paused, woken, reopened, taken in, and have ended."""
    shop = Shop(broken={"s"})
    definition = everything(shop)
    commander = await open_commander([definition])
    operations = commander.operations
    await commander.start(definition, 7, mission_id="x", wait=False)
    await commander.start(ORDER, 7, mission_id="paused", labels={"a": "b"})
    await operations.pause_mission("paused")
    await commander.start(ORDER, 7, mission_id="woken")
    await operations.wake_mission("woken")
    await commander.start(ORDER, 7, mission_id="cancelled")
    await commander.cancel_mission("cancelled")
    await operations.import_mission(await operations.export_mission("woken"), mission_id="taken in")
    for seconds in (0, 600, 100, 4_000, 20_000):
        await fake_clock.advance(seconds)
        assert await operations.doctor() == []
    await operations.reopen_mission("x")
    assert await operations.doctor() == []

    commander = await open_commander([definition])
    assert await commander.operations.doctor() == []


@settings(
    deadline=None,
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(missions(is_apart=False))
def test_what_is_stored_of_random_missions_is_what_histories_say(drawn: tuple[World, MissionDefinition[Any]]) -> None:
    """At every moment at which they rest."""
    asyncio.run(_check_at_rest(drawn[1]))


async def _check_at_rest(definition: MissionDefinition[Any]) -> None:
    storage, clock = create_in_memory_persistence_adapter(), FakeClock()
    async with create_commander(definitions=[definition], persistence=storage, clock=clock) as commander:
        await commander.start(definition, 1, mission_id="x", wait=False)
        for _ in range(6):
            await clock.advance(2_000)
            assert await commander.operations.doctor() == []


async def test_progress_is_told(open_commander: OpenCommander) -> None:
    """Of all missions."""
    commander = await open_commander([ORDER])
    for _ in range(3):
        await commander.start(ORDER, 7)
    told: list[tuple[int, int]] = []
    await commander.operations.doctor(progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (3, 3)


async def test_missions_that_nothing_carries_on_are_found(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Without a definition, with one that has no place for them, and those that have waited for more than a year."""
    patient = flow("patient").need_to(GO).end()
    commander = await open_commander([ORDER, patient])
    await commander.start(ORDER, 7, mission_id="x")
    await commander.start(patient, 7, mission_id="y")
    await commander.start(flow("gone").need_to(GO).end(), 7, mission_id="z")

    await open_commander.close()
    await fake_clock.advance(timedelta(days=366))
    commander = await open_commander([flow("order").end(), patient])

    findings = [(finding.mission_id, finding.kind) for finding in await commander.operations.doctor(repair=True)]
    assert findings == [("x", "stranded"), ("y", "old wait"), ("z", "not registered"), ("z", "old wait")]


async def test_schedule_that_fails_is_found(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Until one of its slots starts a mission again."""
    is_broken = True

    def made(slot: datetime) -> int:
        if is_broken:
            raise ValueError("no")
        return 7

    nightly = Schedule("nightly", ORDER, input=made, every=3600, overlap="allow")
    commander = await open_commander([ORDER], schedules=[nightly])
    await fake_clock.advance(7300)
    (finding,) = await commander.operations.doctor()
    assert (finding.mission_id, finding.kind, finding.repaired) == (None, "failing schedule", False)
    assert "schedule 'nightly': its last slots, 2 from " in finding.message

    is_broken = False
    await fake_clock.advance(3600)
    assert await commander.operations.doctor() == []


async def test_purge_leaves_nothing_wrong_behind(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """The definition of those that were deleted is that of others, which are judged and exported by it still."""
    commander = await open_commander([ORDER])
    ended = await commander.start(ORDER, 7, mission_id="ended")
    await commander.start(ORDER, 7, mission_id="x")
    await ended.cancel()
    await fake_clock.advance(1)

    assert await commander.operations.purge_missions(ended_before=fake_clock.now()) == 1

    assert await commander.load_definition(ORDER.fingerprint) == ORDER.to_static()
    assert await commander.operations.doctor() == []
    assert [group.fingerprint for group in (await commander.operations.plan([ORDER])).groups] == [ORDER.fingerprint]


# What is wrong with a file


def edit(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def opened(database: Path, clock: FakeClock) -> Commander:
    return SQLiteCommander(database_path=database, definitions=[ORDER], clock=clock)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE missions SET status = 'running'",
        "UPDATE missions SET due_at = NULL",
        "UPDATE missions SET cursor = 'nowhere'",
        "UPDATE missions SET version = version - 1",
        "UPDATE missions SET version = version + 1",
        "UPDATE missions SET mission_name = 'other'",
        "UPDATE missions SET status = 'completed', cursor = NULL",
        "UPDATE missions SET error = '{broken'",
        "UPDATE missions SET created_at = 'yesterday'",
        'UPDATE missions SET labels = \'{"a": "b"}\'',
        "UPDATE missions SET ran_under = NULL",
        "UPDATE missions SET ran_under = 99",
        "UPDATE missions SET due_at = x'ff'",
    ],
)
async def test_rows_are_put_right_and_the_mission_goes_on(
    database_path: Path, fake_clock: FakeClock, statement: str
) -> None:
    """What is wrong is told, and what was repaired; then nothing is, and its sleep ends when it is due."""
    async with opened(database_path, fake_clock) as commander:
        await commander.start(ORDER, 7, mission_id="x")
    edit(database_path, statement)

    async with opened(database_path, fake_clock) as commander:
        told = await commander.operations.doctor()
        repaired = await commander.operations.doctor(repair=True)
        assert [(one.mission_id, one.kind, one.repaired) for one in told] == [("x", "wrong rows", False)]
        assert [(one.mission_id, one.kind, one.repaired) for one in repaired] == [("x", "wrong rows", True)]
        assert await commander.operations.doctor(repair=True) == []

        await fake_clock.advance(3600)
        mission = await found(commander)
        assert (await mission.snapshot()).cursor == "go"
        await mission.signal(GO, 1)
        assert await mission.status() is MissionStatus.COMPLETED


async def test_wait_that_is_not_stored_is_put_right(database_path: Path, fake_clock: FakeClock) -> None:
    """The inbox has it again."""
    async with opened(database_path, fake_clock) as commander:
        await commander.start(ORDER, 7, mission_id="x")
        await fake_clock.advance(3600)
    edit(database_path, "DELETE FROM waits")

    async with opened(database_path, fake_clock) as commander:
        assert await commander.list_waits() == []
        (finding,) = await commander.operations.doctor(repair=True)
        assert finding.message == "mission 'x': the wait 'go' is open, and is not stored"
        assert [wait.event_name for wait in await commander.list_waits()] == ["go"]


async def test_history_that_does_not_fold_is_found_and_left_as_it_is(
    database_path: Path, fake_clock: FakeClock
) -> None:
    """Nothing can be made right by it; the others are looked at."""
    async with opened(database_path, fake_clock) as commander:
        await commander.start(ORDER, 7, mission_id="x")
        await commander.start(ORDER, 7, mission_id="y")
    edit(database_path, "DELETE FROM history WHERE mission = 1 AND version = (SELECT min(version) FROM history)")
    edit(database_path, "UPDATE missions SET cursor = 'nowhere' WHERE mission_id = 'y'")

    async with opened(database_path, fake_clock) as commander:
        findings = await commander.operations.doctor(repair=True)
    assert [(one.mission_id, one.kind, one.repaired) for one in findings] == [
        ("x", "corrupt history", False),
        ("y", "wrong rows", True),
    ]


async def test_history_that_cannot_be_read_is_told_by_whoever_reads_it(
    database_path: Path, fake_clock: FakeClock
) -> None:
    """A plan counts its mission apart, whatever is registered, and it has no form that could be taken in."""
    forked = flow("order").parallel("all", {"a": path().need_to("one", int), "b": path().need_to("two", int)}).end()
    async with SQLiteCommander(database_path=database_path, definitions=[forked], clock=fake_clock) as commander:
        await commander.start(forked, 7, mission_id="x")
    edit(database_path, "UPDATE history SET records = '[broken'")

    async with SQLiteCommander(database_path=database_path, definitions=[forked], clock=fake_clock) as commander:
        plan = await commander.operations.plan([])
        with pytest.raises(CorruptMissionError, match="'x'"):
            await commander.operations.export_mission("x")
    assert plan.is_safe
    assert [(group.node, group.count, group.problem) for group in plan.groups] == [
        ("all", 1, "their stored histories do not fold, whatever is registered")
    ]


async def test_repairing_does_no_harm_to_missions_in_motion(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Whatever they do meanwhile: nothing is found, nothing is lost, and all of them come to their ends."""
    stage = Stage(holds=False)
    definition = flow("busy").repeat("r", path().step("a", stage).sleep("z", 0), until=_is_over).end()
    commander = await open_commander([definition])
    started = [await commander.start(definition, 7, mission_id=f"x{number}", wait=False) for number in range(20)]
    while not all([(await mission.status()).is_terminal for mission in started]):
        assert await commander.operations.doctor(repair=True) == []
        await asyncio.sleep(0)  # so few are looked at before it is anybody else's turn
    assert await commander.operations.doctor() == []
    assert [await mission.status() for mission in started] == [MissionStatus.COMPLETED] * 20


def _is_over(ctx: Any) -> bool:
    return bool(ctx.index >= 10)


class Overtaken(Forwarding):
    """Storage in which a commit comes before what is to be put right, once."""

    is_overtaken = False

    async def rewrite(self, rows: MissionRows, /) -> bool:
        if not self.is_overtaken:
            self.is_overtaken = True
            return False
        return await super().rewrite(rows)


async def test_mission_that_has_moved_on_meanwhile_is_looked_at_once_more(open_commander: OpenCommander) -> None:
    """What is right, and what is not there, is left alone."""
    storages: list[Overtaken] = []

    def overtaken(inner: PersistenceAdapter) -> PersistenceAdapter:
        storages.append(Overtaken(inner))
        return storages[-1]

    commander: Any = await open_commander([ORDER], wrap=overtaken)
    await commander.start(ORDER, 7, mission_id="x")
    port = await commander._port()
    assert [await port.repair(RepairRequest(mission_id=name)) for name in ("x", "y")] == [False, False]
    (stored,) = await storages[0].audit(limit=1)
    assert isinstance(stored.rows, MissionRows)
    await storages[0].inner.rewrite(attrs.evolve(stored.rows, waits=(), ran_under=None))
    (finding,) = await commander.operations.doctor(repair=True)

    assert (finding.kind, finding.repaired, storages[0].is_overtaken) == ("wrong rows", True, True)
    assert await commander.operations.doctor() == []
    ended = await commander.cancel_mission("x")
    (stored,) = await storages[0].audit(limit=1)
    assert isinstance(stored.rows, MissionRows)
    await storages[0].inner.rewrite(attrs.evolve(stored.rows, ran_under=None))
    assert await port.repair(RepairRequest(mission_id="x"))
    assert await (await found(commander)).snapshot() == ended
