"""What lies in the directory of a mailbox, who may put something there, and what becomes of what is no request."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import stat
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, sqlite_mailbox
from mission_control.adapter_sqlite.mailbox import letters
from mission_control.adapter_sqlite.mailbox.bells import ring
from mission_control.client.patience import is_heard
from mission_control.core import MissionValidationError, OwnedMailbox, PersistenceAdapter, PersistenceError
from mission_control.core.storage import CancelRequest, EndRequest, Outbox, SignalRequest
from sending import taken

NAME = "01700000000000000000-00000000000000aa-0000000001.json"
"""What a request could be called."""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


async def taken_ids(owned: OwnedMailbox) -> list[str]:
    return [posted.request_id for posted, _ in await taken(owned)]


async def say(folder: Path, rung: asyncio.Event, *words: str) -> None:
    """Ring the owner as somebody does who says these words, and return when it has heard them."""
    rung.clear()
    assert ring(folder / "owner", "".join(f"{word}\n" for word in words).encode())
    await asyncio.wait_for(rung.wait(), 20)


async def test_a_request_is_a_file(outbox: Outbox, folder: Path) -> None:
    """It is there when its sender goes on, named by time and count; nothing unfinished is left."""
    first = await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    second = await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    assert sorted(file.name for file in folder.glob("*.json")) == [f"{first}.json", f"{second}.json"]
    assert not list(folder.glob("new-*"))
    assert json.loads((folder / f"{first}.json").read_text())["request"]["mission_id"] == "m"


@pytest.mark.parametrize("permissions", [0o600, 0o660, 0o664])
async def test_permissions_are_those_of_the_database(path: Path, folder: Path, permissions: int) -> None:
    """Of the directory, the requests and the bells: who may not write the database may not send."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    path.chmod(permissions)
    outbox = await sqlite_mailbox(path).open(lambda: None)
    request_id = await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    mailbox = adapter.mailbox()
    assert mailbox is not None
    await mailbox.open(lambda: None)
    assert mode(folder) & 0o777 == permissions | (permissions & 0o444) >> 2
    bells = [folder / "owner", *folder.glob("client-*")]
    assert [mode(file) for file in (folder / f"{request_id}.json", *bells)] == [permissions] * 3
    assert all(stat.S_ISFIFO(bell.lstat().st_mode) for bell in bells)
    await outbox.close()
    await adapter.close()
    assert [file.name for file in folder.iterdir()] == [f"{request_id}.json"]


MAY_ONLY_READ = """
import asyncio, os, sys
import mission_control.adapter_sqlite.reader, mission_control.adapter_sqlite.mailbox.outbox  # while they can be read
from mission_control.adapter_sqlite import sqlite_mailbox
from mission_control.core import MissionQuery, PersistenceError
from mission_control.core.storage import CancelRequest

async def main():
    if os.geteuid() == 0:
        os.setuid(65534)  # permissions mean nothing to root
    outbox = await sqlite_mailbox(sys.argv[1]).open(lambda: None)
    print(await outbox.list_missions(MissionQuery(), limit=9, after=None), await outbox.owner())
    try:
        await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    except PersistenceError as error:
        print(error)
    await outbox.close()

asyncio.run(main())
"""


async def test_who_may_only_read_can_read(shared_path: Path) -> None:
    """And is told why it cannot send; nothing is left behind."""
    adapter = create_sqlite_persistence_adapter(shared_path)
    await adapter.bootstrap()
    await adapter.close()
    shared_path.parent.chmod(0o555)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MAY_ONLY_READ, shared_path, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    shared_path.parent.chmod(0o755)

    reads, refused = told.decode().splitlines()
    assert (process.returncode, reads) == (0, "[] None")
    assert "check the space on its disk, and its permissions" in refused
    assert list(shared_path.parent.glob("*-mailbox")) == []


def unreadable() -> dict[str, Callable[[Path], Any]]:
    deep = '{"format":1,"request":' + "[" * 300 + "]" * 300 + "}"
    form: dict[str, object] = {
        "format": 1,
        "database": None,
        "at": "2026-01-01T00:00:00+00:00",
        "awaited": True,
        "seen": [],
    }
    cancel = {"kind": "cancel", "mission_id": "m", "reason": None, "by": None}
    bad = {
        "no JSON": "{",
        "no object": "[]",
        "NaN": '{"format": NaN}',
        "too deep": deep,
        "far too deep": "[" * 1_000_000,
        "without a request": json.dumps(form),
        "an unknown kind": json.dumps({**form, "request": {"kind": "vacuum"}}),
        "a kind that is none": json.dumps({**form, "request": {"kind": []}}),
        "a field too many": json.dumps({**form, "request": {**cancel, "code": "import os"}}),
        "a number for an id": json.dumps({**form, "request": {**cancel, "mission_id": 1}}),
        "no instant": json.dumps({**form, "at": "now", "request": cancel}),
        "an instant before all": json.dumps({**form, "at": "0001-01-01T00:00:00+23:00", "request": cancel}),
        "nothing": "",
    }
    makers: dict[str, Callable[[Path], Any]] = {what: partial(_write, text) for what, text in bad.items()}
    makers["bytes"] = lambda file: file.write_bytes(b"\xff\x00")
    makers["too large"] = lambda file: file.write_bytes(b" " * (letters.MOST_BYTES + 1))
    makers["a directory"] = Path.mkdir
    makers["a link"] = lambda file: file.symlink_to("/etc/passwd")
    makers["a pipe"] = os.mkfifo
    return makers


def _write(text: str, file: Path) -> None:
    file.write_text(text)


UNREADABLE = unreadable()


@pytest.mark.parametrize("what", UNREADABLE)
async def test_what_is_no_request_is_set_aside(
    owned: OwnedMailbox, outbox: Outbox, folder: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, kept under another name, and stops nobody who comes behind it."""
    UNREADABLE[what](folder / NAME)
    request_id = await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    assert await taken_ids(owned) == [request_id]
    assert [file.name for file in folder.iterdir() if file.name.startswith("refused-")] == [f"refused-{NAME}"]
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert "set aside" in record.getMessage()


async def test_what_has_another_name_is_left_alone(owned: OwnedMailbox, folder: Path) -> None:
    """Notes, backups and names that only look like those of requests are nothing to the owner."""
    for name in ("README", f"{NAME}~", NAME.replace("1", "\u0661"), f"new-{NAME}"):
        (folder / name).write_text("{}")
    before = sorted(folder.iterdir())
    assert await taken_ids(owned) == []
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("payload", ["x" * letters.MOST_BYTES, "deep"])
async def test_what_is_too_much_is_not_sent(outbox: Outbox, folder: Path, payload: Any) -> None:
    """Its sender hears at once; what is just small enough goes."""
    if payload == "deep":
        for _ in range(250):
            payload = [payload]
    with pytest.raises(MissionValidationError, match="cannot be sent"):
        await outbox.post(SignalRequest(mission_id="m", name="go", payload=payload), is_awaited=True)
    deepest: Any = 1
    for _ in range(200):
        deepest = [deepest]
    await outbox.post(SignalRequest(mission_id="m", name="go", payload=deepest), is_awaited=True)
    assert len(list(folder.glob("*.json"))) == 1


async def test_the_deepest_that_is_sent_is_taken(owned: OwnedMailbox, outbox: Outbox) -> None:
    """Both sides count alike."""
    deepest: Any = 1
    for _ in range(200):
        deepest = [deepest]
    request = SignalRequest(mission_id="m", name="go", payload=deepest)
    await outbox.post(request, is_awaited=True)
    ((posted, answer),) = await taken(owned)
    assert (posted.request, answer) == (request, None)


async def test_a_full_disk(outbox: Outbox, owned: OwnedMailbox, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender gets an error, nothing half-sent is there, and the next request is sent."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("mission_control.adapter_sqlite.mailbox.letters.os.fsync", full)
        with pytest.raises(PersistenceError, match=r"missions\.db-mailbox: No space left on device: check the space"):
            await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    assert sorted(file.name.partition("-")[0] for file in folder.iterdir()) == ["client", "owner"]
    request_id = await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    assert await taken_ids(owned) == [request_id]


async def test_an_earlier_request_that_a_listing_misses(
    owned: OwnedMailbox, outbox: Outbox, folder: Path, rung: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that changes may be listed with a later file and without an earlier one: both are taken in order."""
    posted = [await outbox.post(CancelRequest(mission_id="m"), is_awaited=True) for _ in range(3)]
    whole = os.listdir
    hidden = [posted[0], posted[2]]

    def listdir(folder: Path) -> list[str]:
        missing = {f"{hidden.pop(0)}.json"} if hidden else set[str]()
        return [name for name in whole(folder) if name not in missing]

    monkeypatch.setattr("mission_control.adapter_sqlite.mailbox.tray.os.listdir", listdir)
    assert await taken_ids(owned) == posted[:2]
    await say(folder, rung, posted[2])
    assert await taken_ids(owned) == posted[2:]


async def unrung(outbox: Outbox, folder: Path) -> str:
    """Post a request as a sender does that dies before it rings."""
    bell = folder / "owner"
    bell.rename(folder / "elsewhere")
    request_id = await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    (folder / "elsewhere").rename(bell)
    return request_id


@pytest.mark.parametrize(
    ("words", "is_found"),
    [
        (["01700000000000000000-00000000000000aa-0000000001"], False),
        (["", ""], False),
        (["01700000000000000000-00000000000000aa-0000000001"] * 50, True),
        (["!"], True),
        (["../../etc/passwd"], True),
    ],
)
async def test_requests_are_taken_as_they_are_named(
    owned: OwnedMailbox,
    outbox: Outbox,
    folder: Path,
    rung: asyncio.Event,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    is_found: bool,
) -> None:
    """The directory is looked through where a word is strange, or was one of too many."""
    monkeypatch.setattr("mission_control.adapter_sqlite.mailbox.heard._AGAIN_SECONDS", 60)
    assert await taken_ids(owned) == []
    lost = await unrung(outbox, folder)
    await say(folder, rung, *words)
    assert await taken_ids(owned) == ([lost] if is_found else [])
    rung.clear()
    named = await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    await asyncio.wait_for(rung.wait(), 20)
    assert await taken_ids(owned) == [named]


async def test_what_is_named_twice_is_taken_once(
    owned: OwnedMailbox, outbox: Outbox, folder: Path, rung: asyncio.Event
) -> None:
    """In one breath, and again later."""
    assert await taken_ids(owned) == []
    request_id = await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    await say(folder, rung, request_id, request_id)
    assert await taken_ids(owned) == [request_id]
    await say(folder, rung, request_id)
    assert await taken_ids(owned) == []


async def test_after_one_was_named_all_is_looked_through(
    owned: OwnedMailbox, outbox: Outbox, folder: Path, rung: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So what a sender left there that died before it rang is found soon after anybody else has sent something."""
    monkeypatch.setattr("mission_control.adapter_sqlite.mailbox.heard._AGAIN_SECONDS", 0.05)
    assert await taken_ids(owned) == []
    lost = await unrung(outbox, folder)
    named = await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    found: list[str] = []
    while len(found) < 2:
        await asyncio.wait_for(rung.wait(), 20)
        rung.clear()
        found += await taken_ids(owned)
    assert found == [named, lost]


async def test_what_could_not_be_taken_is_looked_for(
    owned: OwnedMailbox, outbox: Outbox, rung: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that was named while the disk failed comes with the next look, whether or not anybody rings."""
    assert await taken_ids(owned) == []
    request_id = await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    await asyncio.wait_for(rung.wait(), 20)

    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("mission_control.adapter_sqlite.mailbox.came.read_letter", fails)
        with pytest.raises(PersistenceError, match="Input/output error"):
            await taken_ids(owned)
    assert await taken_ids(owned) == [request_id]


async def test_leftovers_of_dead_senders_go(path: Path, folder: Path) -> None:
    """Bells that nobody hears, and what nobody will finish any more; what may be finished stays."""
    folder.mkdir()
    old, young, bell = folder / "new-old", folder / "new-young", folder / "client-dead"
    for file in (old, young):
        file.write_text("")
    os.utime(old, (0, 0))
    os.mkfifo(bell)
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    mailbox = adapter.mailbox()
    assert mailbox is not None
    await mailbox.open(lambda: None)
    assert sorted(file.name for file in folder.iterdir()) == ["new-young", "owner"]
    await adapter.close()


@pytest.mark.parametrize("bell", ["a file", "a link", "nothing"])
async def test_a_bell_that_is_none(
    owned: OwnedMailbox, outbox: Outbox, folder: Path, bell: str, tmp_path: Path
) -> None:
    """What a client's bell has been replaced with is not written to, and nobody is held up."""
    await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    ((posted, _),) = await taken(owned)
    (client,) = folder.glob("client-*")
    client.unlink()
    other = tmp_path / "other"
    other.write_text("mine")
    if bell == "a file":
        client.write_text("mine")
    elif bell == "a link":
        client.symlink_to(other)
    await owned.end([posted])
    assert other.read_text() == "mine"
    if bell == "a file":
        assert client.read_text() == "mine"


async def test_a_bell_that_rings_on_and_on(owned: OwnedMailbox, outbox: Outbox, rung: asyncio.Event) -> None:
    """A pipe that is full because its owner does not get to read it holds up no sender."""
    for _ in range(70_000 // 8):
        await is_heard(outbox)
        if rung.is_set():
            break
    assert await is_heard(outbox)


async def test_where_there_are_no_pipes(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides look now and then instead of being rung, and say who is there by plain files."""
    monkeypatch.setattr("mission_control.adapter_sqlite.mailbox.bells.ARE_OFFERED", False)
    monkeypatch.setattr("mission_control.adapter_sqlite.mailbox.bells.GLANCE_SECONDS", 0.01)
    looked, asked = asyncio.Event(), asyncio.Event()
    outbox = await sqlite_mailbox(path).open(asked.set)
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    owned = adapter.mailbox()
    assert owned is not None
    assert not await is_heard(outbox)
    await owned.open(looked.set)
    assert await is_heard(outbox)
    end = await outbox.post(EndRequest(mission_id="m"), is_awaited=True)
    looked.clear()
    await asyncio.wait_for(looked.wait(), 5)
    assert await taken_ids(owned) == [end]
    asked.clear()
    await asyncio.wait_for(asked.wait(), 5)
    await outbox.close()
    await adapter.close()
    assert list(folder.iterdir()) == []


async def test_whom_nobody_waits_for_is_dropped(owned: OwnedMailbox, path: Path, folder: Path) -> None:
    """A request to be told of an end goes with who wanted to know; every other one stays."""
    outbox = await sqlite_mailbox(path).open(lambda: None)
    kept = await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    end = await outbox.post(EndRequest(mission_id="m"), is_awaited=True)
    text = (folder / f"{end}.json").read_bytes()
    await outbox.close()
    assert [file.stem for file in folder.glob("*.json")] == [kept]
    (folder / f"{end}.json").write_bytes(text)
    assert await taken_ids(owned) == [kept]
    assert not (folder / f"{end}.json").exists()


async def test_the_directory_cannot_be_made(tmp_path: Path) -> None:
    """Who opens the mailbox hears why."""
    (tmp_path / "missions.db-mailbox").write_text("in the way")
    with pytest.raises(PersistenceError, match="mailbox"):
        await sqlite_mailbox(tmp_path / "missions.db").open(lambda: None)


async def test_no_directory_for_the_database(tmp_path: Path) -> None:
    """As for every reader of it."""
    with pytest.raises(PersistenceError, match="does not exist"):
        await sqlite_mailbox(tmp_path / "nowhere" / "missions.db").open(lambda: None)


def test_making_a_mailbox_touches_nothing(path: Path) -> None:
    """It may be made before a fork, and where there is nothing yet."""
    assert str(path) in repr(sqlite_mailbox(path))
    assert not list(path.parent.iterdir())


async def test_a_forked_child_has_to_open_its_own(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its parent has opened is refused there."""
    monkeypatch.setattr("mission_control.adapter_sqlite.mailbox.outbox.os.getpid", lambda: -1)
    with pytest.raises(Exception, match="from which this one was forked"):
        await outbox.post(CancelRequest(mission_id="m"), is_awaited=True)
    monkeypatch.undo()


async def test_an_adapter_that_was_not_opened_has_no_mailbox(path: Path) -> None:
    """It is asked for after `bootstrap`."""
    adapter: PersistenceAdapter = create_sqlite_persistence_adapter(path)
    with pytest.raises(PersistenceError, match="not open"):
        adapter.mailbox()
