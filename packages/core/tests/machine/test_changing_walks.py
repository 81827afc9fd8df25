"""Missions of nested constructs whose definition changes on the way: what fits goes on, and nothing runs twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from mission_control.core import MissionDefinition, MissionDefinitionMismatchError, MissionStatus, m
from mission_control.core.machine import (
    AwaitChild,
    AwaitSignal,
    BeginPaths,
    BeginStep,
    Command,
    Elapse,
    Interrupt,
    Keep,
    Proceed,
    Receive,
    RunAttempt,
    Start,
    check_fit,
    next_actions,
)

from .test_walks import EMPTY, LEAVES, OUTPUTS, TREES, child_ended, places_ahead, unhurried
from .unrun import run

Drives = Callable[..., Any]
Plan = tuple["Part", ...]


@attrs.frozen
class Part:
    """A node of a definition in the making: a leaf, or a construct with two paths."""

    name: str
    kind: int
    paths: tuple[Plan, Plan] | None


@st.composite
def plans(draw: st.DrawFn, depth: int) -> Plan:
    """Draw the nodes of a line."""
    names = draw(st.lists(st.sampled_from(["n0", "n1", "n2", "n3"]), min_size=1, max_size=3, unique=True))
    return tuple(draw(parts(name, depth)) for name in names)


@st.composite
def parts(draw: st.DrawFn, name: str, depth: int) -> Part:
    if depth and draw(st.booleans()):
        inside = draw(plans(depth - 1)), draw(plans(depth - 1))
        return Part(name, draw(st.integers(0, len(TREES) - 1)), inside)
    return Part(name, draw(st.integers(0, len(LEAVES) - 1)), None)


def built(plan: Plan, line: Any) -> Any:
    for part in plan:
        if part.paths is None:
            line = LEAVES[part.kind](line, part.name)
        else:
            line = TREES[part.kind](line, part.name, *(built(path, EMPTY) for path in part.paths))
    return line


def definition_of(plan: Plan) -> MissionDefinition[Any]:
    start: Any = m.define("d").start(input=int, run=run, undo=run)
    definition: MissionDefinition[Any] = built(plan, start).end()
    return definition


def changed(data: st.DataObject, plan: Plan, depth: int) -> Plan:
    """Draw a change of a line: another order, nodes that are gone, new, or of another kind, and of what is in them."""
    mixed: list[Part] = data.draw(st.permutations(plan))
    kept = [part for part in mixed if data.draw(st.integers(0, 5))]
    after = [within(data, part, depth) for part in (kept if data.draw(st.booleans()) else plan)]
    free = sorted({"n0", "n1", "n2", "n3"} - {part.name for part in after})
    if data.draw(st.booleans()) and free:
        new: Part = data.draw(parts(data.draw(st.sampled_from(free)), depth))
        after.insert(data.draw(st.integers(0, len(after))), new)
    return tuple(after)


def within(data: st.DataObject, part: Part, depth: int) -> Part:
    what = data.draw(st.sampled_from(["same", "same", "kind", "paths"]))
    if what == "kind":
        kinds = LEAVES if part.paths is None else TREES
        return attrs.evolve(part, kind=data.draw(st.integers(0, len(kinds) - 1)))
    if what == "paths" and part.paths is not None:
        first, second = (changed(data, path, depth - 1) for path in part.paths)
        return attrs.evolve(part, paths=(first, second))
    return part


def deployed(data: st.DataObject, it: Any, plan: Plan) -> Plan:
    """Let the next process have another definition, where the mission fits that; its attempts were interrupted."""
    after = changed(data, plan, 2)
    try:
        check_fit(definition_of(after), it.state)
    except MissionDefinitionMismatchError:
        return plan
    it.definition = definition_of(after)
    actions = next_actions(it.definition, it.state)
    it.go(*(Interrupt(one.instance, one.attempt_number, "closed") for one in actions if isinstance(one, RunAttempt)))
    return after


def gone_on(data: st.DataObject, it: Any) -> Command:
    """Draw what the mission goes on with: what it waits for comes, and what it runs succeeds."""
    action = data.draw(st.sampled_from(next_actions(it.definition, it.state)))
    if isinstance(action, RunAttempt):
        place = it.state.line_at(action.instance).place
        success: Command = it.success(action.instance, data.draw(st.sampled_from(OUTPUTS.get(place, [1]))))
        return success
    if isinstance(action, AwaitSignal) and data.draw(st.booleans()):
        return Receive(action.instance, 1)
    if isinstance(action, AwaitChild):
        return child_ended(action.mission_id, MissionStatus.COMPLETED)
    if data.draw(st.booleans()) and (ahead := places_ahead(it.definition, it.state)):
        return Keep(data.draw(st.sampled_from(ahead)), 1)
    it.now += timedelta(seconds=30)
    return Elapse()


@settings(unhurried, max_examples=75)
@given(st.data())
def test_nothing_that_has_run_runs_again_however_the_definition_changes(driver: Drives, data: st.DataObject) -> None:
    """What `check_fit` lets pass goes on to an end, step after step, and leaves nothing that could begin behind."""
    plan = data.draw(plans(2))
    it = driver(definition_of(plan), slots=data.draw(st.sampled_from([1, 2, 100])))
    it.go(Start("d", 5, None))
    for _ in range(60):
        if it.state.is_terminal or it.state.is_undoing:
            break
        if data.draw(st.booleans()):
            plan = deployed(data, it, plan)
            if it.state.is_terminal:  # today's definition has the time of nothing to compute, and a signal was kept
                break
        it.go(gone_on(data, it))
        it.go(Proceed())
        if it.state.attempting < it.slots and not (it.state.is_undoing or it.state.is_terminal):
            check_fit(it.definition, it.state)
            actions = next_actions(it.definition, it.state)
            assert not [action for action in actions if isinstance(action, BeginStep | BeginPaths)]

    for once in ONCE:
        names = Counter(record.event_name for record in it.history if record.type.value in once)
        assert set(names.values()) <= {1}


ONCE = (("step-succeeded",), ("signal-received", "signal-timed-out"), ("child-started",), ("paths-opened",))
