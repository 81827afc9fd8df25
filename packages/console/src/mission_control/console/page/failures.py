"""What cannot be shown or done is told on a page, each with the status that fits."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import attrs
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mission_control.core import (
    CommanderClosedError,
    CommanderError,
    MissionCancelledError,
    MissionControlError,
    MissionDefinitionError,
    MissionFailedError,
    MissionNotFoundError,
    MissionValidationError,
    NotAnsweredError,
    PayloadError,
    PersistenceError,
    ScheduleNotFoundError,
)

from .console import Console

_LOG = logging.getLogger("mission_control.console")


@attrs.frozen
class Told:
    """How a failure is told: the status of the answer, and a title."""

    status: int
    title: str


_ERRORS: Final[Mapping[type[MissionControlError], Told]] = {
    NotAnsweredError: Told(202, "Accepted"),
    MissionNotFoundError: Told(404, "No such mission"),
    ScheduleNotFoundError: Told(404, "No such schedule"),
    MissionValidationError: Told(400, "That does not fit"),
    MissionDefinitionError: Told(400, "That does not fit"),
    PayloadError: Told(400, "That does not fit"),
    CommanderClosedError: Told(503, "The page is being stopped"),
    CommanderError: Told(409, "That cannot be done"),
    PersistenceError: Told(503, "The database cannot be read"),
    MissionControlError: Told(409, "That cannot be done"),
}
"""By class: the first that an error is an instance of."""

_STATUSES: Final[Mapping[int, Told]] = {
    400: Told(400, "That was not understood"),
    403: Told(403, "Not from this page"),
    404: Told(404, "Nothing here"),
    405: Told(405, "Not that way"),
    413: Told(413, "Too much at once"),
    429: Told(429, "One moment"),
}


async def failed(console: Console, request: Request, error: Exception) -> Response:
    """Return the page that tells of an error."""
    if isinstance(error, HTTPException):
        told = _STATUSES.get(error.status_code, Told(error.status_code, "That did not work"))
        words = "" if error.detail == HTTPStatus(error.status_code).phrase else error.detail
    elif isinstance(error, MissionControlError):
        told = next(told for kind, told in _ERRORS.items() if isinstance(error, kind))
        words = _words(console, error)
    else:
        _LOG.error("a page could not be made", exc_info=error)
        told, words = Told(500, "Something went wrong here"), "The log of this page's server says what."
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    page = console.page(request, "failed.html", status=told.status, told=told, words=words)
    page.headers.update(headers)
    return page


def _words(console: Console, error: MissionControlError) -> str:
    """Return what an error says; nothing where it quotes why a mission ended, and that may not be shown."""
    is_quoted = isinstance(error, MissionFailedError | MissionCancelledError)
    return "" if is_quoted and console.hiding.is_active else str(error)
