"""Keys and notes of signals that are kept: used from then on, by whatever wait takes them later (rules 51 and 52)."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define

from flows import Stage, ended, flow, path
from keyed import found
from mission_control.core import HistoryType, MissionContext, MissionSignalError, Signal
from mission_control.testing import crash_everywhere
from mission_control.testing.everywhere import Life
from storages import NewStorage, OpenCommander

T = HistoryType


@define
class Parcel:
    """A payload that is no plain JSON as it is given."""

    weight: int


SENT = Signal("sent", Parcel)


def over(ctx: MissionContext[Any]) -> bool:
    return ctx.index == 1


async def test_kept_signal_uses_its_key(open_commander: OpenCommander) -> None:
    """The same again keeps nothing more, before its wait has begun, after that, at the end, and after a restart."""
    stage = Stage()
    definition = flow().step("s", stage).repeat("r", path().need_to(SENT, early=True), until=over).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, mission_id="x", wait=False)
    await stage.entered("s")
    for _ in range(2):
        await mission.signal(SENT, Parcel(3), key="k", by="ann")
    assert [signal.status for signal in (await mission.inspect()).signals] == ["kept"]
    stage.let_all_go()
    await commander.settled()
    await mission.signal(SENT, Parcel(3), key="k")
    await open_commander.crash()
    mission = await found(await open_commander([definition]))
    await mission.signal(SENT, {"weight": 3}, key="k")
    assert (await mission.snapshot()).cursor == "r[1]/sent"
    await mission.signal(SENT, Parcel(4), key="l", by="bob")
    assert await ended(mission) == "completed"
    await mission.signal(SENT, Parcel(3), key="k")

    taken = [(one.event_name, one.status, one.key, one.by) for one in (await mission.inspect()).signals]
    assert taken == [("r[0]/sent", "received", "k", "ann"), ("r[1]/sent", "received", "l", "bob")]


async def test_key_of_a_kept_signal_is_used_for_nothing_else(open_commander: OpenCommander) -> None:
    """Another payload or place under it is refused, naming what differs."""
    stage = Stage()
    definition = flow().step("s", stage).parallel("p", {"a": path().need_to(SENT, early=True)}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("s")
    await mission.signal(SENT, Parcel(3), key="k")

    with pytest.raises(MissionSignalError, match=r"the payload at \$\.weight"):
        await mission.signal(SENT, Parcel(4), key="k")
    with pytest.raises(MissionSignalError, match="differs from what bears it in at"):
        await mission.signal(SENT, Parcel(3), at="p/a", key="k")
    stage.let_all_go()
    assert await ended(mission) == "completed"


async def test_kept_signal_with_a_key_is_kept_once_whatever_dies(new_storage: NewStorage) -> None:
    """Whoever sends it again after a crash finds it kept, or has it kept then."""
    definition = flow("keeps").need_to("first", int).need_to(SENT, early=True).end()

    async def scenario(life: Life) -> object:
        mission = await life.commander.start(definition, 1, mission_id="x", if_exists="return")
        await mission.signal(SENT, Parcel(3), key="k")
        await mission.signal("first", 1, key="f")
        await life.commander.settled()
        history = await mission.history()
        return [(await mission.snapshot()).status, sum(record.type is T.SIGNAL_KEPT for record in history)]

    report = await crash_everywhere(scenario, definitions=[definition], new_storage=new_storage)
    assert len(report.crashes) > 2
