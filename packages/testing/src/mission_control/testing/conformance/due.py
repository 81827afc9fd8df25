"""What `due` and `next_due` promise, on which every timer and deadline rests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from mission_control.core.history import MissionStatus, MissionSummary
from mission_control.core.storage import PersistenceAdapter

from .missions import START, adds, after, commit, delayed_start, ended, ids, retry, signal, sleep
from .scheduled import ORDERED, create
from .storage import Storage, contract

MICROSECOND = 0.000001
MOMENT = timedelta(microseconds=1)


def place(row: MissionSummary) -> tuple[datetime, str]:
    """Return the place of the row by due time, as `due` takes it for `after`."""
    assert row.next_due is not None
    return row.next_due, row.mission_id


class DueContract:
    """What is due, and when something is next."""

    @contract
    async def test_what_waits_for_a_time_becomes_due(self, storage: Storage) -> None:
        """Sleeps, retries and delayed starts are due at their time; what runs, has ended or is parked never is."""
        adapter = await storage.open()
        waits = {"parked": signal(), "1": sleep(after(9)), "2": retry(after(1)), "3": delayed_start(START)}
        await commit(adapter, adds("running"), adds("done", **ended()), adds("failed", **ended(MissionStatus.FAILED)))
        await commit(adapter, *(adds(name, waiting=waiting) for name, waiting in waits.items()))
        assert set(ids(await adapter.due(after(10_000), limit=100))) == {"1", "2", "3"}

    @contract
    async def test_a_signals_deadline_becomes_due(self, storage: Storage) -> None:
        """A mission that waits for a signal until a deadline is due then; one without a deadline never is."""
        adapter = await storage.open()
        await commit(adapter, adds("parked", waiting=signal()), adds("bounded", waiting=signal(after(20))))
        assert ids(await adapter.due(after(21), limit=9)) == ["bounded"]
        assert await adapter.next_due(None) == after(20)

    @contract
    async def test_what_runs_becomes_due(self, storage: Storage) -> None:
        """A mission that runs while a wait of it is open is due as one that waits is."""
        adapter = await storage.open()
        await commit(adapter, adds("runs", next_wait=sleep(after(9))), adds("waits", waiting=sleep(after(9))))
        assert ids(await adapter.due(after(9), limit=9)) == ["runs", "waits"]
        assert await adapter.next_due(None) == await adapter.next_due(None, "sleep") == after(9)
        await commit(adapter, adds("runs", version=1, next_wait=signal()), adds("waits", version=1))
        assert list(await adapter.due(after(9), limit=9)) == []
        assert await adapter.next_due(None) is None

    @contract
    async def test_a_reminder_becomes_due(self, storage: Storage) -> None:
        """A mission is due at its `next_due`, where that is before its wait's own time or the wait has none."""
        adapter = await storage.open()
        await commit(adapter, adds("parked", waiting=signal(), next_due=after(20)))
        await commit(adapter, adds("bounded", waiting=signal(after(50)), next_due=after(10)))
        await commit(adapter, adds("runs", next_wait=retry(after(50)), next_due=after(30)))
        assert ids(await adapter.due(after(30), limit=9)) == ["bounded", "parked", "runs"]
        assert ids(await adapter.due(after(30) - MOMENT, limit=9)) == ["bounded", "parked"]
        assert [await adapter.next_due(after(seconds)) for seconds in (0, 10, 20, 30)] == [
            after(10),
            after(20),
            after(30),
            None,
        ]

    @contract
    async def test_what_is_paused_is_not_due(self, storage: Storage) -> None:
        """It is neither due nor next until it is resumed, whatever it waits for; among what is scheduled it stays."""
        adapter = await storage.open()
        shapes: dict[str, dict[str, Any]] = {"a": {"waiting": sleep(after(1))}, "b": {"waiting": retry(after(3))}}
        shapes |= {"c": {"next_wait": sleep(after(2))}, "d": {"waiting": signal(after(4))}}
        await commit(adapter, *(adds(name, **fields) for name, fields in shapes.items()))
        await commit(adapter, *(adds(name, version=1, paused=True, **fields) for name, fields in shapes.items()))
        adapter = await storage.reopen(adapter)
        assert ids(await adapter.due(after(9), limit=9)) == []
        assert [await adapter.next_due(None, kind) for kind in (None, "sleep", "retry", "signal")] == [None] * 4
        assert ids(await adapter.list_scheduled(limit=9)) == ["a", "b"]
        assert ids(await adapter.list_scheduled(limit=9, after="a")) == ["b"]
        await commit(adapter, *(adds(name, version=2, **shapes[name]) for name in "cb"))
        assert ids(await adapter.due(after(9), limit=9)) == ["c", "b"]
        assert await adapter.next_due(None) == after(2)

    @contract
    async def test_a_mission_with_a_reminder_is_due_once(self, storage: Storage) -> None:
        """It is listed at its earliest due time alone, also where its wait's own time has come, and page by page."""
        adapter = await storage.open()
        rows = {"a": (5, 2), "b": (3, 3), "c": (4, 1), "d": (1.5, 1.5), "e": (9, 3)}
        for name, (own, next_due) in rows.items():
            await commit(adapter, adds(name, waiting=sleep(after(own)), next_due=after(next_due)))
        assert ids(await adapter.due(after(10), limit=9)) == ["c", "d", "a", "b", "e"]
        assert ids(await adapter.due(after(10), limit=2)) == ["c", "d"]
        assert ids(await adapter.due(after(10), limit=9, after=(after(1.5), "d"))) == ["a", "b", "e"]
        assert ids(await adapter.due(after(10), limit=1, after=(after(3), "b"))) == ["e"]
        assert ids(await adapter.due(after(10), limit=9, after=(after(3), "e"))) == []

    @contract
    async def test_a_reminder_follows_the_last_commit(self, storage: Storage) -> None:
        """Once it has fired, the mission is due at what comes next, and at nothing when it has ended."""
        adapter = await storage.open()
        steps: list[tuple[dict[str, Any], list[str], datetime | None]] = [
            ({"waiting": signal(after(9)), "next_due": after(1)}, ["m-1"], after(1)),
            ({"next_wait": signal(after(9)), "next_due": after(2)}, ["m-1"], after(2)),
            ({"waiting": signal(after(9))}, [], after(9)),
            ({"waiting": signal(), "next_due": after(3)}, ["m-1"], after(3)),
            ({}, [], None),
            ({"waiting": signal(), "next_due": after(3)}, ["m-1"], after(3)),
            (ended(), [], None),
        ]
        for version, (fields, due, next_due) in enumerate(steps):
            await commit(adapter, adds("m-1", version=version, **fields))
            assert ids(await adapter.due(after(5), limit=9)) == due
            assert await adapter.next_due(None) == next_due

    @contract
    async def test_what_is_due_at_the_bound_is_due(self, storage: Storage) -> None:
        """The bound is inclusive, to the microsecond."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1", waiting=sleep(after(20))))
        assert ids(await adapter.due(after(20), limit=9)) == ["m-1"]

    @contract
    async def test_what_is_due_after_the_bound_is_not_due(self, storage: Storage) -> None:
        """Nothing is due early, not by a microsecond."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1", waiting=sleep(after(20))), adds("m-2", waiting=signal(after(21))))
        assert ids(await adapter.due(after(20 - MICROSECOND), limit=9)) == []
        assert ids(await adapter.due(after(20 + MICROSECOND), limit=9)) == ["m-1"]

    @contract
    async def test_due_missions_are_in_order_of_their_due_times(self, storage: Storage) -> None:
        """The earliest due is first, to the microsecond, and the id decides, as code points, between equals."""
        adapter = await storage.open()
        await create(adapter)
        assert ids(await adapter.due(after(10_000), limit=100)) == list(ORDERED)

    @contract
    async def test_due_missions_are_at_most_the_limit(self, storage: Storage) -> None:
        """`limit` bounds the page, which holds the earliest."""
        adapter = await storage.open()
        for number in range(6):
            await commit(adapter, adds(f"m-{number}", waiting=sleep(after(number))))
        for limit in (1, 3, 6, 1_000_000):
            found = ids(await adapter.due(after(10_000), limit=limit))
            assert sorted(found) == [f"m-{number}" for number in range(min(limit, 6))]

    @contract
    async def test_due_missions_come_in_pages(self, storage: Storage) -> None:
        """Pages after the last due time and id seen show each mission once, also within one due time."""
        adapter = await storage.open()
        for number in range(7):
            await commit(adapter, adds(f"m-{number}", waiting=sleep(after(20))))
        last: tuple[datetime, str] | None = None
        for pair in (["m-0", "m-1"], ["m-2", "m-3"], ["m-4", "m-5"], ["m-6"], []):
            page = await adapter.due(after(21), limit=2, after=last)
            assert sorted(ids(page)) == pair
            last = max((place(row) for row in page), default=None)

    @contract
    async def test_due_missions_after_a_place_are_later_by_time_and_then_by_id(self, storage: Storage) -> None:
        """`after` compares the due time first, then the id; no mission needs to stand at that place."""
        adapter = await storage.open()
        waits = {"a": 30, "b": 20, "c": 20, "d": 10, "e": 40}
        await commit(adapter, *(adds(name, waiting=sleep(after(seconds))) for name, seconds in waits.items()))
        for seen, left in [
            ((after(5), "z"), {"d", "b", "c", "a"}),
            ((after(10), "d"), {"b", "c", "a"}),
            ((after(20), "b"), {"c", "a"}),
            ((after(20), "bb"), {"c", "a"}),
            ((after(20), ""), {"b", "c", "a"}),
            ((after(20), "z"), {"a"}),
            ((after(30), "a"), set[str]()),
        ]:
            assert set(ids(await adapter.due(after(39), limit=9, after=seen))) == left

    @contract
    async def test_what_is_due_follows_the_last_commit(self, storage: Storage) -> None:
        """A mission is due at the time of its last commit's wait, and at none once it waits for none."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1", waiting=sleep(after(10))))
        await commit(adapter, adds("m-1", version=1, waiting=delayed_start(after(20))))
        assert ids(await adapter.due(after(15), limit=9)) == []
        assert ids(await adapter.due(after(25), limit=9)) == ["m-1"]
        assert await adapter.next_due(None) == after(20)
        assert await adapter.next_due(None, "sleep") is None
        timeless: list[dict[str, Any]] = [{"waiting": signal()}, {}, ended()]
        for version, fields in enumerate(timeless, 2):
            await commit(adapter, adds("m-1", version=version, **fields))
            assert ids(await adapter.due(after(25), limit=9)) == []
            assert await adapter.next_due(None) is None

    @contract
    async def test_the_next_due_time_is_the_earliest(self, storage: Storage) -> None:
        """`next_due(None)` is the earliest due time of all, past ones included, or None where there is none."""
        adapter = await storage.open()
        await commit(adapter, adds("running"), adds("parked", waiting=signal()), adds("done", **ended()))
        assert await adapter.next_due(None) is None
        await create_more(adapter, 30, 10, 20)
        assert await adapter.next_due(None) == after(10)
        await commit(adapter, adds("past", waiting=sleep(START.replace(year=1971, day=1))))
        assert await adapter.next_due(None) == START.replace(year=1971, day=1)

    @contract
    async def test_the_next_due_time_is_strictly_later(self, storage: Storage) -> None:
        """`next_due(after)` passes over what is due at `after` itself, however many missions are."""
        adapter = await storage.open()
        await create_more(adapter, 10, 10, 20, 30)
        assert await adapter.next_due(after(10)) == after(20)
        assert await adapter.next_due(after(30)) is None

    @contract
    async def test_the_next_due_time_is_after_the_one_given(self, storage: Storage) -> None:
        """`next_due(after)` is the earliest of the later due times, to the microsecond."""
        adapter = await storage.open()
        await create_more(adapter, 10, 20, 30)
        assert await adapter.next_due(after(5)) == after(10)
        assert await adapter.next_due(after(10 - MICROSECOND)) == after(10)
        assert await adapter.next_due(after(10 + MICROSECOND)) == after(20)
        assert await adapter.next_due(after(30 + MICROSECOND)) is None

    @contract
    async def test_the_next_due_time_of_a_kind(self, storage: Storage) -> None:
        """With a kind, only due times of that kind count: signal, sleep, retry and start_at are told apart."""
        adapter = await storage.open()
        assert await adapter.next_due(None, "sleep") is None
        waits = (signal(after(40)), sleep(after(30)), retry(after(20)), delayed_start(after(10)))
        await commit(adapter, *(adds(f"m-{number}", waiting=one) for number, one in enumerate(waits)))
        assert await adapter.next_due(None, "signal") == after(40)
        assert await adapter.next_due(None, "sleep") == after(30)
        assert await adapter.next_due(None, "retry") == after(20)
        assert await adapter.next_due(None, "start_at") == after(10)
        assert await adapter.next_due(after(35), "sleep") is None
        assert await adapter.next_due(after(35), "signal") == after(40)
        assert await adapter.next_due(None, "reminder") is None

    @contract
    async def test_the_next_due_time_of_a_reminder(self, storage: Storage) -> None:
        """A due time before that of the wait is a reminder's, and of that kind alone."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1", waiting=sleep(after(30)), next_due=after(10)))
        await commit(adapter, adds("m-2", waiting=signal(), next_due=after(20)))
        assert await adapter.next_due(None, "reminder") == after(10)
        assert await adapter.next_due(after(10), "reminder") == after(20)
        assert await adapter.next_due(after(20), "reminder") is None
        assert await adapter.next_due(None, "sleep") is await adapter.next_due(None, "signal") is None


async def create_more(adapter: PersistenceAdapter, *seconds: float) -> None:
    """Create a sleeping mission for each due time."""
    await commit(adapter, *(adds(f"s-{place}", waiting=sleep(after(one))) for place, one in enumerate(seconds)))
