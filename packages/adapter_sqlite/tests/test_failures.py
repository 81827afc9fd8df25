"""What cannot be opened or written is a `PersistenceError` that names the file and the remedy."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from attrs import evolve

from mission_control.adapter_sqlite import connection, create_sqlite_persistence_adapter
from mission_control.adapter_sqlite.record_locks import ARE_OFFERED
from mission_control.core import PersistenceAdapter, PersistenceError
from mission_control.testing.conformance.missions import adds, commit, history, ids, record, signal

OPENS = """
import asyncio, os, sys, urllib.parse  # all that is needed is imported before others' files cannot be read any more
import sqlite_utils
from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import PersistenceError

async def main():
    if os.geteuid() == 0:
        os.setuid(65534)  # permissions mean nothing to root
    try:
        await create_sqlite_persistence_adapter(sys.argv[1]).bootstrap()
    except PersistenceError as error:
        sys.stdout.write(str(error))

asyncio.run(main())
"""


def lock_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def run(program: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)


async def fails_to_open(path: Path) -> str:
    """Return what the error says beside the path, which it must name."""
    with pytest.raises(PersistenceError) as caught:
        await create_sqlite_persistence_adapter(path).bootstrap()
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


async def test_a_missing_directory(tmp_path: Path) -> None:
    """The directory is not made up: a typing error in a path must not start an empty database."""
    assert "does not exist: create it first" in await fails_to_open(tmp_path / "nowhere" / "missions.db")
    assert not (tmp_path / "nowhere").exists()


async def test_a_directory(tmp_path: Path) -> None:
    """A directory is no database, and nothing is put beside it."""
    (tmp_path / "folder").mkdir()
    assert "this is a directory" in await fails_to_open(tmp_path / "folder")
    assert not lock_file(tmp_path / "folder").exists()


@pytest.fixture
def table(path: Path) -> Path:
    path.write_bytes(b"name,price\n" * 500)
    return path


async def test_not_a_database(table: Path) -> None:
    """A file of another kind is no database."""
    assert "not a SQLite database" in await fails_to_open(table)


async def test_a_truncated_file(path: Path) -> None:
    """A database whose end is missing is damaged."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    await adapter.close()
    os.truncate(path, 8192)
    assert "restore it from a backup" in await fails_to_open(path)


async def test_a_refused_file_can_be_opened_later(table: Path) -> None:
    """An adapter that failed to open holds nothing, and opens when the reason is gone."""
    adapter = create_sqlite_persistence_adapter(table)
    with pytest.raises(PersistenceError):
        await adapter.bootstrap()
    os.truncate(table, 0)
    await adapter.bootstrap()
    await adapter.close()


def forbid_writing_the_file(path: Path) -> None:
    path.chmod(0o444)


def forbid_writing_the_directory(path: Path) -> None:
    lock_file(path).unlink()
    path.parent.chmod(0o555)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize("forbid", [forbid_writing_the_file, forbid_writing_the_directory])
async def test_no_permission(shared_path: Path, forbid: Callable[[Path], None]) -> None:
    """A file or directory that may not be written is refused when it is opened, not at the first commit."""
    adapter = create_sqlite_persistence_adapter(shared_path)
    await adapter.bootstrap()
    await adapter.close()
    for each in (shared_path, lock_file(shared_path)):
        each.chmod(0o666)
    shared_path.parent.chmod(0o777)
    forbid(shared_path)
    opened = run(OPENS, shared_path)
    assert opened.stderr == ""
    assert opened.stdout.startswith(f"{shared_path}: ")
    assert "check the permissions" in opened.stdout


@pytest.mark.skipif(not ARE_OFFERED, reason="needs to know that nobody has the database open")
async def test_an_empty_log_that_may_not_be_written(shared_path: Path) -> None:
    """What a reader of other permissions left, with nothing in it, keeps nobody from opening the database."""
    adapter = create_sqlite_persistence_adapter(shared_path)
    await adapter.bootstrap()
    await adapter.close()
    for each in (shared_path, lock_file(shared_path)):
        each.chmod(0o666)
    shared_path.parent.chmod(0o777)
    for name in ("missions.db-wal", "missions.db-shm"):
        shared_path.with_name(name).touch(0o444)
    opened = run(OPENS, shared_path)
    assert opened.stdout == ""
    assert "Error" not in opened.stderr


FILLS = """
import asyncio, resource, signal, sys
from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import PersistenceError
from mission_control.testing.conformance.missions import adds, commit, history, record

async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    adapter = create_sqlite_persistence_adapter(sys.argv[1])
    await adapter.bootstrap()
    await commit(adapter, adds("before"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    try:
        await commit(adapter, adds("too-big", records=[record(1, {"input": "x" * 1_000_000})]))
    except PersistenceError as error:
        sys.stdout.write(str(error))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await commit(adapter, adds("after"), adds("before", version=1))
    assert [await history(adapter, name) for name in ("before", "too-big", "after")] == [[1, 2], None, [1]]
    await adapter.close()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
async def test_a_full_disk(path: Path) -> None:
    """A commit for which there is no room fails whole, and the next one finds the adapter as good as new."""
    filled = run(FILLS, path)
    assert (filled.stderr, filled.returncode) == ("", 0)
    assert filled.stdout.startswith(f"{path}: the disk ")
    with closing(sqlite3.connect(path)) as filled_file:
        assert filled_file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def connect_without_shared_memory(path: Path, mode: str) -> sqlite3.Connection:
    """Open the file as on a network: through access without shared memory, and so without a write-ahead log."""
    return sqlite3.connect(f"{path.as_uri()}?mode={mode}&vfs=unix-none", uri=True, isolation_level=None)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX file systems")
async def test_a_file_system_without_a_write_ahead_log(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where SQLite falls back to another journal the file is refused."""
    monkeypatch.setattr(connection, "connect", connect_without_shared_memory)
    assert "this file system has no write-ahead log (SQLite offers 'delete')" in await fails_to_open(path)


async def test_an_old_sqlite(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python whose SQLite is too old is told so, and the file is not made."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 1))
    assert "missions need 3.32 or later" in await fails_to_open(path)
    assert list(path.parent.glob("*.db")) == []


async def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    """A path that the file system cannot look up is an error that names it."""
    assert "cannot be looked at" in await fails_to_open(tmp_path / ("x" * 300))


async def test_details_that_are_no_json(adapter: PersistenceAdapter) -> None:
    """A record that has no JSON form fails the whole commit, naming its mission; the next commit works."""
    bad = adds("bad", records=[record(1, {"output": object()})])
    with pytest.raises(PersistenceError, match="'bad': its records cannot be stored"):
        await adapter.commit([adds("good"), bad])
    assert ids(await adapter.list_missions(limit=9)) == []
    await commit(adapter, adds("good"))


async def test_a_number_beyond_sqlites(adapter: PersistenceAdapter) -> None:
    """A number that a column cannot hold fails the commit as storage does."""
    with pytest.raises(PersistenceError, match="too large"):
        await adapter.commit([adds("m-1", waiting=evolve(signal(), node_index=2**70))])
    await commit(adapter, adds("m-1"))


async def test_a_lock_of_another_program(adapter: PersistenceAdapter, path: Path) -> None:
    """A commit waits for a transaction that another program holds for a moment."""
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        writing = asyncio.ensure_future(adapter.commit([adds("m-1")]))
        await asyncio.sleep(0.05)
        assert not writing.done()
        shell.execute("ROLLBACK")
        assert list(await writing) == [None]


async def test_a_commit_that_failed_keeps_no_connection_open(
    adapter: PersistenceAdapter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its statement is given up with it, whoever keeps the error: closing clears the log."""
    monkeypatch.setattr(connection, "_BUSY_SECONDS", 0.01)
    await adapter.close()
    await adapter.bootstrap()  # with that patience
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(PersistenceError, match="another program holds a lock") as kept:
            await adapter.commit([adds("m-1")])
        shell.execute("ROLLBACK")
    await commit(adapter, adds("m-1"))
    await adapter.close()
    assert sorted(each.name for each in path.parent.iterdir()) == ["missions.db", "missions.db.lock"]
    assert kept.value.__cause__ is not None


async def test_not_open(path: Path) -> None:
    """An adapter that was not opened, or was closed, says what to do."""
    adapter = create_sqlite_persistence_adapter(path)
    with pytest.raises(PersistenceError, match=r"await bootstrap\(\) first"):
        await adapter.commit([adds("m-1")])
    with pytest.raises(PersistenceError, match=r"await bootstrap\(\) first"):
        await adapter.load(["m-1"])


async def test_text_that_sqlite_cannot_hold(adapter: PersistenceAdapter) -> None:
    """A lone surrogate in a name is an error of storage, and the adapter stays usable."""
    with pytest.raises(PersistenceError, match="surrogates not allowed"):
        await adapter.load_summary("\ud800")
    assert await history(adapter, "m-1") is None
