"""Missions whose code is broken until somebody mends it, and what was put on record of them."""

from __future__ import annotations

from typing import Any

import attrs

from mission_control.core import Commander, MissionContext, MissionHandle, Signal

GO = Signal("go", int)


@attrs.define
class Shop:
    """Code of missions, of which some is broken: by the bare names of steps."""

    broken: set[str] = attrs.field(factory=set[str])
    ran: list[str] = attrs.field(factory=list[str])

    async def work(self, ctx: MissionContext[int]) -> int:
        """Return the input, unless it is broken."""
        self.ran.append(ctx.step_name)
        if ctx.step_name.rpartition("/")[2].partition("[")[0].removeprefix("undo:") in self.broken:
            raise ValueError(f"{ctx.step_name} is broken")
        return ctx.input

    async def undo(self, ctx: MissionContext[int]) -> None:
        """Put on record that something was undone."""
        self.ran.append(ctx.step_name)


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


async def found(commander: Commander, mission_id: str = "x") -> MissionHandle[Any]:
    """Return a mission that is there."""
    mission = await commander.get_mission(mission_id)
    assert mission is not None
    return mission


async def recorded(mission: MissionHandle[Any]) -> list[str]:
    """Return what was recorded, a text each: the type, the event, and the attempt where there are."""
    return [
        f"{record.type} {record.event_name or ''}".rstrip()
        + ("" if record.attempt_number is None else f" #{record.attempt_number}")
        for record in await mission.history()
    ]
