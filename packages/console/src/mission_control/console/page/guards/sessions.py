"""Sessions that need no memory: a cookie that the token signs, and a token for forms that the cookie signs.

So they are the same to every worker process, survive a restart, and end for everybody when the token changes. A session
that was ended is remembered by this process until it would have expired.
"""

from __future__ import annotations

import hmac
import re
import secrets
import time
from hashlib import sha256
from typing import Final

LIFETIME: Final = 12 * 3600
"""How many seconds a session lasts."""

LEAST_TOKEN: Final = 16
"""How many characters a token has at least."""

_FORM = re.compile(r"(?P<nonce>[\w-]{43})(\.(?P<expires>[0-9]{1,12})\.(?P<signature>[0-9a-f]{64}))?", re.ASCII)


class Sessions:
    """Makes and knows sessions. Without a token every session is open; with one, those begun by whoever showed it."""

    def __init__(self, token: str | None) -> None:
        if token is not None and len(token) < LEAST_TOKEN:
            raise ValueError(f"token: expected at least {LEAST_TOKEN} characters, found {len(token)}")
        self._key = None if token is None else token.encode()
        self._ended: dict[str, int] = {}
        named = "" if self._key is None else "-" + _signed(self._key, "name")[:8]
        self.cookie: Final = f"mission-control{named}"
        """The cookie's name: of its own for each token, since the ports of one host share their cookies."""

    @property
    def needs_token(self) -> bool:
        """True where the token has to be shown."""
        return self._key is not None

    def is_token(self, given: str) -> bool:
        """True for the token, in the same time whatever is given."""
        return self._key is not None and hmac.compare_digest(
            _hashed(given.encode(errors="replace")), _hashed(self._key)
        )

    def begin(self) -> str:
        """Return a new session that is open, for who has shown the token."""
        nonce = new_session()
        expires = int(time.time()) + LIFETIME
        return f"{nonce}.{expires}.{self._signature(nonce, expires)}"

    def end(self, session: str) -> None:
        """Let a session be open no longer."""
        now = int(time.time())
        self._ended = {one: expires for one, expires in self._ended.items() if expires > now}
        self._ended[session] = now + LIFETIME

    def is_open(self, session: str) -> bool:
        """True where whoever has the session may see the page."""
        if self._key is None:
            return True
        found = _FORM.fullmatch(session)
        if found is None or found["expires"] is None or session in self._ended:
            return False
        expires = int(found["expires"])
        is_signed = hmac.compare_digest(found["signature"], self._signature(found["nonce"], expires))
        return is_signed and expires > time.time()

    def _signature(self, nonce: str, expires: int) -> str:
        assert self._key is not None  # only sessions of a token are signed
        return _signed(self._key, f"{nonce}.{expires}")


def new_session() -> str:
    """Return a session that nobody has shown a token for: enough to sign the form of the login."""
    return secrets.token_urlsafe(32)


def is_session(text: str) -> bool:
    """True for what a cookie of ours can hold."""
    return _FORM.fullmatch(text) is not None


def form_token(session: str) -> str:
    """Return what the forms of a session bear, which no other site can know."""
    return _signed(session.encode(), "form")


def is_form_token(session: str, given: str) -> bool:
    """True for what the forms of a session bear."""
    return hmac.compare_digest(form_token(session).encode(), given.encode(errors="replace"))


def _signed(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), sha256).hexdigest()


def _hashed(text: bytes) -> bytes:
    return sha256(text).digest()
