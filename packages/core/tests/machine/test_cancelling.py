"""The time between the request to cancel a mission and its end: what runs is stopped, and nothing goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mission_control.core import MissionSignalError, MissionStatus, m
from mission_control.core.machine import Cancel, ChildEnded, Elapse, FinishCancel, Interrupt, Proceed

from .unrun import run

Drives = Callable[..., Any]


STEP = m.path().step("s", run)
START = m.define("d").start(input=int, run=run)
CHILD = m.define("child").start(input=int, run=run).end()


def test_nothing_goes_on_between_the_request_to_cancel_and_the_end(driver: Drives) -> None:
    """Whatever ends, is due or comes meanwhile, and however many slots there are."""
    paths = {
        "a": STEP.step("behind", run),
        "b": STEP,
        "c": m.path().sleep("z", 10).step("late", run),
        "d": m.path().need_to("go", int).step("late", run),
        "e": m.path().mission("child", CHILD, run).step("late", run),
        "f": STEP,
    }
    it = driver(START.parallel("p", paths).step("last", run).end(), slots=3)
    it.begin()
    it.slots = 2
    it.succeed("p/e/child", 1)
    it.slots = 100
    assert it.state.is_short
    assert it.go(Cancel("no", at_once=False)) == ["mission-cancellation-requested"]
    it.now += timedelta(seconds=60)
    before = it.state
    ended = ChildEnded("x/p/e/child", MissionStatus.COMPLETED, 1, None)
    late = (it.success("p/a/s"), it.failure("p/b/s"), Interrupt("p/b/s", 1, "process ended"), Elapse(), ended)
    for commands in (*((command,) for command in late), late, (Proceed(),)):
        assert it.go(*commands) == []
    with pytest.raises(MissionSignalError, match="does not wait for signal 'p/d/go': it is being cancelled"):
        it.receive("p/d/go", 1)
    assert it.state is before

    assert it.go(FinishCancel())[-1] == "mission-cancelled p"


def test_request_to_cancel_counts_from_then_on_in_its_own_answer(driver: Drives) -> None:
    """What was decided before it in one answer stands, what comes behind it adds nothing."""
    it = driver(START.parallel("p", {"a": STEP.step("behind", run), "b": STEP}).end())
    it.begin()
    commands = (it.success("p/a/s"), Cancel(None, at_once=False), it.success("p/b/s"))

    assert it.go(*commands) == [
        "step-succeeded p/a/s #1",
        "step-started p/a/behind #1",
        "mission-cancellation-requested",
    ]
