"""One owner: the lock on the file beside the database."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, lock
from mission_control.adapter_sqlite.record_locks import ARE_OFFERED
from mission_control.core import DatabaseInUseError, PersistenceAdapter, PersistenceError
from mission_control.testing.conformance.missions import adds, commit

OWNS = """
import asyncio, sys
from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.testing.conformance.missions import adds, commit

async def main():
    adapter = create_sqlite_persistence_adapter(sys.argv[1])
    await adapter.bootstrap()
    await commit(adapter, adds("theirs"))
    sys.stdout.write("ready\\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await adapter.close()

asyncio.run(main())
"""


def try_to_own(path: Path, program: str = OWNS) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False, input="")


def start_child() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)


@pytest.fixture
def owner(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that owns the database until its stdin is closed."""
    with subprocess.Popen([sys.executable, "-c", OWNS, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


async def test_a_second_adapter_of_this_process(adapter: PersistenceAdapter, path: Path) -> None:
    """A second adapter over the same file is refused, naming this process, and the first stays the owner."""
    with pytest.raises(DatabaseInUseError, match=rf"{path}.*pid {os.getpid()}"):
        await create_sqlite_persistence_adapter(path).bootstrap()
    with pytest.raises(DatabaseInUseError):
        await create_sqlite_persistence_adapter(path).bootstrap()
    await commit(adapter, adds("m-1"))


async def test_another_process(path: Path, owner: subprocess.Popen[bytes]) -> None:
    """A file that another process owns is refused, naming that process."""
    with pytest.raises(DatabaseInUseError, match=rf"pid {owner.pid}\b"):
        await create_sqlite_persistence_adapter(path).bootstrap()


async def test_a_refused_adapter_does_not_free_the_file(adapter: PersistenceAdapter, path: Path) -> None:
    """Being refused, and closed, in the owner's process drops nothing that keeps other processes out."""
    refused = create_sqlite_persistence_adapter(path)
    with pytest.raises(DatabaseInUseError):
        await refused.bootstrap()
    await refused.close()
    assert "DatabaseInUseError" in try_to_own(path).stderr


async def test_a_process_that_was_killed(path: Path, owner: subprocess.Popen[bytes]) -> None:
    """The lock dies with its process, and what that committed is there."""
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    assert [summary.mission_id for summary in await adapter.list_missions(limit=9)] == ["theirs"]
    await adapter.close()


async def test_waiting_for_the_owner(path: Path, owner: subprocess.Popen[bytes]) -> None:
    """With a lock timeout the adapter waits for the owner to close, and the loop goes on meanwhile."""
    adapter = create_sqlite_persistence_adapter(path, lock_timeout=30)
    opening = asyncio.ensure_future(adapter.bootstrap())
    await asyncio.sleep(0.05)
    assert not opening.done()
    assert owner.stdin is not None
    owner.stdin.close()
    await opening
    await adapter.close()


async def test_waiting_in_vain(adapter: PersistenceAdapter, path: Path) -> None:
    """When the lock timeout has passed the adapter is refused."""
    started = time.monotonic()
    with pytest.raises(DatabaseInUseError):
        await create_sqlite_persistence_adapter(path, lock_timeout=0.1).bootstrap()
    assert time.monotonic() - started >= 0.1


async def test_giving_up_waiting(adapter: PersistenceAdapter, path: Path) -> None:
    """A caller that stops waiting for the lock leaves nothing behind."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(create_sqlite_persistence_adapter(path, lock_timeout=30).bootstrap(), timeout=0.05)
    await adapter.close()
    other = create_sqlite_persistence_adapter(path)
    await other.bootstrap()
    await other.close()


async def test_the_lock_file_stays(path: Path) -> None:
    """The lock file is never deleted, since another process may be about to lock it."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    lock_file = path.with_name("missions.db.lock")
    identity = lock_file.stat().st_ino
    await adapter.close()
    await adapter.bootstrap()
    assert lock_file.stat().st_ino == identity
    await adapter.close()


async def test_opening_the_database_elsewhere_does_not_free_it(adapter: PersistenceAdapter, path: Path) -> None:
    """Other code of the process may open and close the database file, as a backup does."""
    shutil.copyfile(path, path.with_name("backup.db"))
    assert "DatabaseInUseError" in try_to_own(path).stderr


async def test_a_program_that_the_owner_starts(path: Path) -> None:
    """A child program inherits no descriptor that would keep the lock when the owner has closed."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    with start_child() as child:
        await adapter.close()
        assert try_to_own(path).stdout == "ready\n"
        child.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="a directory can be opened as a file there, or not")
async def test_a_lock_file_that_cannot_be_locked(path: Path) -> None:
    """Where the lock file cannot be opened the error names it."""
    path.with_name("missions.db.lock").mkdir()
    with pytest.raises(PersistenceError, match=r"lock file .*missions\.db\.lock cannot be locked"):
        await create_sqlite_persistence_adapter(path).bootstrap()


@pytest.mark.skipif(sys.platform == "win32", reason="a locked byte cannot be copied there")
async def test_a_lock_file_that_its_owner_reads(adapter: PersistenceAdapter, path: Path, tmp_path: Path) -> None:
    """The owner may read and archive its folder, lock file and all."""

    def read() -> None:
        assert path.with_name("missions.db.lock").read_text() == f"{os.getpid()}\n"
        shutil.make_archive(str(tmp_path.with_name("backup")), "zip", path.parent)

    await asyncio.to_thread(read)
    refused = try_to_own(path).stderr
    assert "DatabaseInUseError" in refused
    assert f"pid {os.getpid()}" in refused


LOCKS_AS_THE_FIRST_RELEASE_DID = """
import fcntl, sys
file = open(sys.argv[1] + ".lock", "w+")
fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
file.write("4711\\n")
file.flush()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def owner_of_the_first_release(path: Path) -> Iterator[None]:
    """Another process that locks as the first release did."""
    command = [sys.executable, "-c", LOCKS_AS_THE_FIRST_RELEASE_DID, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
        process.kill()


@pytest.mark.skipif(not ARE_OFFERED, reason="elsewhere it was another kind of lock")
@pytest.mark.usefixtures("owner_of_the_first_release")
async def test_an_owner_of_the_first_release(path: Path) -> None:
    """Its record lock, of POSIX, keeps this release out."""
    with pytest.raises(DatabaseInUseError, match="pid 4711"):
        await create_sqlite_persistence_adapter(path).bootstrap()


@pytest.mark.skipif(not ARE_OFFERED, reason="elsewhere it was another kind of lock")
async def test_the_first_release_beside_an_owner(adapter: PersistenceAdapter, path: Path) -> None:
    """A process of the first release is kept out by this one's lock."""
    assert "BlockingIOError" in try_to_own(path, LOCKS_AS_THE_FIRST_RELEASE_DID).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="it has one kind of lock")
async def test_a_platform_without_such_locks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There the lock is on the whole file, and keeps other processes out as well."""
    monkeypatch.setattr(lock, "ARE_OFFERED", False)
    without = f"from mission_control.adapter_sqlite import lock\nlock.ARE_OFFERED = False\n{OWNS}"
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    path.with_name("missions.db.lock").read_text()
    assert "DatabaseInUseError" in try_to_own(path, without).stderr
    await adapter.close()
    assert try_to_own(path, without).stdout == "ready\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_child_that_closes_nothing(path: Path) -> None:
    """When the owner closes the file is free, although a child has what its lock is on."""
    program = (
        "import asyncio, ctypes, os, signal, sys\n"
        "from mission_control.adapter_sqlite import create_sqlite_persistence_adapter\n"
        "async def main():\n"
        "    adapter = create_sqlite_persistence_adapter(sys.argv[1])\n"
        "    await adapter.bootstrap()\n"
        "    child = ctypes.CDLL(None).fork()\n"
        "    if child == 0:\n"
        "        signal.pause()\n"
        "    await adapter.close()\n"
        "    other = await asyncio.create_subprocess_exec(sys.executable, '-c', sys.argv[2], sys.argv[1], stdin=-3)\n"
        "    assert await other.wait() == 0\n"
        "    os.kill(child, signal.SIGKILL)\n"
        "    os.waitpid(child, 0)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path, OWNS], capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)


async def test_what_the_refused_are_told(adapter: PersistenceAdapter, path: Path) -> None:
    """A second worker of a web server, or a reloader's child, is told that one process runs the missions."""
    with pytest.raises(DatabaseInUseError) as caught:
        await create_sqlite_persistence_adapter(path).bootstrap()
    assert "create_commander_client(mailbox=sqlite_mailbox(path))" in str(caught.value)
    assert "open_mission_reader" in str(caught.value)
