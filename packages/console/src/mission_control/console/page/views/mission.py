"""One mission: where it stands and why, what it waits for, what happened, and what can be done."""

from __future__ import annotations

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mission_control.core import MissionInspection, MissionNotFoundError, MissionSnapshot, RetryWait, TimerWait

from ...reading import ACTIONS, WAKE, Action, Times, open_waits
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
    waits = await open_waits(console.client, inspection)
    owner = await console.client.operations.owner()
    static = await static_of(console, snapshot)
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
        actions=[action for action in ACTIONS.values() if action.fits(snapshot) and _applies(action, inspection)],
        told=TOLD.get(query.get("told", "")),
        input=snapshot.events["start"].input if "start" in snapshot.events else None,
    )


async def export(console: Console, request: Request) -> Response:
    """Answer with everything that is stored of a mission, as JSON."""
    if console.hiding.is_active:
        raise HTTPException(403, "Payloads are hidden here, and an export has all of them.")
    form = await console.client.operations.export_mission(name_in(request))
    headers = {"Content-Disposition": 'attachment; filename="mission.json"'}
    text = json.dumps(form, indent=1).replace("<", "\\u003c")  # whoever takes it for markup finds none
    return Response(text, media_type="application/json", headers=headers)


def _applies(action: Action, inspection: MissionInspection) -> bool:
    """Return whether an action has something to act on: only a wait for a time can be ended."""
    return action is not WAKE or bool(timed_waits(inspection))


def timed_waits(inspection: MissionInspection) -> tuple[str, ...]:
    """Return the instances at which a mission waits for a time."""
    waits = [position.waiting for position in inspection.snapshot.positions]
    return tuple(wait.event_name for wait in waits if isinstance(wait, TimerWait | RetryWait))


async def inspected(console: Console, request: Request) -> MissionInspection:
    """Return all there is to see of the mission that an address is of. Raises `MissionNotFoundError`."""
    mission_id = name_in(request)
    found = await console.client.inspect_mission(mission_id)
    if found is None:
        raise MissionNotFoundError(f"No mission has the id {mission_id!r}; it may have been purged.")
    return found


async def static_of(console: Console, snapshot: MissionSnapshot) -> dict[str, Any] | None:
    """Return the static form of the definition that a mission last ran under; None where nobody has it."""
    fingerprint = snapshot.definition_last_run or snapshot.definition_created_with
    return None if fingerprint is None else await console.client.load_definition(fingerprint)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 10 else 1
