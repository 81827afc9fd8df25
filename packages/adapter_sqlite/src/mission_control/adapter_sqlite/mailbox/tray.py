"""The directory of a mailbox, as the thread of its owner handles it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..files import flush_folder
from .bells import Bell, is_dead, ring
from .came import Came, Listed, Unreadable, read_all
from .place import CLIENT, NEW, REFUSED, REQUEST, Place

_ABANDONED_SECONDS = 3600.0
"""What is not finished after that never will be."""


class Tray:
    """What lies in the mailbox of a database that this process owns."""

    def __init__(self, place: Place) -> None:
        self._place = place
        try:
            place.make()
            self._clear()
            self._left = frozenset(self._requests())
            self._bell = Bell(place, place.owner_bell)
            self._ring_all()
        except OSError as error:
            raise place.failure(error) from error

    def opened(self) -> tuple[Bell, frozenset[str]]:
        """Return the owner's bell, and what lay here before it."""
        return self._bell, self._left

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

    def listed(self) -> list[Listed]:
        """Return what lies there, by time.

        A listing may show a later file of a sender without an earlier one, which was there before it: the next listing
        shows that. What the next one shows alone may have an earlier one in turn, and comes with the ring after it.
        """
        latest: dict[str, str] = {}
        try:
            for request_id, sender in self._requests().items():
                latest[sender] = max(latest.get(sender, ""), request_id)
            found = self._requests() if latest else {}
        except OSError as error:
            raise self._place.failure(error) from error
        return sorted(one for one in found.items() if one[0] <= latest.get(one[1], ""))

    def read(self, listed: Sequence[Listed]) -> list[Came | Unreadable]:
        """Return what is in these files."""
        return read_all(self._place, listed)

    def set_aside(self, request_id: str) -> Path:
        """Give what is no request another name, and return that."""
        file = self._place.request(request_id)
        aside = file.with_name(f"{REFUSED}{file.name}")
        try:
            with suppress(FileNotFoundError):
                file.rename(aside)
        except OSError as error:
            raise self._place.failure(error) from error
        return aside

    def take_away(self, request_ids: Sequence[str]) -> None:
        """Take requests away that are answered."""
        try:
            for request_id in request_ids:
                self._place.request(request_id).unlink(missing_ok=True)
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
