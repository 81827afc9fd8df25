"""Runs the page where it has no server of its own: bound before anything is said, and stopped by SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Generator
from typing import Final

import uvicorn
from starlette.applications import Starlette

from .guards import ANY, is_loopback

_GRACE_SECONDS: Final = 5
"""How long requests that are under way may take when the server stops."""


def is_local(host: str) -> bool:
    """True for where nobody but this machine can ask: elsewhere the page needs a token."""
    return is_loopback(host.strip("[]").lower())


def hosts_of(host: str) -> list[str] | None:
    """Return the `trusted_hosts` of a page that listens at `host`: elsewhere than here the token protects it."""
    return None if is_local(host) else [ANY]


async def serve(app: Starlette, *, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve what `create_app` made until the process gets SIGTERM or SIGINT; tell `announce` the address before that.

    `port` 0 is a free one. Raises `OSError` where nothing can listen there.
    """
    with _bound(host, port) as listening:
        announce(f"http://{_shown(host)}:{listening.getsockname()[1]}/")
        server = _Server(app)
        await server.serve(sockets=[listening])


def _bound(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
    listening = socket.create_server((str(address[0]), port), family=family)
    listening.setsockopt(
        socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
    )  # what is accepted has it, too: no page waits for more
    return listening


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


class _Server(uvicorn.Server):
    """A server that says nothing, and that ends the streams of open pages so that it can stop."""

    def __init__(self, app: Starlette) -> None:
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        super().__init__(config)
        self._app = app

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Stop at a signal, and end without raising it again: the program decides what comes after."""
        before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
        loop = asyncio.get_running_loop()
        for one in before:
            signal.signal(one, lambda number, frame: loop.call_soon_threadsafe(self._stop))
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def _stop(self) -> None:
        self._app.state.changes.close()
        self.should_exit = True
