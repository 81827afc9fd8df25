"""A change is asked for by a page of ours, not by one of another site."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers

_FROM_HERE = frozenset({"same-origin", "none"})
"""What a browser says of a request that a page of ours made, or the person."""


def is_from_here(headers: Headers) -> bool:
    """True where neither `Sec-Fetch-Site` nor `Origin` says that another site asks.

    A program that sends neither is believed: what it lacks is the token of the form.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site not in _FROM_HERE:
        return False
    origins = headers.getlist("origin")
    return not origins or (len(origins) == 1 and _host_of(origins[0]) == headers.get("host", "").strip().lower())


def _host_of(origin: str) -> str | None:
    """Return the host and port of an origin; None for `null` and for what is none."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in ("http", "https") else None
