"""The sender's side: it posts files, rings the owner, and reads answers as any reader of the database does."""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from mission_control.core.errors import CommanderClosedError, PersistenceError
from mission_control.core.history import Owner
from mission_control.core.storage import Answer, EndRequest, Mailbox, Outbox, RefusedRequest, Request

from ..location import DatabasePath, check_place, locate
from ..lock import owner_of
from ..reader import ViewPort
from ..view import View
from ..worker import Worker, end
from .answers import database_id, list_refused, load_answers
from .bells import Bell, is_heard, ring
from .letters import Letter, post, written
from .place import Place

_MOST_SEEN = 256
"""How many answers one request says to have been read."""


def sqlite_mailbox(database_path: DatabasePath) -> Mailbox:
    """Return the mailbox of the database at `database_path`: `create_commander_client(mailbox=...)` takes it.

    By it any process sends to the one that owns the database, which may be down, or not have run yet. Nothing is
    touched before the client's first operation. Raises `PersistenceError` for what is no path of a database.
    """
    return SQLiteMailbox(locate(database_path))


class SQLiteMailbox:
    """A `Mailbox`: the path of a database."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __repr__(self) -> str:
        return f"<SQLiteMailbox {str(self._path)!r}>"

    async def open(self, rung: Callable[[], None], /) -> Outbox:
        """Return the sender's side, making the directory where there is none.

        Who may not write there can read all the same, and is told when something is to be sent.
        """
        check_place(self._path)
        sender = secrets.token_hex(8)
        view = Worker("view of", self._path, partial(View, self._path, is_empty_when_missing=True), _nothing)
        desk = Worker("mailbox of", self._path, partial(_Desk, Place(self._path), sender), _nothing)
        try:
            await view.do(View.read, database_id)
            bell = await desk.do(_Desk.hear)
            if bell is not None:
                bell.listen(lambda _: rung())
        except BaseException:
            await _end(view, desk)
            raise
        return SQLiteOutbox(view, self._path, desk, sender, bell)


class _Desk:
    """Where the requests of one outbox are written, by a thread of its own."""

    def __init__(self, place: Place, sender: str) -> None:
        self._place = place
        self._bell: Bell | None = None
        self._refusal: PersistenceError | None = None
        try:
            self._bell = _hang(place, sender)
        except PersistenceError as error:
            if not _is_for_readers(error.__cause__):
                raise
            self._refusal = error

    def hear(self) -> Bell | None:
        """Return the bell that rings for this outbox; None for who may not write there."""
        return self._bell

    def post(self, request_id: str, text: bytes) -> None:
        """Make a request durable, and tell the owner."""
        if self._refusal is not None:
            raise self._refusal
        try:
            post(self._place, request_id, text)
        except OSError as error:
            raise self._place.failure(error) from error
        ring(self._place.owner_bell, f"{request_id}\n".encode())

    def withdraw(self, request_ids: Iterable[str]) -> None:
        """Take back what nobody waits for any more."""
        for request_id in request_ids:
            with suppress(OSError):
                self._place.request(request_id).unlink(missing_ok=True)

    def owner(self) -> Owner | None:
        """Return who owns the database, and whether it hears its bell."""
        return owner_of(self._place.database, is_listening=is_heard(self._place.owner_bell))

    def close(self) -> None:
        """Take the bell down."""
        if self._bell is not None:
            self._bell.close()


def _hang(place: Place, sender: str) -> Bell:
    place.make()
    try:
        return Bell(place, place.client_bell(sender))
    except OSError as error:
        raise place.failure(error) from error


def _is_for_readers(cause: BaseException | None) -> bool:
    return isinstance(cause, OSError) and cause.errno in (errno.EACCES, errno.EPERM, errno.EROFS)


class SQLiteOutbox(ViewPort):
    """The sender's side of a mailbox, open: one thread writes, and one reads the database."""

    def __init__(self, view: Worker[View], path: Path, desk: Worker[_Desk], sender: str, bell: Bell | None) -> None:
        super().__init__(view, path)
        self._view = view
        self._desk = desk
        self._sender = sender
        self._bell = bell
        self._process = os.getpid()
        self._is_closed = False
        self._database_id: str | None = None
        self._count = 0
        self._last_ns = 0
        self._seen: list[str] = []
        self._ends: set[str] = set()
        """Requests to be told of an end, which nobody needs once this is closed."""

    async def post(self, request: Request, /, *, is_awaited: bool) -> str:
        """Write the request's file, and ring the owner."""
        request_id = self._next_id()
        if self._database_id is None:
            self._database_id = await self._view.do(View.read, database_id)
        seen, self._seen = self._seen[:_MOST_SEEN], self._seen[_MOST_SEEN:]
        letter = Letter(
            request=request,
            requested_at=datetime.now(UTC),
            is_awaited=is_awaited,
            database_id=self._database_id,
            seen=tuple(seen),
        )
        posting = self._desk.do(_Desk.post, request_id, written(letter))  # at once: the order is that of the calls
        if isinstance(request, EndRequest):
            self._ends.add(request_id)
        await posting
        return request_id

    def _next_id(self) -> str:
        self._check_process()
        self._last_ns = max(self._last_ns, time.time_ns())
        self._count += 1
        return f"{self._last_ns:020}-{self._sender}-{self._count:010}"

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise CommanderClosedError(
                f"this mailbox was opened by process {self._process}, from which this one was forked: open it here"
            )

    async def answers(self, request_ids: Sequence[str], /) -> Mapping[str, Answer]:
        """Return what the database has on them."""
        self._check_process()
        answers = await self._view.do(View.read, load_answers, list(request_ids))
        final = [one.request_id for one in answers.values() if one.is_final]
        self._ends.difference_update(final)
        self._seen += (one for one in final if one not in self._seen)
        return answers

    async def list_refused(self, *, limit: int, after: str | None) -> Sequence[RefusedRequest]:
        """Return a page of what was refused, the newest first."""
        return await self._view.do(View.read, list_refused, limit=limit, after=after)

    async def owner(self) -> Owner | None:
        """Return which process owns the database, or None."""
        self._check_process()
        return await self._desk.do(_Desk.owner)

    async def close(self) -> None:
        """Finish what is being posted, and end both threads."""
        if self._is_closed or self._process != os.getpid():
            return
        self._is_closed = True
        if self._bell is not None:
            self._bell.mute()
        if self._ends:
            _ = self._desk.do(_Desk.withdraw, tuple(self._ends))
        await _end(self._view, self._desk)


async def _end(view: Worker[View], desk: Worker[_Desk]) -> None:
    await end(lambda notify: view.stop(partial(desk.stop, notify)), desk)


def _nothing(_: object = None) -> None:
    pass
