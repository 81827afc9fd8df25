"""Missions stored when names could still be what says a place today: they are read as they were, and told apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from mission_control.core import HistoryRecord, MissionDefinitionMismatchError, m
from mission_control.core.machine import Proceed, check_fit, load

from .unrun import run

Drives = Callable[..., Any]


START = m.define("d").start(input=int, run=run)
NAMES = ["undo:s", "reminder[0]", "s/reminder[0]", "a/b", "s[1]"]


def renamed(record: HistoryRecord, name: str) -> HistoryRecord:
    """Return the record as a release wrote it in which a node could be called so."""
    details = {key: name if value == "it" else value for key, value in record.details.items()}
    return attrs.evolve(record, event_name=name if record.event_name == "it" else record.event_name, details=details)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["step", "sleep", "need_to"])
@pytest.mark.parametrize("slots", [None, 1])
def test_mission_is_read_wherever_it_stood(driver: Drives, name: str, kind: str, slots: int | None) -> None:
    """Each of its commits folds; on such a node it is a mismatch that names the node's kind and says why."""
    line: Any = {"step": START.step("it", run), "sleep": START.sleep("it", 10), "need_to": START.need_to("it", int)}
    it = driver(line[kind].step("last", run).end())
    it.begin()
    it.slots = slots
    history = [renamed(record, name) for record in it.history]
    state = load("x", history)
    assert (state.cursor, state.place, state.is_undoing) == (name, kind, False)
    with pytest.raises(MissionDefinitionMismatchError, match=f"stands on the {kind} .* any more"):
        check_fit(START.step("s", run, undo=run).step("last", run).end(), state)

    {"step": lambda: it.succeed("it"), "sleep": lambda: it.wait(10), "need_to": lambda: it.receive("it", 1)}[kind]()
    it.slots = 1
    it.go(Proceed())
    it.succeed("last")
    for end in range(len(it.history)):
        load("x", [renamed(record, name) for record in it.history[: end + 1]])
    assert load("x", [renamed(record, name) for record in it.history]).status == "completed"


def test_step_before_such_a_node_names_it(driver: Drives) -> None:
    """Also where it waits for a slot before it."""
    it = driver(START.step("s", run).step("it", run).end())
    it.begin()
    it.slots = None
    it.succeed("s")

    state = load("x", [renamed(record, "undo:s") for record in it.history])
    assert (state.cursor, state.place, state.is_undoing) == ("undo:s", "step", False)
