"""The answers to what one outbox has sent: looked for when it is rung, and once a second besides."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress

import attrs

from mission_control.core import MissionControlError, NotAnsweredError, PersistenceError
from mission_control.core.storage import Answer, Outbox, Request, RequestKind, ScheduleRequest

from .background import closed
from .patience import is_heard

_LOOK_SECONDS = 1.0
"""How often those who wait look although nobody has rung: there may be no owner, or one that has died."""


@attrs.define(eq=False)
class Awaited:
    """A request that is durable, and the answer that its sender waits for."""

    request_id: str
    answer: asyncio.Future[Answer]
    is_applied: bool = False
    """True where the owner has said so, and what the request set in motion goes on."""


class Bell:
    """Is rung where there may be an answer, or where an owner has started."""

    def __init__(self) -> None:
        self.rings: int = 0
        self.rung: asyncio.Event = asyncio.Event()

    def ring(self) -> None:
        """Let all look who wait."""
        self.rings += 1
        self.rung.set()


class Answers:
    """Sends requests, and looks for the answers of all who wait at once."""

    def __init__(self, outbox: Outbox, bell: Bell) -> None:
        self._outbox = outbox
        self._bell = bell
        self._awaited: dict[str, Awaited] = {}
        self._looking: asyncio.Task[None] | None = None
        self._is_closed = False

    async def close(self) -> None:
        """Finish what is being sent, and tell those who wait that nobody looks for their answers any more."""
        self._is_closed = True
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        self._raise(closed())
        await self._outbox.close()

    async def post(self, request: Request, *, is_awaited: bool) -> str:
        """Make a request durable, and return its id."""
        try:
            return await self._outbox.post(request, is_awaited=is_awaited)
        except PersistenceError:
            if self._is_closed:
                raise closed() from None
            raise

    async def ask(self, request: Request, timeout: float | None) -> Answer:
        """Return what the owner answers within `timeout` seconds, an error too. Raises `NotAnsweredError`."""
        rings = self._bell.rings
        request_id = await self.post(request, is_awaited=True)
        with self.awaiting(request_id) as awaited:
            if self._bell.rings != rings:  # the answer may have been there before anybody waited for it
                self.look()
            await asyncio.wait([awaited.answer], timeout=timeout)
            if not awaited.answer.done():  # nobody rings where a request is applied, and goes on
                self._tell(await self._outbox.answers([request_id]))
        if not awaited.answer.done():
            raise await self._not_answered(request, awaited, timeout)
        return awaited.answer.result()

    async def raise_error(self, answer: Answer, mission_id: str) -> None:
        """Raise the error that the owner answered with, if it did."""
        if answer.error is None:
            return
        inspection = await self._outbox.inspect(mission_id) if answer.error.needs_snapshot else None
        raise answer.error.to_error(None if inspection is None else inspection.snapshot)

    @contextmanager
    def awaiting(self, request_id: str) -> Generator[Awaited]:
        """Look for the answer to a request meanwhile; one at a time for each request."""
        if self._is_closed:
            raise closed()
        awaited = self._awaited[request_id] = Awaited(request_id, asyncio.get_running_loop().create_future())
        if self._looking is None or self._looking.done():
            self._bell.rung.clear()
            self._looking = asyncio.create_task(self._look())
        try:
            yield awaited
        finally:
            del self._awaited[request_id]
            if awaited.answer.done():
                awaited.answer.exception()  # whoever waited may have been cancelled meanwhile

    async def _not_answered(self, request: Request, awaited: Awaited, timeout: float | None) -> NotAnsweredError:
        has_owner = await is_heard(self._outbox)
        if awaited.is_applied:
            comes = "it was applied, and what it set in motion goes on"
        elif has_owner:
            comes = "it will be applied by the process that owns the database, which has not got to it yet"
        else:
            comes = "it will be applied when a process owns the database, and none does now"
        return NotAnsweredError(
            f"request {awaited.request_id!r} is durable, and was not answered within {timeout:g} s: {comes}; "
            f"{_asked_again(request)}",
            request_id=awaited.request_id,
            has_owner=has_owner,
        )

    # Looking

    def look(self) -> None:
        """Look at once for what is awaited."""
        self._bell.rung.set()

    async def _look(self) -> None:
        while self._awaited and not self._is_closed:  # `wait_for` may swallow a cancellation
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bell.rung.wait(), _LOOK_SECONDS)
            self._bell.rung.clear()
            unanswered = [one.request_id for one in self._awaited.values() if not one.answer.done()]
            try:
                self._tell(await self._outbox.answers(unanswered) if unanswered else {})
            except MissionControlError as error:
                self._raise(error)

    def _tell(self, answers: Mapping[str, Answer]) -> None:
        for request_id, answer in answers.items():
            awaited = self._awaited.get(request_id)
            if awaited is not None and not awaited.answer.done():
                awaited.is_applied = True
                if answer.is_final:
                    awaited.answer.set_result(answer)

    def _raise(self, error: MissionControlError) -> None:
        for awaited in self._awaited.values():
            if not awaited.answer.done():
                awaited.answer.set_exception(error)


def _asked_again(request: Request) -> str:
    if isinstance(request, ScheduleRequest) and request.action == "trigger":
        return "triggering again starts one more mission"
    return _ASKED_AGAIN.get(request.kind, "asking again is safe")


_WITH_KEYS = "asking again with the same key, or starting with the same id and if_exists='return', is safe"
_ASKED_AGAIN: Mapping[RequestKind, str] = {
    **dict.fromkeys(("start", "signal", "update", "cancel", "end"), _WITH_KEYS),
    "reopen": "look at the mission before asking again: where it has ended anew, that reopens it once more",
    "wake": "look at the mission before asking again: that ends what it waits for then",
    "skip": "look at the mission before asking again: that skips what has failed then",
    "import": "asking again with the same id is safe: then it exists already",
    "purge": "asking again is safe: what is deleted is no longer there to delete",
}
"""What to know before asking for the same again; of what is not named, doing it again changes nothing."""
