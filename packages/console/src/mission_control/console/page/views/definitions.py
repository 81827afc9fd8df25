"""The definitions that ever ran: drawn, with how many missions stand where, and two of them compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mission_control.core import StoredDefinition
from mission_control.core.definition import fingerprint_of

from ...reading import read_standing
from ..comparing import compare
from ..console import Console
from ..links import name_in
from ..picture import counted_picture


async def show(console: Console, request: Request) -> Response:
    """Show all definitions, by name, the newest of each first."""
    names: dict[str, list[StoredDefinition]] = {}
    for definition in reversed(await console.client.list_definitions()):
        names.setdefault(definition.name, []).append(definition)
    return console.page(request, "definitions.html", names=dict(sorted(names.items())))


async def show_one(console: Console, request: Request) -> Response:
    """Show one definition, by its fingerprint, or the newest of a name, and where missions stand in it."""
    wanted = name_in(request)
    static = await newest(console, wanted) or await _loaded(console, wanted)
    fingerprint = fingerprint_of(static)
    stored = await console.client.list_definitions(mission_name=static["name"])
    is_newest = bool(stored) and stored[-1].fingerprint == fingerprint
    standing = await read_standing(console.client, static["name"], fingerprint, is_newest=is_newest)
    others = [one for one in reversed(stored) if one.fingerprint != fingerprint]
    return console.page(
        request,
        "definition.html",
        static=static,
        fingerprint=fingerprint,
        picture=counted_picture(static, standing),
        standing=standing,
        others=others,
    )


async def show_two(console: Console, request: Request) -> Response:
    """Show what differs between two definitions."""
    one, other = request.query_params.get("one", ""), request.query_params.get("other", "")
    first, second = await _loaded(console, one), await _loaded(console, other)
    return console.page(
        request,
        "compare.html",
        sides=[(one, first, counted_picture(first)), (other, second, counted_picture(second))],
        differences=compare(first, second),
    )


async def newest(console: Console, name: str) -> Mapping[str, Any] | None:
    """Return the static form of the definition of a name that was stored last; None where none has run."""
    found = await console.client.list_definitions(mission_name=name)
    return found[-1].static if found else None


async def _loaded(console: Console, fingerprint: str) -> dict[str, Any]:
    static = await console.client.load_definition(fingerprint)
    if static is None:
        raise HTTPException(404, f"No definition with the fingerprint {fingerprint!r} has run here.")
    return static
