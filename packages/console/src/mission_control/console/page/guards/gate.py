"""Each request has a session: the one of its cookie, or a new one that the answer's cookie bears."""

from __future__ import annotations

from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..links import link, path_of
from .sessions import LIFETIME, Sessions, is_session, new_session

SESSION = "mission_control.session"
"""The key of a request's scope under which its session is."""

_OPEN_TO_ALL = ("/login", "/static/")
"""What is answered before the token was shown."""


class Gate:
    """Gives each request its session, and turns back those that need the token and have not shown it."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), path_of(scope)
        session = _cookie(headers, self._sessions.cookie)
        if session is None and _is_followed_from_elsewhere(scope, headers):
            await HTMLResponse(_AGAIN)(scope, receive, send)
            return
        cookie = None
        if session is None:
            session = new_session()
            cookie = session_cookie(self._sessions, session, scope)
        scope[SESSION] = session
        answer = None if path.startswith(_OPEN_TO_ALL) else self._turned_back(scope, session, path)
        await (answer or self._app)(scope, receive, send if cookie is None else _with_cookie(send, cookie))

    def _turned_back(self, scope: Scope, session: str, path: str) -> Response | None:
        if self._sessions.is_open(session):
            return None
        if scope["method"] not in ("GET", "HEAD") or path == "/changes":
            return PlainTextResponse("Log in first.\n", status_code=401)
        query = scope["query_string"].decode("latin-1")
        wanted = path + (f"?{query}" if query else "")
        return RedirectResponse(link(scope, "/login") + f"?next={quote(wanted, safe='')}", status_code=303)


def session_cookie(sessions: Sessions, session: str, scope: Scope) -> str:
    """Return the header that sets the cookie of a session."""
    path = quote(scope.get("root_path", "")) or "/"
    secure = "; Secure" if scope["scheme"] == "https" else ""
    return f"{sessions.cookie}={session}; HttpOnly; SameSite=Strict; Path={path}; Max-Age={LIFETIME}{secure}"


def _cookie(headers: Headers, name: str) -> str | None:
    """Return the session that a request's cookie bears; None for none, and for what is none of ours."""
    found = cookie_parser(headers.get("cookie", "")).get(name)
    return found if found is not None and is_session(found) else None


_AGAIN = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="0"><title>Mission Control</title></head>
<body><p>One moment. <a href="">Go on</a></p></body></html>
"""
"""A page that asks for itself again: what follows comes from here, and then the browser sends a strict cookie."""


def _is_followed_from_elsewhere(scope: Scope, headers: Headers) -> bool:
    is_followed = headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") == "navigate"
    return is_followed and scope["method"] == "GET"


def _with_cookie(send: Send, cookie: str) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if "set-cookie" not in headers:  # a login's own comes first
                headers.append("Set-Cookie", cookie)
        await send(message)

    return sent
