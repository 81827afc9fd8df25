"""Who owns a database, as other processes see it: by a look at its lock, which takes nothing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, lock, sqlite_mailbox
from mission_control.adapter_sqlite.lock import DatabaseLock, owner_of
from mission_control.adapter_sqlite.record_locks import ARE_OFFERED
from mission_control.core import OwnedMailbox, Owner, PersistenceAdapter, PersistenceError
from mission_control.core.storage import Outbox

NEEDS_LOCKS = pytest.mark.skipif(not ARE_OFFERED, reason="needs locks that can be looked at")

HOLDS = """
import sys
from pathlib import Path
from mission_control.adapter_sqlite.lock import DatabaseLock

lock = DatabaseLock.acquire(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
"""

BEGINS_TO_HOLD = """
import os, sys
from mission_control.adapter_sqlite import lock
from mission_control.adapter_sqlite.record_locks import set_lock

descriptor = os.open(sys.argv[1] + ".lock", os.O_RDWR | os.O_CREAT)
assert set_lock(descriptor, "exclusive", *lock._UNTOLD)
print("ready", flush=True)
sys.stdin.read()
"""

HOLDS_AS_THE_FIRST_RELEASE_DID = """
import fcntl, os, sys

descriptor = os.open(sys.argv[1] + ".lock", os.O_RDWR | os.O_CREAT)
fcntl.lockf(descriptor, fcntl.LOCK_EX)
os.write(descriptor, b"4711\\n")
print("ready", flush=True)
sys.stdin.read()
"""


def run(program: str, path: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", program, path], stdin=-1, stdout=-1)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


@pytest.fixture
def holding(path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has the lock, or does with it what the test's program says."""
    process = run(getattr(request, "param", HOLDS), path)
    yield process
    end(process)


async def test_nobody_owns_what_is_not_there(outbox: Outbox, path: Path, folder: Path) -> None:
    """Before the first owner's run; whoever looks leaves nothing behind."""
    assert await outbox.owner() is None
    assert [one.name for one in path.parent.iterdir()] == [folder.name]


@pytest.mark.usefixtures("owned")
async def test_an_owner_that_listens(outbox: Outbox) -> None:
    """It is this process here, and has owned the database for a moment."""
    owner = await outbox.owner()
    assert owner is not None
    assert owner == Owner(pid=os.getpid(), since=owner.since, is_listening=True)
    assert timedelta(seconds=-1) < datetime.now(UTC) - owner.since < timedelta(minutes=5)


@NEEDS_LOCKS
async def test_an_owner_that_does_not_listen(outbox: Outbox, holding: subprocess.Popen[bytes], path: Path) -> None:
    """Another process is told by its own number, since its lock file was written."""
    os.utime(path.with_name("missions.db.lock"), (1_000_000_000.5, 1_000_000_000.5))
    since = datetime(2001, 9, 9, 1, 46, 40, 500_000, UTC)
    assert await outbox.owner() == Owner(pid=holding.pid, since=since, is_listening=False)


async def test_an_owner_that_has_died(outbox: Outbox, holding: subprocess.Popen[bytes], path: Path) -> None:
    """Its lock file tells its number still, and nobody owns the database."""
    end(holding)
    assert path.with_name("missions.db.lock").read_text() == f"{holding.pid}\n"
    assert await outbox.owner() is None


async def test_an_owner_that_has_closed(outbox: Outbox, owned: OwnedMailbox, adapter: PersistenceAdapter) -> None:
    """It no longer hears when its mailbox is closed, and is no owner when its storage is."""
    await owned.close()
    owner = await outbox.owner()
    assert owner is None if not ARE_OFFERED else owner is not None and not owner.is_listening
    await adapter.close()
    assert await outbox.owner() is None


@NEEDS_LOCKS
@pytest.mark.parametrize("holding", [BEGINS_TO_HOLD], indirect=True)
async def test_an_owner_that_has_not_told_who_it_is(
    outbox: Outbox, holding: subprocess.Popen[bytes], path: Path
) -> None:
    """What is in the lock file then is a former owner's number, and is not taken for its own."""
    path.with_name("missions.db.lock").write_text("4711\n")
    assert await outbox.owner() is None


@NEEDS_LOCKS
@pytest.mark.parametrize("holding", [HOLDS_AS_THE_FIRST_RELEASE_DID], indirect=True)
@pytest.mark.usefixtures("holding")
async def test_an_owner_of_the_first_release(outbox: Outbox) -> None:
    """It is known by its lock, of another kind, and by what it wrote."""
    owner = await outbox.owner()
    assert owner is not None
    assert (owner.pid, owner.is_listening) == (4711, False)


@NEEDS_LOCKS
@pytest.mark.usefixtures("holding")
async def test_an_owner_whose_number_is_not_there(outbox: Outbox, path: Path) -> None:
    """Somebody has emptied the lock file, or written something else: there is an owner all the same."""
    for text in ("", "four\n"):
        path.with_name("missions.db.lock").write_text(text)
        owner = await outbox.owner()
        assert owner is not None
        assert owner.pid == 0


async def test_a_shorter_number_takes_the_place_of_a_longer_one(path: Path, outbox: Outbox) -> None:
    """Nothing of what a former owner wrote is left."""
    file = path.with_name("missions.db.lock")
    file.write_text("123456789012345\n")
    held = DatabaseLock.acquire(path)
    assert file.read_text() == f"{os.getpid()}\n"
    held.release()
    assert await outbox.owner() is None


def test_a_look_disturbs_nobody(path: Path) -> None:
    """However often anybody looks, each owner gets the lock at its first try, and is seen as what it is, or not yet."""
    seen: set[int | None] = set()
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            owner = owner_of(path, is_listening=False)
            seen.add(None if owner is None else owner.pid)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(300):
            DatabaseLock.acquire(path).release()
    finally:
        is_over.set()
        looking.join()
    assert seen <= {None, os.getpid()}


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")
async def test_a_lock_file_that_cannot_be_read(outbox: Outbox, path: Path) -> None:
    """It is said why, and the outbox goes on to serve."""
    file = path.with_name("missions.db.lock")
    file.symlink_to(file)
    with pytest.raises(PersistenceError, match=r"its lock file .*missions.db.lock cannot be read"):
        await outbox.owner()
    file.unlink()
    assert await outbox.owner() is None


@pytest.mark.skipif(sys.platform == "win32", reason="it has one kind of lock")
async def test_where_locks_cannot_be_looked_at(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There an owner is known while it listens."""
    monkeypatch.setattr(lock, "ARE_OFFERED", False)
    outbox = await sqlite_mailbox(path).open(asyncio.Event().set)
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    assert await outbox.owner() is None
    owned = adapter.mailbox()
    assert owned is not None
    await owned.open(asyncio.Event().set)
    owner = await outbox.owner()
    assert owner is not None
    assert (owner.pid, owner.is_listening) == (os.getpid(), True)
    await owned.close()
    assert await outbox.owner() is None
    await adapter.close()
    await outbox.close()
