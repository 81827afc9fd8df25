"""Only requests for a name of ours are answered, so that no other site can have its own name point at this page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s:@/\[\]]+))(?::[0-9]*)?", re.IGNORECASE)

ANY = "*"
"""The trusted host that stands for every name: for a server whose proxy has checked it."""


class TrustedHosts:
    """Answers 421 to a request, of whatever method, whose `Host` is neither trusted nor, by default, this machine's."""

    def __init__(self, app: ASGIApp, trusted: Sequence[str] | None) -> None:
        self._app = app
        self._trusted = None if trusted is None else frozenset(host.lower() for host in trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] == "http" and not self._trusts(hosts_of(scope["headers"])):
            await _MISDIRECTED(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _trusts(self, hosts: list[str]) -> bool:
        if len(hosts) != 1:
            return False
        name = host_name(hosts[0])
        if self._trusted is None:
            return is_loopback(name)
        return ANY in self._trusted or name in self._trusted


_MISDIRECTED = PlainTextResponse(
    "This page is not served under that name. Ask for it by the address that it was started with, or name the host in "
    "trusted_hosts.\n",
    status_code=421,
)


def hosts_of(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """Return every `Host` that a request names: exactly one in a request that is well formed."""
    return [value.decode("latin-1") for name, value in headers if name == b"host"]


def host_name(host: str) -> str:
    """Return the name in a `Host`, in lower case, without port and brackets; the empty text where it is malformed."""
    found = _HOST.fullmatch(host.strip())
    return "" if found is None else (found[1] or found[2]).lower()


def is_loopback(name: str) -> bool:
    """True for a name that no other machine can have."""
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
