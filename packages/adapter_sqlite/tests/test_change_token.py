"""What a live view looks at: a text that is another one after any process has committed anything to the file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, sqlite_mailbox
from mission_control.adapter_sqlite.failures import NotPreparedError
from mission_control.adapter_sqlite.view import View
from mission_control.core import PersistenceAdapter
from mission_control.testing.conformance.missions import adds, commit


@pytest.fixture
def view(path: Path) -> Iterator[View]:
    view = View(path, is_empty_when_missing=True)
    yield view
    view.close()


def files_beside(path: Path) -> set[str]:
    return {each.name for each in path.parent.iterdir()}


async def own(path: Path, *mission_ids: str) -> None:
    """Commit missions as one owner of the file, who closes it."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    for mission_id in mission_ids:
        await commit(adapter, adds(mission_id))
    await adapter.close()


async def test_each_commit_of_an_owner_is_told(adapter: PersistenceAdapter, view: View) -> None:
    """Of this very process, too; and between two commits the token stays what it is."""
    tokens = [view.change_token()]
    for number in range(20):
        await commit(adapter, adds(f"m-{number}"))
        tokens.append(view.change_token())
        assert view.change_token() == tokens[-1]
    assert len(set(tokens)) == len(tokens)


async def test_reads_in_between_take_nothing_away(adapter: PersistenceAdapter, view: View) -> None:
    """A commit that another query of the same connection has seen is told all the same."""
    await commit(adapter, adds("a"))
    before = view.change_token()
    await commit(adapter, adds("b"))
    assert view.read(lambda connection: connection.execute("SELECT count(*) FROM missions").fetchone()) == (2,)
    assert view.change_token() != before


async def test_what_was_committed_between_owners_is_told(path: Path, view: View) -> None:
    """Whoever looks before and after the file is open to anybody sees another token each time."""
    await own(path, "a")
    tokens = [view.change_token()]
    for mission_id in ("b", "c"):
        await own(path, mission_id)
        assert view.change_token() not in tokens
        tokens.append(view.change_token())
        assert view.change_token() == tokens[-1]


async def test_looking_takes_nothing_and_leaves_nothing(path: Path, view: View) -> None:
    """Where nobody has the file open there is nothing beside it afterwards, and the next owner finds it free."""
    await own(path, "a")
    before = files_beside(path)
    view.change_token()
    assert files_beside(path) == before
    await own(path, "b")


async def test_before_the_owners_first_run(path: Path, view: View) -> None:
    """There is nothing yet, as often as anybody looks; then there is something."""
    before = view.change_token()
    assert view.change_token() == before
    assert files_beside(path) == set()
    with pytest.raises(NotPreparedError, match="there is no such file"):
        View(path, is_empty_when_missing=False).change_token()
    await own(path)
    assert view.change_token() != before


async def test_another_file_at_the_path_is_told(path: Path, view: View) -> None:
    """Also one that was copied from it, with all its times, whether or not anybody has either open."""
    await own(path, "a")
    copy = path.with_name("copy.db")
    shutil.copy2(path, copy)
    still = view.change_token()
    copy.replace(path)
    assert view.change_token() != still


async def test_a_file_that_is_replaced_while_it_is_open(path: Path, view: View) -> None:
    """What was counted of the former one says nothing of what is there now."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    await commit(adapter, adds("a"))
    tokens = {view.change_token()}
    other = path.parent / "other"
    other.mkdir()
    await own(other / "missions.db", "a")
    for file in path.parent.glob("missions.db*"):
        if file.is_file():
            file.unlink()
    (other / "missions.db").replace(path)
    assert view.change_token() not in tokens
    await adapter.close()


async def test_who_sends_to_the_owner_is_told_too(adapter: PersistenceAdapter, path: Path) -> None:
    """Its outbox looks at the file, as the owner does by a connection of its own."""
    outbox = await sqlite_mailbox(path).open(lambda: None)
    tokens = {await outbox.change_token(), await adapter.change_token()}
    await commit(adapter, adds("a"))
    assert await outbox.change_token() not in tokens
    assert await adapter.change_token() not in tokens
    assert await adapter.change_token() == await adapter.change_token()
    await outbox.close()
