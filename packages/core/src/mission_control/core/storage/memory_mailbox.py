"""The mailbox of storage in memory, for tests and for programs of one process: the same promises, without files.

Its two sides may be on different threads, each with its own event loop: what they share is locked, and rung across.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import attrs

from ..definition import StoredDefinition, signal_json_schema
from ..errors import CorruptMissionError, MissionValidationError, PersistenceError
from ..history import MissionInspection, MissionStatistics, MissionStatus, MissionSummary, OpenWait, Owner
from ..machine import inspect_history
from ..schedules import StoredSchedule
from .answers import Answer
from .mailbox import Outbox
from .queries import MissionQuery
from .reads import WaitPlace
from .requests import EndRequest, PostedRequest, RefusedRequest, Request, read_request, request_form
from .stored import LoadOutcome, Standing, StoredMission

if TYPE_CHECKING:
    from .memory import InMemoryAdapter

_KEPT = timedelta(days=7)


@attrs.frozen
class _Bell:
    """Who is to be told that there is something, on which loop."""

    loop: asyncio.AbstractEventLoop
    rung: Callable[[], None]

    def ring(self) -> None:
        """Call at once on this loop, and soon on another one."""
        if asyncio.get_running_loop() is self.loop:
            self.rung()
        elif not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.rung)


@attrs.frozen
class Held:
    """That a commander has the storage, on which loop, and since when."""

    loop: asyncio.AbstractEventLoop
    since: datetime


class Post:
    """What is in the mailbox of one storage: requests as their JSON text, answers, whom to ring, and who owns it."""

    def __init__(self) -> None:
        self.lock: threading.RLock = threading.RLock()
        self.requests: dict[str, tuple[PostedRequest, str]] = {}
        self.answers: dict[str, Answer] = {}
        self.refused: dict[str, RefusedRequest] = {}
        self.owner: _Bell | None = None
        self.held: Held | None = None
        self.clients: dict[str, _Bell] = {}
        self.count: int = 0
        self.changes: int = 0
        """How often anything was committed to the storage, answers to requests included."""

    def ring(self, bells: Sequence[_Bell]) -> None:
        """Ring, outside of the lock."""
        for bell in bells:
            bell.ring()


class MemoryMailbox:
    """A `Mailbox` of storage in memory."""

    def __init__(self, adapter: InMemoryAdapter) -> None:
        self._adapter = adapter

    async def open(self, rung: Callable[[], None], /) -> Outbox:
        """Return the sender's side, for this loop."""
        return MemoryOutbox(self._adapter, _Bell(asyncio.get_running_loop(), rung))


class MemoryOutbox:
    """The sender's side, open."""

    def __init__(self, adapter: InMemoryAdapter, bell: _Bell) -> None:
        self._post: Post = adapter.post
        self._view: InMemoryAdapter = adapter.view()
        self._sender = secrets.token_hex(8)
        self._is_closed = False
        with self._post.lock:
            self._post.clients[self._sender] = bell

    async def post(self, request: Request, /, *, is_awaited: bool) -> str:
        """Keep the request, and ring the owner."""
        try:
            text = json.dumps(request_form(request), allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            what = f"{request.kind} of mission {request.mission_id!r} cannot be sent: {error}"
            raise MissionValidationError(
                what, event_name=request.name or request.kind, issues=(f"$: {error}",)
            ) from error
        with self._post.lock:
            self._check_open()
            self._post.count += 1
            request_id = f"{self._post.count:020}-{self._sender}"
            posted = PostedRequest(
                request_id=request_id,
                sender=self._sender,
                requested_at=datetime.now(UTC),
                is_awaited=is_awaited,
                request=request,
            )
            self._post.requests[request_id] = posted, text
            owner = self._post.owner
        if owner is not None:
            owner.ring()
        return request_id

    async def answers(self, request_ids: Sequence[str], /) -> Mapping[str, Answer]:
        """Return what is known of these requests, and forget what is final and no refusal."""
        with self._post.lock:
            self._check_open()
            found = {one: self._post.answers[one] for one in request_ids if one in self._post.answers}
            for answer in found.values():
                if answer.is_final and not answer.is_refused and answer.request_id not in self._post.requests:
                    del self._post.answers[answer.request_id]
        return found

    async def list_refused(self, *, limit: int, after: str | None) -> Sequence[RefusedRequest]:
        """Return a page of what was refused, the newest first."""
        too_old = datetime.now(UTC) - _KEPT
        with self._post.lock:
            self._check_open()
            newest = [one for one in reversed(self._post.refused.values()) if one.refused_at >= too_old]
        if after is not None:
            places = [place for place, one in enumerate(newest) if one.request_id == after]
            newest = newest[places[0] + 1 :] if places else []
        return list(islice(newest, limit))

    async def owner(self) -> Owner | None:
        """Return this process while a commander of it has the storage."""
        with self._post.lock:
            held, hears = self._post.held, self._post.owner
        if held is None or held.loop.is_closed():
            return None
        is_listening = hears is not None and not hears.loop.is_closed()
        return Owner(pid=os.getpid(), since=held.since, is_listening=is_listening)

    async def close(self) -> None:
        """Be rung no more, and take back what nobody waits for any more."""
        self._is_closed = True
        with self._post.lock:
            self._post.clients.pop(self._sender, None)
            ends = [
                one
                for one, (posted, _) in self._post.requests.items()
                if posted.sender == self._sender and isinstance(posted.request, EndRequest)
            ]
            for request_id in ends:
                del self._post.requests[request_id]

    def _check_open(self) -> None:
        if self._is_closed:
            raise PersistenceError("this mailbox is closed: open it again")

    # Reading

    async def inspect(self, mission_id: str) -> MissionInspection | None:
        """Return all there is to see, or None where there is no such mission."""
        with self._post.lock:
            (history,) = await self._view.load([mission_id])
        assert not isinstance(history, CorruptMissionError)  # nothing here can be damaged
        return None if history is None else inspect_history(mission_id, history)

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        """Return the mission's row, or None."""
        with self._post.lock:
            return await self._view.load_summary(mission_id)

    async def list_missions(self, query: MissionQuery, /, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        """Return a page of the missions that are looked for."""
        with self._post.lock:
            return await self._view.list_missions(query, limit=limit, after=after)

    async def list_scheduled(self, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        """Return a page of what waits for a timer or a retry, the earliest first."""
        with self._post.lock:
            return await self._view.list_scheduled(limit=limit, after=after)

    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None
    ) -> Sequence[MissionSummary]:
        """Return a page of what is due, the earliest first."""
        with self._post.lock:
            return await self._view.due(before, limit=limit, after=after)

    async def list_waits(
        self, *, signal: str | None, mission_name: str | None, limit: int, after: WaitPlace | None
    ) -> Sequence[OpenWait]:
        """Return a page of the open waits, with the schemas of the definitions that the missions last ran under."""
        with self._post.lock:
            waits = await self._view.list_waits(signal=signal, mission_name=mission_name, limit=limit, after=after)
            return [attrs.evolve(wait, schema=await self._schema(wait)) for wait in waits]

    async def _schema(self, wait: OpenWait) -> dict[str, Any] | None:
        (history,) = await self._view.load([wait.mission_id])
        assert isinstance(history, tuple)  # it waits
        fingerprint = inspect_history(wait.mission_id, history).snapshot.definition_last_run
        static = None if fingerprint is None else await self._view.load_definition(fingerprint)
        return None if static is None else signal_json_schema(static, wait.event_name)

    async def list_schedules(self) -> Sequence[tuple[StoredSchedule, MissionStatus | None]]:
        """Return all schedules by name, each with the status of the mission that it started last."""
        with self._post.lock:
            return await self._view.list_schedules()

    async def load_definition(self, fingerprint: str) -> dict[str, Any] | None:
        """Return the static form of a definition that has run, or None."""
        with self._post.lock:
            return await self._view.load_definition(fingerprint)

    async def list_definitions(self, *, mission_name: str | None) -> Sequence[StoredDefinition]:
        """Return all definitions that there are, or those of a name, in the order in which they were stored."""
        with self._post.lock:
            return await self._view.list_definitions(mission_name=mission_name)

    async def change_token(self) -> str:
        """Return a text that is another one after anything was committed."""
        with self._post.lock:
            return await self._view.change_token()

    async def load(self, mission_ids: Sequence[str]) -> Sequence[LoadOutcome]:
        """Return, for each id in order, the mission's whole history, or None where there is none."""
        with self._post.lock:
            return await self._view.load(mission_ids)

    async def statistics(self, now: datetime) -> MissionStatistics:
        """Return what there is, counted."""
        with self._post.lock:
            return await self._view.statistics(now)

    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        """Return where missions stand that have not ended, as far as their rows tell."""
        with self._post.lock:
            return await self._view.list_standing(mission_name=mission_name, limit=limit)

    async def list_unplaced(self, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        """Return a page of the others that have not ended, in order of creation."""
        with self._post.lock:
            return await self._view.list_unplaced(limit=limit, after=after)

    async def audit(self, *, limit: int, after: str | None) -> Sequence[StoredMission]:
        """Return a page of everything that is stored of missions, in order of creation."""
        with self._post.lock:
            return await self._view.audit(limit=limit, after=after)

    async def backup(self, path: str) -> None:
        """Refuse, as the storage does."""
        await self._view.backup(path)


class MemoryOwnedMailbox:
    """The owner's side."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._taken: set[str] = set()
        self._bell: _Bell | None = None

    async def open(self, rung: Callable[[], None], /) -> None:
        """Be there for those who ring, and ring every client."""
        with self._post.lock:
            self._post.owner = self._bell = _Bell(asyncio.get_running_loop(), rung)
            clients = list(self._post.clients.values())
        self._post.ring(clients)

    async def take(self) -> AsyncIterator[Sequence[tuple[PostedRequest, Answer | None]]]:
        """Yield what has come and was not taken before, in order."""
        with self._post.lock:
            new = [one for one in self._post.requests.items() if one[0] not in self._taken]
            self._taken.update(request_id for request_id, _ in new)
            taken = [
                (attrs.evolve(posted, request=read_request(json.loads(text))), self._post.answers.get(request_id))
                for request_id, (posted, text) in new
            ]
        yield taken

    async def known(self, request_ids: Sequence[str], /) -> Mapping[str, Answer]:
        """Return what is known of these requests."""
        with self._post.lock:
            return {one: self._post.answers[one] for one in request_ids if one in self._post.answers}

    async def record(self, answers: Sequence[tuple[PostedRequest, Answer]], /) -> None:
        """Keep final answers."""
        with self._post.lock:
            self._post.changes += 1
            for posted, answer in answers:
                self._post.answers[answer.request_id] = answer
                if answer.is_refused and answer.error is not None:
                    request = posted.request
                    self._post.refused[answer.request_id] = RefusedRequest(
                        request_id=answer.request_id,
                        kind=request.kind,
                        mission_id=request.mission_id,
                        name=request.name,
                        code=answer.error.code,
                        message=answer.error.message,
                        requested_at=posted.requested_at,
                        refused_at=datetime.now(UTC),
                    )

    async def end(self, answered: Sequence[PostedRequest], /) -> None:
        """Take requests out of the mailbox, and ring their senders."""
        with self._post.lock:
            for posted in answered:
                self._post.requests.pop(posted.request_id, None)
                self._taken.discard(posted.request_id)
                if not posted.is_awaited and posted.request_id not in self._post.refused:
                    self._post.answers.pop(posted.request_id, None)
            senders = {posted.sender for posted in answered}
            clients = [bell for sender, bell in self._post.clients.items() if sender in senders]
        self._post.ring(clients)

    async def close(self) -> None:
        """Be there for nobody any more."""
        with self._post.lock:
            if self._post.owner is self._bell:
                self._post.owner = None
