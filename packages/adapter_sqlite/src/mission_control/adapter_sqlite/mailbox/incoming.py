"""What comes into a mailbox, on the loop of its owner: each request is taken once, and goes when it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from mission_control.core.errors import PersistenceError
from mission_control.core.log import ContainedLogger
from mission_control.core.storage import EndRequest

from ..worker import Worker, end
from .bells import Bell, ring, ring_or_clear
from .came import Came, Listed, Unreadable, read_all
from .heard import Heard
from .letters import Letter
from .place import Place
from .tray import Tray

_log: ContainedLogger = ContainedLogger("mission_control.adapter_sqlite")

_MOST = 256
"""Requests that are read at once."""
_SOON, _LATER = 0.1, 5.0
"""Seconds until files are taken away that nobody needs, and until that is tried again."""


class Incoming:
    """The files of a mailbox that is open, and the bell of its owner.

    What is named is read here: such a file has just been written, so that no disk is asked, and a thread would cost
    more. Everything else is done by a thread.
    """

    def __init__(self, place: Place, tray: Worker[Tray], bell: Bell, left: frozenset[str], heard: Heard) -> None:
        self._place = place
        self._tray = tray
        self._bell = bell
        self._left = set(left)
        self._heard = heard
        self._taken: set[str] = set()
        self._ended: set[str] = set()
        self._clearing: asyncio.TimerHandle | None = None

    @classmethod
    async def of(cls, database: Path, rung: Callable[[], None]) -> Incoming:
        """Make the directory where there is none, hang the bell, and ring every client."""
        place = Place(database)
        tray = Worker("mailbox of", database, partial(Tray, place), _nothing)
        try:
            bell, left = await tray.do(Tray.opened)
            heard = Heard(rung)
            bell.listen(heard.hear)
        except BaseException:
            await end(tray.stop, tray)
            raise
        return cls(place, tray, bell, left, heard)

    # Coming

    async def take(self) -> AsyncIterator[list[Came]]:
        """Yield what has come and was not taken. Raises `PersistenceError`."""
        named = self._heard.named()
        try:
            if named is not None:
                yield await self._taking(read_all(self._place, self._new(named)))
                return
            listed = self._new(await self._tray.do(Tray.listed))
            for start in range(0, len(listed), _MOST):
                yield await self._taking(await self._tray.do(Tray.read, listed[start : start + _MOST]))
        except BaseException:
            self._heard.lose()
            raise

    def _new(self, listed: Sequence[Listed]) -> list[Listed]:
        return [one for one in dict.fromkeys(listed) if one[0] not in self._taken]  # a stranger may say it twice

    async def _taking(self, came: Sequence[Came | Unreadable]) -> list[Came]:
        """Return what is for the owner: neither what cannot be read, nor what nobody waits for."""
        taken: list[Came] = []
        for one in came:
            if isinstance(one, Unreadable):
                aside = await self._tray.do(Tray.set_aside, one.request_id)
                _log.error("%s: this request cannot be read, and is set aside: %s", aside, one.problem)
            elif self._is_for_nobody(one):
                await self._tray.do(Tray.take_away, [one.request_id])
            else:
                taken.append(one)
        self._taken.update(one.request_id for one in taken)
        return taken

    def _is_for_nobody(self, one: Came) -> bool:
        """True where who wanted to be told of an end has died."""
        is_an_end = isinstance(one.letter, Letter) and isinstance(one.letter.request, EndRequest)
        return is_an_end and not ring(self._place.client_bell(one.sender))

    def give_back(self, came: Sequence[Came]) -> None:
        """Let these be taken once more."""
        self._taken.difference_update(one.request_id for one in came)

    def was_left(self, request_id: str) -> bool:
        """Return whether it lay there before this owner did: only of such a one may an answer be on record."""
        return request_id in self._left

    # Ending

    def answer(self, request_ids: Sequence[str], senders: set[str]) -> None:
        """Ring the senders of requests whose answers are durable, and take these away in a moment."""
        for sender in senders:
            ring_or_clear(self._place.client_bell(sender))
        self._ended.update(request_ids)
        self._clear_in(_SOON)

    def _clear_in(self, delay: float) -> None:
        if self._clearing is None:
            self._clearing = asyncio.get_running_loop().call_later(delay, self._clear_now)

    def _clear_now(self) -> None:
        self._clearing = None
        _ = self._clear()

    def _clear(self) -> asyncio.Future[None]:
        ended = tuple(self._ended)
        clearing = self._tray.do(Tray.take_away, ended)
        clearing.add_done_callback(partial(self._cleared, ended))
        return clearing

    def _cleared(self, ended: Sequence[str], clearing: asyncio.Future[None]) -> None:
        error = None if clearing.cancelled() else clearing.exception()
        if error is None:
            for ids in (self._taken, self._left, self._ended):
                ids.difference_update(ended)
        else:
            _log.warning("%s; the requests that are answered lie there still, and do no harm", error)
            self._clear_in(_LATER)

    def are_over(self, request_ids: Sequence[str]) -> list[str]:
        """Return those that are answered, or do not lie here any more."""
        return [one for one in request_ids if one not in self._taken or one in self._ended]

    async def flush(self) -> None:
        """Take away what is answered, durably. Raises `PersistenceError`."""
        await self._clear()
        await self._tray.do(Tray.flush)

    # Its end

    async def close(self) -> None:
        """Take away what is answered, and the bell."""
        self._bell.mute()
        self._heard.close()
        with suppress(PersistenceError):
            _ = self._clear()
        if self._clearing is not None:
            self._clearing.cancel()
        await end(self._tray.stop, self._tray)

    def abandon(self) -> None:
        """End the thread without a loop."""
        self._tray.stop(_nothing)


def _nothing(_: object = None) -> None:
    pass
