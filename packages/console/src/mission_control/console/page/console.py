"""What every page has at hand."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from starlette.requests import Request
from starlette.responses import HTMLResponse

from mission_control.client import CommanderClient

from ..reading import Times
from .changes import Changes
from .guards import SESSION, Attempts, Sessions, form_token
from .hiding import Hiding
from .rendering import Here, render


@attrs.frozen(kw_only=True, eq=False)
class Console:
    """The client that answers, who may ask it for what, and how pages are made of that."""

    client: CommanderClient
    sessions: Sessions
    attempts: Attempts
    changes: Changes
    hiding: Hiding
    read_only: bool
    by: Callable[[Request], str | None] | None

    def who(self, request: Request) -> str | None:
        """Return who asks for a change; None leaves it to the client."""
        return None if self.by is None else self.by(request)

    def page(self, request: Request, template: str, /, *, status: int = 200, **values: object) -> HTMLResponse:
        """Return a page made of a template, with what all pages need."""
        here = Here(
            scope=request.scope,
            read_only=self.read_only,
            form_token=form_token(request.scope[SESSION]),
            has_login=self.sessions.needs_token,
            is_open=self.sessions.is_open(request.scope[SESSION]),
            hiding=self.hiding,
            times=Times.current(),
        )
        return HTMLResponse(render(template, here, values), status_code=status)
