"""A database is copied while missions go on, and the copy is a database."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, open_mission_reader, sqlite_mailbox
from mission_control.client import create_blocking_client, create_commander_client
from mission_control.core import Commander, MissionStatus, PersistenceError, create_commander
from mission_control.in_memory_commander import InMemoryCommander

from .backup_program import ONE, PARKED

PROGRAM = Path(__file__).with_name("backup_program.py")
DEFINITIONS = [ONE, PARKED]


def commander_over(path: Path) -> Commander:
    """Return a commander for the database at a path."""
    return create_commander(definitions=DEFINITIONS, persistence=create_sqlite_persistence_adapter(path))


@pytest.fixture
async def commander(database_path: Path) -> AsyncIterator[Commander]:
    """A commander whose database has missions that have ended, and some that wait."""
    async with commander_over(database_path) as opened:
        for number in range(20):
            await opened.start(ONE, number, mission_id=f"one-{number}")
        await opened.start(PARKED, 1, mission_id="parked")
        yield opened


def around(path: Path) -> list[str]:
    """Return what lies beside a database, but for what its owner has there."""
    return sorted(one.name for one in path.parent.iterdir() if not one.name.startswith(path.name))


async def test_a_copy_is_a_database(commander: Commander, database_path: Path) -> None:
    """It has all missions as they were, and those that had not ended go on in it."""
    copy = database_path.with_name("copy.db")
    listed = await commander.list_missions(limit=99)
    await commander.operations.backup(copy)
    await (await commander.get_mission("parked")).signal("go", "on")  # type: ignore[union-attr]
    assert around(database_path) == ["copy.db"]
    async with commander_over(copy) as other:
        assert await other.list_missions(limit=99) == listed
        parked = await other.get_mission("parked")
        assert parked is not None
        await parked.signal("go", "on")
        assert await parked.status() is MissionStatus.COMPLETED
        assert await other.load_definition(ONE.fingerprint) == ONE.to_static()


async def test_missions_go_on_while_their_database_is_copied(commander: Commander, database_path: Path) -> None:
    """The copy has each of them whole, or not at all, and nothing that came later without what was before it."""
    copies = [database_path.with_name(f"copy-{number}.db") for number in range(5)]

    async def start(number: int) -> None:
        await commander.start(ONE, number, mission_id=f"new-{number:03}")

    async def back_up() -> None:
        for copy in copies:
            await commander.operations.backup(copy)

    backing = asyncio.create_task(back_up())
    number = 0
    while not backing.done():
        await start(number)
        number += 1
    await backing
    for copy in copies:
        async with open_mission_reader(copy) as reader:
            new = [one async for one in reader.iter_missions() if one.mission_id.startswith("new-")]
            assert [one.mission_id for one in new] == [f"new-{each:03}" for each in range(len(new))]
            assert {one.status for one in new[:-1]} <= {MissionStatus.COMPLETED}


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
async def test_a_copy_has_the_permissions_of_the_database(tmp_path: Path, mode: int) -> None:
    """Whatever files are usually made with."""
    path, copy = tmp_path / "missions.db", tmp_path / "copy.db"
    path.touch(mode)
    path.chmod(mode)
    async with commander_over(path) as commander:
        await commander.operations.backup(copy)
    assert stat.S_IMODE(copy.stat().st_mode) == mode
    assert copy.stat().st_gid == path.stat().st_gid


async def test_nothing_is_replaced(commander: Commander, database_path: Path) -> None:
    """A file, a directory, a link to nothing, and the database itself are refused, and stay as they are."""
    folder = database_path.parent
    (folder / "file").write_text("mine")
    (folder / "folder").mkdir()
    (folder / "link").symlink_to(folder / "nowhere")
    for name in ("file", "folder", "link", database_path.name):
        with pytest.raises(PersistenceError, match=r"there is something at this path already"):
            await commander.operations.backup(folder / name)
    assert (folder / "file").read_text() == "mine"
    assert around(database_path) == ["file", "folder", "link"]


async def test_a_path_that_is_none_is_refused(commander: Commander, database_path: Path) -> None:
    """A directory that is not there, and what is no path at all."""
    with pytest.raises(PersistenceError, match=r"there is no directory .*nowhere: create it first"):
        await commander.operations.backup(database_path.parent / "nowhere" / "copy.db")
    with pytest.raises(PersistenceError, match="nothing can be written there"):
        await commander.operations.backup("a\0b")
    with pytest.raises(TypeError, match="path: expected a str or another path, found int 7"):
        await commander.operations.backup(7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def test_a_client_copies_the_file_itself(commander: Commander, database_path: Path) -> None:
    """Through a mailbox, also when nobody owns the database."""
    copies = [database_path.with_name(name) for name in ("one.db", "two.db", "three.db")]
    mailbox = sqlite_mailbox(database_path)
    async with create_commander_client(mailbox=mailbox, definitions=DEFINITIONS) as client:
        await client.operations.backup(copies[0])
    await commander.close()
    async with create_commander_client(mailbox=mailbox, definitions=DEFINITIONS) as client:
        await client.operations.backup(copies[1])
    with create_blocking_client(mailbox=mailbox) as blocking:
        await asyncio.to_thread(blocking.operations.backup, copies[2])
    for copy in copies:
        async with open_mission_reader(copy) as reader:
            assert len(await reader.list_missions(limit=99)) == 21


async def test_closing_gives_a_copy_up(commander: Commander, database_path: Path) -> None:
    """Who asked for it hears so, or has it, and nothing half is left."""
    copy = database_path.with_name("copy.db")
    backing = asyncio.create_task(commander.operations.backup(copy))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await commander.close()
    (error,) = await asyncio.gather(backing, return_exceptions=True)
    assert error is None or isinstance(error, PersistenceError)
    assert around(database_path) == (["copy.db"] if error is None else [])


async def test_a_caller_that_is_cancelled_leaves_nothing_half(commander: Commander, database_path: Path) -> None:
    """The copy is given up, and another one can be made."""
    copy = database_path.with_name("copy.db")
    backing = asyncio.create_task(commander.operations.backup(copy))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    backing.cancel()
    await asyncio.gather(backing, return_exceptions=True)
    await commander.operations.backup(database_path.with_name("another.db"))
    await commander.close()
    assert "another.db" in around(database_path)
    assert set(around(database_path)) <= {"another.db", "copy.db"}


async def test_missions_in_memory_have_no_copy() -> None:
    """The error says what to do."""
    async with InMemoryCommander() as commander:
        with pytest.raises(PersistenceError, match=r"copy\.db: these missions are in memory alone"):
            await commander.operations.backup("copy.db")


async def test_what_waits_in_the_mailbox_is_for_the_copy_that_takes_the_place(tmp_path: Path) -> None:
    """A copy is the same database as of an earlier time: it takes what was sent since, and has not been answered."""
    path, copy = tmp_path / "missions.db", tmp_path / "copy.db"
    async with commander_over(path) as commander:
        await commander.start(PARKED, 1, mission_id="parked")
        await commander.operations.backup(copy)
    async with create_commander_client(
        mailbox=sqlite_mailbox(path), definitions=DEFINITIONS, answer_timeout=0
    ) as client:
        with pytest.raises(Exception, match="answer"):
            await (await client.get_mission("parked")).signal("go", "on")  # type: ignore[union-attr]
    for name in ("", "-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    copy.rename(path)
    async with commander_over(path) as commander:
        await asyncio.wait_for((await commander.get_mission("parked")).result(), 10)  # type: ignore[union-attr]


def run(what: str, path: Path, copy: Path) -> subprocess.Popen[str]:
    """Start the program."""
    arguments = [sys.executable, str(PROGRAM), what, str(path), str(copy)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


async def killed(what: str, path: Path, copy: Path, *, after: float) -> None:
    """Run the program, and kill it so many seconds after it is ready: any moment will do."""
    program = run(what, path, copy)
    assert program.stdout is not None
    assert await asyncio.to_thread(program.stdout.readline) == "ready\n"
    await asyncio.sleep(after)
    program.send_signal(signal.SIGKILL)
    await asyncio.to_thread(program.wait)
    program.stdout.close()


async def filled(path: Path, count: int) -> None:
    """Make a database with so many missions that have ended, and one that waits."""
    async with commander_over(path) as commander:
        await commander.start(PARKED, 1, mission_id="parked")
        await asyncio.gather(*(commander.start(ONE, number, mission_id=f"m-{number}") for number in range(count)))


def counted(path: Path, sql: str) -> Any:
    """Return what a query finds."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchone()[0]


async def test_what_is_killed_while_it_copies_leaves_no_half_copy(tmp_path: Path) -> None:
    """All that is at a path that was asked for is whole, whenever the process dies."""
    path, copy = tmp_path / "missions.db", tmp_path / "copy"
    await filled(path, 500)
    for round_number in range(5):
        await killed("back_up", path, Path(f"{copy}-{round_number}"), after=0.05 + 0.07 * round_number)
    copies = [one for one in around(path) if "-unfinished-" not in one]
    assert copies
    for name in copies:
        assert counted(tmp_path / name, "PRAGMA integrity_check") == "ok"
        assert counted(tmp_path / name, "SELECT count(*) FROM missions") == 501


async def test_a_full_disk_is_told_and_missions_go_on(tmp_path: Path) -> None:
    """Nothing of the copy is left, and when there is room again it is made."""
    path, copy = tmp_path / "missions.db", tmp_path / "copy.db"
    await filled(path, 200)
    program = run("fill_the_disk", path, copy)
    said, _ = await asyncio.to_thread(program.communicate, timeout=60)
    assert program.returncode == 0
    assert said.startswith(f"{copy}: the disk ")
    assert around(path) == ["copy.db"]
    assert counted(copy, "SELECT count(*) FROM missions") == 202


async def test_what_is_killed_while_it_purges_leaves_no_half_mission(tmp_path: Path) -> None:
    """Each mission is there with all of its history, or gone; and the next purge deletes the rest."""
    path = tmp_path / "missions.db"
    await filled(path, 1_200)
    whole = "SELECT count(*) FROM missions WHERE version = (SELECT max(version) FROM history WHERE mission = number)"
    left = 1_201
    for round_number in range(4):
        await killed("purge", path, path, after=0.01 + 0.02 * round_number)
        assert counted(path, "PRAGMA integrity_check") == "ok"
        found = counted(path, "SELECT count(*) FROM missions")
        assert found <= left
        assert counted(path, whole) == found
        left = found
    async with commander_over(path) as commander:
        assert await commander.operations.purge_missions(ended_before=datetime.now(UTC)) == left - 1
    assert counted(path, "SELECT group_concat(mission_id) FROM missions") == "parked"
    assert counted(path, "SELECT count(DISTINCT mission) FROM history") == 1
    assert counted(path, "SELECT group_concat(name) FROM definitions") == "parked"
