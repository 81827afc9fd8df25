"""Requests that have come, read from their files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import attrs

from mission_control.core.values import Value

from .letters import Letter, NewerError, UnreadableError, read_letter
from .place import Place

Listed: TypeAlias = tuple[str, str]
"""The id of a request that lies there, and its sender."""


@attrs.frozen(kw_only=True)
class Came(Value):
    """A request that has come: what it says, or why nobody here can say so."""

    request_id: str
    sender: str
    letter: Letter | NewerError


@attrs.frozen
class Unreadable(Value):
    """What has come under the name of a request, and is none."""

    request_id: str
    problem: UnreadableError


def read_all(place: Place, listed: Sequence[Listed]) -> list[Came | Unreadable]:
    """Return what is in these files, without those that are not there any more. Raises `PersistenceError`."""
    try:
        return list(_read(place, listed))
    except OSError as error:
        raise place.failure(error) from error


def _read(place: Place, listed: Sequence[Listed]) -> Iterator[Came | Unreadable]:
    for request_id, sender in listed:
        try:
            letter = read_letter(place, request_id)
        except NewerError as error:
            yield Came(request_id=request_id, sender=sender, letter=error)
        except UnreadableError as error:
            yield Unreadable(request_id, error)
        else:
            if letter is not None:
                yield Came(request_id=request_id, sender=sender, letter=letter)
