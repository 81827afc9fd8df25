"""One mission by its id: what there is of it, or what it may have been meant to be."""

from __future__ import annotations

from collections.abc import Iterator

from mission_control.client import CommanderClient
from mission_control.core import MissionInspection

from .console import Console
from .failures import NotThere

_SHORTEST = 2
"""How many characters an id has at least that others are looked for by."""
_SUGGESTED = 3


def inspection_of(console: Console, mission_id: str) -> MissionInspection:
    """Return all there is of a mission. Raises `NotThere`, with the ids that are close."""
    inspection = console.ask(lambda client: client.inspect_mission(mission_id))
    if inspection is None:
        raise not_there(console, mission_id)
    return inspection


def not_there(console: Console, mission_id: str, *, what: str = "mission") -> NotThere:
    """Return the error for an id that no mission has, with those that begin like it."""
    close = console.ask(lambda client: _close(client, mission_id))
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    return NotThere(f"there is no {what} {mission_id!r}.{hint}")


async def _close(client: CommanderClient, mission_id: str) -> list[str]:
    for begun in _beginnings(mission_id):
        found = await client.list_missions(id_prefix=begun, newest_first=True, limit=_SUGGESTED)
        if found:
            return [one.mission_id for one in found]
    return []


def _beginnings(mission_id: str) -> Iterator[str]:
    """Yield beginnings of an id: what was given may be cut off, or have a slip near its end."""
    for length in (len(mission_id), len(mission_id) - 1, len(mission_id) - 2, len(mission_id) // 2):
        if length >= _SHORTEST:
            yield mission_id[:length]
