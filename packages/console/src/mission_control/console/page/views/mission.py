"""One mission: where it stands and why, what it waits for, what happened, and what can be done."""

from __future__ import annotations

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mission_control.core import MissionInspection, MissionNotFoundError, MissionSnapshot

from ...reading import ACTIONS, Times, open_waits, static_of
from ..attempts import bars_of
from ..console import Console
from ..entry import Entry
from ..links import link, name_in
from ..picture import picture_of
from ..timeline import page_of, paths_of
from ..words import TOLD, standings

_MOST_FORMS = 10
"""How many open waits are shown with their forms; the others lead to theirs."""
_MOST_LINES = 100
"""How many lines of a mission are told of one by one."""


async def show(console: Console, request: Request) -> Response:
    """Show a mission."""
    if not name_in(request):
        return RedirectResponse(link(request.scope, "/missions"), status_code=303)
    inspection = await inspected(console, request)
    snapshot, query = inspection.snapshot, request.query_params
    times = Times.current()
    owner = await console.client.operations.owner()
    static = await static_of(console.client, snapshot)
    waits = open_waits(inspection, static)
    path = query.get("path", "")
    return console.page(
        request,
        "mission.html",
        mission=snapshot,
        inspection=inspection,
        standings=standings(snapshot, owner, times.now),
        entries=[Entry.blank(wait) for wait in waits[:_MOST_FORMS]],
        most_lines=_MOST_LINES,
        waits_left=waits[_MOST_FORMS:],
        picture=None if static is None else picture_of(static, inspection),
        bars=bars_of(inspection.step_attempts, times.now),
        timeline=page_of(
            inspection.history,
            path=path,
            newest_first=query.get("order") != "oldest",
            number=_number(query.get("page")),
        ),
        paths=paths_of(inspection.history),
        path=path,
        order="oldest" if query.get("order") == "oldest" else "newest",
        actions=[action for action in ACTIONS.values() if action.fits(snapshot)],
        told=TOLD.get(query.get("told", "")),
        input=input_of(snapshot),
    )


async def export(console: Console, request: Request) -> Response:
    """Answer with everything that is stored of a mission, as JSON."""
    if console.hiding.is_active:
        raise HTTPException(403, "Payloads are hidden here, and an export has all of them.")
    form = await console.client.operations.export_mission(name_in(request))
    headers = {"Content-Disposition": 'attachment; filename="mission.json"'}
    text = json.dumps(form, indent=1).replace("<", "\\u003c")  # whoever takes it for markup finds none
    return Response(text, media_type="application/json", headers=headers)


async def inspected(console: Console, request: Request) -> MissionInspection:
    """Return all there is to see of the mission that an address is of. Raises `MissionNotFoundError`."""
    mission_id = name_in(request)
    found = await console.client.inspect_mission(mission_id)
    if found is None:
        raise MissionNotFoundError(f"No mission has the id {mission_id!r}; it may have been purged.")
    return found


def input_of(snapshot: MissionSnapshot) -> Any:
    """Return what a mission was started with; None where its start is not done."""
    start = snapshot.events.get("start")
    return None if start is None else start.input


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 10 else 1
