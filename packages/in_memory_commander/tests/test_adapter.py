"""The in-memory adapter, beyond what every adapter promises."""

from __future__ import annotations

import asyncio

import pytest

from mission_control.core import DatabaseInUseError, PersistenceAdapter, PersistenceError
from mission_control.in_memory_commander import create_in_memory_persistence_adapter
from mission_control.testing.conformance.missions import adds, after, commit, history, ids, record, signal, sleep


async def fill(adapter: PersistenceAdapter) -> None:
    await adapter.bootstrap()
    await commit(adapter, adds("m-1"))


async def look(adapter: PersistenceAdapter) -> None:
    await adapter.bootstrap()
    assert await history(adapter, "m-1") == [1]
    await adapter.close()


async def fill_and_close(adapter: PersistenceAdapter) -> None:
    await fill(adapter)
    await adapter.close()


def test_another_loop_finds_everything() -> None:
    """Closed on one event loop, storage is opened on another with all that was committed."""
    adapter = create_in_memory_persistence_adapter()
    asyncio.run(fill_and_close(adapter))
    asyncio.run(look(adapter))


def test_a_loop_that_ended_owns_nothing() -> None:
    """Where a loop ended without closing, the storage is free for the next one."""
    adapter = create_in_memory_persistence_adapter()
    asyncio.run(fill(adapter))
    asyncio.run(look(adapter))


async def test_an_open_adapter_is_in_use() -> None:
    """A second opening is refused, and says what to do."""
    adapter = create_in_memory_persistence_adapter()
    await adapter.bootstrap()
    with pytest.raises(DatabaseInUseError, match="close that one first"):
        await adapter.bootstrap()
    await commit(adapter, adds("m-1"))


async def test_a_closed_adapter_says_so() -> None:
    """Nothing can be read or written before opening, nor after closing."""
    adapter = create_in_memory_persistence_adapter()
    with pytest.raises(PersistenceError, match=r"await bootstrap\(\) first"):
        await adapter.load(["m-1"])
    await fill_and_close(adapter)
    with pytest.raises(PersistenceError, match=r"await bootstrap\(\) first"):
        await adapter.commit([adds("m-1", version=1)])


async def test_each_adapter_is_storage_of_its_own() -> None:
    """Two adapters share nothing."""
    one, other = create_in_memory_persistence_adapter(), create_in_memory_persistence_adapter()
    await fill(one)
    await other.bootstrap()
    assert ids(await other.list_missions(limit=9)) == []


async def test_what_has_no_json_form_is_refused() -> None:
    """A payload that a file could not hold cannot be held in memory either, and nothing of its batch is."""
    adapter = create_in_memory_persistence_adapter()
    await adapter.bootstrap()
    with pytest.raises(PersistenceError, match="'bad': its records have no JSON form"):
        await adapter.commit([adds("good"), adds("bad", records=[record(1, {"output": {1, 2}})])])
    assert ids(await adapter.list_missions(limit=9)) == []


async def test_listings_follow_a_mission() -> None:
    """Whatever a mission was and becomes, it is in the listings of what it is, and in no others."""
    adapter = create_in_memory_persistence_adapter()
    await adapter.bootstrap()
    waits = [None, signal(), signal(after(5)), sleep(after(5)), sleep(after(7))]
    version = 0
    for old in waits:
        for new in waits:
            for waiting in (old, new):
                await commit(adapter, adds("m-1", version=version, waiting=waiting))
                version += 1
            due = getattr(new, "due_at", None) or getattr(new, "timeout_at", None)
            assert ids(await adapter.list_interrupted(limit=9)) == ["m-1"] * (new is None)
            assert ids(await adapter.list_scheduled(limit=9)) == ["m-1"] * hasattr(new, "due_at")
            assert ids(await adapter.due(after(9), limit=9)) == ["m-1"] * (due is not None)
            assert await adapter.next_due(None) == due


async def test_a_listing_goes_on_behind_a_mission_that_has_fired() -> None:
    """A mission that was the last on a page, and waits no more, marks the time at which it changed."""
    adapter = create_in_memory_persistence_adapter()
    await adapter.bootstrap()
    await commit(adapter, *(adds(f"m-{second}", waiting=sleep(after(second))) for second in (1, 3, 5)))
    for waiting in (None, signal(), signal(after(99))):
        (found,) = await adapter.load(["m-1"])
        assert isinstance(found, tuple)
        await commit(adapter, adds("m-1", version=len(found), waiting=waiting, updated_at=after(2)))
        assert ids(await adapter.list_scheduled(limit=9, after="m-1")) == ["m-3", "m-5"]
