"""Requests as files: whole and durable before they have their name, and read with suspicion."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, cast

import attrs

from mission_control.core.errors import MissionValidationError
from mission_control.core.history import iso, parse_iso
from mission_control.core.payloads import decode_json
from mission_control.core.storage import PostedRequest, Request, read_request, request_form
from mission_control.core.values import Value

from ..files import flush_folder
from ..rows import encode
from .place import CREATE, READ, Place

FORMAT = 1
"""The version of what is in the files."""

MOST_BYTES = 16 * 2**20
MOST_LEVELS = 200

_AROUND = 2
"""Lists and objects around what a request carries."""


@attrs.frozen(kw_only=True)
class Letter(Value):
    """What is in the file of a request.

    `database_id` is that of the database that it is for; None where there was none yet. `seen` are requests of the same
    sender whose answers it has read.
    """

    request: Request
    requested_at: datetime
    is_awaited: bool
    database_id: str | None
    seen: tuple[str, ...] = ()

    def posted(self, request_id: str, sender: str) -> PostedRequest:
        """Return what the owner hands on."""
        return PostedRequest(
            request_id=request_id,
            sender=sender,
            requested_at=self.requested_at,
            is_awaited=self.is_awaited,
            request=self.request,
        )


class UnreadableError(ValueError):
    """A file is no request that this release could read."""


class NewerError(UnreadableError):
    """A newer release wrote the file; `kind` and `mission_id` are what it seems to say of them."""

    def __init__(self, message: str, *, kind: str, mission_id: str) -> None:
        super().__init__(message)
        self.kind: str = kind
        self.mission_id: str = mission_id


def written(letter: Letter) -> bytes:
    """Return what is in the file. Raises `MissionValidationError` where it is too large, or nested too deeply."""
    form = request_form(letter.request)
    if not _is_shallow(form, MOST_LEVELS + _AROUND - 1):
        raise _misfit(letter.request, f"nested more than {MOST_LEVELS} levels deep")
    text = encode(
        {
            "format": FORMAT,
            "database": letter.database_id,
            "at": iso(letter.requested_at),
            "awaited": letter.is_awaited,
            "seen": letter.seen,
            "request": form,
        }
    ).encode("ascii")
    if len(text) > MOST_BYTES:
        raise _misfit(letter.request, f"{len(text)} bytes as JSON, and a mailbox takes {MOST_BYTES}")
    return text


def _misfit(request: Request, problem: str) -> MissionValidationError:
    what = f"{request.kind} of mission {request.mission_id!r}"
    remedy = "store it elsewhere, and send where it is"
    return MissionValidationError(
        f"{what} cannot be sent: {problem}: {remedy}",
        event_name=request.name or request.kind,
        issues=(f"$: {problem}",),
    )


def post(place: Place, request_id: str, text: bytes) -> None:
    """Put a request into the mailbox, durably: from its name on it is there, and before that it is nothing."""
    new = place.unfinished()
    try:
        descriptor = os.open(new, CREATE, 0o600)
        try:
            if hasattr(os, "fchmod"):
                os.fchmod(descriptor, place.mode())
            _write_all(descriptor, text)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        new.rename(place.request(request_id))
    except BaseException:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise
    flush_folder(place.folder)


def _write_all(descriptor: int, text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def read_letter(place: Place, request_id: str) -> Letter | None:
    """Return what is in the file of a request, or None where there is none any more.

    Raises `UnreadableError` for what is none, and `OSError` where the disk fails, or this process has no room.
    """
    try:
        descriptor = os.open(place.request(request_id), READ)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise UnreadableError(f"it may not be read ({error.strerror})") from error
    except OSError as error:
        if place.request(request_id).is_symlink():
            raise UnreadableError("it is a link") from error
        raise
    try:
        return _letter(_content(descriptor))
    finally:
        os.close(descriptor)


def _content(descriptor: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableError("it is no file")
    if status.st_size > MOST_BYTES:
        raise UnreadableError(f"it has {status.st_size} bytes, and a request has at most {MOST_BYTES}")
    text = b""
    while len(text) < status.st_size and (more := os.read(descriptor, status.st_size - len(text))):
        text += more
    return text


def _letter(text: bytes) -> Letter:
    try:
        form = decode_json(text.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"it is no JSON ({type(error).__name__})") from error
    if not isinstance(form, dict):
        raise UnreadableError("it is no object")
    fields = cast("dict[str, Any]", form)
    written_as = fields.get("format")
    if type(written_as) is int and written_as > FORMAT:
        raise _newer(written_as, fields.get("request"))
    if not _is_shallow(fields, MOST_LEVELS + _AROUND):
        raise UnreadableError(f"it is nested more than {MOST_LEVELS} levels deep")
    try:
        return _letter_of(fields)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise UnreadableError(f"it is not as a request is: {error}") from error


def _newer(written_as: int, request: object) -> NewerError:
    said = cast("dict[str, object]", request) if isinstance(request, dict) else {}
    return NewerError(
        f"a newer release wrote it, in format {written_as}, and its owner's knows up to {FORMAT}: upgrade the owner",
        kind=str(said.get("kind", "unknown")),
        mission_id=str(said.get("mission_id", "")),
    )


def _letter_of(form: Mapping[str, Any]) -> Letter:
    database_id, is_awaited, seen = form["database"], form["awaited"], form["seen"]
    if type(is_awaited) is not bool or not (database_id is None or type(database_id) is str):
        raise ValueError("expected true or false, and the id of a database")
    if type(seen) is not list or any(type(one) is not str for one in cast("Sequence[object]", seen)):
        raise ValueError("expected the ids of requests")
    return Letter(
        request=read_request(form["request"]),
        requested_at=parse_iso(form["at"]),
        is_awaited=is_awaited,
        database_id=database_id,
        seen=tuple(cast("list[str]", seen)),
    )


def _is_shallow(value: object, most: int) -> bool:
    """Return whether at most so many lists and objects are nested."""
    level: list[object] = [value]
    for _ in range(most + 1):
        level = [item for container in level for item in _items(container)]
        if not level:
            return True
    return False


def _items(value: object) -> Sequence[object]:
    if isinstance(value, dict):
        return list(cast("dict[str, object]", value).values())
    return cast("list[object]", value) if isinstance(value, list) else ()
