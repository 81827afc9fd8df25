"""What `list_scheduled` promises: the missions that go on by themselves, earliest first, in pages."""

from __future__ import annotations

from mission_control.core.history import MissionStatus
from mission_control.core.storage import PersistenceAdapter

from .listings import pages
from .missions import START, adds, after, commit, delayed_start, ended, ids, retry, signal, sleep
from .storage import Storage, contract

ORDERED = ("d", "B", "a", "é", "\uffee", "\U0001f600", "c", "e")
"""By due time and then by id, as code points: from the second, five are due at one time."""


async def create(adapter: PersistenceAdapter) -> None:
    """Create missions that sleep, due in the order of `ORDERED`, in another order."""
    due = {"e": 300, "\U0001f600": 20, "a": 20, "c": 20.000001, "B": 20, "\uffee": 20, "é": 20, "d": -5}
    for mission_id, seconds in due.items():
        await commit(adapter, adds(mission_id, waiting=sleep(after(seconds))))


class ScheduledContract:
    """Missions that wait for a timer or a retry."""

    @contract
    async def test_scheduled_missions_wait_for_a_timer_or_a_retry(self, storage: Storage) -> None:
        """Sleeps, retries and delayed starts are listed; waits for signals, with a deadline too, are not."""
        adapter = await storage.open()
        await commit(adapter, adds("running"), adds("done", **ended()), adds("failed", **ended(MissionStatus.FAILED)))
        waits = {
            "s": signal(),
            "d": signal(after(20)),
            "1": sleep(after(9)),
            "2": retry(after(1)),
            "3": delayed_start(START),
        }
        await commit(adapter, *(adds(name, waiting=waiting) for name, waiting in waits.items()))
        assert set(ids(await adapter.list_scheduled(limit=100))) == {"1", "2", "3"}

    @contract
    async def test_what_runs_is_not_scheduled(self, storage: Storage) -> None:
        """A mission that runs beside an open timer is not listed before all of it waits."""
        adapter = await storage.open()
        await commit(adapter, adds("a", next_wait=sleep(after(9))), adds("b", waiting=sleep(after(9))))
        assert ids(await adapter.list_scheduled(limit=9)) == ["b"]
        await commit(adapter, adds("a", version=1, waiting=sleep(after(9))))
        await commit(adapter, adds("b", version=1, next_wait=sleep(after(9)), updated_at=after(4)))
        assert ids(await adapter.list_scheduled(limit=9)) == ["a"]
        assert ids(await adapter.list_scheduled(limit=9, after="b")) == ["a"]

    @contract
    async def test_a_reminder_changes_no_schedule(self, storage: Storage) -> None:
        """A mission is listed at its wait's own time, whatever of it is due before that, and none for a reminder."""
        adapter = await storage.open()
        await commit(adapter, adds("a", waiting=sleep(after(9)), next_due=after(1)), adds("b", waiting=sleep(after(5))))
        await commit(
            adapter, adds("c", waiting=signal(after(9)), next_due=after(1)), adds("d", waiting=retry(after(9)))
        )
        assert ids(await adapter.list_scheduled(limit=9)) == ["b", "a", "d"]
        assert ids(await adapter.list_scheduled(limit=1, after="b")) == ["a"]
        assert ids(await adapter.list_scheduled(limit=9, after="a")) == ["d"]

    @contract
    async def test_scheduled_missions_are_in_order_of_their_due_times(self, storage: Storage) -> None:
        """The earliest due is first, to the microsecond, and the id decides, as code points, between equals."""
        adapter = await storage.open()
        await create(adapter)
        assert ids(await adapter.list_scheduled(limit=100)) == list(ORDERED)

    @contract
    async def test_scheduled_missions_come_in_pages(self, storage: Storage) -> None:
        """`limit` bounds each page, and pages after the last id seen show each mission once, full to the last."""
        adapter = await storage.open()
        await create(adapter)
        for limit in (1, 3, 4, 7, 8, 9):
            found = await pages(adapter.list_scheduled, limit=limit)
            assert sorted(one for page in found for one in page) == sorted(ORDERED)
            assert [len(page) for page in found] == [min(limit, 8 - start) for start in range(0, 8, limit)]

    @contract
    async def test_a_scheduled_page_after_an_unknown_mission_is_empty(self, storage: Storage) -> None:
        """An `after` that storage does not know gives an empty page here too."""
        adapter = await storage.open()
        await create(adapter)
        assert list(await adapter.list_scheduled(limit=10, after="nobody")) == []

    @contract
    async def test_a_scheduled_page_goes_on_after_a_mission_that_has_fired(self, storage: Storage) -> None:
        """After a mission that waits for no time any more, none due later than its last change is left out."""
        adapter = await storage.open()
        await create(adapter)
        await commit(adapter, adds("d", version=1, updated_at=after(0)))
        await commit(adapter, adds("B", version=1, updated_at=after(20), **ended()))
        assert {"a", "é", "c", "e"} <= set(ids(await adapter.list_scheduled(limit=100, after="d")))
        assert {"c", "e"} <= set(ids(await adapter.list_scheduled(limit=100, after="B")))

    @contract
    async def test_the_schedule_follows_the_last_commit(self, storage: Storage) -> None:
        """A mission is listed at the due time that its last commit gave it, and no longer once it has none."""
        adapter = await storage.open()
        await commit(adapter, adds("a", waiting=sleep(after(10))), adds("b", waiting=sleep(after(20))), adds("c"))
        await commit(adapter, adds("a", version=1, waiting=sleep(after(30))))
        assert ids(await adapter.list_scheduled(limit=9)) == ["b", "a"]
        await commit(adapter, adds("b", version=1), adds("c", version=1, waiting=sleep(after(5))))
        assert ids(await adapter.list_scheduled(limit=9)) == ["c", "a"]
        await commit(adapter, adds("c", version=2, waiting=signal()), adds("a", version=2, **ended()))
        assert ids(await adapter.list_scheduled(limit=9)) == []
