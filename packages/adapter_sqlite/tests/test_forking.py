"""A fork while our threads are at work."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import forking
from mission_control.adapter_sqlite.opening import open_for_reading
from mission_control.adapter_sqlite.reading import Reader
from mission_control.adapter_sqlite.worker import Worker, end
from mission_control.core import PersistenceAdapter

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

FORKS = """
import asyncio, os, signal, sys
from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.testing.conformance.missions import adds, commit

async def use_one_of_its_own(path):
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    await commit(adapter, adds("m-1"))
    await adapter.close()

async def keep_busy(adapter):
    while True:
        await adapter.list_missions(limit=1_000)

async def main():
    adapter = create_sqlite_persistence_adapter(sys.argv[1])
    await adapter.bootstrap()
    await commit(adapter, *(adds(f"m-{number}") for number in range(1_000)))
    busy = [asyncio.ensure_future(keep_busy(adapter)) for _ in range(3)]
    for number in range(25):
        await asyncio.sleep(0.001)
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            asyncio.events._set_running_loop(None)
            asyncio.run(use_one_of_its_own(f"{sys.argv[1]}.{number}"))
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0, "the child hangs"
    for task in busy:
        task.cancel()
    await asyncio.gather(*busy, return_exceptions=True)
    await adapter.close()

asyncio.run(main())
"""


def test_a_child_that_opens_a_database_of_its_own(path: Path) -> None:
    """Whatever its parent's threads were doing, a child can use SQLite."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)


def fork() -> int:
    """Fork, and return how the child ended, which does nothing."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    return os.waitpid(child, 0)[1]


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
async def test_a_fork_waits_for_a_job(adapter: PersistenceAdapter, path: Path) -> None:
    """What a worker has begun it finishes before the fork, with all that it held for it."""
    begun, finished = threading.Event(), threading.Event()

    def work(reader: Reader) -> None:
        begun.set()
        time.sleep(0.1)
        finished.set()

    worker = Worker("worker of", path, partial(open_for_reading, path), lambda: None)
    working = worker.do(work)
    begun.wait()
    assert not finished.is_set()
    assert fork() == 0
    assert finished.is_set()
    await working
    await end(worker.stop, worker)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fork_waits_for_who_is_at_work() -> None:
    """A fork begins when the one who is at work has finished, and then that one can begin again."""
    at_work = threading.Lock()
    forking.hold_forks(at_work)
    at_work.acquire()
    finished = time.monotonic() + 0.1
    threading.Timer(0.1, at_work.release).start()
    assert fork() == 0
    assert time.monotonic() >= finished
    assert at_work.acquire(timeout=0)
    at_work.release()


def test_a_fork_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who hangs at work keeps a fork for a while only, and is not thought to have finished."""
    monkeypatch.setattr(forking, "_PATIENCE_SECONDS", 0.05)
    at_work = threading.Lock()
    forking.hold_forks(at_work)
    with at_work:
        assert fork() == 0
        assert at_work.locked()
