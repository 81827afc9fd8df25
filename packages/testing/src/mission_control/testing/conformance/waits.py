"""What `list_waits` promises: the open waits for signals, the longest open first, in pages."""

from __future__ import annotations

from typing import Any

from mission_control.core.history import OpenWait
from mission_control.core.storage import PersistenceAdapter

from .children import stale
from .missions import NAMES, adds, after, child, commit, ended, signal, wait
from .storage import Storage, contract

ORDERED = (
    wait("b", "approval", 1),
    wait("a", "approval", 2),
    wait("a", "checks/legal/approval", 2),
    wait("a", "items[10]/approval", 2),
    wait("a", "items[2]/approval", 2),
    wait("a", "paid", 2),
    wait("a/b", "paid", 2, mission_name="refund"),
    wait("é", "approval", 2, timeout_at=after(60)),
    wait("c", "checks/paid", 3),
    wait("Z", "approval", 3.000001, mission_name="refund"),
)
"""By `since`, then by id, then by instance name; ids and names are compared as code points."""

MANY = 1_000
"""Waits that one commit opens."""


async def create(adapter: PersistenceAdapter) -> None:
    """Open the waits, from the last one to the first, each mission's own at once and in its turn."""
    for mission_id in dict.fromkeys(one.mission_id for one in reversed(ORDERED)):
        opened = [one for one in reversed(ORDERED) if one.mission_id == mission_id]
        await commit(adapter, adds(mission_id, mission_name=opened[0].mission_name, opened=opened))


async def listed(adapter: PersistenceAdapter, **filters: Any) -> list[tuple[str, str]]:
    """Return whose waits are open, and their instance names, in order."""
    return [(one.mission_id, one.event_name) for one in await adapter.list_waits(limit=1_000, **filters)]


class WaitContract:
    """Open waits for signals."""

    @contract
    async def test_open_waits_are_listed_by_since_id_and_name(self, storage: Storage) -> None:
        """They are as they were committed, in that order, whatever order they were opened in."""
        adapter = await storage.open()
        await create(adapter)
        assert list(await adapter.list_waits(limit=100)) == list(ORDERED)

    @contract
    async def test_storage_without_open_waits_lists_none(self, storage: Storage) -> None:
        """A row that waits for a signal opens none: what is listed is what was opened."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1", waiting=signal()), adds("m-2", waiting=signal(after(9))))
        assert list(await adapter.list_waits(limit=9)) == []

    @contract
    async def test_waits_come_in_pages(self, storage: Storage) -> None:
        """Pages after the last wait seen show every one once, full up to the last page."""
        adapter = await storage.open()
        await create(adapter)
        for limit in (1, 3, 5, 9, 10, 11):
            found: list[OpenWait] = []
            last = None
            while page := list(await adapter.list_waits(limit=limit, after=last)):
                assert len(page) == min(limit, len(ORDERED) - len(found))
                found += page
                last = (page[-1].since, page[-1].mission_id, page[-1].event_name)
            assert found == list(ORDERED)

    @contract
    async def test_a_page_goes_on_after_a_wait_that_is_closed(self, storage: Storage) -> None:
        """`after` is a place in the order, open still or not, or never."""
        adapter = await storage.open()
        await create(adapter)
        await commit(adapter, adds("a", version=1, closed=[ORDERED[3]]))
        left = [one for one in ORDERED if one.event_name != "items[10]/approval"]
        assert list(await adapter.list_waits(limit=2, after=(after(2), "a", "items[10]/approval"))) == left[3:5]
        assert list(await adapter.list_waits(limit=9, after=(after(2), "z", ""))) == left[6:]
        assert list(await adapter.list_waits(limit=9, after=(after(9), "", ""))) == []

    @contract
    async def test_waits_are_listed_by_signal(self, storage: Storage) -> None:
        """With `signal`, only waits for a signal of exactly that own name are listed, in whatever path."""
        adapter = await storage.open()
        await create(adapter)
        assert await listed(adapter, signal="paid") == [("a", "paid"), ("a/b", "paid"), ("c", "checks/paid")]
        approvals = [(one.mission_id, one.event_name) for one in ORDERED if one.event_name.endswith("approval")]
        assert await listed(adapter, signal="approval") == approvals
        for name in ("", "Paid", "checks/paid", "pai", "paid%", "a"):
            assert await listed(adapter, signal=name) == []

    @contract
    async def test_waits_are_listed_by_mission_name(self, storage: Storage) -> None:
        """With `mission_name`, only waits of missions of exactly that name are listed, and with both of both."""
        adapter = await storage.open()
        await create(adapter)
        assert await listed(adapter, mission_name="refund") == [("a/b", "paid"), ("Z", "approval")]
        assert await listed(adapter, mission_name="refund", signal="approval") == [("Z", "approval")]
        assert await listed(adapter, mission_name="order", signal="paid") == [("a", "paid"), ("c", "checks/paid")]
        assert await listed(adapter, mission_name="Refund") == await listed(adapter, mission_name="") == []

    @contract
    async def test_filtered_pages_of_waits_are_full(self, storage: Storage) -> None:
        """Pages with filters hold `limit` waits that fit, after any place."""
        adapter = await storage.open()
        await create(adapter)
        fitting = [one for one in ORDERED if one.event_name.endswith("approval")]
        page = await adapter.list_waits(signal="approval", limit=3, after=(after(2), "a", "checks/legal/approval"))
        assert list(page) == fitting[3:6]
        page = await adapter.list_waits(signal="approval", mission_name="order", limit=2, after=(after(2), "a", "i"))
        assert list(page) == fitting[3:5]

    @contract
    async def test_what_is_closed_is_listed_no_more(self, storage: Storage) -> None:
        """A commit closes waits of its mission alone, opens others, and passes over what is not open."""
        adapter = await storage.open()
        await create(adapter)
        opened = [wait("a", "next", 4), wait("a", "checks/legal/approval", 5)]
        closed = [*ORDERED[1:3], wait("a", "nothing", 2), *ORDERED[4:6]]
        await commit(adapter, adds("a", version=1, closed=closed, opened=opened), adds("b", version=1))
        expected = [("b", "approval"), ("a", "items[10]/approval"), ("a/b", "paid"), ("é", "approval")]
        expected += [("c", "checks/paid"), ("Z", "approval"), ("a", "next"), ("a", "checks/legal/approval")]
        assert await listed(adapter) == expected
        assert await listed(adapter, signal="next", mission_name="order") == [("a", "next")]
        await commit(adapter, adds("Z", version=1, mission_name="refund", closed=ORDERED[-1:], **ended()))
        assert await listed(adapter, mission_name="refund") == [("a/b", "paid")]

    @contract
    async def test_a_stale_member_opens_and_closes_nothing(self, storage: Storage) -> None:
        """The waits are those of what was written, and those of the others in the batch change."""
        adapter = await storage.open()
        await create(adapter)
        stales = adds("b", version=7, closed=ORDERED[:1], opened=[wait("b", "more", 9)])
        taken = adds("c", version=1, closed=ORDERED[-2:-1], children=[adds("a")])
        assert await stale(adapter, stales, taken, adds("é", version=1, closed=ORDERED[-3:-2])) == ["b", "a", None]
        assert list(await adapter.list_waits(limit=99)) == [one for one in ORDERED if one.mission_id != "é"]

    @contract
    async def test_the_waits_of_a_whole_family_are_listed(self, storage: Storage) -> None:
        """A member and the missions that it creates may each open some, beside members that open none."""
        adapter = await storage.open()
        children = [child("p", "x", opened=[wait("p/x", seconds=3)]), child("p", "y")]
        await commit(adapter, adds("first"), adds("p", opened=[wait("p", seconds=4)], children=children), adds("last"))
        assert await listed(adapter) == [("p/x", "approval"), ("p", "approval")]

    @contract
    async def test_many_waits_of_one_mission(self, storage: Storage) -> None:
        """A thousand are opened by one commit, and closed by another."""
        adapter = await storage.open()
        names = [f"items[{number}]/approval" for number in range(MANY)]
        opened = [wait("m-1", name) for name in names]
        await commit(adapter, adds("m-1", opened=opened), adds("m-2"))
        assert await listed(adapter) == [("m-1", name) for name in sorted(names)]
        await commit(adapter, adds("m-1", version=1, closed=opened[1:]))
        assert await listed(adapter) == [("m-1", names[0])]

    @contract
    async def test_waits_of_any_name_are_told_apart(self, storage: Storage) -> None:
        """Ids, instance names and names of missions are compared exactly, whatever they are made of."""
        adapter = await storage.open()
        own = [name for name in NAMES if "/" not in name]
        opened = {name: wait(name, f"steps/{name}", place, mission_name=name) for place, name in enumerate(own)}
        await commit(adapter, *(adds(name, mission_name=name, opened=[one]) for name, one in opened.items()))
        for name, one in opened.items():
            assert list(await adapter.list_waits(signal=name, limit=9)) == [one]
            assert list(await adapter.list_waits(mission_name=name, limit=9)) == [one]
        assert list(await adapter.list_waits(limit=99)) == list(opened.values())

    @contract
    async def test_reopened_storage_has_every_open_wait(self, storage: Storage) -> None:
        """They are there again when another adapter opens the storage, and can be closed."""
        adapter = await storage.open()
        await create(adapter)
        adapter = await storage.reopen(adapter)
        assert list(await adapter.list_waits(limit=99)) == list(ORDERED)
        await commit(adapter, adds("c", version=1, closed=ORDERED[-2:-1]))
        adapter = await storage.reopen(adapter)
        assert await listed(adapter, signal="paid") == [("a", "paid"), ("a/b", "paid")]
