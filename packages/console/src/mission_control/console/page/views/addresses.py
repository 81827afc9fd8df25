"""Which address leads to which page."""

from __future__ import annotations

from functools import partial

from starlette.routing import BaseRoute, Route

from ..assets import serve_asset
from ..console import Console
from ..routes import changing, reading
from . import (
    acting,
    agenda,
    answering,
    definitions,
    inbox,
    live,
    login,
    mission,
    missions,
    overview,
    schedules,
    starting,
)


def routes_of(console: Console) -> list[BaseRoute]:
    """Return the routes of a page: those that change something only where it is not read only."""
    read, change = partial(reading, console), partial(changing, console)
    routes: list[BaseRoute] = [
        Route("/static/{version}/{name}", serve_asset),
        read("/", overview.show),
        read("/missions", missions.show),
        read("/missions/{id:path}", mission.show),
        read("/waits/{id:path}", answering.show),
        read("/inbox", inbox.show),
        read("/agenda", agenda.show),
        read("/schedules", schedules.show),
        read("/definitions", definitions.show),
        read("/definitions/compare", definitions.show_two),
        read("/definitions/{id:path}", definitions.show_one),
        read("/export/{id:path}", mission.export),
        read("/changes", live.listen),
    ]
    if console.sessions.needs_token:
        routes += [read("/login", login.show), change("/login", login.enter), change("/logout", login.leave)]
    if not console.read_only:
        routes += [
            change("/waits/{id:path}", answering.send),
            change("/act", acting.prepare),
            change("/act/done", acting.carry),
            read("/schedules/{verb}/{id:path}", schedules.prepare),
            change("/schedules/{verb}/{id:path}", schedules.change),
            read("/start/{id:path}", starting.show),
            change("/start/{id:path}", starting.start),
        ]
    return routes
