"""Missions that a schedule starts have its labels, whatever it starts them for."""

from __future__ import annotations

from mission_control.core import m
from mission_control.testing import FakeClock
from storages import OpenCommander
from timetables import MINUTE, at, every, quick, run, slot_id

TEAM = {"team": "ops"}


async def test_every_mission_of_a_schedule_has_its_labels(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """That of a slot, its child, one that was triggered, and one that was started afterwards."""
    parent = m.define("parent").start(input=int, run=run).mission("child", quick, run).end()
    commander = await open_commander([quick], schedules=[every(10, definition=parent, labels=TEAM), every(10, "bare")])
    await fake_clock.advance(10 * MINUTE)
    triggered = await commander.schedules.trigger("s")
    await commander.schedules.backfill("s", since=at(-10), until=at(0))
    await commander.settled()
    labels = {one.mission_id: one.labels async for one in commander.iter_missions()}

    ours = (slot_id(10), triggered, slot_id(-10))
    assert labels == {slot_id(10, "bare"): {}, **{name + end: TEAM for name in ours for end in ("", "/child")}}
