"""Missions in memory: what they weigh, and which are kept."""

from __future__ import annotations

from mission_control.core import EventRecord
from mission_control.core.engine.flight import Flight
from mission_control.core.engine.hangar import Hangar
from mission_control.core.history.ledger import Ledger
from mission_control.core.machine.lines import Lines
from mission_control.core.machine.state import State


def state(events: Ledger) -> State:
    return State(mission_id="x", events=events)


def test_mission_weighs_what_it_has_and_not_what_was_replaced() -> None:
    """An update that is sent again and again does not make its mission heavier and heavier."""
    events = Ledger()
    updated = Flight("x", state=state(events))
    for _ in range(200):
        events = events.with_entry("note", EventRecord(output="a" * 1000))
        updated.state = state(events)
        updated.weigh()
    fresh = Flight("x", state=state(Ledger().with_entry("note", EventRecord(output="a" * 1000))))

    assert updated.weigh() < 100 * fresh.weigh()


def test_dropping_a_mission_leaves_the_one_that_took_its_place() -> None:
    """What is read anew under an id outlives what was read before."""
    hangar = Hangar()
    before, after = Flight("x"), Flight("x")
    hangar.activate(before)
    hangar.activate(after)
    hangar.drop(before)
    assert hangar.get("x") is after
    hangar.drop(after)

    assert hangar.get("x") is None


def test_mission_with_many_paths_leaves_all_of_its_room_when_it_goes_on() -> None:
    """However often a mission of many open paths is parked, others are kept beside it."""
    hangar, small = Hangar(), Flight("small", state=state(Ledger()))
    lines = Lines()
    for index in range(8_000):
        lines.add(f"items[{index}]", "")
    large = Flight("large", state=State(mission_id="large", lines=lines))
    for flight in (small, large, large, large):
        hangar.activate(flight)
        hangar.park(flight)

    assert hangar.get("small") is small
    assert hangar.get("large") is large
