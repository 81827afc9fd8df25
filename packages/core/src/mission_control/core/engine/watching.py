"""What callers wait for who want to know when a signal, or a start, has led somewhere: to a wait, or to an end."""

from __future__ import annotations

from collections.abc import Callable

from ..machine import Phase, State, construct_of
from .asked import Operation
from .flight import Flight


def answered(operation: Operation, *, wait: bool, key: str | None = None) -> Callable[[Flight], None]:
    """Answer when it is durable; with `wait`, when the line of that key, or the mission, next waits or ends."""

    def applied(flight: Flight) -> None:
        if wait:
            flight.watchers += ((operation, key),)
        else:
            operation.resolve(flight.state)

    return applied


def answer_watchers(flight: Flight, state: State) -> None:
    """Answer those who wait for a line, or the mission, that has come to wait or to an end."""
    watchers, flight.watchers = flight.watchers, ()
    for operation, key in watchers:
        following = followed(state, key)
        if following is ARRIVED:
            operation.resolve(state)
        else:
            flight.watchers += ((operation, following),)


ARRIVED = "/"
"""No line has this key."""


def followed(state: State, key: str | None) -> str | None:
    """Return the line to go on waiting for where the one that was waited for has ended, unless that is enough."""
    if state.is_terminal or state.is_still:
        return ARRIVED
    if key is None:
        return None if state.is_running else ARRIVED
    line = state.line(key)
    while line is None:
        construct = construct_of(key)
        line = state.line_at(construct)
        if line.cursor == construct:
            return ARRIVED  # others of it live
        key = line.path or ""
    return ARRIVED if line.waiting is not None or line.phase is Phase.FORKED else key
