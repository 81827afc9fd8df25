"""The first line of a timeline: which mission, where its lines stand, and what they wait for until when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .records import ChildRecord, ChildWait, MissionSnapshot, MissionStatus, Wait, due_at
from .shown import shown_names, shown_text, shown_time

_LISTED = 5
"""How many are named; of more it is said how many there are."""

_WAITS = {"signal": "for signal", "timer": "on timer", "retry": "to retry", "child": "for mission"}


def header(snapshot: MissionSnapshot, children: Iterable[ChildRecord], width: int | None) -> str:
    """Return one line: which mission, its status, and what it waits for until when, or why it ended.

    Messages are cut to `width` characters, where that is not None.
    """
    of = "" if snapshot.parent_id is None else f", child of {snapshot.parent_id}"
    paused = "paused, " if snapshot.paused else ""
    line = f"{snapshot.mission_id} ({snapshot.mission_name}{of}): {paused}{snapshot.status}"
    return line + _standing(snapshot) + _error(snapshot, width) + _children(snapshot, children)


def _waits(snapshot: MissionSnapshot) -> list[Wait]:
    """Return the open waits of all lines."""
    found = [position.waiting for position in snapshot.positions if position.waiting is not None]
    return found or ([] if snapshot.waiting is None else [snapshot.waiting])


def _standing(snapshot: MissionSnapshot) -> str:
    waits = _waits(snapshot)
    running = [position.cursor or position.path for position in snapshot.positions if position.status == "running"]
    places = [place for place in running or ([] if waits else [snapshot.cursor]) if place is not None]
    line = ""
    if places:
        line = f" at {', '.join(places)}" if len(places) <= _LISTED else f" at {len(places)} places"
    if waits:
        between = "" if snapshot.status is MissionStatus.WAITING else "; waiting"
        line += f"{between} {_awaited(waits)}"
    return line


def _awaited(waits: list[Wait]) -> str:
    """Return what is waited for: each wait with its time, or how many there are of which name."""
    if len(waits) <= _LISTED:
        return ", ".join(_until(f"{_WAITS[wait.kind]} {_whole(wait)}", wait, " until ") for wait in waits)
    kinds = Counter(f"{_WAITS[wait.kind]} {_plain(wait.event_name)}" for wait in waits)
    listed = [f"{name} ({count} times)" if count > 1 else name for name, count in kinds.most_common(_LISTED)]
    if len(kinds) > _LISTED:
        listed.append(f"and {len(kinds) - _LISTED} others")
    first = min(waits, key=lambda wait: (due_at(wait) is None, due_at(wait)))
    return _until(", ".join(listed), first, ", the first until ")


def _until(line: str, wait: Wait, until: str) -> str:
    due = due_at(wait)
    return line if due is None else f"{line}{until}{shown_time(due)}"


def _whole(wait: Wait) -> str:
    return wait.mission_id if isinstance(wait, ChildWait) else wait.event_name


def _plain(instance: str) -> str:
    """Return the name of a node without its place, and without the number of a round or reminder."""
    return instance.rpartition("/")[2].partition("[")[0]


def _error(snapshot: MissionSnapshot, width: int | None) -> str:
    error = snapshot.error
    if error is None:
        return ""
    undone = f"; undo failed: {shown_names(error.undo_failed, width)}" if error.undo_failed else ""
    return f": {shown_text(str(error), width)}{undone}"


def _children(snapshot: MissionSnapshot, children: Iterable[ChildRecord]) -> str:
    """Return the missions that it started, but for those that it was just said to wait for."""
    awaited = {_whole(wait) for wait in _waits(snapshot)}
    others = [child for child in children if child.mission_id not in awaited]
    if not others:
        return ""
    if len(others) > _LISTED:
        return f"; {len(others)} children"
    shown = (f"{child.mission_id} ({child.status if child.is_awaited else 'not waited for'})" for child in others)
    return f"; children: {', '.join(shown)}"
