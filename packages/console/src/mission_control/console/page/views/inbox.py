"""Open waits, the oldest first: one of them with its form, and what it is about beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mission_control.core import OpenWait, StoredDefinition
from mission_control.core.definition import static_sites

from ...reading import place_of, wait_at
from ..console import Console
from ..entry import Entry
from ..links import link
from ..words import TOLD
from .mission import input_of

PAGE = 25
"""How many waits a page has."""
_MOST_SIGNALS = 30
"""How many signals are offered to choose from."""


async def show(console: Console, request: Request) -> Response:
    """Show a page of the inbox."""
    query = request.query_params
    signal, place = query.get("signal") or None, query.get("after") or None
    found = await console.client.list_waits(signal=signal, limit=PAGE + 1, after=_wait_at(place))
    waits = found[:PAGE]
    chosen = _chosen(waits, query.get("mission"), query.get("wait"))
    after = place_of(waits[-1]) if len(found) > PAGE else None
    return console.page(
        request,
        "inbox.html",
        waits=waits,
        entry=None if chosen is None else Entry.blank(chosen),
        input=None if chosen is None else await _input(console, chosen),
        signal=signal,
        signals=_signals(await console.client.list_definitions(), signal),
        place=place,
        older=None if after is None else link(request.scope, "/inbox", [("signal", signal), ("after", after)]),
        told=TOLD.get(query.get("told", "")),
    )


def _chosen(waits: list[OpenWait], mission_id: str | None, event_name: str | None) -> OpenWait | None:
    """Return the wait that is shown with its form: the one that is asked for, else the oldest."""
    wanted = [wait for wait in waits if (wait.mission_id, wait.event_name) == (mission_id, event_name)]
    return next(iter([*wanted, *waits]), None)


async def _input(console: Console, wait: OpenWait) -> Any:
    """Return what a mission was started with; None where it went meanwhile."""
    inspection = await console.client.inspect_mission(wait.mission_id)
    return None if inspection is None else input_of(inspection.snapshot)


def _signals(definitions: Iterable[StoredDefinition], chosen: str | None) -> list[str]:
    """Return the names of signals that definitions wait for, by name, with the one that is chosen."""
    nodes = (site.node for definition in definitions for site in static_sites(definition.static).values())
    names = sorted({str(node["name"]) for node in nodes if node["kind"] == "need_to"})[:_MOST_SIGNALS]
    return names if chosen is None or chosen in names else [*names, chosen]


def _wait_at(place: str | None) -> OpenWait | None:
    """Return the wait that a page ended with, as its address says it."""
    try:
        return wait_at(place)
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
