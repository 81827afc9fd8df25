"""The pages, a module for each: what it reads of the client, and what its template is given."""

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

__all__ = [
    "acting",
    "agenda",
    "answering",
    "definitions",
    "inbox",
    "live",
    "login",
    "mission",
    "missions",
    "overview",
    "schedules",
    "starting",
]
