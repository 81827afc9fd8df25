"""A mission is started from a form, made of what its definition takes."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mission_control.core import MissionCancelledError, MissionFailedError, MissionValidationError, NotAnsweredError
from mission_control.core.definition import new_mission_id

from ...forms import issues_of
from ..console import Console
from ..entry import MORE, Entry, entered
from ..guards import Form
from ..links import link, name_in, path_to
from .definitions import newest


async def show(console: Console, request: Request) -> Response:
    """Show the form, with an id that makes it harmless to send it twice."""
    name, schema = await _wanted(console, request)
    return _form(console, request, name, Entry.empty(schema), Form((("own_id", new_mission_id()),)))


async def start(console: Console, request: Request, form: Form) -> Response:
    """Start the mission, or show the form again with what is wrong."""
    name, schema = await _wanted(console, request)
    value, entry = entered(schema, form)
    if entry.issues or form.get(MORE):
        return _form(console, request, name, entry, form)
    try:
        path, told = await _started(console, request, name, value, form)
    except MissionValidationError as error:
        return _form(console, request, name, entry.with_issues(issues_of(error)), form)
    return RedirectResponse(link(request.scope, path, [("told", told)]), status_code=303)


async def _started(console: Console, request: Request, name: str, value: Any, form: Form) -> tuple[str, str]:
    """Start a mission, and return the path of a page that says how it went on, and the word for that."""
    given, own = form.get("mission_id") or None, form.get("own_id") or None
    try:
        handle = await console.client.start_mission(
            name,
            value,
            mission_id=given or own,
            if_exists="raise" if given else "return",
            by=console.who(request),
        )
    except (MissionFailedError, MissionCancelledError) as error:
        return path_to("missions", error.snapshot.mission_id), "started"
    except NotAnsweredError:
        return "/missions", "accepted"
    return path_to("missions", handle.mission_id), "started"


def _form(console: Console, request: Request, name: str, entry: Entry, form: Form) -> Response:
    status = 400 if entry.issues else 200
    return console.page(request, "start.html", status=status, name=name, entry=entry, form=form)


async def _wanted(console: Console, request: Request) -> tuple[str, Any]:
    """Return the name of the definition that an address is of, and the JSON Schema of its input."""
    name = name_in(request)
    static = await newest(console, name)
    if static is None:
        raise HTTPException(404, f"No definition {name!r} has ever run here.")
    return name, static["nodes"][0].get("json_schema")
