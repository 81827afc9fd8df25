"""The owner's side: it takes files, and its answers are rows of the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from mission_control.core.errors import PersistenceError
from mission_control.core.history import iso
from mission_control.core.storage import Answer, AnsweredError, PostedRequest

from ..rows import Row, answer_row, encode
from .came import Came
from .incoming import Incoming
from .letters import Letter, NewerError

_KEPT = timedelta(days=7)
"""How long answers are kept that nobody has read, and refusals in any case."""
_ENOUGH = 64
"""Answers that nobody needs any more, from which on it pays to delete them."""


class Records(Protocol):
    """The database, as its owner has it open."""

    async def database_id(self) -> str | None:
        """Return its id."""
        ...

    async def load_answers(self, request_ids: Sequence[str], /) -> Mapping[str, Answer]:
        """Return what is known of these requests."""
        ...

    async def record_answers(self, rows: Sequence[Row], /) -> None:
        """Write rows of answers."""
        ...

    async def forget_answers(self, request_ids: Sequence[str], before: str, /) -> None:
        """Delete the answers to these requests, and those before that time."""
        ...


class SQLiteOwnedMailbox:
    """The owner's side of the mailbox beside a database, whose rows `records` reads and writes."""

    def __init__(self, path: Path, records: Records) -> None:
        self._path = path
        self._records = records
        self._incoming: Incoming | None = None
        self._database_id: str | None = None
        self._over: list[str] = []

    async def open(self, rung: Callable[[], None], /) -> None:
        """Make the directory where there is none, hang the bell, and ring every client."""
        self._database_id = await self._records.database_id()
        await self._records.forget_answers([], self._too_old())
        self._incoming = await Incoming.of(self._path, rung)

    def _too_old(self) -> str:
        return iso(datetime.now(UTC) - _KEPT)

    async def take(self) -> AsyncIterator[Sequence[tuple[PostedRequest, Answer | None]]]:
        """Yield what has come, some at a time."""
        async for came in self._opened().take():
            yield await self._for_this_owner(came)

    async def _for_this_owner(self, came: Sequence[Came]) -> Sequence[tuple[PostedRequest, Answer | None]]:
        try:
            known = await self._known(came)
            await self._refuse([one for one in came if self._problem(one) and one.request_id not in known])
        except BaseException:
            self._opened().give_back(came)
            raise
        self._note_seen(came)
        return [
            (one.letter.posted(one.request_id, one.sender), known.get(one.request_id))
            for one in came
            if isinstance(one.letter, Letter) and (one.request_id in known or not self._problem(one))
        ]

    async def _known(self, came: Sequence[Came]) -> Mapping[str, Answer]:
        left = [one.request_id for one in came if self._opened().was_left(one.request_id)]
        return await self._records.load_answers(left) if left else {}

    def _problem(self, came: Came) -> str | None:
        """Return why a request is not for this owner, if it is not."""
        if not isinstance(came.letter, Letter):
            return str(came.letter)
        if came.letter.database_id in (None, self._database_id):
            return None
        return (
            f"{self._path}: this request was made for another database, which was at this path before: nothing was"
            " applied: open a new client, and send it again if it is meant for this one"
        )

    async def _refuse(self, unwanted: Sequence[Came]) -> None:
        if not unwanted:
            return
        rows: list[Row] = []
        for one in unwanted:
            error = AnsweredError(code=PersistenceError.code, message=self._problem(one) or "")
            answer = Answer(request_id=one.request_id, error=error, is_refused=True)
            rows.append(answer_row(answer, _asked(one.letter)))
        await self._records.record_answers(rows)
        self._answer(unwanted)

    def _note_seen(self, came: Sequence[Came]) -> None:
        """A sender says what it has read, of its own; what lies here still is kept all the same."""
        seen = [
            request_id
            for one in came
            if isinstance(one.letter, Letter)
            for request_id in one.letter.seen
            if f"-{one.sender}-" in request_id
        ]
        self._over += self._opened().are_over(seen)

    async def known(self, request_ids: Sequence[str], /) -> Mapping[str, Answer]:
        """Return what the database knows of these requests."""
        return await self._records.load_answers(request_ids)

    async def record(self, answers: Sequence[tuple[PostedRequest, Answer]], /) -> None:
        """Write a row for each answer."""
        await self._records.record_answers(
            [answer_row(answer, _posted(posted) if answer.is_refused else None) for posted, answer in answers]
        )

    async def end(self, answered: Sequence[PostedRequest], /) -> None:
        """Ring the senders: what is durable they read from the database. The files go a moment later."""
        self._answer(answered)
        self._over += (one.request_id for one in answered if not one.is_awaited)
        if len(self._over) >= _ENOUGH:
            over, self._over = self._over, []
            await self._opened().flush()  # a file that came again after a loss of power must find its answer
            await self._records.forget_answers(over, self._too_old())

    def _answer(self, answered: Sequence[PostedRequest | Came]) -> None:
        self._opened().answer([one.request_id for one in answered], {one.sender for one in answered})

    async def close(self) -> None:
        """Take the bell down, and end the thread."""
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            await incoming.close()

    def abandon(self) -> None:
        """End the thread without a loop."""
        if self._incoming is not None:
            self._incoming.abandon()

    def _opened(self) -> Incoming:
        if self._incoming is None:
            raise PersistenceError(f"{self._path}: its mailbox is not open")
        return self._incoming


def _asked(letter: Letter | NewerError) -> str:
    if isinstance(letter, Letter):
        request = letter.request
        return encode([request.kind, request.mission_id, request.name, iso(letter.requested_at)])
    return encode([letter.kind, letter.mission_id, None, iso(datetime.now(UTC))])


def _posted(posted: PostedRequest) -> str:
    request = posted.request
    return encode([request.kind, request.mission_id, request.name, iso(posted.requested_at)])
