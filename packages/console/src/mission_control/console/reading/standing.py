"""Where the live missions of a definition stand."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from mission_control.client import CommanderClient
from mission_control.core import MissionStatus, Standing

MOST_ON_PATHS = 1000
"""How many of the newest missions are looked at for those that stand on paths."""

_LIVE = (MissionStatus.IDLE, MissionStatus.RUNNING, MissionStatus.WAITING)
_EXAMPLES = 5


async def read_standing(client: CommanderClient, name: str, fingerprint: str, *, is_newest: bool) -> list[Standing]:
    """Return where live missions of a definition stand: of the newest 100,000, those that ran under this one alone.

    What stands on paths is counted at the construct of the main line, of the newest 1,000 missions of the name; with
    the newest definition, since rows do not tell which one these ran under.
    """
    placed, newest = await asyncio.gather(
        client.operations.standing(name),
        client.list_missions(status=_LIVE, mission_name=name, newest_first=True, limit=MOST_ON_PATHS),
    )
    known = {one.cursor for one in placed}
    on_paths: defaultdict[str, list[str]] = defaultdict(list[str])
    for mission in newest if is_newest else ():
        if mission.cursor is not None and mission.cursor not in known:
            on_paths[mission.cursor].append(mission.mission_id)
    return [one for one in placed if one.fingerprint == fingerprint] + [
        Standing(
            mission_name=name,
            fingerprint=fingerprint,
            cursor=cursor,
            count=len(ids),
            examples=tuple(ids[:_EXAMPLES]),
        )
        for cursor, ids in sorted(on_paths.items())
    ]
