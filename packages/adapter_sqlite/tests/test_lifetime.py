"""Opening, closing, and what happens where nobody closes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import CommanderClosedError, DatabaseInUseError, PersistenceAdapter
from mission_control.testing.conformance.missions import adds, commit, history, ids, record


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if "missions.db" in thread.name}


async def test_closing_twice(path: Path) -> None:
    """A second close does nothing, nor does one before the first opening."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.close()
    await adapter.bootstrap()
    await adapter.close()
    await adapter.close()


async def test_closing_clears_up(path: Path) -> None:
    """A closed adapter leaves the database in one file, no thread, and everything committed."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    await commit(adapter, adds("m-1"))
    assert await history(adapter, "m-1") == [1]
    await adapter.close()
    assert sorted(each.name for each in path.parent.iterdir()) == ["missions.db", "missions.db.lock"]
    assert threads() == set()


async def test_a_commit_under_way_is_finished(path: Path) -> None:
    """Close waits for the commit that was handed over before it."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    writing = asyncio.ensure_future(adapter.commit([adds("m-1")]))
    await asyncio.sleep(0)
    await adapter.close()
    assert list(await writing) == [None]
    await adapter.bootstrap()
    assert await history(adapter, "m-1") == [1]
    await adapter.close()


async def test_a_cancelled_close_still_closes(path: Path) -> None:
    """A caller that stops waiting for close does not keep the file from being given up."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    closing = asyncio.ensure_future(adapter.close())
    await asyncio.sleep(0)
    closing.cancel()
    other = create_sqlite_persistence_adapter(path, lock_timeout=30)
    await other.bootstrap()
    await other.close()


async def test_a_cancelled_caller_does_not_lose_its_commit(adapter: PersistenceAdapter) -> None:
    """A commit that was handed over takes effect whole, whether anyone waits for it or not."""
    writing = asyncio.ensure_future(adapter.commit([adds("m-1", count=3), adds("m-2")]))
    await asyncio.sleep(0)
    writing.cancel()
    await commit(adapter, adds("m-3"))
    assert ids(await adapter.list_missions(limit=9)) == ["m-1", "m-2", "m-3"]
    assert await history(adapter, "m-1") == [1, 2, 3]


async def test_a_failure_that_nobody_waits_for_is_logged(
    adapter: PersistenceAdapter, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the caller of a failed commit was cancelled, the log has the failure."""
    writing = asyncio.ensure_future(adapter.commit([adds("m-1", records=[record(1, {"bad": object()})])]))
    await asyncio.sleep(0)
    writing.cancel()
    await commit(adapter, adds("m-2"))
    assert "'m-1': its records cannot be stored" in caplog.text


def open_and_forget(path: Path) -> PersistenceAdapter:
    async def main() -> PersistenceAdapter:
        adapter = create_sqlite_persistence_adapter(path)
        await adapter.bootstrap()
        await commit(adapter, adds("m-1"))
        return adapter

    return asyncio.run(main())


def test_an_adapter_that_nobody_closed(path: Path) -> None:
    """When the object goes, a ResourceWarning says so, and the file is free again."""
    forgotten = [open_and_forget(path)]
    with pytest.warns(ResourceWarning, match=r"missions\.db'> was never closed"):
        forgotten.clear()
    assert threads() == set()

    async def reopen() -> None:
        other = create_sqlite_persistence_adapter(path)
        await other.bootstrap()
        assert await history(other, "m-1") == [1]
        await other.close()

    asyncio.run(reopen())


def test_an_adapter_whose_loop_has_ended_opens_again(path: Path) -> None:
    """An adapter that was left open can be opened on another loop once its own has ended."""
    adapter = open_and_forget(path)

    async def reopen() -> None:
        await adapter.bootstrap()
        assert await history(adapter, "m-1") == [1]
        await adapter.close()

    asyncio.run(reopen())


async def test_opening_twice(adapter: PersistenceAdapter) -> None:
    """An adapter that is open is in use, for itself too, and stays open."""
    with pytest.raises(DatabaseInUseError):
        await adapter.bootstrap()
    await commit(adapter, adds("m-1"))


def test_the_interpreter_exits_by_itself(path: Path) -> None:
    """A program that ends without closing ends at once, and has its commits on disk."""
    program = (
        "import asyncio, sys\n"
        "from mission_control.adapter_sqlite import create_sqlite_persistence_adapter\n"
        "from mission_control.testing.conformance.missions import adds, commit\n"
        "adapter = create_sqlite_persistence_adapter(sys.argv[1])\n"
        "async def main():\n"
        "    await adapter.bootstrap()\n"
        "    await commit(adapter, adds('m-1'))\n"
        "asyncio.run(main())\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "always", "-c", program, path], capture_output=True, text=True, check=True, timeout=30
    )
    assert "was never closed" in run.stderr

    async def look() -> None:
        adapter = create_sqlite_persistence_adapter(path)
        await adapter.bootstrap()
        assert await history(adapter, "m-1") == [1]
        await adapter.close()

    asyncio.run(look())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child(path: Path) -> None:
    """A forked child can neither use its parent's adapter nor open the file, nor does its end free it."""
    program = (
        "import asyncio, os, sys\n"
        "from mission_control.adapter_sqlite import create_sqlite_persistence_adapter\n"
        "from mission_control.core import CommanderClosedError, DatabaseInUseError\n"
        "from mission_control.testing.conformance.missions import adds, commit\n"
        "path = sys.argv[1]\n"
        "def attempt(work):\n"
        "    try:\n"
        "        asyncio.run(work)\n"
        "    except Exception as error:\n"
        "        return type(error).__name__\n"
        "async def main():\n"
        "    adapter = create_sqlite_persistence_adapter(path)\n"
        "    await adapter.bootstrap()\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        asyncio.events._set_running_loop(None)\n"
        "        found = [attempt(adapter.commit([adds('m-1')]))]\n"
        "        found.append(attempt(create_sqlite_persistence_adapter(path).bootstrap()))\n"
        "        found.append(attempt(adapter.close()))\n"
        "        sys.stdout.write(' '.join(map(str, found)))\n"
        "        sys.stdout.flush()\n"
        "        os._exit(0)\n"
        "    os.waitpid(child, 0)\n"
        "    await commit(adapter, adds('m-2'))\n"
        "    other = os.fork()\n"
        "    if not other:\n"
        "        asyncio.events._set_running_loop(None)\n"
        "        os._exit(attempt(create_sqlite_persistence_adapter(path).bootstrap()) == 'DatabaseInUseError')\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]) == 1\n"
        "    await adapter.close()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (run.stderr, run.returncode) == ("", 0)
    assert run.stdout == f"{CommanderClosedError.__name__} {DatabaseInUseError.__name__} None"
