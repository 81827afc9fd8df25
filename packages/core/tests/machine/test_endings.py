"""Lines that fail, missions that are cancelled, and what is undone then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mission_control.core import (
    MissionExecutionError,
    MissionNotRegisteredError,
    MissionSignalError,
    RetryPolicy,
    m,
)
from mission_control.core.machine import (
    Cancel,
    FinishCancel,
    Interrupt,
    Proceed,
    Receive,
    StandBy,
    Update,
)

from .unrun import items, run

Drives = Callable[..., Any]


STEP = m.path().step("s", run)
WAIT = m.path().need_to("go", int)
START = m.define("d").start(input=int, run=run)
UNDONE = m.path().step("s", run, undo=run)


# Failing


def test_failure_takes_along_the_lines_around_it_up_to_the_mission(driver: Drives) -> None:
    """Innermost first, and then the others are stopped; the cursor is the instance that failed."""
    inner = m.path().parallel("in", {"x": STEP, "y": WAIT})
    it = driver(START.parallel("out", {"a": inner, "b": STEP}).end())
    it.begin()

    assert it.fail("out/a/in/x/s") == [
        "step-failed out/a/in/x/s #1",
        "path-failed out/a/in/x",
        "path-failed out/a",
        "step-interrupted out/b/s #1",
        "path-stopped out/b",
        "path-stopped out/a/in/y",
        "mission-failed out/a/in/x/s",
    ]
    assert it.details("path-failed")["error"]["message"] == "no"
    assert it.details("path-stopped") == {"reason": "failed"}
    assert it.state.cursor == "out/a/in/x/s"
    assert it.state.snapshot().positions == ()


def test_race_without_a_winner_fails_with_its_path(driver: Drives) -> None:
    """The first that ends decides, also when it fails."""
    it = driver(START.race("r", {"a": STEP, "b": STEP}).end())
    it.begin()

    assert it.fail("r/a/s")[-3:] == ["step-interrupted r/b/s #1", "path-stopped r/b", "mission-failed r/a/s"]


def test_deadline_of_a_path_fails_it_or_takes_its_own_path(driver: Drives) -> None:
    """The flow goes on behind the wait."""
    late = m.path().step("late", run)
    it = driver(
        START.parallel("p", {"a": m.path().need_to("go", int, timeout=60, on_timeout=late).step("s", run)}).end()
    )
    it.begin()

    assert it.wait(60) == ["signal-timed-out p/a/go", "step-started p/a/go/timeout/late #1"]
    assert it.succeed("p/a/go/timeout/late")[1:] == ["step-started p/a/s #1"]

    it = driver(START.parallel("p", {"a": m.path().need_to("go", int, timeout=60), "b": STEP}).end())
    it.begin()
    assert it.wait(60)[:2] == ["signal-timed-out p/a/go", "path-failed p/a"]
    assert (it.state.cursor, it.state.error.code) == ("p/a/go", "SIGNAL_TIMEOUT")


def test_what_is_due_happens_in_its_order(driver: Drives) -> None:
    """Of several lines, the earliest first; what is not due yet is left."""
    path = m.path()
    it = driver(START.parallel("p", {str(s): path.sleep("z", s) for s in (30, 10, 20, 99)}).end())
    it.begin()

    assert [line for line in it.wait(30) if "fired" in line] == [
        "timer-fired p/10/z",
        "timer-fired p/20/z",
        "timer-fired p/30/z",
    ]


def test_steps_that_kill_their_process_fail_for_themselves(driver: Drives) -> None:
    """Each line counts its own interruptions; a mission of many recovers in one answer."""
    twice = RetryPolicy(max_interruptions=2)
    fragile = m.path().step("s", run, retry=twice)
    it = driver(START.each("e", items, fragile, max_failures=None).end())
    it.begin()
    it.succeed("e", [1, 2])

    lost = [Interrupt("e[0]/s", 1, "process ended"), Interrupt("e[1]/s", 1, "process ended")]
    it.slots = 1
    assert it.go(*lost)[2:] == ["step-started e[0]/s #2"]
    it.slots = 2
    assert it.go(Proceed()) == ["step-started e[1]/s #2"]
    assert it.interrupt("e[0]/s")[1:] == ["path-failed e[0]"]
    assert it.state.opened.end("e[0]")[1].code == "STEP_INTERRUPTED"
    it.go(StandBy("e[1]/s", 2, "other"))
    assert it.go(StandBy("e[1]/s", 2, "other")) == []
    assert it.interrupt("e[1]/s") == ["step-interrupted e[1]/s #2", "step-started e[1]/s #3"]


def test_attempt_without_a_delay_keeps_its_slot(driver: Drives) -> None:
    """Also where other missions wait for one."""
    at_once = RetryPolicy(max_attempts=3, initial_interval=0)
    it = driver(START.parallel("p", {"a": STEP, "b": m.path().step("s", run, retry=at_once)}).end(), slots=2)
    it.begin()
    it.is_contended = True

    assert it.fail("p/b/s", is_retryable=True) == ["step-failed p/b/s #1", "step-started p/b/s #2"]
    it.slots = None
    assert it.fail("p/b/s", is_retryable=True) == ["step-failed p/b/s #2"]


# Cancelling


def test_cancelling_stops_all_lines(driver: Drives) -> None:
    """With code to be waited for, the request comes first."""
    it = driver(START.parallel("p", {"a": STEP, "b": WAIT}).end())
    it.begin()

    assert it.go(Cancel("enough", at_once=False)) == ["mission-cancellation-requested"]
    assert it.go(Cancel("again", at_once=False)) == []
    assert it.go(FinishCancel()) == [
        "path-stopped p/b",
        "step-interrupted p/a/s #1",
        "path-stopped p/a",
        "mission-cancelled p",
    ]
    assert it.details("step-interrupted") == {"reason": "cancelled"}
    assert it.details("path-stopped") == {"reason": "cancelled"}


def test_cancelling_needs_no_definition_where_there_is_nothing_to_undo(driver: Drives) -> None:
    """Where there is, it says which one, and nothing has changed."""
    it = driver(START.parallel("p", {"a": WAIT}).end())
    it.begin()
    it.definition = None
    assert it.go(Cancel(None, at_once=True))[-1] == "mission-cancelled p"

    it = driver(START.parallel("p", {"a": UNDONE}).need_to("go", int).end())
    it.begin()
    it.succeed("p/a/s")
    it.definition = None
    with pytest.raises(MissionNotRegisteredError, match="has steps to undo"):
        it.go(Cancel(None, at_once=True))
    assert it.state.status == "waiting"

    it = driver(START.step("one", run, undo=run).end())
    it.begin()
    it.definition = None
    with pytest.raises(MissionNotRegisteredError, match="has steps to undo"):
        it.go(Cancel(None, at_once=False))
    assert it.state.is_cancelling is False


# Undoing


def test_what_began_is_undone_in_reverse_when_a_mission_fails(driver: Drives) -> None:
    """Also what had failed, lost, or was stopped; the mission then fails with the first error."""
    race = m.path().race("r", {"won": UNDONE, "lost": UNDONE})
    it = driver(START.parallel("p", {"a": race}).step("last", run).end())
    it.begin()
    it.succeed("p/a/r/won/s")

    assert it.fail("last", message="first") == ["step-failed last #1", "mission-undoing last"]
    assert it.details("mission-undoing")["steps"] == ["p/a/r/lost/s", "p/a/r/won/s"]
    assert it.details("step-started", "p/a/r/won/s") == {"undo": True}
    assert (it.state.status, it.state.cursor, it.state.error.message) == ("running", "undo:p/a/r/lost/s", "first")
    assert it.go(Proceed()) == ["step-started undo:p/a/r/lost/s #1"]
    assert it.succeed("undo:p/a/r/lost/s") == [
        "step-succeeded undo:p/a/r/lost/s #1",
        "step-started undo:p/a/r/won/s #1",
    ]
    assert it.succeed("undo:p/a/r/won/s")[1:] == ["mission-failed last"]
    assert (it.state.cursor, it.state.error.message, it.state.error.undo_failed) == ("last", "first", ())


def test_undoing_keeps_its_slot_from_undo_to_undo(driver: Drives) -> None:
    """Also where other missions wait for one, and after an undo that failed; without a slot the next is named."""
    it = driver(START.each("e", items, UNDONE).step("last", run).end(), slots=4)
    it.begin()
    it.succeed("e", [1, 2, 3, 4])
    it.go(*(it.success(f"e[{index}]/s") for index in range(4)))
    it.fail("last")
    it.go(Proceed())
    it.slots, it.is_contended = 1, True

    assert it.succeed("undo:e[3]/s")[1:] == ["step-started undo:e[2]/s #1"]
    assert "next" not in it.details("step-succeeded")
    assert it.fail("undo:e[2]/s")[1:] == ["step-started undo:e[1]/s #1"]
    it.slots = None
    assert it.succeed("undo:e[1]/s") == ["step-succeeded undo:e[1]/s #1"]
    assert it.details("step-succeeded")["next"] == "undo:e[0]/s"


def test_undo_that_fails_for_good_does_not_stop_the_others(driver: Drives) -> None:
    """It is tried as its policy says; while it backs off the mission waits; the failure names it."""
    retry = RetryPolicy(max_attempts=2, initial_interval=5)
    two = START.step("one", run, undo=run).step("two", run, undo=run, undo_retry=retry).need_to("go", int)
    it = driver(two.end())
    it.begin()
    it.succeed("one")
    it.succeed("two")

    assert it.go(Cancel("why", at_once=True)) == ["mission-cancellation-requested", "mission-undoing"]
    assert it.details("mission-undoing") == {"cancellation": "why", "steps": ["two", "one"]}
    it.go(Proceed())
    assert it.fail("undo:two", is_retryable=True) == ["step-failed undo:two #1", "step-retry-scheduled undo:two #2"]
    assert it.state.status == "waiting"
    it.wait(5)
    assert it.fail("undo:two") == ["step-failed undo:two #2", "step-started undo:one #1"]
    assert it.details("step-failed")["undo"] == "failed"
    assert it.go(Cancel("again", at_once=True)) == []
    assert it.succeed("undo:one")[1:] == ["mission-cancelled go"]
    assert it.state.error.undo_failed == ("two",)
    assert it.state.error.message == "the mission was cancelled: why"


def test_failed_mission_names_what_was_not_undone(driver: Drives) -> None:
    """A process that an undo ends too often counts as well."""
    once = RetryPolicy(max_interruptions=1)
    it = driver(START.step("one", run, undo=run, undo_retry=once).step("two", run).end())
    it.begin()
    it.succeed("one")
    it.fail("two")
    it.go(Proceed())

    assert it.interrupt("undo:one") == ["step-interrupted undo:one #1", "mission-failed two"]
    assert it.state.error.undo_failed == ("one",)


def test_step_without_an_undo_in_todays_definition_counts_as_not_undone(driver: Drives) -> None:
    """One that is gone as well; the others are undone."""
    it = driver(START.step("one", run, undo=run).step("two", run, undo=run).step("three", run).end())
    it.begin()
    it.succeed("one")
    it.succeed("two")
    it.fail("three")
    it.definition = START.step("one", run, undo=run).step("two", run).step("three", run).end()

    assert it.go(Proceed()) == ["step-started undo:two #1", "step-failed undo:two #1", "step-started undo:one #1"]
    it.succeed("undo:one")
    assert it.state.error.undo_failed == ("two",)

    it = driver(START.step("one", run, undo=run).step("two", run).end())
    it.begin()
    it.succeed("one")
    it.fail("two")
    it.definition = START.step("two", run).end()
    assert it.go(Proceed()) == ["step-started undo:one #1", "step-failed undo:one #1", "mission-failed two"]


def test_nothing_but_undoing_is_done_while_a_mission_is_undone(driver: Drives) -> None:
    """Signals and updates are refused, saying so."""
    it = driver(START.step("one", run, undo=run).need_to("go", int).end())
    it.begin()
    it.succeed("one")
    it.go(Cancel(None, at_once=True))

    with pytest.raises(MissionSignalError, match="was cancelled, and what it did is being undone"):
        it.go(Receive("go", 1))
    with pytest.raises(MissionExecutionError, match="is being undone"):
        it.go(Update("u", 1, 1))
    with pytest.raises(MissionExecutionError, match="no cancellation is under way"):
        it.go(FinishCancel())


def test_mission_that_failed_is_not_cancelled_while_it_is_undone(driver: Drives) -> None:
    """What it ends as is settled."""
    it = driver(START.step("one", run, undo=run).step("two", run).end())
    it.begin()
    it.succeed("one")
    it.fail("two")

    assert it.go(Cancel("late", at_once=True)) == ["step-started undo:one #1"]
    assert it.go(Cancel("late", at_once=False)) == []
    assert it.succeed("undo:one")[1:] == ["mission-failed two"]


def test_undo_that_was_added_while_its_step_was_tried_is_undone_once(driver: Drives) -> None:
    """A step is undone where any attempt of it said that it can be."""
    again = RetryPolicy(max_attempts=3)
    it = driver(START.step("one", run, retry=again).step("two", run).end())
    it.begin()
    it.definition = START.step("one", run, retry=again, undo=run).step("two", run).end()
    it.fail("one", is_retryable=True)
    it.fail("one", is_retryable=True)
    it.succeed("one")
    it.fail("two")

    assert it.details("mission-undoing")["steps"] == ["one"]
