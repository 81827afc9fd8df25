"""Missions that a mission starts, waits for, and lets go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from mission_control.core import (
    CorruptMissionError,
    MissionStatus,
    m,
)
from mission_control.core.machine import (
    Cancel,
    ChildEnded,
    EndChild,
    Proceed,
    Start,
    inspect_history,
    load,
    next_actions,
)

from .unrun import run

Drives = Callable[..., Any]


STEP = m.path().step("s", run)
START = m.define("d").start(input=int, run=run)
CHILD = m.define("child").start(input=int, run=run).end()


def test_child_is_started_with_what_its_input_gives_and_waited_for(driver: Drives) -> None:
    """Its output is the node's; a main line that waits for it gives it as the mission's."""
    it = driver(START.mission("kid", CHILD, lambda ctx: 5).end())
    it.begin()

    assert it.succeed("kid", 5) == ["step-succeeded kid #1", "child-started kid"]
    (child,) = it.last.children
    assert (child.mission_id, child.parent_id, child.definition, child.input, child.is_awaited) == (
        "x/kid",
        "x",
        CHILD,
        5,
        True,
    )
    assert it.state.waiting.kind == "child"
    assert it.child_ended("x/other", MissionStatus.COMPLETED) == []
    assert it.child_ended("x/kid", MissionStatus.COMPLETED, 7) == ["child-ended kid", "mission-completed"]
    assert it.last.let_go == ("x/kid",)
    assert (it.state.output, it.state.events["kid"].output) == (7, 7)


@pytest.mark.parametrize("status", [MissionStatus.FAILED, MissionStatus.CANCELLED])
def test_child_that_did_not_complete_fails_its_node(driver: Drives, status: MissionStatus) -> None:
    """With the child's message."""
    it = driver(START.parallel("p", {"a": m.path().mission("kid", CHILD, lambda ctx: 5), "b": STEP}).end())
    it.begin()
    it.succeed("p/a/kid", 5)

    assert it.child_ended("x/p/a/kid", status)[:2] == ["child-ended p/a/kid", "path-failed p/a"]
    assert it.state.error.code == "CHILD_FAILED"
    assert "it broke" in it.state.error.message


def test_end_of_a_child_without_a_reason_is_told_by_its_status(driver: Drives) -> None:
    """A child that is gone has no error."""
    it = driver(START.mission("kid", CHILD, lambda ctx: 5).end())
    it.begin()
    it.succeed("kid", 5)
    it.go(ChildEnded("x/kid", MissionStatus.CANCELLED, None, None))

    assert it.state.error.message.endswith("it was cancelled")


def test_output_of_a_child_in_a_path_is_not_the_missions(driver: Drives) -> None:
    """Only the main line's counts."""
    it = driver(START.parallel("p", {"a": m.path().mission("kid", CHILD, lambda ctx: 5)}).end())
    it.begin()
    it.succeed("p/a/kid", 5)
    it.child_ended("x/p/a/kid", MissionStatus.COMPLETED, 7)

    assert (it.state.output, it.state.events["p/a/kid"].output) == (None, 7)


@pytest.mark.parametrize("is_awaited", [True, False])
def test_child_knows_its_parent_and_whether_that_waits(driver: Drives, is_awaited: bool) -> None:
    """Its first record says both, so that they are there after a crash."""
    it = driver(CHILD)
    it.go(Start("child", 5, None, parent_id="p", is_awaited=is_awaited))

    assert (it.state.origin.parent_id, it.state.origin.is_awaited) == ("p", is_awaited)
    assert it.details("mission-created").get("awaited") == (True if is_awaited else None)
    assert inspect_history("x", it.history).snapshot.parent_id == "p"


def test_child_that_nobody_waits_for_lives_on_by_itself(driver: Drives) -> None:
    """The node's output is its id."""
    it = driver(START.mission("kid", CHILD, lambda ctx: 5, wait=False).step("last", run).end())
    it.begin()

    assert it.succeed("kid", 5)[1:] == ["child-started kid", "step-started last #1"]
    assert it.last.children[0].is_awaited is False
    assert it.state.events["kid"].output == "x/kid"
    it.fail("last")
    assert it.last.let_go == ()


def test_children_are_let_go_with_what_waits_for_them(driver: Drives) -> None:
    """A path that lost, a line that fails, a mission that is cancelled."""
    kid = m.path().mission("kid", CHILD, lambda ctx: 5)
    it = driver(START.race("r", {"a": kid, "b": STEP}).mission("kid", CHILD, lambda ctx: 5).end())
    it.begin()
    it.succeed("r/a/kid", 5)

    it.succeed("r/b/s")
    assert it.last.let_go == ("x/r/a/kid",)
    it.succeed("kid", 5)
    assert it.go(Cancel(None, at_once=True))[-1] == "mission-cancelled kid"
    assert it.last.let_go == ("x/kid",)


def test_children_end_before_anything_is_undone(driver: Drives) -> None:
    """The mission names them, and each end is recorded."""
    kid = m.path().mission("kid", CHILD, lambda ctx: 5)
    it = driver(START.step("one", run, undo=run).parallel("p", {"a": kid, "b": kid}).end())
    it.begin()
    it.succeed("one")
    it.succeed("p/a/kid", 5)
    it.succeed("p/b/kid", 5)

    it.go(Cancel(None, at_once=True))
    assert it.details("mission-undoing")["children"] == ["x/p/b/kid", "x/p/a/kid"]
    assert it.last.let_go == ()
    assert it.go(Proceed()) == []
    assert next_actions(it.definition, it.state) == (EndChild("x/p/b/kid"), EndChild("x/p/a/kid"))
    assert it.child_ended("x/p/a/kid", MissionStatus.CANCELLED) == ["child-ended p/a/kid"]
    assert next_actions(it.definition, it.state) == (EndChild("x/p/b/kid"),)
    assert it.child_ended("x/p/a/kid", MissionStatus.CANCELLED) == []
    assert it.child_ended("x/other", MissionStatus.CANCELLED) == []
    assert it.child_ended("x/p/b/kid", MissionStatus.COMPLETED, 7) == [
        "child-ended p/b/kid",
        "step-started undo:one #1",
    ]
    assert it.child_ended("x/p/b/kid", MissionStatus.COMPLETED, 7) == []
    assert (it.state.events["p/b/kid"].output, "p/a/kid" in it.state.events) == (7, False)


def test_end_of_a_child_that_nothing_has_to_wait_for_contradicts(driver: Drives) -> None:
    """A history in which one has ended twice before the undoing does not fold."""
    kid = m.path().mission("kid", CHILD, lambda ctx: 5)
    it = driver(START.step("one", run, undo=run).parallel("p", {"a": kid, "b": kid}).end())
    it.begin()
    it.succeed("one")
    it.succeed("p/a/kid", 5)
    it.succeed("p/b/kid", 5)
    it.go(Cancel(None, at_once=True))
    it.child_ended("x/p/a/kid", MissionStatus.CANCELLED)
    again = attrs.evolve(it.history[-1], seq=it.history[-1].seq + 1)

    with pytest.raises(CorruptMissionError, match="nothing has to wait for the end of that child"):
        load("x", [*it.history, again])


def test_steps_without_an_undo_today_wait_for_the_children_too(driver: Drives) -> None:
    """Nothing is passed over, and the mission does not end, before they have."""
    kid = m.path().mission("kid", CHILD, lambda ctx: 5)
    it = driver(START.step("one", run, undo=run).parallel("p", {"a": kid}).end())
    it.begin()
    it.succeed("one")
    it.succeed("p/a/kid", 5)
    it.definition = START.step("one", run).parallel("p", {"a": kid}).end()

    assert it.go(Cancel(None, at_once=True))[-1] == "mission-undoing"
    assert it.go(Proceed()) == []
    assert it.child_ended("x/p/a/kid", MissionStatus.CANCELLED) == [
        "child-ended p/a/kid",
        "step-started undo:one #1",
        "step-failed undo:one #1",
        "mission-cancelled p",
    ]
