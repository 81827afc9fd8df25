"""Missions that are told anything at all, and operated on: paused, woken, made to skip, reopened when they ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mission_control.core import HistoryRecord, MissionControlError, MissionStatus, m
from mission_control.core.machine import (
    AwaitTime,
    BeginPaths,
    BeginStep,
    Command,
    Pause,
    Phase,
    Reopen,
    Resume,
    Skip,
    Start,
    State,
    Wake,
    check_fit,
    ended_early,
    inspect_history,
    load,
    next_actions,
    open_waits,
)

from .test_walks import LEAVES, OUTPUTS, child_ended, flows, told, undone, unhurried
from .unrun import run

Drives = Callable[..., Any]

DONE = [leaf for leaf in LEAVES if leaf is not undone]
"""What leaves nothing to undo."""


def operated(data: st.DataObject, it: Any) -> Command:
    """Draw what an operator asks."""
    history, state = tuple(it.history), it.state
    if state.is_terminal:
        nodes = [None, *(node.name for node in it.definition.nodes)]
        return data.draw(
            st.sampled_from([Reopen(node, history=history) for node in nodes] + [Skip(1, history=history)])
        )
    lines = [line for line in state.every_line() if line.cursor is not None]
    line = data.draw(st.sampled_from(lines)) if lines else state
    output = data.draw(st.sampled_from(OUTPUTS.get(line.place, [1])))
    asked: list[Command] = [Pause("p"), Resume("r"), Wake(), Wake(line.cursor), Skip(output, line.cursor)]
    return data.draw(st.sampled_from(asked))


def walk(driver: Drives, data: st.DataObject) -> tuple[list[tuple[State, list[HistoryRecord], State]], Any]:
    """Draw a mission and walk through it, past its ends; the driver holds that what was recorded folds to the state."""
    undo, leaves = data.draw(st.sampled_from([(run, LEAVES), (None, DONE), (None, DONE)]))
    start: Any = m.define("d").start(input=int, run=run, undo=undo)
    it = driver(data.draw(flows(start, 2, leaves)).end(), slots=data.draw(st.sampled_from([1, 2, 100])))
    it.go(Start("d", 5, None))
    steps: list[tuple[State, list[HistoryRecord], State]] = []
    while len(steps) < 60:
        it.now += timedelta(seconds=data.draw(st.sampled_from([0, 0, 1, 6, 30])))
        before, known = it.state, len(it.history)
        is_operated = (
            before.is_terminal or not data.draw(st.integers(0, 6)) or (before.is_paused and data.draw(st.booleans()))
        )
        try:
            it.go(operated(data, it) if is_operated else told(data, it))
        except MissionControlError:
            if before.is_terminal and not data.draw(st.integers(0, 9)):
                break
        steps.append((before, it.history[known:], it.state))
    return steps, it


@settings(unhurried, max_examples=60)
@given(st.data())
def test_paused_mission_begins_and_fires_nothing(driver: Drives, data: st.DataObject) -> None:
    """But for what an operator wakes; attempts that run end, and signals are taken."""
    steps, it = walk(driver, data)

    for before, records, after in steps:
        if before.is_paused and after.is_paused:
            kinds = [record.type.value for record in records if record.details.get("reason") != "woken"]
            assert not {"step-started", "timer-fired", "signal-timed-out"}.intersection(kinds)
        if after.is_paused:
            assert after.next_due is None
            assert after.summary().paused
            waits = next_actions(it.definition, after)
            assert not [wait for wait in waits if isinstance(wait, BeginStep | BeginPaths | AwaitTime)]


@settings(unhurried, max_examples=60)
@given(st.data())
def test_attempts_are_numbered_on_and_a_mission_that_goes_on_fits_its_definition(
    driver: Drives, data: st.DataObject
) -> None:
    """However often it was reopened: no two attempts at an instance have one number, and all of it can be shown."""
    steps, it = walk(driver, data)

    attempts = Counter((one.event_name, one.attempt_number) for one in it.history if one.type == "step-started")
    assert set(attempts.values()) <= {1}
    for _, _, after in steps:
        if not after.is_terminal:
            check_fit(it.definition, after)
    inspection = inspect_history("x", it.history)
    assert str(inspection)
    assert {wait.event_name for wait in open_waits(it.state)} == {
        line.waiting.event_name for line in it.state.every_line() if line.waiting and line.waiting.kind == "signal"
    }


@settings(unhurried, max_examples=60)
@given(st.data())
def test_what_the_end_stopped_stands_again_as_it_stood(driver: Drives, data: st.DataObject) -> None:
    """Reopened without a step, a mission that undid nothing has the lines that it had before its end, and no others."""
    steps, it = walk(driver, data)

    alive = load("x", it.history[:1])
    for before, records, _ in steps:
        if not before.is_terminal:
            alive = before
        reopened = next((one for one in records if one.type == "mission-reopened"), None)
        if reopened is None or reopened.event_name is not None:
            continue
        stood = {one.path for one in alive.every_line() if one.place != "reminder"}
        again = load("x", it.history[: reopened.seq])
        assert {one.path for one in again.every_line()} <= stood
        assert not again.is_terminal
        assert again.phase is not Phase.ATTEMPTING
        assert (again.keys, again.kept is None) == (before.keys, before.kept is None)
        assert again.undos is None  # else it would go on at what was undone


@settings(unhurried, max_examples=60)
@given(st.data())
def test_end_of_a_child_counts_once_its_parent_waits_for_it(driver: Drives, data: st.DataObject) -> None:
    """What had ended before is to be reopened for the record by which its parent waits again, and then it counts."""
    _, it = walk(driver, data)

    state: State = it.state
    for child, seq in () if state.past is None else state.past.children.items():
        end = child_ended(child, MissionStatus.FAILED)
        assert ended_early(state, end) is (seq > 0)
