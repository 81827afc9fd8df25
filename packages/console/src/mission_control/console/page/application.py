"""The page as an ASGI application."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request

from mission_control.client import CommanderClient

from .changes import Changes
from .console import Console
from .failures import failed
from .guards import Attempts, Gate, SealedHeaders, Sessions, TrustedHosts
from .hiding import Hiding, Redact
from .views import routes_of


def create_app(
    client: CommanderClient,
    *,
    by: Callable[[Request], str | None] | None = None,
    read_only: bool = False,
    token: str | None = None,
    redact: Redact | None = None,
    hide_payloads: bool = False,
    trusted_hosts: Sequence[str] | None = None,
) -> Starlette:
    """Return the page over the missions of a client, as an ASGI application, to serve or to mount below any path.

    The client is the caller's, who closes it; the page is used on the client's event loop. A mounted page needs no
    lifespan of its own: it looks for changes while a browser watches, and not otherwise.

    Args:
        client: Answers what is shown, and is asked for what is changed. One of a mailbox with `unowned_timeout=0` tells
            at once that something is accepted where no process owns the database.
        by: Says who asks for a change, from the request, as one's own login knows it; None leaves it to the client.
        read_only: Has no route that changes anything, and no button for it.
        token: What has to be shown before anything is, of at least 16 characters; by default nothing has to be, which
            is for a page on loopback, or behind one's own login. Only a cookie that it signs is ever sent.
        redact: Is given what a value is and the value, wherever a mission's data would be shown: "input", "output" and
            "payload" with JSON values, "error", "traceback" and "reason" with texts. What it returns is shown instead.
        hide_payloads: Shows none of these: of a failure its code, class and place are left. Names, ids, labels, keys
            and notes of who did something are always shown, and raw exports never where anything is hidden or redacted.
        trusted_hosts: The names, without ports, by which the page may be asked for; "*" is any. By default those of
            this machine's loopback. Others are answered 421.

    Raises `ValueError` for a token that is too short.
    """
    console = Console(
        client=client,
        sessions=Sessions(token),
        attempts=Attempts(),
        changes=Changes(client.operations.change_token),
        hiding=Hiding(redact, hide_payloads),
        read_only=read_only,
        by=by,
    )
    app = Starlette(
        routes=routes_of(console),
        middleware=[
            Middleware(SealedHeaders),
            Middleware(TrustedHosts, trusted=trusted_hosts),
            Middleware(Gate, sessions=console.sessions),
        ],
        exception_handlers={HTTPException: partial(failed, console)},
    )
    app.state.changes = console.changes
    return app
