"""A mission that takes signals and updates under keys: what the tests of keys share."""

from __future__ import annotations

import asyncio
from typing import Any

from approvals import APPROVE, Approval, begin
from flows import path
from mission_control.core import Commander, MissionContext, MissionDefinition, MissionHandle, Signal, m

ANN = Approval(by="ann")
GO = Signal("go", int)


class Notes:
    """An update that counts how often its code ran, and may be held up."""

    def __init__(self) -> None:
        self.runs = 0
        self.entered = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self, ctx: MissionContext[Any], text: str) -> str:
        self.runs += 1
        self.entered.set()
        await self.may_end.wait()
        if text == "bad":
            raise ValueError("no")
        return f"{text} {self.runs}"


def twice(notes: Any = None) -> MissionDefinition[int]:
    """Return a mission that waits for two approvals of different names, and takes notes and other updates."""
    return (
        m.define("twice")
        .update("note", str, notes or Notes())
        .update("other", str, lambda ctx, text: text)
        .start(input=int, run=begin)
        .need_to(APPROVE)
        .need_to("ship", Approval)
        .end()
    )


ROUND = path().need_to(APPROVE)


def never(ctx: MissionContext[Any]) -> bool:
    return False


async def found(commander: Commander, mission_id: str = "x") -> MissionHandle[Any]:
    mission = await commander.get_mission(mission_id)
    assert mission is not None
    return mission


async def waits_for(mission: MissionHandle[Any]) -> str | None:
    waiting = (await mission.snapshot()).waiting
    return None if waiting is None else waiting.event_name
