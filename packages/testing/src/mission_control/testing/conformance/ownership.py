"""What `bootstrap` and `close` promise: one owner at a time, and nothing forgotten between owners."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from mission_control.core.errors import DatabaseInUseError
from mission_control.core.history import MissionStatus
from mission_control.core.storage import PersistenceAdapter

from .definitions import STATIC
from .listings import CREATED
from .missions import (
    adds,
    after,
    commit,
    definition,
    delayed_start,
    ended,
    history,
    ids,
    record,
    signal,
    sleep,
    summary,
    text,
)
from .storage import AdapterFactory, Storage, contract, run


class OwnershipContract:
    """Opening, owning, giving up and opening again."""

    @contract
    async def test_new_storage_is_empty(self, storage: Storage) -> None:
        """Storage that was just created knows no missions, no definitions and no due times."""
        adapter = await storage.open()
        assert list(await adapter.load(["m-1"])) == [None]
        assert await adapter.load_summary("m-1") is None
        assert await adapter.load_definition("f-1") is None
        assert list(await adapter.list_missions(limit=9)) == list(await adapter.list_interrupted(limit=9)) == []
        assert list(await adapter.list_scheduled(limit=9)) == list(await adapter.due(after(0), limit=9)) == []
        assert list(await adapter.list_strays(limit=9)) == []
        assert await adapter.next_due(None) is None

    @contract
    async def test_reopened_storage_has_every_record(self, storage: Storage) -> None:
        """Histories are there again when another adapter opens the storage."""
        adapter = await storage.open()
        records = [record(seq, {"payload": {"number": seq}}, event_name="pack") for seq in range(1, 6)]
        await commit(adapter, adds("m-1", records=records), adds("m-2", count=2))
        adapter = await storage.reopen(adapter)
        (loaded,) = await adapter.load(["m-1"])
        assert text(loaded) == text(tuple(records))
        assert await history(adapter, "m-2") == [1, 2]

    @contract
    async def test_reopened_storage_has_every_summary(self, storage: Storage) -> None:
        """Summaries and due times are there again when another adapter opens the storage."""
        adapter = await storage.open()
        await commit(adapter, adds("a", waiting=sleep(after(9))), adds("b", **ended(MissionStatus.FAILED)), adds("c"))
        await commit(adapter, adds("c", version=1, waiting=delayed_start(after(3))))
        adapter = await storage.reopen(adapter)
        assert await adapter.load_summary("b") == summary("b", **ended(MissionStatus.FAILED))
        assert ids(await adapter.list_scheduled(limit=9)) == ids(await adapter.due(after(10), limit=9)) == ["c", "a"]
        assert await adapter.next_due(None, "start_at") == after(3)
        assert await adapter.next_due(after(4)) == after(9)

    @contract
    async def test_reopened_storage_has_every_definition(self, storage: Storage) -> None:
        """Definitions are there again when another adapter opens the storage."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1", definition=definition("f-1", **STATIC)))
        adapter = await storage.reopen(adapter)
        assert await adapter.load_definition("f-1") == {"name": "order", **STATIC}
        await commit(adapter, adds("m-2", definition=definition("f-1", x=2)))
        assert await adapter.load_definition("f-1") == {"name": "order", **STATIC}

    @contract
    async def test_reopened_storage_keeps_the_order_of_creation(self, storage: Storage) -> None:
        """Missions stay in the order of their creation, and later ones follow, across openings."""
        adapter = await storage.open()
        for start in range(0, len(CREATED), 4):
            for mission_id in CREATED[start : start + 4]:
                await commit(adapter, adds(mission_id))
            adapter = await storage.reopen(adapter)
        assert ids(await adapter.list_missions(limit=100)) == list(CREATED)
        assert ids(await adapter.list_missions(limit=100, after=CREATED[3])) == list(CREATED[4:])

    @contract
    async def test_reopened_storage_checks_versions(self, storage: Storage) -> None:
        """Versions are known again: the next record is accepted, another's place is refused."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1", count=3))
        adapter = await storage.reopen(adapter)
        outcomes = [(await adapter.commit([adds("m-1", version=version)]))[0] for version in (0, 2, 4, 3)]
        assert [outcome is None for outcome in outcomes] == [False, False, False, True]

    @contract
    async def test_an_adapter_may_be_used_anew_after_close(self, storage: Storage) -> None:
        """The same adapter, closed and bootstrapped again, goes on where it was."""
        adapter = await storage.open()
        for version in range(3):
            await commit(adapter, adds("m-1", version=version, waiting=signal()))
            await adapter.close()
            await adapter.bootstrap()
        assert await history(adapter, "m-1") == [1, 2, 3]

    def test_an_adapter_may_be_used_anew_on_another_loop(self, adapter_factory: AdapterFactory) -> None:
        """The same adapter, closed on one event loop, can be bootstrapped on the next."""
        adapter = adapter_factory()

        async def use(version: int) -> None:
            await adapter.bootstrap()
            try:
                await commit(adapter, adds("m-1", version=version))
                assert await history(adapter, "m-1") == list(range(1, version + 2))
            finally:
                await adapter.close()

        for version in range(3):
            run(use(version))

    @contract
    async def test_closing_twice_does_nothing(self, storage: Storage) -> None:
        """A second `close` is no error, and takes nothing from the next owner."""
        first = await storage.open()
        await commit(first, adds("m-1"))
        await storage.close(first)
        await first.close()
        second = await storage.open()
        if second is not first:
            await first.close()
            with pytest.raises(DatabaseInUseError):
                await storage.open()
        assert await history(second, "m-1") == [1]

    @contract
    async def test_closing_finishes_a_commit_under_way(self, storage: Storage) -> None:
        """A commit that runs when `close` is called takes effect, and its caller learns so."""
        adapter = await storage.open()
        under_way = asyncio.ensure_future(_outcomes(adapter, count=100))
        await asyncio.sleep(0)
        adapter = await storage.reopen(adapter)
        assert await under_way == [None] * 10
        assert [len(await history(adapter, f"m-{number}") or []) for number in range(10)] == [100] * 10

    @contract
    async def test_a_second_owner_is_refused(self, storage: Storage) -> None:
        """While one adapter owns the storage, another's `bootstrap` raises `DatabaseInUseError`, each time."""
        await storage.open()
        for _ in range(3):
            with pytest.raises(DatabaseInUseError):
                await storage.open()

    @contract
    async def test_a_refused_owner_disturbs_nothing(self, storage: Storage) -> None:
        """The owner goes on undisturbed after another was refused, closed or not, and stays the owner."""
        first = await storage.open()
        await commit(first, adds("m-1", waiting=sleep(after(9)), definition=definition()))
        for version in range(1, 4):
            await _refused(storage.create, first)
            await commit(first, adds("m-1", version=version, waiting=sleep(after(9))))
            assert await history(first, "m-1") == list(range(1, version + 2))
        reopened = await storage.reopen(first)
        assert await history(reopened, "m-1") == [1, 2, 3, 4]
        assert await reopened.next_due(None) == after(9)

    @contract
    async def test_ownership_ends_with_close(self, storage: Storage) -> None:
        """An adapter that was refused can own the storage once the first has given it up."""
        first, second = await storage.open(), storage.create()
        await commit(first, adds("m-1"))
        if second is not first:
            with pytest.raises(DatabaseInUseError):
                await second.bootstrap()
        await storage.close(first)
        await second.bootstrap()
        try:
            await commit(second, adds("m-1", version=1))
            assert await history(second, "m-1") == [1, 2]
        finally:
            await second.close()


async def _outcomes(adapter: PersistenceAdapter, *, count: int) -> list[object]:
    return list(await adapter.commit([adds(f"m-{number}", count=count) for number in range(10)]))


async def _refused(create: Callable[[], PersistenceAdapter], owner: PersistenceAdapter) -> None:
    """Have another adapter refused, and closed unless it is the owner's own object."""
    other = create()
    with pytest.raises(DatabaseInUseError):
        await other.bootstrap()
    if other is not owner:
        await other.close()
