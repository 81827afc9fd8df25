"""`by`: a note of who asked, recorded with what was asked and shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from approvals import APPROVE, Approval, begin
from mission_control.core import (
    HistoryType,
    MissionContext,
    MissionDefinition,
    MissionDefinitionError,
    MissionHandle,
    MissionValidationError,
    m,
)
from storages import OpenCommander

T = HistoryType


def shout(ctx: MissionContext[Any], text: str) -> str:
    return text.upper()


def approval() -> MissionDefinition[int]:
    return m.define("it").update("shout", str, shout).start(input=int, run=begin).need_to(APPROVE).end()


async def noted(mission: MissionHandle[Any]) -> dict[HistoryType, Any]:
    """Return who is noted, by the type of the record."""
    return {record.type: record.details["by"] for record in await mission.history() if "by" in record.details}


async def test_who_asked_is_recorded_and_shown(open_commander: OpenCommander) -> None:
    """With the start, signals, updates and cancellations; in the details, in the view of signals, in the timeline."""
    definition = m.define("it").update("shout", str, shout).start(input=int, run=begin).need_to(APPROVE)
    long = definition.need_to("more", int).end()
    commander = await open_commander([long])
    mission = await commander.start(long, 5, by="ann", mission_id="x")
    await mission.update(shout, "hey", by="bob")
    await mission.signal(APPROVE, Approval(by="cid"), by="webhook", key="w-1")
    await mission.cancel("enough", by="dan")
    again = await (await open_commander([long])).get_mission("x")
    assert again is not None
    inspection = await again.inspect()

    assert await noted(again) == {
        T.MISSION_CREATED: "ann",
        T.MISSION_UPDATE: "bob",
        T.SIGNAL_RECEIVED: "webhook",
        T.CANCELLATION_REQUESTED: "dan",
    }
    assert [signal.by for signal in inspection.signals] == ["webhook"]
    lines = str(inspection).splitlines()
    assert [line.rpartition(", ")[2] for line in lines if ", by " in line] == [
        "by ann",
        "by bob",
        "by webhook",
        "by dan",
    ]
    assert "reason enough, by dan" in str(inspection)


async def test_nothing_is_noted_where_nobody_is_named(open_commander: OpenCommander) -> None:
    """The records are what they were before there was a place for it."""
    definition = approval()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    await mission.update(shout, "hey")
    await mission.signal(APPROVE, Approval(by="cid"))

    assert await noted(mission) == {}
    assert [signal.by for signal in (await mission.inspect()).signals] == [None]


async def test_idle_handle_and_commander_take_it_too(open_commander: OpenCommander) -> None:
    """`handle.start` and `cancel_mission` note who asks as `start` and `cancel` do."""
    definition = approval()
    commander = await open_commander([definition])
    mission = commander.create_mission(definition, mission_id="x")
    await mission.start(5, by="ann")
    await commander.cancel_mission("x", by="bob")

    assert await noted(mission) == {T.MISSION_CREATED: "ann", T.CANCELLATION_REQUESTED: "bob"}


async def test_first_who_asks_is_noted(open_commander: OpenCommander) -> None:
    """A start that finds its mission, and a second cancellation, change nothing."""
    definition = approval()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x", by="ann")
    await commander.start(definition, 5, mission_id="x", if_exists="return", by="bob")
    await mission.cancel("first", by="cid")
    await mission.cancel("second", by="dan")

    assert await noted(mission) == {T.MISSION_CREATED: "ann", T.CANCELLATION_REQUESTED: "cid"}


async def test_child_does_not_bear_who_started_its_parent(open_commander: OpenCommander) -> None:
    """Its parent started it, and that is on record."""
    child = m.define("child").start(input=int, run=begin).end()
    parent = m.define("parent").start(input=int, run=begin).mission("c", child, input=lambda ctx: ctx.input).end()
    commander = await open_commander([parent, child])
    await commander.start(parent, 5, mission_id="x", by="ann")
    mission = await commander.get_mission("x/c")
    assert mission is not None

    assert await noted(mission) == {}


async def test_note_stays_on_its_line(open_commander: OpenCommander) -> None:
    """It is cut like any other text, and is whole in the record."""
    definition = approval()
    commander = await open_commander([definition])
    who = "é" * 255
    mission = await commander.start(definition, 5, by=who)
    inspection = await mission.inspect()

    assert who not in str(inspection)
    assert f"by {who}" in inspection.timeline(width=None)
    assert inspection.history[0].details["by"] == who


Ask = Callable[[MissionHandle[Any], Any], Awaitable[object]]
ASKED: dict[str, Ask] = {
    "signal": lambda mission, by: mission.signal(APPROVE, Approval(by="ann"), by=by),
    "update": lambda mission, by: mission.update(shout, "hey", by=by),
    "cancel": lambda mission, by: mission.cancel(by=by),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("by", ["", "b" * 256, "a\nb", "\ud800", 5, b"ops"], ids=repr)
async def test_what_cannot_be_a_note_is_refused(open_commander: OpenCommander, ask: Ask, by: Any) -> None:
    """It has 1 to 255 characters, as ids have; nothing was asked of the mission."""
    definition = approval()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    before = await mission.history()

    with pytest.raises(MissionDefinitionError, match=r"^by: "):
        await ask(mission, by)

    assert await mission.history() == before


async def test_start_with_a_bad_note_leaves_no_trace(open_commander: OpenCommander) -> None:
    """No mission, the id still free, and an idle handle still idle."""
    definition = approval()
    commander = await open_commander([definition])
    mission = commander.create_mission(definition, mission_id="x")
    with pytest.raises(MissionDefinitionError, match=r"^by: "):
        await commander.start(definition, 5, mission_id="x", by="")
    with pytest.raises(MissionDefinitionError, match=r"^by: "):
        await mission.start(5, by="")
    with pytest.raises(MissionDefinitionError, match=r"^by: "):
        await commander.cancel_mission("x", by="")
    with pytest.raises(MissionValidationError):
        await mission.start("5", by="ann")  # type: ignore[arg-type] # it is what is refused

    assert await commander.inspect_mission("x") is None
    await mission.start(5, by="ann")
    assert await noted(mission) == {T.MISSION_CREATED: "ann"}
