"""What storage promises of schedules: one row a name, written by itself or with the mission that it starts."""

from __future__ import annotations

from typing import Any, get_args

import attrs

from mission_control.core.history import MissionStatus, PassedOver, PassedOverReason
from mission_control.core.schedules import MOST_PASSED_OVER, Spec, StoredSchedule
from mission_control.core.storage import MissionCommit, MissionQuery, PersistenceAdapter

from .missions import (
    LIFE,
    NAMES,
    START,
    adds,
    after,
    child,
    commit,
    ended,
    ids,
    retry,
    schedule,
    signal,
    sleep,
    summary,
)
from .storage import Storage, contract

MANY = 10_000
"""Schedules that are recorded at once."""

REASONS: tuple[PassedOverReason, ...] = get_args(PassedOverReason)

PASSED_OVER = tuple(
    PassedOver(after(number), after(number + 0.000001), 10**number, REASONS[number % len(REASONS)])
    for number in range(MOST_PASSED_OVER)
)

ODD = (
    schedule("plain"),
    schedule("paused", is_paused=True, next_slot=None),
    schedule("absent", is_absent=True, mission_name="🚀"),
    schedule("elapsed", spec=Spec(cron=None, every=10**9, time_zone="UTC", starts_at=after(-0.5))),
    schedule("runs", running=NAMES, queued=after(9.123456), last_slot=START, last_mission_id="runs@1"),
    schedule("passes", decided=after(0.000001), passed_over=PASSED_OVER),
)
"""Rows of every shape."""

STARTED: dict[str, dict[str, Any]] = {
    "triggered": {"schedule": "é"},
    "sleeps": {"schedule": "a", "slot": START, "waiting": sleep(after(9))},
    "reminded": {"schedule": "🚀" * 200, "slot": after(-60), "waiting": signal(), "next_due": after(5)},
    "retries": {"schedule": "a", "slot": after(60), "waiting": retry(after(6))},
    "ends": {"schedule": "None", "slot": after(0.000001), **ended()},
    "plain": {},
}
"""Rows of missions, most of which a schedule started, by their ids."""

Listed = list[tuple[StoredSchedule, MissionStatus | None]]


def firing(member: MissionCommit, row: StoredSchedule) -> MissionCommit:
    """Return a commit with the row of the schedule that starts its mission."""
    return attrs.evolve(member, schedule=row)


def last(name: str, mission_id: str) -> StoredSchedule:
    """Return the row of a schedule that started this mission last."""
    return schedule(name, last_slot=after(1), last_mission_id=mission_id)


async def listed(adapter: PersistenceAdapter) -> Listed:
    """Return all schedules, with the status of the mission that each started last."""
    return list(await adapter.list_schedules())


async def rows(adapter: PersistenceAdapter) -> list[StoredSchedule]:
    """Return all schedules."""
    return [row for row, _ in await listed(adapter)]


class ScheduleContract:
    """Rows of schedules, and the missions that they start."""

    @contract
    async def test_schedules_are_listed_by_name(self, storage: Storage) -> None:
        """They come in the order of their names, as code points, and each name is told from any other."""
        adapter = await storage.open()
        assert await listed(adapter) == []
        names = [name[:200] for name in NAMES]
        await adapter.record_schedules([schedule(name, mission_name=name) for name in names])
        assert await rows(adapter) == [schedule(name, mission_name=name) for name in sorted(names)]

    @contract
    async def test_every_shape_of_schedule_is_kept(self, storage: Storage) -> None:
        """Each field comes back as it was, and every slot that was passed over, whichever way the row was written."""
        adapter = await storage.open()
        await adapter.record_schedules(ODD)
        assert await rows(adapter) == sorted(ODD, key=lambda row: row.name)
        for place, row in enumerate(ODD):
            await commit(adapter, firing(adds(f"m-{place}"), row))
        assert await rows(adapter) == sorted(ODD, key=lambda row: row.name)

    @contract
    async def test_a_recorded_schedule_replaces_that_of_its_name(self, storage: Storage) -> None:
        """All of it, and no other; to record none changes nothing."""
        adapter = await storage.open()
        await adapter.record_schedules([last("a", "m-1"), schedule("b", passed_over=PASSED_OVER), schedule("c")])
        await adapter.record_schedules([schedule("b", is_paused=True)])
        await adapter.record_schedules([])
        expected = [last("a", "m-1"), schedule("b", is_paused=True), schedule("c")]
        assert await rows(adapter) == expected

    @contract
    async def test_many_schedules_are_recorded_at_once(self, storage: Storage) -> None:
        """All of an owner's schedules go down together, and are listed together."""
        adapter = await storage.open()
        many = [schedule(f"s-{number:06}") for number in range(MANY)]
        await adapter.record_schedules(many)
        assert await rows(adapter) == many

    @contract
    async def test_a_schedule_shows_the_status_of_its_last_mission(self, storage: Storage) -> None:
        """That which it has now; none where no mission was started, or it is there no more."""
        adapter = await storage.open()
        await commit(adapter, *(firing(adds(f"{name}@1"), last(name, f"{name}@1")) for name in ("a", "b", "c")))
        await adapter.record_schedules([last("gone", "a"), schedule("never")])
        none: list[MissionStatus | None] = [None, None]
        assert [status for _, status in await listed(adapter)] == [MissionStatus.RUNNING] * 3 + none
        ends = [adds("b@1", version=1, waiting=signal()), adds("c@1", version=1, **ended())]
        await commit(adapter, *ends)
        changed = [MissionStatus.RUNNING, MissionStatus.WAITING, MissionStatus.COMPLETED]
        assert [status for _, status in await listed(adapter)] == [*changed, *none]

    @contract
    async def test_a_commit_writes_a_schedule_with_its_mission(self, storage: Storage) -> None:
        """In place of what was recorded before; where one commit starts several missions, the last row stays."""
        adapter = await storage.open()
        await adapter.record_schedules([schedule("a"), schedule("b")])
        members = [firing(adds(f"a@{number}"), last("a", f"a@{number}")) for number in (1, 2)]
        await commit(adapter, adds("other"), *members, firing(adds("c@1"), last("c", "c@1")))
        assert await rows(adapter) == [last("a", "a@2"), schedule("b"), last("c", "c@1")]
        await commit(adapter, firing(adds("a@2", version=1), last("a", "a@1")))
        assert await rows(adapter) == [last("a", "a@1"), schedule("b"), last("c", "c@1")]
        assert ids(await adapter.list_missions(limit=9)) == ["other", "a@1", "a@2", "c@1"]

    @contract
    async def test_the_schedule_of_a_stale_member_is_not_written(self, storage: Storage) -> None:
        """It stays as it was, also where a child's id is taken; those of the others are written."""
        adapter = await storage.open()
        await commit(adapter, adds("a@1"), adds("b@1/billing"))
        await adapter.record_schedules([schedule("a")])
        family = firing(adds("b@1", children=[child("b@1", "billing")]), last("b", "b@1"))
        batch = [firing(adds("a@1"), last("a", "a@1")), family, firing(adds("c@1"), last("c", "c@1"))]
        outcomes = await adapter.commit(batch)
        assert [outcome is None for outcome in outcomes] == [False, False, True]
        assert await rows(adapter) == [schedule("a"), last("c", "c@1")]

    @contract
    async def test_reopened_storage_has_every_schedule(self, storage: Storage) -> None:
        """Those that were recorded and those that came with a mission are there again, with its status."""
        adapter = await storage.open()
        await adapter.record_schedules(ODD)
        await commit(adapter, firing(adds("m-1"), last("fires", "m-1")))
        before = await listed(adapter)
        assert len(before) == len(ODD) + 1
        assert await listed(await storage.reopen(adapter)) == before

    @contract
    async def test_a_mission_shows_what_started_it(self, storage: Storage) -> None:
        """Its schedule and its slot are in its row wherever that is shown; one that was triggered has no slot."""
        adapter = await storage.open()
        await commit(adapter, *(adds(name, **fields) for name, fields in STARTED.items()))
        expected = {name: summary(name, **fields) for name, fields in STARTED.items()}
        assert [await adapter.load_summary(name) for name in STARTED] == list(expected.values())
        assert list(await adapter.list_missions(limit=9)) == list(expected.values())
        completed = MissionQuery(statuses=(MissionStatus.COMPLETED,))
        assert list(await adapter.list_missions(completed, limit=9)) == [expected["ends"]]
        assert list(await adapter.list_interrupted(limit=9)) == [expected["triggered"], expected["plain"]]
        assert list(await adapter.list_scheduled(limit=9)) == [expected["retries"], expected["sleeps"]]
        in_order = [expected[name] for name in ("reminded", "retries", "sleeps")]
        assert list(await adapter.due(after(9), limit=9)) == in_order

    @contract
    async def test_a_mission_shows_what_started_it_for_good(self, storage: Storage) -> None:
        """Whatever it does later, also where nothing else of its row is out of the ordinary."""
        adapter = await storage.open()
        started: dict[str, Any] = {"schedule": "x" * 200, "slot": after(0.000001)}
        for version, fields in enumerate(LIFE):
            await commit(adapter, adds("m-1", version=version, **fields, **started))
            assert list(await adapter.list_missions(limit=9)) == [summary("m-1", **fields, **started)]
