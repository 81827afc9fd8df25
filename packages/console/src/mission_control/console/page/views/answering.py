"""The answer to one open wait: its form with what it is about beside it, and what became of what was sent."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mission_control.core import MissionInspection, MissionValidationError, OpenWait
from mission_control.core.history import parse_iso

from ...forms import issues_of
from ...reading import AnsweredMeanwhileError, answer, open_waits, recorded_wait, static_of
from ..console import Console
from ..entry import MORE, Entry, entered
from ..guards import Form
from ..links import link, path_to
from .mission import input_of, inspected


async def show(console: Console, request: Request) -> Response:
    """Show the form of an open wait."""
    inspection = await inspected(console, request)
    event_name = request.query_params.get("wait", "")
    for wait in open_waits(inspection, await static_of(console.client, inspection.snapshot)):
        if wait.event_name == event_name:
            return _form(console, request, inspection, Entry.blank(wait))
    raise HTTPException(404, f"The mission waits for no signal {event_name!r} now.")


async def send(console: Console, request: Request, form: Form) -> Response:
    """Send what was filled in, or show it again with what is wrong."""
    inspection = await inspected(console, request)
    wait = await _meant(console, request, inspection, form)
    value, entry = entered(wait.schema, form)
    if entry.issues or form.get(MORE):
        return _form(console, request, inspection, entry.of(wait))
    try:
        outcome = await answer(console.client, wait, value, by=console.who(request))
    except MissionValidationError as error:
        return _form(console, request, inspection, entry.of(wait).with_issues(issues_of(error)))
    except AnsweredMeanwhileError as error:
        return console.page(
            request, "answered.html", status=409, wait=wait, answer=error.answer, mission=inspection.snapshot
        )
    told = "accepted" if outcome.state == "accepted" else "answered"
    path = "/inbox" if form.get("back") == "inbox" else path_to("missions", wait.mission_id)
    return RedirectResponse(link(request.scope, path, [("told", told)]), status_code=303)


async def _meant(console: Console, request: Request, inspection: MissionInspection, form: Form) -> OpenWait:
    """Return the wait that a form is the answer to, as it was when the form was shown."""
    try:
        since = parse_iso(form.get("since"))
        static = await static_of(console.client, inspection.snapshot)
        return recorded_wait(inspection, static, request.query_params.get("wait", ""), since)
    except (ValueError, LookupError):
        raise HTTPException(404, "The mission did not wait for that: load its page anew.") from None


def _form(console: Console, request: Request, inspection: MissionInspection, entry: Entry) -> Response:
    snapshot = inspection.snapshot
    return console.page(
        request,
        "answer.html",
        status=400 if entry.issues else 200,
        entry=entry,
        mission=snapshot,
        input=input_of(snapshot),
        back=request.query_params.get("back", ""),
    )
