"""The way in for who has the token, and the way out."""

from __future__ import annotations

import math

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ..console import Console
from ..guards import SESSION, Form, session_cookie
from ..links import link


async def show(console: Console, request: Request) -> Response:
    """Ask for the token."""
    return _asked(console, request, request.query_params.get("next", ""))


async def enter(console: Console, request: Request, form: Form) -> Response:
    """Let in who sends the token, to the page that was wanted."""
    address = request.client.host if request.client else ""
    left = console.attempts.seconds_to_wait(address)
    if left > 0:
        seconds = math.ceil(left)
        words = f"Too many wrong tokens came from this address: try again in {seconds} seconds."
        raise HTTPException(429, words, headers={"Retry-After": str(seconds)})
    if not console.sessions.is_token(form.get("token")):
        console.attempts.failed(address)
        return _asked(console, request, form.get("next"), error="That is not the token.")
    console.attempts.succeeded(address)
    answer = RedirectResponse(link(request.scope, _within(form.get("next"))), status_code=303)
    answer.headers["Set-Cookie"] = session_cookie(console.sessions, console.sessions.begin(), request.scope)
    return answer


async def leave(console: Console, request: Request, form: Form) -> Response:
    """End the session."""
    console.sessions.end(request.scope[SESSION])
    return RedirectResponse(link(request.scope, "/login"), status_code=303)


def _asked(console: Console, request: Request, wanted: str, error: str = "") -> Response:
    status = 403 if error else 200
    return console.page(request, "login.html", status=status, next=_within(wanted), error=error)


def _within(wanted: str) -> str:
    """Return a path of this page, whatever is asked for: never one that a browser takes for another host."""
    is_path = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if is_path else "/"
