"""Files that others leave beside a database which no owner has open, in a folder that a group writes to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, open_mission_reader
from mission_control.adapter_sqlite.record_locks import ARE_OFFERED
from mission_control.testing.conformance.missions import adds, commit, history, ids

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="needs to run programs as two users"),
    pytest.mark.skipif(not ARE_OFFERED, reason="needs to know that nobody has the database open"),
]

GROUP, SERVICE, COLLEAGUE = 65534, 64001, 64002

OWNS = """
import asyncio, sys
import sqlite_utils
from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import PersistenceError
from mission_control.testing.conformance.missions import adds, commit

async def main():
    import os
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[3]))
    os.umask(0o022)
    adapter = create_sqlite_persistence_adapter(sys.argv[1])
    try:
        await adapter.bootstrap()
        await commit(adapter, adds(sys.argv[4]))
        if sys.argv[4] == "killed":
            os._exit(0)
        await adapter.close()
    except PersistenceError as error:
        sys.stdout.write(str(error))

asyncio.run(main())
"""

SHELL = """
import os, sqlite3, sys
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[3]))
os.umask(0o022)
connection = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
connection.execute("SELECT 1 FROM mission_history").fetchall()
print("open", flush=True)
if sys.argv[4] == "stays":
    sys.stdin.read()
connection.close()
"""

READS = """
import asyncio, os, sys, urllib.parse
from mission_control.adapter_sqlite import open_mission_reader

async def main():
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[3]))
    async with open_mission_reader(sys.argv[1]) as reader:
        sys.stdout.write(str(len(await reader.list_missions())))

asyncio.run(main())
"""


def command(program: str, path: Path, user: int, what: str) -> list[str]:
    return [sys.executable, "-c", program, str(path), str(GROUP), str(user), what]


def run(program: str, path: Path, user: int, what: str = "") -> str:
    done = subprocess.run(command(program, path, user, what), capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


@contextmanager
def folder_of_the_group() -> Generator[Path]:
    """It is outside of `tmp_path`, which only its own user may enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chown(folder, SERVICE, GROUP)
        folder.chmod(0o2775)
        yield folder


@pytest.fixture(scope="module")
def first() -> Iterator[Path]:
    """A database of the service in a folder of its group, with a mission and nobody who has it open."""
    with folder_of_the_group() as folder:
        path = folder / "missions.db"
        assert run(OWNS, path, SERVICE, "first") == ""
        assert names(path) == ["missions.db", "missions.db.lock"]
        yield path


@pytest.fixture
def shared(first: Path) -> Iterator[Path]:
    """The same once more, for one test."""
    with folder_of_the_group() as folder:
        for file in first.parent.iterdir():
            copied, was = Path(shutil.copy2(file, folder)), file.stat()
            os.chown(copied, was.st_uid, was.st_gid)
        yield folder / first.name


def test_a_reader_leaves_nothing(shared: Path) -> None:
    """Who reads while no owner is up makes no file, and the owner opens as before."""
    assert run(READS, shared, COLLEAGUE) == "1"
    assert names(shared) == ["missions.db", "missions.db.lock"]
    assert run(OWNS, shared, SERVICE, "second") == ""


def test_a_shell_leaves_an_empty_log(shared: Path) -> None:
    """The owner clears away what a shell of another user left, and nothing is lost."""
    run(SHELL, shared, COLLEAGUE, "goes")
    assert shared.with_name("missions.db-wal").stat().st_uid == COLLEAGUE
    assert run(OWNS, shared, SERVICE, "second") == ""
    assert names(shared) == ["missions.db", "missions.db.lock"]
    assert run(READS, shared, COLLEAGUE) == "2"


def test_a_shell_leaves_the_index_of_a_log_after_a_crash(shared: Path) -> None:
    """The owner makes the index anew, out of its own log, and what the killed process committed is there."""
    assert run(OWNS, shared, SERVICE, "killed") == ""
    shared.with_name("missions.db-shm").unlink()
    run(SHELL, shared, COLLEAGUE, "goes")
    assert shared.with_name("missions.db-shm").stat().st_uid == COLLEAGUE
    assert run(OWNS, shared, SERVICE, "third") == ""
    assert run(READS, shared, COLLEAGUE) == "3"


def test_a_shell_that_stays(shared: Path) -> None:
    """What somebody has open is not cleared away: the owner names the file and whose it is."""
    stays = command(SHELL, shared, COLLEAGUE, "stays")
    with subprocess.Popen(stays, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        said = run(OWNS, shared, SERVICE, "second")
        assert f"{shared}-wal belongs to user {COLLEAGUE} and cannot be written: end what has the database open" in said
        shell.kill()
    assert run(OWNS, shared, SERVICE, "second") == ""


def keep_in(shared: Path) -> None:
    """Let the service change its files, and delete none of others."""
    os.chown(shared.parent, 0, GROUP)
    shared.parent.chmod(0o3775)


def fill(shared: Path) -> None:
    shared.with_name("missions.db-wal").write_bytes(b"x")


@pytest.mark.parametrize(
    ("prepare", "problem"), [(keep_in, "nor deleted: it has nothing in it"), (fill, "has commits in it: allow writing")]
)
def test_a_log_that_has_to_stay(shared: Path, prepare: Callable[[Path], None], problem: str) -> None:
    """Where it may not be deleted, or has something in it, the owner says which file it is, whose, and what to do."""
    run(SHELL, shared, COLLEAGUE, "goes")
    prepare(shared)
    said = run(OWNS, shared, SERVICE, "second")
    assert f"{shared}-wal belongs to user {COLLEAGUE} and cannot be written" in said
    assert problem in said


async def test_a_name_is_said_where_the_user_has_one(shared: Path) -> None:
    """A file of a user that the system knows is that user's by name."""
    run(SHELL, shared, COLLEAGUE, "goes")
    fill(shared)
    os.chown(shared.with_name("missions.db-wal"), 0, 0)
    assert "missions.db-wal belongs to user root" in run(OWNS, shared, SERVICE, "second")


async def test_root_can_write_what_others_left(shared: Path) -> None:
    """What can be written is used as it is."""
    run(SHELL, shared, COLLEAGUE, "goes")
    adapter = create_sqlite_persistence_adapter(shared)
    await adapter.bootstrap()
    await commit(adapter, adds("second"))
    assert await history(adapter, "first") == [1]
    await adapter.close()
    async with open_mission_reader(shared) as reader:
        assert ids(await reader.list_missions()) == ["first", "second"]
