"""Answers are rows of the database: who gets them, and for how long they are kept."""

from __future__ import annotations

import asyncio
import errno
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, sqlite_mailbox
from mission_control.core import OwnedMailbox, PersistenceAdapter, PersistenceError
from mission_control.core.storage import Answer, AnsweredError, CancelRequest, Outbox, PostedRequest
from mission_control.testing.conformance.missions import adds, commit
from sending import came, taken

NO = AnsweredError(code="MISSION_NOT_FOUND", message="no \ud800\0", event_name="e", issues=("$: a", "$: b"))


def query(path: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(sql, values).fetchall()


async def posted(outbox: Outbox, owned: OwnedMailbox, *, is_awaited: bool = True) -> PostedRequest:
    await outbox.post(CancelRequest(mission_id="m"), is_awaited=is_awaited)
    ((one, _),) = await came(owned)
    return one


def read_only(*_: object, **__: object) -> None:
    raise OSError(errno.EROFS, "Read-only file system")


async def answer(owned: OwnedMailbox, one: PostedRequest, **answered: Any) -> Answer:
    final = Answer(request_id=one.request_id, **answered)
    await owned.record([(one, final)])
    await owned.end([one])
    return final


@pytest.mark.parametrize(
    "says",
    [{}, {"value": {"a": ["\ud800\0", 2**70, None]}}, {"error": NO}, {"error": NO, "is_refused": True}],
)
async def test_an_answer_is_read_as_it_was_given(
    outbox: Outbox, owned: OwnedMailbox, folder: Path, says: dict[str, Any]
) -> None:
    """Whatever is in it; and the request is not in the mailbox any more."""
    one = await posted(outbox, owned)
    final = await answer(owned, one, **says)
    assert await outbox.answers([one.request_id, "another"]) == {one.request_id: final}
    assert await owned.known([one.request_id]) == {one.request_id: final}
    await owned.close()
    assert not list(folder.glob("*.json"))


async def test_what_is_answered_is_taken_away_in_a_moment(
    outbox: Outbox, owned: OwnedMailbox, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where that fails at first: it is said, nothing is taken again, and it is tried once more."""
    monkeypatch.setattr("mission_control.adapter_sqlite.mailbox.incoming._SOON", 0.01)
    monkeypatch.setattr("mission_control.adapter_sqlite.mailbox.incoming._LATER", 0.02)
    with monkeypatch.context() as patch:
        patch.setattr("mission_control.adapter_sqlite.mailbox.tray.Path.unlink", read_only)
        await answer(owned, await posted(outbox, owned))
        while "lie there still" not in caplog.text:
            await asyncio.sleep(0.01)
        assert list(folder.glob("*.json"))
        assert await taken(owned) == []
    async with asyncio.timeout(20):
        while list(folder.glob("*.json")):
            await asyncio.sleep(0.01)


async def test_a_commit_carries_answers(outbox: Outbox, owned: OwnedMailbox, adapter: PersistenceAdapter) -> None:
    """They are durable with it; those of a stale member are not written, and its neighbours' are."""
    answers = [Answer(request_id=name, value=name, is_final=name != "c") for name in ("a", "b", "c", "d")]
    await commit(
        adapter,
        attrs.evolve(adds("m-1"), answers=(answers[0], answers[1])),
        attrs.evolve(adds("m-2"), answers=(answers[2],)),
    )
    stale = attrs.evolve(adds("m-1"), answers=(answers[3],))
    (outcome, other) = await adapter.commit([stale, adds("m-3")])
    assert outcome is not None
    assert other is None
    assert await outbox.answers(["a", "b", "c", "d"]) == {one.request_id: one for one in answers[:3]}


async def test_a_request_that_is_still_there_is_not_taken_for_new(outbox: Outbox, path: Path) -> None:
    """Where its owner died before it took the file away, the next one learns that it was answered."""
    lives: list[Any] = []
    request_id = await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    for _ in range(2):
        adapter = create_sqlite_persistence_adapter(path)
        await adapter.bootstrap()
        owned = adapter.mailbox()
        assert owned is not None
        await owned.open(lambda: None)
        ((one, known),) = await taken(owned)
        lives.append(known)
        await owned.record([(one, Answer(request_id=request_id, value=1))])
        await adapter.close()
    assert lives == [None, Answer(request_id=request_id, value=1)]


async def test_what_its_sender_has_seen_is_forgotten(outbox: Outbox, owned: OwnedMailbox, path: Path) -> None:
    """Answers go when their sender has read them and says so, or did not want them; refusals stay."""
    unread = await posted(outbox, owned)
    await answer(owned, unread)
    refused = await posted(outbox, owned)
    await answer(owned, refused, error=NO, is_refused=True)
    for number in range(80):
        one = await posted(outbox, owned, is_awaited=number % 2 == 0)
        await answer(owned, one)
        await outbox.answers([one.request_id, refused.request_id])
    kept = {request_id for (request_id,) in query(path, "SELECT request_id FROM answers")}
    assert {unread.request_id, refused.request_id} < kept
    assert len(kept) < 30


async def test_one_sender_cannot_forget_for_another(
    outbox: Outbox, owned: OwnedMailbox, path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a request says to have been seen counts for its own sender alone."""
    monkeypatch.setattr("mission_control.adapter_sqlite.mailbox.heard._MUCH", 0)  # nothing is taken by its name
    one = await posted(outbox, owned)
    await answer(owned, one)
    await outbox.answers([one.request_id])
    mine = await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    form = json.loads((folder / f"{mine}.json").read_text())
    assert form["seen"] == [one.request_id]
    (folder / f"{mine}.json").rename(folder / "01700000000000000000-00000000000000aa-0000000001.json")
    ((other, _),) = await came(owned)
    await answer(owned, other)
    for _ in range(70):
        await answer(owned, await posted(outbox, owned, is_awaited=False))
    assert one.request_id in {found for (found,) in query(path, "SELECT request_id FROM answers")}


async def test_answers_are_kept_for_seven_days(outbox: Outbox, path: Path) -> None:
    """Then they go, refusals too; what was applied and not answered stays until it is."""
    for name, state, at in (
        ("new", "answered", "2999-01-01"),
        ("old", "answered", "2001-01-01"),
        ("refused", "refused", "2001-01-01"),
        ("applied", "applied", "2001-01-01"),
    ):
        adapter = create_sqlite_persistence_adapter(path)
        await adapter.bootstrap()
        await adapter.close()
        query(path, "INSERT INTO answers VALUES (?, ?, ?, '{}', NULL)", name, at, state)
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    owned = adapter.mailbox()
    assert owned is not None
    await owned.open(lambda: None)
    await adapter.close()
    assert query(path, "SELECT request_id FROM answers ORDER BY 1") == [("applied",), ("new",)]


async def test_a_request_for_another_database_is_refused(outbox: Outbox, path: Path) -> None:
    """The file at the path was replaced by another: its sender is told, and nothing is applied."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    await adapter.close()
    await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    path.unlink()
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    owned = adapter.mailbox()
    assert owned is not None
    await owned.open(lambda: None)
    assert await taken(owned) == []
    (refused,) = await outbox.list_refused(limit=9, after=None)
    answers = await outbox.answers([refused.request_id])
    await adapter.close()
    assert (refused.kind, refused.mission_id, refused.code) == ("cancel", "m", "PERSISTENCE_ERROR")
    error = answers[refused.request_id].error
    assert error is not None
    with pytest.raises(PersistenceError, match="made for another database"):
        raise error.to_error()


async def test_a_request_from_before_there_was_a_database_is_for_the_first(outbox: Outbox, path: Path) -> None:
    """It names none, and the first owner takes it."""
    request_id = await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    owned = adapter.mailbox()
    assert owned is not None
    await owned.open(lambda: None)
    assert [one.request_id for one, _ in await taken(owned)] == [request_id]
    await adapter.close()


async def test_a_request_of_a_newer_release_is_refused(outbox: Outbox, owned: OwnedMailbox, folder: Path) -> None:
    """Its sender is told to upgrade the owner."""
    request_id = await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    file = folder / f"{request_id}.json"
    form = json.loads(file.read_text())
    file.write_text(json.dumps({**form, "format": 99, "request": {"kind": "pause", "mission_id": "m"}}))
    assert await taken(owned) == []
    (refused,) = await outbox.list_refused(limit=9, after=None)
    assert (refused.request_id, refused.kind, refused.mission_id) == (request_id, "pause", "m")
    assert "a newer release wrote it, in format 99" in refused.message
    await owned.close()
    assert not file.exists()


async def test_a_mailbox_of_a_newer_release(path: Path) -> None:
    """A database that this release cannot read is nothing to send to."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    await adapter.close()
    query(path, "PRAGMA user_version = 99")
    with pytest.raises(PersistenceError, match="its schema is version 99"):
        await sqlite_mailbox(path).open(lambda: None)


async def test_each_database_has_an_id_of_its_own(adapter: PersistenceAdapter, path: Path) -> None:
    """Drawn when it is made, and kept."""
    other = create_sqlite_persistence_adapter(path.with_name("other.db"))
    await other.bootstrap()
    await other.close()
    ids = [query(file, "SELECT database_id FROM identity") for file in (path, path.with_name("other.db"))]
    assert len({one for ((one,),) in ids}) == 2
