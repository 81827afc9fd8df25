"""The files of a mailbox, as the thread of its owner handles them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TypeAlias

import attrs

from mission_control.core.log import ContainedLogger
from mission_control.core.storage import EndRequest
from mission_control.core.values import Value

from .bells import Bell, is_dead, ring
from .letters import Letter, NewerError, UnreadableError, read_letter
from .place import CLIENT, NEW, REFUSED, REQUEST, Place, flush_folder

_log: ContainedLogger = ContainedLogger("mission_control.adapter_sqlite")

_MOST = 256
"""Requests that are taken at once."""
_ABANDONED_SECONDS = 3600.0
"""What is not finished after that never will be."""
Listed: TypeAlias = tuple[str, str]
"""The id of a request that lies there, and its sender."""


@attrs.frozen(kw_only=True)
class Came(Value):
    """A request that has come: what it says, or why nobody here can say so.

    `is_left` where it lay here before this owner did: only of such a one may an answer be on record.
    """

    request_id: str
    sender: str
    is_left: bool
    letter: Letter | NewerError


class Tray:
    """What lies in the mailbox of a database that this process owns."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._taken: set[str] = set()
        try:
            place.make()
            self._clear()
            self._left = set(self._requests())
            self._bell = Bell(place, place.owner_bell)
            self._ring_all()
        except OSError as error:
            raise place.failure(error) from error

    def hear(self) -> Bell:
        """Return the owner's bell."""
        return self._bell

    def _clear(self) -> None:
        """Take away what senders left behind that have died."""
        too_old = time.time() - _ABANDONED_SECONDS
        for name in self._names(NEW):
            with suppress(FileNotFoundError):
                file = self._place.folder / name
                if file.lstat().st_mtime < too_old:
                    file.unlink()
        for name in self._names(CLIENT):
            if is_dead(self._place.folder / name):
                (self._place.folder / name).unlink(missing_ok=True)

    def _ring_all(self) -> None:
        for name in self._names(CLIENT):
            ring(self._place.folder / name)

    def _names(self, prefix: str = "") -> list[str]:
        return [name for name in os.listdir(self._place.folder) if name.startswith(prefix)]  # noqa: PTH208  # half the time

    def _requests(self) -> dict[str, str]:
        """Return the requests that lie there, and their senders."""
        found = map(REQUEST.fullmatch, self._names())
        return {match["id"]: match["sender"] for match in found if match is not None}

    def take(self, listed: Sequence[Listed] | None = None) -> tuple[list[Came], Sequence[Listed]]:
        """Return some of what is listed and was not taken, and the rest of the list; without one list what is there."""
        try:
            if listed is None:
                listed = self._new()
            came = list(self._come(listed[:_MOST]))
        except OSError as error:
            raise self._place.failure(error) from error
        self._taken.update(one.request_id for one in came)
        return came, listed[_MOST:]

    def _come(self, listed: Sequence[Listed]) -> Iterator[Came]:
        for request_id, sender in listed:
            if request_id in self._taken:
                continue
            is_left = request_id in self._left
            try:
                letter = read_letter(self._place, request_id)
            except NewerError as error:
                yield Came(request_id=request_id, sender=sender, is_left=is_left, letter=error)
            except UnreadableError as error:
                self._set_aside(request_id, error)
            else:
                if letter is not None and not self._is_for_nobody(letter, request_id, sender):
                    yield Came(request_id=request_id, sender=sender, is_left=is_left, letter=letter)

    def _new(self) -> list[Listed]:
        """Return what was not taken, by time.

        A listing may show a later file of a sender without an earlier one, which was there before it: the next listing
        shows that. What the next one shows alone may have an earlier one in turn, and comes with the ring after it.
        """
        latest: dict[str, str] = {}
        for request_id, sender in self._requests().items():
            latest[sender] = max(latest.get(sender, ""), request_id)
        if not latest:
            return []
        return [
            (request_id, sender)
            for request_id, sender in sorted(self._requests().items())
            if request_id <= latest.get(sender, "") and request_id not in self._taken
        ]

    def _is_for_nobody(self, letter: Letter, request_id: str, sender: str) -> bool:
        """Drop a request to be told of an end, where who wanted to know has died."""
        is_for_nobody = isinstance(letter.request, EndRequest) and not ring(self._place.client_bell(sender))
        if is_for_nobody:
            self._place.request(request_id).unlink(missing_ok=True)
        return is_for_nobody

    def _set_aside(self, request_id: str, problem: UnreadableError) -> None:
        file = self._place.request(request_id)
        aside = file.with_name(f"{REFUSED}{file.name}")
        with suppress(FileNotFoundError):
            file.rename(aside)
        _log.error("%s: this request cannot be read, and is set aside: %s", aside, problem)

    def give_back(self, request_ids: Sequence[str]) -> None:
        """Let these be taken once more."""
        self._taken.difference_update(request_ids)

    def over(self, request_ids: Sequence[str]) -> list[str]:
        """Return those that do not lie here any more."""
        return [request_id for request_id in request_ids if request_id not in self._taken]

    def end(self, answered: Sequence[str]) -> None:
        """Take requests away that are answered."""
        try:
            for request_id in answered:
                self._place.request(request_id).unlink(missing_ok=True)
                self._taken.discard(request_id)
                self._left.discard(request_id)
        except OSError as error:
            raise self._place.failure(error) from error

    def flush(self) -> None:
        """Make durable what was taken away."""
        try:
            flush_folder(self._place.folder)
        except OSError as error:
            raise self._place.failure(error) from error

    def close(self) -> None:
        """Take the bell down."""
        self._bell.close()
