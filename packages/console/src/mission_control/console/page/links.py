"""Addresses within the page, wherever it is mounted."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.types import Scope


def link(scope: Scope, path: str, query: Iterable[tuple[str, str | None]] = ()) -> str:
    """Return the address of a path of the page, below the path where the page is mounted. What is None is left out."""
    asked = urlencode([(name, value) for name, value in query if value])
    between = "&" if "?" in path else "?"
    return quote(scope.get("root_path", "")) + path + (between + asked if asked else "")


def path_to(face: str, name: str) -> str:
    """Return the path of what `face` shows of something that has a name of any characters.

    Browsers resolve `.` and `..` wherever they stand in a path, so a name with such a part is in the query.
    """
    if not {".", "..", ""}.isdisjoint(name.split("/")):
        return f"/{face}/?{urlencode({'id': name})}"
    return f"/{face}/{quote(name, safe='')}"


def name_in(request: Request) -> str:
    """Return the name that an address is of, as `path_to` wrote it; the empty text for none."""
    found: str = request.path_params["id"] or request.query_params.get("id", "")
    return found


def path_of(scope: Scope) -> str:
    """Return the path that is asked for, below the path where the page is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] or "/" if root and path.startswith(root) else path
