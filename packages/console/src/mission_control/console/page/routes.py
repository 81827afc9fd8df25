"""How an endpoint becomes a route: one that reads, or one that changes, which no other site can ask for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .console import Console
from .failures import failed
from .guards import SESSION, Form, is_form_token, is_from_here, read_form

Reads: TypeAlias = Callable[[Console, Request], Awaitable[Response]]
Writes: TypeAlias = Callable[[Console, Request, Form], Awaitable[Response]]


def reading(console: Console, path: str, endpoint: Reads) -> Route:
    """Return the route of what is only looked at."""
    return Route(path, partial(_read, console, endpoint), methods=["GET"])


def changing(console: Console, path: str, endpoint: Writes) -> Route:
    """Return the route of a form: its endpoint gets what a page of ours has sent."""
    return Route(path, partial(_change, console, endpoint), methods=["POST"])


async def _read(console: Console, endpoint: Reads, request: Request) -> Response:
    try:
        return await endpoint(console, request)
    except Exception as error:  # whatever it is, it is told
        return await failed(console, request, error)


async def _change(console: Console, endpoint: Writes, request: Request) -> Response:
    try:
        if not is_from_here(request.headers):
            raise HTTPException(403, "Another site has asked for this; nothing was changed.")
        form = await read_form(request)
        if not is_form_token(request.scope[SESSION], form.get("form_token")):
            raise HTTPException(403, "The form is of another session: go back, load the page anew, and send it again.")
        return await endpoint(console, request, form)
    except Exception as error:  # whatever it is, it is told
        return await failed(console, request, error)
