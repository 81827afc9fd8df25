"""What holds while calls overlap, and when a caller is cancelled."""

from __future__ import annotations

import asyncio

from mission_control.core.history import MissionStatus
from mission_control.core.storage import PersistenceAdapter

from .missions import adds, after, commit, fitting, history, ids, sleep
from .storage import Storage, contract

MISSIONS = ("m-1", "m-2")


async def version(adapter: PersistenceAdapter, mission_id: str) -> int:
    """Return how many records the mission has."""
    return len(await history(adapter, mission_id) or [])


class ConcurrencyContract:
    """Overlapping calls, and calls that are given up."""

    @contract
    async def test_reads_may_run_beside_a_commit(self, storage: Storage) -> None:
        """Reads that overlap with commits see each commit whole or not at all, never a torn mission."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1", count=3, waiting=sleep(after(3))))
        done = asyncio.Event()

        async def write() -> None:
            for number in range(1, 20):
                await commit(adapter, adds("m-1", version=number * 3, count=3, waiting=sleep(after(number * 3 + 3))))
                await asyncio.sleep(0)
            done.set()

        async def read() -> None:
            seen = 0
            while not done.is_set():
                numbers = await history(adapter, "m-1") or []
                assert numbers == list(range(1, len(numbers) + 1))
                assert len(numbers) % 3 == 0
                assert seen <= len(numbers), "a later read saw less than an earlier one"
                seen = len(numbers)
                assert await fitting(adapter, statuses=(MissionStatus.WAITING,), limit=9) == ["m-1"]
                assert ids(await adapter.due(after(1_000), limit=9)) == ["m-1"]
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            for work in (write(), read(), read()):
                group.create_task(work)

    @contract
    async def test_reads_may_overlap(self, storage: Storage) -> None:
        """Many reads at once each get their own answer."""
        adapter = await storage.open()
        await commit(adapter, *(adds(f"m-{number}", count=number + 1) for number in range(20)))
        found = await asyncio.gather(*(history(adapter, f"m-{number}") for number in range(20)))
        assert [len(one or []) for one in found] == list(range(1, 21))

    @contract
    async def test_a_cancelled_commit_is_whole_or_nothing(self, storage: Storage) -> None:
        """A commit whose caller is cancelled takes effect for all of its batch or for none."""
        for turns in range(8):
            adapter = await storage.open()
            before = await version(adapter, "m-1")
            batch = [adds(mission_id, version=before, count=3) for mission_id in MISSIONS]
            await self._cancel_after(turns, adapter.commit(batch))
            adapter = await storage.reopen(adapter)  # a commit under way is finished by `close`
            assert [await version(adapter, mission_id) for mission_id in MISSIONS] in ([before] * 2, [before + 3] * 2)
            await storage.close(adapter)

    @contract
    async def test_a_commit_follows_one_that_was_cancelled(self, storage: Storage) -> None:
        """After a commit whose caller was cancelled, the adapter takes the next one."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1"))
        for turns in range(6):
            await self._cancel_after(turns, adapter.commit([adds("m-2", version=await version(adapter, "m-2"))]))
            await commit(adapter, adds("m-1", version=turns + 1))
        assert await version(adapter, "m-1") == 7

    @contract
    async def test_a_cancelled_read_disturbs_nothing(self, storage: Storage) -> None:
        """A read whose caller is cancelled leaves the adapter able to read and to commit."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1", waiting=sleep(after(3))))
        for turns in range(4):
            for read in (
                adapter.load(["m-1"]),
                adapter.load_summary("m-1"),
                adapter.list_missions(limit=9),
                adapter.due(after(9), limit=9),
                adapter.next_due(None),
            ):
                await self._cancel_after(turns, read)
        await commit(adapter, adds("m-1", version=1))
        assert await history(adapter, "m-1") == [1, 2]

    async def _cancel_after(self, turns: int, work: object) -> None:
        """Give `work` some turns of the loop, cancel whoever waits for it, and see that out."""
        assert asyncio.iscoroutine(work)
        task = asyncio.ensure_future(work)
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()
