"""Missions that fit a filter, page by page, with what can be done to several of them."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mission_control.core import MissionControlError

from ...reading import ACTIONS, MissionPage, Selection, Times, list_selected
from ..asking import PAGE, Asked, asked
from ..console import Console
from ..links import link
from ..words import TOLD
from .overview import SHOWN

BULK = tuple(ACTIONS[name] for name in ("cancel", "pause", "resume", "reopen"))
"""What can be done to several missions at once."""


async def show(console: Console, request: Request) -> Response:
    """Show a page of the list."""
    wanted = asked(request.query_params.multi_items(), Times.current())
    after, before = request.query_params.get("after"), request.query_params.get("before")
    if before and wanted.selection.waiting_for is None:
        page, newer = await _before(console, wanted.selection, before)
    else:
        page = await _page(console, wanted, after)
        newer = page.missions[0].mission_id if after and page.missions and not wanted.selection.waiting_for else None
    return console.page(
        request,
        "missions.html",
        status=400 if wanted.errors else 200,
        asked=wanted,
        statuses=SHOWN,
        missions=page.missions,
        older=_link(request, wanted, "after", page.after),
        newer=_link(request, wanted, "before", newer),
        actions=BULK,
        told=TOLD.get(request.query_params.get("told", "")),
    )


async def _page(console: Console, wanted: Asked, after: str | None) -> MissionPage:
    if wanted.errors:
        return MissionPage(missions=[], after=None)
    try:
        return await list_selected(console.client, wanted.selection, limit=PAGE, after=after or None)
    except MissionControlError:
        raise
    except ValueError as error:
        raise HTTPException(400, str(error)) from None


async def _before(console: Console, selection: Selection, before: str) -> tuple[MissionPage, str | None]:
    """Return the page that comes before a mission, and what the one before that ends before."""
    found = await list_selected(console.client, selection, limit=PAGE, after=before, newest_first=False)
    if len(found.missions) < PAGE:  # the first page, which is to be full
        return await list_selected(console.client, selection, limit=PAGE), None
    missions = found.missions[::-1]
    page = MissionPage(missions=missions, after=missions[-1].mission_id)
    return page, None if found.after is None else missions[0].mission_id


def _link(request: Request, wanted: Asked, name: str, place: str | None) -> str | None:
    return None if place is None else link(request.scope, "/missions", [*wanted.fields, (name, place)])
