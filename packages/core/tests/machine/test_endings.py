"""Lines that fail, missions that are cancelled, and what is undone then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest

from mission_control.core import (
    CorruptMissionError,
    MissionContext,
    MissionExecutionError,
    MissionNotRegisteredError,
    MissionSignalError,
    MissionStatus,
    Reminder,
    RetryPolicy,
    m,
)
from mission_control.core.machine import (
    Cancel,
    ChildEnded,
    EndChild,
    FinishCancel,
    Interrupt,
    Proceed,
    Receive,
    StandBy,
    Start,
    Update,
    inspect_history,
    load,
    next_actions,
)

Drives = Callable[..., Any]


def run(ctx: MissionContext[Any]) -> Any:
    return None


def items(ctx: MissionContext[Any]) -> list[int]:
    return []


STEP = m.path().step("s", run)
WAIT = m.path().need_to("go", int)
START = m.define("d").start(input=int, run=run)
UNDONE = m.path().step("s", run, undo=run)
CHILD = m.define("child").start(input=int, run=run).end()


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


# Children


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

    assert (it.state.parent_id, it.state.is_awaited) == ("p", is_awaited)
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


# Reminders


def reminding(at_most: int | None = None, timeout: float | None = None, retry: RetryPolicy | None = None) -> Any:
    reminder = Reminder(run, 10, at_most=at_most, retry=retry)
    return START.need_to("go", int, reminder=reminder, timeout=timeout).step("last", run).end()


def test_reminders_come_at_multiples_of_their_interval(driver: Drives) -> None:
    """Several missed ones are one, one that runs passes the next over, and they never end the wait."""
    it = driver(reminding(at_most=3))

    assert it.begin()[1:] == ["waiting-for-signal go"]
    assert it.details("waiting-for-signal")["remind_at"] == "2024-02-29T12:00:10.000000+00:00"
    assert it.state.status == "waiting"
    assert (it.state.next_wait.event_name, it.state.next_due.second) == ("go", 10)
    assert it.wait(35) == ["step-started go/reminder[0] #1"]
    assert it.state.status == "running"
    assert [position.cursor for position in it.state.snapshot().positions] == ["go", "go/reminder[0]"]
    it.now = it.now.replace(second=45)
    assert it.succeed("go/reminder[0]", 1) == ["step-succeeded go/reminder[0] #1"]
    assert it.details("step-succeeded")["remind_at"] == "2024-02-29T12:00:50.000000+00:00"
    assert "go/reminder[0]" not in it.state.events
    assert it.wait(5) == ["step-started go/reminder[1] #1"]
    it.succeed("go/reminder[1]")
    it.wait(10)
    it.succeed("go/reminder[2]")
    assert "remind_at" not in it.details("step-succeeded")
    assert it.state.lines is None
    assert it.state.next_due is None


def test_clock_that_was_set_back_brings_no_reminder_of_before(driver: Drives) -> None:
    """The next is due one interval behind the first, and not in the past."""
    it = driver(reminding())
    it.begin()
    it.wait(10)
    it.now -= timedelta(seconds=60)
    it.succeed("go/reminder[0]")

    assert it.details("step-succeeded")["remind_at"] == "2024-02-29T12:00:20.000000+00:00"


def test_reminder_that_runs_is_stopped_when_its_wait_ends(driver: Drives) -> None:
    """By the signal, by the deadline, or with the mission."""
    it = driver(reminding(timeout=15))
    it.begin()
    it.wait(10)
    assert it.receive("go", 1) == ["step-interrupted go/reminder[0] #1", "signal-received go", "step-started last #1"]

    it = driver(reminding(timeout=15))
    it.begin()
    it.wait(10)
    assert it.wait(5) == ["step-interrupted go/reminder[0] #1", "signal-timed-out go", "mission-failed go"]

    it = driver(reminding())
    it.begin()
    it.wait(10)
    assert it.go(Cancel(None, at_once=True))[1:] == ["step-interrupted go/reminder[0] #1", "mission-cancelled go"]


def test_reminder_of_a_path_that_is_stopped_ends_with_it(driver: Drives) -> None:
    """Idle or running."""
    path = m.path().need_to("go", int, reminder=Reminder(run, 10))
    it = driver(START.race("r", {"a": path, "b": WAIT}).end())
    it.begin()
    it.wait(10)

    assert it.receive("r/b/go", 1)[1:] == [
        "path-completed r/b",
        "step-interrupted r/a/go/reminder[0] #1",
        "path-stopped r/a",
        "paths-joined r",
        "mission-completed",
    ]


def test_reminder_that_fails_for_good_is_followed_by_the_next(driver: Drives) -> None:
    """After the attempts that its policy has."""
    it = driver(reminding(retry=RetryPolicy(max_attempts=2, initial_interval=3, max_interruptions=1)))
    it.begin()
    it.wait(10)

    assert it.fail("go/reminder[0]", is_retryable=True)[1:] == ["step-retry-scheduled go/reminder[0] #2"]
    assert it.state.status == "waiting"
    assert it.state.next_due.second == 13
    assert it.wait(3) == ["timer-fired go/reminder[0]", "step-started go/reminder[0] #2"]
    assert it.fail("go/reminder[0]") == ["step-failed go/reminder[0] #2"]
    assert it.details("step-failed")["final"] is True
    assert it.wait(7) == ["step-started go/reminder[1] #1"]
    assert it.interrupt("go/reminder[1]") == ["step-interrupted go/reminder[1] #1"]
    assert it.wait(10) == ["step-started go/reminder[2] #1"]


def test_reminder_without_a_slot_comes_when_there_is_one(driver: Drives) -> None:
    """What else is due happens meanwhile."""
    it = driver(reminding(timeout=10))
    it.begin()
    it.slots = 0
    assert it.wait(10) == ["signal-timed-out go", "mission-failed go"]

    it = driver(reminding())
    it.begin()
    it.slots = 0
    assert it.wait(10) == []
    it.slots = 1
    assert it.wait(0) == ["step-started go/reminder[0] #1"]


def test_wait_without_a_reminder_in_todays_definition_is_reminded_of_no_more(driver: Drives) -> None:
    """The one that was due is passed over."""
    it = driver(reminding())
    it.begin()
    it.definition = START.need_to("go", int).step("last", run).end()

    assert it.wait(10) == ["timer-fired go/reminder[0]"]
    assert it.state.lines is None

    it = driver(reminding(retry=RetryPolicy(max_attempts=None)))
    it.begin()
    it.wait(10)
    it.definition = START.need_to("go", int).step("last", run).end()
    assert it.fail("go/reminder[0]", is_retryable=True) == ["step-failed go/reminder[0] #1"]
    assert it.state.lines is None


@pytest.mark.parametrize("reason", ["failed", "closed"])
def test_reminder_to_be_tried_again_is_given_up_where_todays_definition_has_none(driver: Drives, reason: str) -> None:
    """It has no code any more that could run."""
    it = driver(reminding(retry=RetryPolicy(max_attempts=None, initial_interval=5)))
    it.begin()
    it.wait(10)
    it.slots = None
    if reason == "failed":
        it.fail("go/reminder[0]", is_retryable=True)
    else:
        it.interrupt("go/reminder[0]", reason)
    it.slots, it.definition = 1, START.need_to("go", int).step("last", run).end()

    assert it.wait(5)[-2:] == ["step-started go/reminder[0] #2", "step-failed go/reminder[0] #2"]
    assert it.state.lines is None
    assert it.receive("go", 1)[-1] == "step-started last #1"


def test_attempt_without_a_delay_keeps_its_slot(driver: Drives) -> None:
    """Also where other missions wait for one."""
    at_once = RetryPolicy(max_attempts=3, initial_interval=0)
    it = driver(START.parallel("p", {"a": STEP, "b": m.path().step("s", run, retry=at_once)}).end(), slots=2)
    it.begin()
    it.is_contended = True

    assert it.fail("p/b/s", is_retryable=True) == ["step-failed p/b/s #1", "step-started p/b/s #2"]
    it.slots = None
    assert it.fail("p/b/s", is_retryable=True) == ["step-failed p/b/s #2"]
