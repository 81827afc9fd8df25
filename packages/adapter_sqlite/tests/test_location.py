"""Which paths are taken for a database file, and which are refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, open_mission_reader
from mission_control.core import DatabaseInUseError, PersistenceError
from mission_control.testing.conformance.missions import adds, commit, history


@pytest.mark.parametrize("path", [":memory:", "", "  ", b"", "file:missions.db", "FILE:missions.db?mode=memory"])
def test_what_is_no_file_is_refused(path: str | bytes) -> None:
    """A path that SQLite would take for memory or a URI is refused, and the in-memory adapter named."""
    with pytest.raises(PersistenceError, match="create_in_memory_persistence_adapter"):
        create_sqlite_persistence_adapter(path)


def test_a_path_with_a_null_character_is_refused() -> None:
    """A path that no file system takes is an error of storage, not one from inside."""
    with pytest.raises(PersistenceError, match="no path of a database file"):
        create_sqlite_persistence_adapter("missions\0.db")


@pytest.mark.parametrize("options", [{"synchronous": "off"}, {"lock_timeout": -1}, {"lock_timeout": float("nan")}])
def test_an_option_out_of_range_is_refused(path: Path, options: dict[str, Any]) -> None:
    """An option is checked when the adapter is made."""
    with pytest.raises(ValueError, match=next(iter(options))):
        create_sqlite_persistence_adapter(path, **options)


@pytest.mark.parametrize("name", ["50%25 off?mode=memory#1.db", "ünïcode ☃.db", "a'b\"c;--.db", " leading.db"])
async def test_any_file_name_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    """Characters that mean something in a URI or in SQL are only characters of the file's name."""
    adapter = create_sqlite_persistence_adapter(tmp_path / name)
    await adapter.bootstrap()
    await commit(adapter, adds("m-1"))
    await adapter.close()
    assert (tmp_path / name).is_file()
    async with open_mission_reader(tmp_path / name) as reader:
        assert [summary.mission_id for summary in await reader.list_missions()] == ["m-1"]


async def test_bytes_are_a_path_too(path: Path) -> None:
    """A path as bytes names the same file as its text."""
    adapter = create_sqlite_persistence_adapter(os.fsencode(path))
    await adapter.bootstrap()
    await adapter.close()
    assert sorted(each.name for each in path.parent.iterdir()) == ["missions.db", "missions.db.lock"]


async def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is taken from the directory in which the adapter was made, wherever the program goes later."""
    monkeypatch.chdir(tmp_path)
    adapter = create_sqlite_persistence_adapter("here.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    await adapter.bootstrap()
    await adapter.close()
    assert (tmp_path / "here.db").is_file()


async def test_a_link_is_the_file_that_it_leads_to(tmp_path: Path, path: Path) -> None:
    """Through a symbolic link a database is the same one, with the same missions and the same owner."""
    link = tmp_path / "link.db"
    link.symlink_to(path)
    owner, other = create_sqlite_persistence_adapter(path), create_sqlite_persistence_adapter(link)
    await owner.bootstrap()
    await commit(owner, adds("m-1"))
    with pytest.raises(DatabaseInUseError):
        await other.bootstrap()
    await owner.close()
    await other.bootstrap()
    assert await history(other, "m-1") == [1]
    await other.close()


async def test_a_second_hard_link_is_refused(tmp_path: Path, path: Path) -> None:
    """A file of two names would get two write-ahead logs, so it is not opened under either."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    await adapter.close()
    os.link(path, tmp_path / "other.db")
    with pytest.raises(PersistenceError, match="hard link"):
        await create_sqlite_persistence_adapter(tmp_path / "other.db").bootstrap()
