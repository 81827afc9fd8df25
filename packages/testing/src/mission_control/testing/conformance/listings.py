"""What `list_missions` and `list_interrupted` promise: pages in order of creation, filtered and full."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from mission_control.core.history import MissionStatus, MissionSummary
from mission_control.core.storage import MissionQuery, PersistenceAdapter

from .missions import NAMES, adds, after, child, commit, ended, fitting, ids, signal, sleep, summary
from .storage import Storage, contract

CREATED = ("m-5", "m-1", "z", "M-8", "m-10", "a", "m-3", "é", "m-2", "b")
"""In order of creation, which is no order of the ids themselves."""

RUNNING, WAITING, COMPLETED = MissionStatus.RUNNING, MissionStatus.WAITING, MissionStatus.COMPLETED


async def create(adapter: PersistenceAdapter) -> None:
    """Create missions of two names and three statuses, in turn."""
    shapes: tuple[dict[str, Any], ...] = ({}, {"waiting": signal(after(60))}, ended())
    for place, mission_id in enumerate(CREATED):
        name = "order" if place % 2 else "refund"
        await commit(adapter, adds(mission_id, mission_name=name, **shapes[place % 3]))


async def pages(
    listing: Callable[..., Awaitable[Sequence[MissionSummary]]], *query: MissionQuery, limit: int
) -> list[list[str]]:
    """Read page after page, each after the last id of the one before, up to one that is empty."""
    found: list[list[str]] = []
    last: str | None = None
    while page := ids(await listing(*query, limit=limit, after=last)):
        assert len(found) < 100, "the pages do not come to an end"
        found.append(page)
        last = page[-1]
    return found


class ListingContract:
    """Listings in order of creation."""

    @contract
    async def test_missions_are_listed_in_order_of_creation(self, storage: Storage) -> None:
        """Listings follow the order in which missions were first committed, not that of their ids."""
        adapter = await storage.open()
        await create(adapter)
        assert ids(await adapter.list_missions(limit=100)) == list(CREATED)

    @contract
    async def test_missions_of_one_batch_are_listed_in_its_order(self, storage: Storage) -> None:
        """Missions that one commit creates follow one another as they stand in the batch."""
        adapter = await storage.open()
        await commit(adapter, *(adds(mission_id) for mission_id in CREATED))
        assert ids(await adapter.list_missions(limit=100)) == list(CREATED)

    @contract
    async def test_later_commits_do_not_move_a_mission(self, storage: Storage) -> None:
        """A mission keeps its place in the order of creation, whatever it does afterwards."""
        adapter = await storage.open()
        await create(adapter)
        for mission_id in reversed(CREATED):
            await commit(adapter, adds(mission_id, version=1, updated_at=after(60 - CREATED.index(mission_id))))
        assert ids(await adapter.list_missions(limit=100)) == list(CREATED)
        assert ids(await adapter.list_interrupted(limit=100)) == list(CREATED)

    @contract
    async def test_listed_summaries_are_whole(self, storage: Storage) -> None:
        """A listing shows the rows as `load_summary` does."""
        adapter = await storage.open()
        await create(adapter)
        listed = await adapter.list_missions(limit=100)
        assert list(listed) == [await adapter.load_summary(mission_id) for mission_id in CREATED]
        assert listed[0] == summary("m-5", mission_name="refund")

    @contract
    async def test_a_listing_has_at_most_its_limit(self, storage: Storage) -> None:
        """`limit` bounds each page, and one beyond the end is no error."""
        adapter = await storage.open()
        await create(adapter)
        for limit in (1, 3, 10, 1_000_000):
            assert ids(await adapter.list_missions(limit=limit)) == list(CREATED[:limit])

    @contract
    async def test_pages_follow_one_another(self, storage: Storage) -> None:
        """Pages after the last id seen show every mission once, full up to the last page."""
        adapter = await storage.open()
        await create(adapter)
        for limit in (1, 4, 5, 9, 10, 11):
            found = await pages(adapter.list_missions, limit=limit)
            assert found == [list(CREATED[start : start + limit]) for start in range(0, len(CREATED), limit)]

    @contract
    async def test_a_page_goes_on_after_any_id(self, storage: Storage) -> None:
        """`after` is compared exactly, whatever the id is made of."""
        adapter = await storage.open()
        await commit(adapter, *(adds(name) for name in NAMES))
        for place, name in enumerate(NAMES, 1):
            assert ids(await adapter.list_missions(limit=100, after=name)) == list(NAMES[place:])

    @contract
    async def test_a_page_after_an_unknown_mission_is_empty(self, storage: Storage) -> None:
        """An `after` that storage does not know gives an empty page, with filters too."""
        adapter = await storage.open()
        await create(adapter)
        assert list(await adapter.list_missions(limit=10, after="nobody")) == []
        assert list(await adapter.list_missions(limit=10, after="")) == []
        assert await fitting(adapter, statuses=(RUNNING,), mission_name="order", limit=10, after="nobody") == []

    @contract
    async def test_missions_are_listed_by_status(self, storage: Storage) -> None:
        """With `status`, only missions of that status are listed, in order of creation."""
        adapter = await storage.open()
        await create(adapter)
        for place, status in enumerate((RUNNING, WAITING, COMPLETED)):
            assert await fitting(adapter, statuses=(status,), limit=100) == list(CREATED[place::3])
        assert await fitting(adapter, statuses=(MissionStatus.FAILED,), limit=100) == []

    @contract
    async def test_missions_are_listed_by_name(self, storage: Storage) -> None:
        """With `mission_name`, only missions of exactly that name are listed."""
        adapter = await storage.open()
        await create(adapter)
        assert await fitting(adapter, mission_name="refund", limit=100) == list(CREATED[0::2])
        assert await fitting(adapter, mission_name="order", limit=100) == list(CREATED[1::2])
        for name in ("", "Order", "orde", "order%", "m-1"):
            assert await fitting(adapter, mission_name=name, limit=100) == []

    @contract
    async def test_status_and_name_are_combined(self, storage: Storage) -> None:
        """With both filters, only missions that fit both are listed."""
        adapter = await storage.open()
        await create(adapter)
        for name, first in (("refund", 0), ("order", 1)):
            for status in range(3):
                expected = [one for place, one in enumerate(CREATED) if place % 2 == first and place % 3 == status]
                kind = (RUNNING, WAITING, COMPLETED)[status]
                assert await fitting(adapter, statuses=(kind,), mission_name=name, limit=100) == expected

    @contract
    async def test_missions_are_listed_by_parent(self, storage: Storage) -> None:
        """With `parent_id`, only the children of exactly that mission are listed, whatever became of them since."""
        adapter = await storage.open()
        await commit(adapter, *(adds(name, children=[child(name, "b"), child(name, "a")]) for name in ("p", "p/a/x")))
        await commit(adapter, adds("p", version=1, children=[child("p", "c", is_awaited=False)]), adds("p/d"))
        await commit(adapter, adds("p/b", version=1, parent_id="p", waiting=signal()))
        assert await fitting(adapter, parent_id="p", limit=9) == ["p/b", "p/a", "p/c"]
        assert await fitting(adapter, parent_id="p", limit=1, after="p/b") == ["p/a"]
        assert await fitting(adapter, parent_id="p", limit=9, after="p/a/x") == ["p/c"]
        assert await fitting(adapter, parent_id="p", limit=9, after="nobody") == []
        for parent_id in ("", "P", "p/", "p/b", "nobody"):
            assert await fitting(adapter, parent_id=parent_id, limit=9) == []

    @contract
    async def test_parent_status_and_name_are_combined(self, storage: Storage) -> None:
        """With more filters, only children that fit all of them are listed, and pages of them are full."""
        adapter = await storage.open()
        shapes: dict[str, dict[str, Any]] = {
            "a": {"mission_name": "bill"},
            "b": {"waiting": signal()},
            "c": {"mission_name": "bill", "waiting": signal()},
            "d": {"mission_name": "bill", "waiting": signal()},
        }
        for parent in ("p", "q"):
            children = [child(parent, name, **fields) for name, fields in shapes.items()]
            await commit(adapter, adds(parent, mission_name="bill", waiting=signal(), children=children))
        of_q = await pages(
            adapter.list_missions, MissionQuery(parent_id="q", mission_name="bill", statuses=(WAITING,)), limit=1
        )
        assert of_q == [["q/c"], ["q/d"]]
        assert await fitting(adapter, parent_id="q", mission_name="bill", limit=9) == ["q/a", "q/c", "q/d"]
        assert await fitting(adapter, parent_id="q", statuses=(WAITING,), limit=9) == ["q/b", "q/c", "q/d"]
        by_both = await fitting(adapter, mission_name="bill", statuses=(WAITING,), limit=9)
        assert by_both == ["p", "p/c", "p/d", "q", "q/c", "q/d"]

    @contract
    async def test_filtered_pages_are_full(self, storage: Storage) -> None:
        """Pages with filters hold `limit` missions that fit, up to the last page, and show each once."""
        adapter = await storage.open()
        await create(adapter)
        by_status = await pages(adapter.list_missions, MissionQuery(statuses=(RUNNING,)), limit=2)
        assert by_status == [["m-5", "M-8"], ["m-3", "b"]]
        by_name = await pages(adapter.list_missions, MissionQuery(mission_name="order"), limit=2)
        assert by_name == [["m-1", "M-8"], ["a", "é"], ["b"]]
        both = await pages(adapter.list_missions, MissionQuery(statuses=(RUNNING,), mission_name="order"), limit=1)
        assert both == [["M-8"], ["b"]]

    @contract
    async def test_the_status_filter_follows_the_last_commit(self, storage: Storage) -> None:
        """A mission is listed under the status that its last commit gave it, and under no other."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1"), adds("m-2"))
        await commit(adapter, adds("m-1", version=1, waiting=sleep(after(9))))
        assert await fitting(adapter, statuses=(RUNNING,), limit=9) == ["m-2"]
        assert await fitting(adapter, statuses=(WAITING,), mission_name="order", limit=9) == ["m-1"]
        await commit(adapter, adds("m-1", version=2))
        assert await fitting(adapter, statuses=(RUNNING,), mission_name="order", limit=9) == ["m-1", "m-2"]
        assert await fitting(adapter, statuses=(WAITING,), limit=9) == []

    @contract
    async def test_a_page_goes_on_after_a_mission_that_no_longer_fits(self, storage: Storage) -> None:
        """`after` is a place in the order of creation, also where that mission has left the filter."""
        adapter = await storage.open()
        await create(adapter)
        await commit(adapter, adds("M-8", version=1, **ended()))
        assert await fitting(adapter, statuses=(RUNNING,), limit=9, after="M-8") == ["m-3", "b"]
        assert await fitting(adapter, mission_name="refund", limit=9, after="M-8") == ["m-10", "m-3", "m-2"]
        assert ids(await adapter.list_interrupted(limit=9, after="M-8")) == ["m-3", "b"]

    @contract
    async def test_interrupted_missions_are_those_that_run(self, storage: Storage) -> None:
        """`list_interrupted` shows missions whose status is running, in order of creation, and no others."""
        adapter = await storage.open()
        await create(adapter)
        assert ids(await adapter.list_interrupted(limit=100)) == list(CREATED[0::3])
        await commit(adapter, adds("m-1", version=1, mission_name="order"))
        await commit(adapter, adds("m-5", version=1, waiting=signal()))
        assert ids(await adapter.list_interrupted(limit=100)) == ["m-1", "M-8", "m-3", "b"]

    @contract
    async def test_interrupted_missions_come_in_pages(self, storage: Storage) -> None:
        """`list_interrupted` is bounded by `limit`, and goes on after the last id seen."""
        adapter = await storage.open()
        await create(adapter)
        found = await pages(adapter.list_interrupted, limit=3)
        assert found == [["m-5", "M-8", "m-3"], ["b"]]
        assert list(await adapter.list_interrupted(limit=3, after="nobody")) == []
