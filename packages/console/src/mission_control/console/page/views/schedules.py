"""Schedules: when they fire, what they started, and what a person does with them."""

from __future__ import annotations

from collections.abc import Awaitable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mission_control.core import ScheduleNotFoundError, ScheduleSummary

from ...reading import Times, outcome_of
from ..console import Console
from ..guards import Form
from ..links import link, name_in
from ..words import TOLD

EFFECTS = {
    "pause": "It starts nothing but what is triggered and backfilled, until it is resumed.",
    "resume": "It fires again. Slots that came meanwhile stay passed over.",
    "trigger": "It starts a mission now, whatever its other missions do.",
    "backfill": "It starts the missions of all slots in a span of time, at most 10,000. Those that exist are left.",
}
"""What can be done with a schedule, and what will happen then."""


async def show(console: Console, request: Request) -> Response:
    """Show all schedules."""
    found = await console.client.schedules.list()
    told = TOLD.get(request.query_params.get("told", ""))
    return console.page(request, "schedules.html", schedules=found, told=told)


async def prepare(console: Console, request: Request) -> Response:
    """Say what will happen to a schedule, and ask whether it shall."""
    return _asked(console, request, await _wanted(console, request), Form())


async def change(console: Console, request: Request, form: Form) -> Response:
    """Do it."""
    schedule = await _wanted(console, request)
    try:
        asked, done = _change(console, request, schedule.name, form)
    except ValueError as error:
        return _asked(console, request, schedule, form, str(error))
    outcome = await outcome_of(schedule.name, asked, done=done)
    if outcome.is_well:
        told = "accepted" if outcome.state == "accepted" else done
        return RedirectResponse(link(request.scope, "/schedules", [("told", told)]), status_code=303)
    return _asked(console, request, schedule, form, outcome.message)


def _change(console: Console, request: Request, name: str, form: Form) -> tuple[Awaitable[object], str]:
    """Return what is asked for, and the word for it when it is done. Raises `ValueError` for times that are none."""
    schedules, verb, who = console.client.schedules, request.path_params["verb"], console.who(request)
    if verb == "pause":
        return schedules.pause(name, by=who), "paused"
    if verb == "resume":
        return schedules.resume(name, by=who), "resumed"
    if verb == "trigger":
        return schedules.trigger(name, by=who), "triggered"
    times = Times.current()
    since, until = times.read(form.get("since")), times.read(form.get("until"))
    return schedules.backfill(name, since=since, until=until, by=who), "backfilled"


def _asked(console: Console, request: Request, schedule: ScheduleSummary, form: Form, error: str = "") -> Response:
    verb = request.path_params["verb"]
    return console.page(
        request,
        "schedule.html",
        status=400 if error else 200,
        schedule=schedule,
        verb=verb,
        effect=EFFECTS[verb],
        form=form,
        error=error,
    )


async def _wanted(console: Console, request: Request) -> ScheduleSummary:
    name, verb = name_in(request), request.path_params["verb"]
    if verb not in EFFECTS:
        raise HTTPException(404)
    for schedule in await console.client.schedules.list():
        if schedule.name == name:
            return schedule
    raise ScheduleNotFoundError(f"No schedule has the name {name!r}.")
