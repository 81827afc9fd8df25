"""What others do with the files while an owner has them open: nothing that was accepted is lost for it."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, open_mission_reader
from mission_control.adapter_sqlite.files import may_change_unseen
from mission_control.adapter_sqlite.record_locks import ARE_OFFERED
from mission_control.core import PersistenceAdapter, PersistenceError
from mission_control.testing.conformance.missions import adds, commit, history, ids

NEEDS_LOCKS = pytest.mark.skipif(not ARE_OFFERED, reason="needs locks that belong to an open file description")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="an open file stays where it is there")

OWNS = """
import asyncio, hashlib, os, pathlib, shutil, sys, tempfile
from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.testing.conformance.missions import adds, commit

def look_at_everything(folder):
    for file in folder.iterdir():
        hashlib.sha256(file.read_bytes())
        file.stat()
    with tempfile.TemporaryDirectory() as elsewhere:
        shutil.make_archive(os.path.join(elsewhere, "backup"), "zip", folder)
        shutil.copytree(folder, os.path.join(elsewhere, "copy"))
    os.listdir(folder)

async def main():
    path = pathlib.Path(sys.argv[1])
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    number = 0
    while True:
        line = await asyncio.to_thread(sys.stdin.readline)
        if line == "look\\n":
            await asyncio.to_thread(look_at_everything, path.parent)
        elif not line:
            return await adapter.close()
        for _ in range(20):
            number += 1
            await commit(adapter, adds(f"m-{number}"))
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()

asyncio.run(main())
"""

LOOKS = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT 1 FROM mission_history").fetchall()
connection.execute("VACUUM INTO ?", (sys.argv[1] + ".copy",))
connection.close()
os.remove(sys.argv[1] + ".copy")
"""


def run(program: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False, input="")


def missions(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        number: int
        ((number,),) = connection.execute("SELECT count(*) FROM missions")
        return number


@NEEDS_LOCKS
def test_an_owner_that_reads_its_own_files(path: Path) -> None:
    """Whatever it reads, copies and archives, and whoever looks into the file: what was accepted outlives a kill."""
    command = [sys.executable, "-c", OWNS, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdin is not None
        assert owner.stdout is not None
        accepted = 0
        for _ in range(3):
            owner.stdin.write("look\n")
            owner.stdin.flush()
            accepted = int(owner.stdout.readline())
            assert run(LOOKS, path).stderr == ""
            assert "DatabaseInUseError" in run(OWNS, path).stderr
        owner.stdin.write("\n")
        owner.stdin.flush()
        accepted = int(owner.stdout.readline())
        owner.send_signal(signal.SIGKILL)
    assert (accepted, missions(path)) == (80, 80)


@NEEDS_LOCKS
async def test_closing_clears_the_log_although_files_were_read(adapter: PersistenceAdapter, path: Path) -> None:
    """What an owner read of its own files does not keep it from leaving one file."""
    await commit(adapter, adds("m-1"))
    for file in path.parent.iterdir():
        file.read_bytes()
    run(LOOKS, path)
    await adapter.close()
    assert sorted(each.name for each in path.parent.iterdir()) == ["missions.db", "missions.db.lock"]
    assert missions(path) == 1


def delete(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def delete_the_database_alone(path: Path) -> None:
    path.unlink()


def move(path: Path, *, to: str) -> None:
    path.rename(path.with_name(to))


def move_away(path: Path) -> None:
    move(path, to="elsewhere")


def copy(path: Path, *, to: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(path.with_name(to)),))


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def move_the_folder_away(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


@POSIX
@pytest.mark.parametrize("seconds", [0, 0.05], ids=["at once", "when the folder has long been the same"])
@pytest.mark.parametrize("take", [delete, delete_the_database_alone, move_away, move_the_folder_away])
async def test_a_database_that_is_taken_away(path: Path, take: Callable[[Path], None], seconds: float) -> None:
    """Nothing is accepted into it, nothing is read out of it, and no empty one is made in its place."""
    folder = path.parent / "data"
    folder.mkdir()
    path = folder / path.name
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    await commit(adapter, adds("m-1"))
    assert await history(adapter, "m-1") == [1]
    await asyncio.sleep(seconds)
    await commit(adapter, adds("m-1", version=1))
    take(path)
    for _ in range(2):
        with pytest.raises(PersistenceError, match=rf"{path}: .*was deleted, moved or replaced.*: move it back"):
            await adapter.commit([adds("m-2")])
        with pytest.raises(PersistenceError, match="was deleted, moved or replaced"):
            await adapter.load(["m-1"])
    assert not path.exists()
    await adapter.close()


def test_a_file_system_that_keeps_whole_seconds() -> None:
    """Two changes within a second look like one there, so an unchanged time of now is no proof of anything."""
    now = time.time_ns()
    this_second = now - now % 1_000_000_000
    tenth = 100_000_000
    assert may_change_unseen(this_second)
    assert may_change_unseen(this_second - 10 * tenth)
    assert not may_change_unseen(this_second - 50 * tenth)
    assert not may_change_unseen(this_second - 3 * tenth)  # of a file system that keeps parts of them


async def test_a_folder_with_other_files(adapter: PersistenceAdapter, path: Path) -> None:
    """Files that come and go beside the database are no concern."""
    for number in range(5):
        await commit(adapter, adds(f"m-{number}"))
        await asyncio.sleep(0.01 * number)
        another = path.with_name(f"other-{number}")
        another.touch()
        await commit(adapter, adds(f"n-{number}"))
        another.unlink()


@POSIX
async def test_a_database_is_missed_by_who_only_reads(adapter: PersistenceAdapter, path: Path) -> None:
    """A reading of what has gone is not the missions' state, and the next one is of what is there."""
    await commit(adapter, adds("m-1"))
    assert await history(adapter, "m-1") == [1]
    copy(path, to="copy.db")
    delete_the_database_alone(path)
    with pytest.raises(PersistenceError, match="was deleted, moved or replaced"):
        await adapter.load(["m-1"])
    move(path.with_name("copy.db"), to=path.name)
    assert await history(adapter, "m-1") == [1]
    await commit(adapter, adds("m-1", version=1))


@POSIX
async def test_a_database_that_comes_back(adapter: PersistenceAdapter, path: Path) -> None:
    """Once it has been moved back everything that was accepted is there, and goes on."""
    await commit(adapter, adds("m-1"))
    move_away(path)
    with pytest.raises(PersistenceError):
        await adapter.commit([adds("m-1", version=1)])
    move(path.with_name("elsewhere"), to=path.name)
    assert await history(adapter, "m-1") in ([1], [1, 2])
    await commit(adapter, adds("m-2"))
    await adapter.close()
    assert missions(path) == 2


@POSIX
async def test_a_database_that_is_replaced(adapter: PersistenceAdapter, path: Path) -> None:
    """A backup that is put in its place is what counts from then on; no log of the former file is taken for its own."""
    await commit(adapter, adds("m-1"))
    copy(path, to="backup.db")
    await commit(adapter, *(adds(f"later-{number}") for number in range(50)))
    move(path.with_name("backup.db"), to=path.name)
    with pytest.raises(PersistenceError, match="was deleted, moved or replaced"):
        await adapter.commit([adds("m-2")])
    assert ids(await adapter.list_missions(limit=99)) == ["m-1"]
    await commit(adapter, adds("m-3"))
    await adapter.close()
    assert missions(path) == 2


@NEEDS_LOCKS
async def test_a_log_that_is_deleted(adapter: PersistenceAdapter, path: Path) -> None:
    """What was accepted into the log before is saved into the database."""
    await commit(adapter, adds("m-1"))
    path.with_name("missions.db-wal").unlink()
    with pytest.raises(PersistenceError, match=r"\(-wal\), was deleted"):
        await adapter.commit([adds("m-2")])
    assert "m-1" in ids(await adapter.list_missions(limit=9))
    await commit(adapter, adds("m-3"))
    await adapter.close()
    with closing(sqlite3.connect(path)) as connection:
        found = {mission_id for (mission_id,) in connection.execute("SELECT mission_id FROM missions")}
    assert {"m-1", "m-3"} <= found


@NEEDS_LOCKS
async def test_a_connection_of_this_process_to_what_was_there_before(path: Path) -> None:
    """A process has one index of a log for all connections: with one of a former log nothing is accepted."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    await commit(adapter, adds("m-1"))
    with closing(sqlite3.connect(path)) as ours:
        ours.execute("SELECT 1 FROM missions").fetchall()
        ours.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        await adapter.close()
        for name in ("missions.db-wal", "missions.db-shm"):
            path.with_name(name).unlink()
        with pytest.raises(PersistenceError, match="was deleted, moved or replaced"):
            await adapter.bootstrap()
        run(LOOKS, path)
        assert path.with_name("missions.db-shm").exists()
        with pytest.raises(PersistenceError, match="this process has it open from when other files were beside it"):
            await adapter.bootstrap()
    await adapter.bootstrap()
    await commit(adapter, adds("m-2"))
    await adapter.close()


@NEEDS_LOCKS
async def test_a_connection_of_this_process_keeps_its_log(path: Path) -> None:
    """When the owner closes, another connection of its process stays one that others leave the log to."""
    adapter = create_sqlite_persistence_adapter(path)
    for number in range(3):
        await adapter.bootstrap()
        await commit(adapter, adds(f"m-{number}"))
        with closing(sqlite3.connect(path)) as ours:
            ours.execute("SELECT 1 FROM missions").fetchall()
            await adapter.close()
            run(LOOKS, path)
            assert path.with_name("missions.db-wal").exists()
            assert len(ours.execute("SELECT 1 FROM missions").fetchall()) == number + 1
    before = open_descriptors()
    await adapter.bootstrap()
    await adapter.close()
    assert open_descriptors() == before - 2


@POSIX
async def test_a_reader_of_a_file_that_is_replaced(adapter: PersistenceAdapter, path: Path) -> None:
    """A reader answers of the file that is there, whichever that was before."""
    await commit(adapter, adds("m-1"))
    other = create_sqlite_persistence_adapter(path.with_name("other.db"))
    await other.bootstrap()
    await commit(other, adds("m-2"))
    await other.close()
    async with open_mission_reader(path) as reader:
        assert ids(await reader.list_missions()) == ["m-1"]
        await adapter.close()
        delete(path)
        move(path.with_name("other.db"), to=path.name)
        assert ids(await reader.list_missions()) == ["m-2"]
