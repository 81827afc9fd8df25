"""What operators ask of a mission: it is paused, woken, made to skip a step, and reopened when it has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mission_control.core import (
    CorruptMissionError,
    HistoryRecord,
    MissionBuilder,
    MissionDefinitionMismatchError,
    MissionExecutionError,
    MissionStatus,
    MissionTerminalError,
    MissionValidationError,
    Reminder,
    RetryPolicy,
    m,
)
from mission_control.core.machine import (
    AwaitSignal,
    Cancel,
    ChildEnded,
    Elapse,
    Keep,
    Pause,
    Proceed,
    Resume,
    Wake,
    ended_early,
    evolve,
    inspect_history,
    is_held,
    load,
    next_actions,
)

from .unrun import items, run, seconds, until

Drives = Callable[..., Any]


def whole(ctx: Any) -> int:
    return 1


LATER = RetryPolicy(max_attempts=3, initial_interval=60)
START = m.define("d").start(input=int, run=run)
WAIT = m.path().need_to("go", int, timeout=60)
STEP = m.path().step("s", whole)
CHILD = m.define("child").start(input=int, run=run).end()


# Pausing


def test_paused_mission_begins_nothing_until_it_is_resumed(driver: Drives) -> None:
    """What runs ends; what follows it comes with the next decision after the pause."""
    it = driver(START.step("a", run).step("b", run).end())
    it.begin()

    assert it.go(Pause("eve")) == ["mission-paused"]
    assert it.details("mission-paused") == {"by": "eve"}
    assert it.go(Pause()) == []
    assert it.succeed("a") == ["step-succeeded a #1"]
    assert it.go(Proceed()) == []
    assert next_actions(it.definition, it.state) == ()
    assert it.state.is_still
    assert (it.state.status, it.state.cursor, it.state.summary().paused) == (MissionStatus.RUNNING, "b", True)
    assert it.go(Resume("eve")) == ["mission-resumed"]
    assert it.go(Proceed()) == ["step-started b #1"]
    assert it.go(Resume()) == []


def test_paused_mission_fires_nothing_and_what_is_overdue_happens_then(driver: Drives) -> None:
    """No deadline, no sleep, no reminder; a sleep of no time that begins meanwhile is over then, too."""
    both = {"a": m.path().need_to("go", int, timeout=60, reminder=Reminder(run, 10)), "b": m.path().sleep("z", 5)}
    it = driver(START.parallel("p", both).end())
    it.begin()
    it.go(Pause())

    assert it.wait(3600) == []
    assert it.state.next_due is None
    assert next_actions(it.definition, it.state) == (AwaitSignal("p/a/go", None),)
    it.go(Resume())
    assert it.go(Elapse())[:2] == ["timer-fired p/b/z", "path-completed p/b"]

    it = driver(START.need_to("go", int).sleep("none", 0).end())
    it.begin()
    it.go(Pause())
    assert it.receive("go", 1) == ["signal-received go", "timer-scheduled none"]
    it.go(Resume())
    assert it.go(Elapse()) == ["timer-fired none", "mission-completed"]


def test_failing_attempt_of_a_paused_mission_is_not_followed_by_another(driver: Drives) -> None:
    """With a backoff or without one; it can be skipped meanwhile."""
    it = driver(START.step("a", whole, retry=RetryPolicy(max_attempts=3)).step("b", run).end())
    it.begin()
    it.go(Pause())

    assert it.fail("a", is_retryable=True) == ["step-failed a #1"]
    assert it.skip(4) == ["step-skipped a"]
    it.go(Resume())
    assert it.go(Proceed()) == ["step-started b #1"]


def test_paused_mission_that_stands_still_holds_no_signal(driver: Drives) -> None:
    """It says that it is paused; while an attempt of it runs signals are held as ever."""
    it = driver(START.step("a", run).need_to("go", int).end())
    it.begin()
    it.go(Pause())

    assert is_held(it.definition, it.state, "go")
    it.fail("a", is_retryable=True)
    it = driver(START.step("a", run).step("b", run).need_to("go", int).end())
    it.begin()
    it.go(Pause())
    it.succeed("a")
    assert not is_held(it.definition, it.state, "go")
    with pytest.raises(MissionTerminalError):
        driver_of_ended(it).go(Pause())


def driver_of_ended(it: Any) -> Any:
    it.go(Cancel(None, at_once=True))
    return it


def test_cancelling_and_ends_end_the_pause(driver: Drives) -> None:
    """What has ended is neither paused nor resumed; what is being cancelled is not paused."""
    it = driver(START.step("a", run).end())
    it.begin()
    it.go(Pause())
    it.go(Cancel("no", at_once=False))

    assert not it.state.is_paused
    with pytest.raises(MissionExecutionError, match="it is being cancelled"):
        it.go(Pause())
    it = driver(START.step("a", run).end())
    it.begin()
    it.go(Pause())
    it.fail("a")
    assert (it.state.status, it.state.is_paused) == (MissionStatus.FAILED, False)
    with pytest.raises(MissionTerminalError, match=r"mission 'x' \(d\) cannot be resumed: it is failed at 'a'"):
        it.go(Resume())


def test_undoing_can_be_paused(driver: Drives) -> None:
    """The next undo begins when it is resumed; one that is not in the definition any more is passed over then."""
    it = driver(m.define("d").start(input=int, run=run, undo=run).step("a", run, undo=run).step("b", run).end())
    it.begin()
    it.succeed("a")
    it.fail("b")
    it.go(Proceed())
    it.go(Pause())

    assert it.succeed("undo:a") == ["step-succeeded undo:a #1"]
    it.definition = START.step("a", run).step("b", run).end()
    assert it.go(Proceed()) == []
    assert it.go(Resume())[1:] == ["step-started undo:start #1", "step-failed undo:start #1", "mission-failed b"]


# Waking


def test_sleep_backoff_and_start_end_now(driver: Drives) -> None:
    """The record says why the timer fired, and who woke it."""
    it = driver(START.sleep("z", 60).step("a", run, retry=LATER).end())
    it.begin()

    assert it.go(Wake(by="eve")) == ["timer-fired z", "step-started a #1"]
    assert it.details("timer-fired") == {"reason": "woken", "by": "eve"}
    it.fail("a", is_retryable=True)
    assert it.state.summary().error.message == "no"
    assert it.go(Wake()) == ["timer-fired a", "step-started a #2"]
    assert it.state.summary().error is None


def test_one_of_several_waits_is_woken_by_its_place(driver: Drives) -> None:
    """By the path, the place, or the instance; without it the error names them, and how to say it."""
    round_ = m.path().repeat("r", EMPTY, until=until, every=60)
    it = driver(START.parallel("p", {"a": m.path().sleep("z", 60), "b": m.path().sleep("z", 60), "c": round_}).end())
    it.begin()
    it.succeed("p/c/r[0]", False)

    with pytest.raises(MissionExecutionError, match=r"several times: 'p/a/z', 'p/b/z', 'p/c/r\[0\]'; .* path='p/a'"):
        it.go(Wake())
    with pytest.raises(MissionExecutionError, match=r"no time at 'p/d' that could be over: it sleeps in"):
        it.go(Wake("p/d"))
    assert it.go(Wake("p/a")) == ["timer-fired p/a/z", "path-completed p/a"]
    assert it.go(Wake("p/b/z")) == ["timer-fired p/b/z", "path-completed p/b"]
    assert it.go(Wake()) == ["timer-fired p/c/r[0]", "step-started p/c/r[1] #1"]


EMPTY: Any = m.path()


def test_only_a_wait_for_a_time_is_woken(driver: Drives) -> None:
    """Not one for a signal, nor what runs, nor a mission that has ended or is being cancelled."""
    it = driver(START.need_to("go", int, timeout=60, reminder=Reminder(run, 10)).step("a", run).end())
    it.begin()

    with pytest.raises(MissionExecutionError, match="waits for no time that could be over: it waits for signal 'go'"):
        it.go(Wake())
    it.receive("go", 1)
    it.go(Cancel(None, at_once=False))
    with pytest.raises(MissionExecutionError, match="cannot be woken: it is being cancelled"):
        it.go(Wake())
    it.go(Cancel(None, at_once=True))


# Skipping


def test_step_that_backs_off_is_skipped(driver: Drives) -> None:
    """As if it had returned the output, which is checked; its backoff is over."""
    it = driver(START.step("a", whole, retry=LATER).end())
    it.begin()
    it.fail("a", is_retryable=True)

    with pytest.raises(MissionValidationError, match="the output of step 'a' of mission 'x'"):
        it.skip("seven")
    assert it.skip(7) == ["step-skipped a", "mission-completed"]
    assert it.state.output == 7
    (timer,) = inspect_history("x", it.history).timers
    assert timer.status == "cancelled"


def test_failed_mission_skips_the_step_that_failed(driver: Drives) -> None:
    """It is reopened in the same commit; of several that stand again one is named."""
    it = driver(START.parallel("p", {"a": STEP, "b": STEP}).end())
    it.begin()
    it.fail("p/a/s")

    with pytest.raises(MissionExecutionError, match=r"several steps .* stand: 'p/a/s', 'p/b/s'; .* step='p/a/s'"):
        it.skip(1)
    assert it.skip(1, "p/a/s") == [
        "mission-reopened",
        "step-skipped p/a/s",
        "path-completed p/a",
        "step-started p/b/s #2",
    ]


def test_decision_is_skipped_with_what_it_could_have_decided(driver: Drives) -> None:
    """The key of a branch, items, a verdict, a time, the input of a child; nothing else."""
    flow = START.branch("b", choose, {"x": EMPTY, "y": EMPTY}).each("e", items, EMPTY).repeat("r", EMPTY, until=until)
    it = driver(flow.sleep("z", seconds).mission("kid", CHILD, whole).end())
    it.begin()
    it.fail("b")

    with pytest.raises(MissionValidationError, match="for which the branch has no path"):
        it.skip("z")
    assert it.skip("y")[:3] == ["mission-reopened", "step-skipped b", "step-started e #1"]
    it.fail("e")
    assert it.skip([])[1:] == ["step-skipped e", "paths-opened e", "paths-joined e", "step-started r[0] #1"]
    it.fail("r[0]")
    assert it.skip(True)[1:] == ["step-skipped r[0]", "step-started z #1"]
    it.fail("z")
    assert it.skip(30.0)[1:] == ["step-skipped z", "timer-scheduled z"]
    it.wait(30)
    it.fail("kid")
    assert it.skip(5)[1:] == ["step-skipped kid", "child-started kid"]
    assert len(it.last.children) == 1


def choose(ctx: Any) -> str:
    return "x"


def test_undo_that_backs_off_is_skipped(driver: Drives) -> None:
    """It counts as done."""
    it = driver(m.define("d").start(input=int, run=run, undo=run, undo_retry=LATER).step("a", run).end())
    it.begin()
    it.fail("a")
    it.go(Proceed())
    it.fail("undo:start", is_retryable=True)

    assert it.skip() == ["step-skipped undo:start", "mission-failed a"]
    assert it.state.error.undo_failed == ()


def test_what_has_not_failed_is_not_skipped(driver: Drives) -> None:
    """A wait, what runs, a step that does not stand, and what has completed or was cancelled."""
    it = driver(START.need_to("go", int, timeout=60).step("a", run).end())
    it.begin()
    with pytest.raises(MissionExecutionError, match="no step has failed, and stands; there are: none"):
        it.skip(1)
    it.wait(60)
    with pytest.raises(MissionExecutionError, match="'go' is a wait, and no step has failed"):
        it.skip(1)
    with pytest.raises(MissionExecutionError, match="no step 'a' has failed, and stands; there are: 'go'"):
        it.skip(1, "a")
    it.reopen()
    it.receive("go", 1)
    it.succeed("a")
    with pytest.raises(MissionTerminalError, match=r"nothing of mission 'x' \(d\) can be skipped: it is completed"):
        it.skip(1)
    it = driver(START.mission("kid", CHILD, run).end())
    it.begin()
    it.succeed("kid", 1)
    it.child_ended("x/kid", MissionStatus.FAILED)
    with pytest.raises(MissionExecutionError, match="no step has failed, and stands; there are: none"):
        it.skip(1)


# Reopening what was stopped


def test_failed_step_is_tried_again_and_failures_count_anew(driver: Drives) -> None:
    """Its attempts are numbered on."""
    it = driver(START.step("a", run, retry=RetryPolicy(max_attempts=2)).end())
    it.begin()
    it.fail("a", is_retryable=True)
    it.fail("a", is_retryable=True)

    assert it.reopen() == ["mission-reopened", "step-started a #3"]
    assert it.details("mission-reopened") == {"from_seq": 9}
    assert it.state.error is None
    assert it.fail("a", is_retryable=True) == ["step-failed a #3", "step-started a #4"]
    assert it.fail("a", is_retryable=True) == ["step-failed a #4", "mission-failed a"]
    assert it.reopen()[1:] == ["step-started a #5"]


def test_every_path_that_failed_or_was_stopped_goes_on_at_its_node(driver: Drives) -> None:
    """A step with its next attempt, a wait and a sleep from their beginning; who lost or was borne stays so."""
    each = m.path().each("e", items, m.path().step("s", run), max_failures=1)
    paths = {"a": STEP, "b": WAIT, "c": m.path().sleep("z", 60), "d": each}
    it = driver(START.parallel("p", paths).step("end", run).end())
    it.begin()
    it.succeed("p/d/e", [1, 2])
    it.fail("p/d/e[0]/s")
    it.now = it.now.replace(hour=13)
    it.fail("p/a/s")

    assert sorted(it.reopen()) == [
        "mission-reopened",
        "step-started p/a/s #2",
        "step-started p/d/e[1]/s #2",
        "timer-scheduled p/c/z",
        "waiting-for-signal p/b/go",
    ]
    assert it.details("waiting-for-signal")["timeout_at"].startswith("2024-02-29T13:01")
    it.receive("p/b/go", 1)
    it.wait(60)
    it.succeed("p/d/e[1]/s")
    assert it.succeed("p/a/s", 1)[-2:] == ["paths-joined p", "step-started end #1"]


def test_items_take_along_one_that_fails_too_many_and_it_alone(driver: Drives) -> None:
    """The one that was borne before, though it failed in the same commit, stays failed."""
    it = driver(START.each("e", items, m.path().step("s", run), max_failures=1).end())
    it.begin()
    it.succeed("e", [1, 2, 3])
    it.go(it.failure("e[0]/s"), it.failure("e[1]/s"))

    assert it.reopen() == ["mission-reopened", "step-started e[1]/s #2", "step-started e[2]/s #2"]
    it.succeed("e[2]/s")
    assert it.succeed("e[1]/s")[-1] == "mission-completed"
    assert ends(it) == ["failed", "completed", "completed"]


def ends(it: Any) -> list[str]:
    """Return how the items ended."""
    return [it.state.opened.end(f"e[{index}]")[0] for index in range(3)]


def test_paths_in_paths_stand_again_from_the_innermost_on(driver: Drives) -> None:
    """With what was stopped around them."""
    inner = m.path().parallel("in", {"x": STEP, "y": WAIT})
    it = driver(START.parallel("out", {"a": inner, "b": STEP}).end())
    it.begin()
    it.fail("out/a/in/x/s")

    assert sorted(it.reopen()) == [
        "mission-reopened",
        "step-started out/a/in/x/s #2",
        "step-started out/b/s #2",
        "waiting-for-signal out/a/in/y/go",
    ]


def test_deadline_that_passed_begins_anew_with_its_reminder(driver: Drives) -> None:
    """Attempts of the reminder are numbered on."""
    it = driver(START.need_to("go", int, timeout=60, reminder=Reminder(run, 10, at_most=1)).end())
    it.begin()
    it.wait(10)
    it.succeed("go/reminder[0]")
    it.wait(50)

    assert it.reopen() == ["mission-reopened", "waiting-for-signal go"]
    assert it.wait(10) == ["step-started go/reminder[0] #2"]
    assert it.receive("go", 1)[-1] == "mission-completed"


def test_cancelled_mission_goes_on(driver: Drives) -> None:
    """Where it waited, slept, backed off, ran, or was to start at a time, which stays."""
    it = driver(START.step("a", run, retry=LATER).sleep("z", 60).end())
    it.begin()
    it.go(Cancel("no", at_once=True))
    assert it.reopen() == ["mission-reopened", "step-started a #2"]
    it.fail("a", is_retryable=True)
    it.go(Cancel("no", at_once=True))
    assert it.reopen() == ["mission-reopened", "step-started a #3"]
    it.succeed("a")
    it.go(Cancel("no", at_once=True))
    assert it.reopen() == ["mission-reopened", "timer-scheduled z"]
    assert not it.state.is_cancelling
    assert it.wait(60)[-1] == "mission-completed"


def test_pause_between_rounds_keeps_its_time(driver: Drives) -> None:
    """What was decided is not asked again; rounds that are exhausted are."""
    it = driver(START.repeat("r", EMPTY, until=until, every=60, max_rounds=2).end())
    it.begin()
    it.succeed("r[0]", False)
    it.go(Cancel(None, at_once=True))

    assert it.reopen() == ["mission-reopened"]
    assert it.wait(60) == ["timer-fired r[0]", "step-started r[1] #1"]
    assert it.succeed("r[1]", False)[-1] == "mission-failed r"
    assert it.reopen() == ["mission-reopened", "step-started r[1] #2"]


def test_kept_signals_and_keys_stay_where_only_the_end_is_forgotten(driver: Drives) -> None:
    """A wait that begins then takes what was kept for it."""
    it = driver(START.step("a", run).need_to("go", int, early=True).end())
    it.begin()
    it.go(Keep("go", 5, "key"))
    it.fail("a")
    it.reopen()

    assert it.succeed("a")[1:] == ["waiting-for-signal go", "signal-received go", "mission-completed"]
    assert it.state.keys.find("key") is not None


def test_child_that_ended_too_early_is_to_be_reopened(driver: Drives) -> None:
    """The parent waits for it again; what completed meanwhile gives its output."""
    it = driver(START.mission("kid", CHILD, run).end())
    it.begin()
    it.succeed("kid", 1)
    it.child_ended("x/kid", MissionStatus.FAILED)

    assert it.reopen() == ["mission-reopened"]
    assert it.last.awaited == ("x/kid",)
    assert it.state.waiting.mission_id == "x/kid"
    (child,) = inspect_history("x", it.history).children
    assert (child.status, child.ended_at) == ("running", None)
    seq = it.state.version
    old = ChildEnded("x/kid", MissionStatus.CANCELLED, None, None)
    new = ChildEnded("x/kid", MissionStatus.CANCELLED, None, None, seq)
    done = ChildEnded("x/kid", MissionStatus.COMPLETED, 1, None)
    assert [ended_early(it.state, end) for end in (old, new, done)] == [True, False, False]
    assert it.go(done) == ["child-ended kid", "mission-completed"]


# Reopening from a node on


def test_mission_goes_on_from_a_node_of_its_main_line(driver: Drives) -> None:
    """What was recorded since that began is forgotten, and stays in the history; a completed one, too."""
    it = driver(START.step("a", run).need_to("go", int).step("b", run).end())
    it.begin()
    it.succeed("a", 1)
    it.receive("go", 5)
    it.succeed("b", 2)

    assert it.reopen("go") == ["mission-reopened go", "waiting-for-signal go"]
    assert it.details("mission-reopened") == {"from_seq": 7, "kind": "need_to"}
    assert list(it.state.events) == ["start", "a"]
    assert it.state.output == 1
    assert it.receive("go", 6)[1:] == ["step-started b #2"]
    it.succeed("b", 3)
    assert it.reopen("start") == ["mission-reopened start", "step-started start #2"]
    assert it.succeed("start") == ["step-succeeded start #2", "step-started a #2"]


Path = MissionBuilder[int]

WAYS: list[tuple[Callable[[Path], Path], list[str]]] = [
    (lambda flow: flow.parallel("n", {"a": STEP}), ["paths-opened n", "step-started n/a/s #2"]),
    (lambda flow: flow.race("n", {"a": STEP}), ["paths-opened n", "step-started n/a/s #2"]),
    (lambda flow: flow.branch("n", choose, {"x": STEP}), ["step-started n #2"]),
    (lambda flow: flow.each("n", items, STEP), ["step-started n #2"]),
    (lambda flow: flow.repeat("n", STEP, until=until), ["step-started n[0]/s #2"]),
    (lambda flow: flow.sleep("n", 60), ["timer-scheduled n"]),
    (lambda flow: flow.sleep("n", seconds), ["step-started n #2"]),
    (lambda flow: flow.need_to("n", int, timeout=seconds), ["step-started n #2"]),
    (lambda flow: flow.mission("n", CHILD, run), ["step-started n #2"]),
]


@pytest.mark.parametrize(("add", "records"), WAYS)
def test_construct_is_done_anew_as_a_whole(driver: Drives, add: Any, records: list[str]) -> None:
    """Whatever kind it is."""
    it = driver(add(START).step("after", run).end())
    it.begin()
    while it.state.cursor != "after":
        if it.go(Elapse()) or it.wait(60):
            continue
        line = next(line for line in it.state.every_line() if line.phase == "attempting")
        it.succeed(line.cursor, {"branch": "x", "each": [1], "repeat": True, "sleep": 0.0}.get(line.place))
        if it.state.waiting is not None and it.state.waiting.kind == "child":
            it.child_ended("x/n", MissionStatus.COMPLETED, 1)
        if it.state.waiting is not None and it.state.waiting.kind == "signal":
            it.receive("n", 1)
    it.succeed("after")

    assert it.reopen("n")[1:] == records


def test_child_is_not_started_twice(driver: Drives) -> None:
    """Where the flow comes to its node again it is waited for, or left alone."""
    it = driver(START.step("a", run).mission("kid", CHILD, run).mission("other", CHILD, run, wait=False).end())
    it.begin()
    it.succeed("a")
    it.succeed("kid", 1)
    it.child_ended("x/kid", MissionStatus.COMPLETED, 1)
    it.succeed("other", 1)
    it.reopen("a")
    it.succeed("a")

    assert it.succeed("kid", 1) == ["step-succeeded kid #2", "child-started kid"]
    assert (it.last.children, it.last.awaited) == ((), ("x/kid",))
    assert ended_early(it.state, ChildEnded("x/kid", MissionStatus.FAILED, None, None))
    it.child_ended("x/kid", MissionStatus.COMPLETED, 1)
    assert it.succeed("other", 1)[1:] == ["child-started other", "mission-completed"]
    assert (it.last.children, it.last.awaited) == ((), ())


def test_mission_that_undid_something_goes_on_at_the_earliest_of_it(driver: Drives) -> None:
    """On the main line, where that was in a construct; what comes before is not undone again."""
    path = {"p": m.path().step("s", run, undo=run)}
    it = driver(START.step("a", run).parallel("both", path).step("b", run, undo=run).step("c", run).end())
    it.begin()
    it.succeed("a")
    it.succeed("both/p/s")
    it.succeed("b")
    it.fail("c")
    it.go(Proceed())
    it.succeed("undo:b")
    it.succeed("undo:both/p/s")

    assert it.reopen() == ["mission-reopened both", "paths-opened both", "step-started both/p/s #2"]
    assert it.fail("both/p/s")[-1] == "mission-undoing both/p/s"


def test_what_was_undone_is_not_undone_twice(driver: Drives) -> None:
    """Where an operator has it go on behind that all the same."""
    it = driver(START.step("a", run, undo=run).step("b", run, undo=run).step("c", run).end())
    it.begin()
    it.succeed("a")
    it.succeed("b")
    it.fail("c")
    it.go(Proceed())
    it.succeed("undo:b")
    it.fail("undo:a")

    assert it.reopen("c") == ["mission-reopened c", "step-started c #2"]
    it.fail("c")
    assert it.details("mission-undoing")["steps"] == ["a"]


def test_it_goes_on_under_todays_definition_or_not_at_all(driver: Drives) -> None:
    """The node has to be there, on the main line, and to have begun; nothing has changed then."""
    it = driver(START.step("a", run, undo=run).step("b", run).end())
    it.begin()
    it.succeed("a")

    with pytest.raises(MissionExecutionError, match=r"has not ended, and cannot be reopened: it is running at 'b'"):
        it.reopen()
    it.fail("b")
    it.go(Proceed())
    it.succeed("undo:a")
    with pytest.raises(MissionExecutionError, match=r"'c', which has not begun, .* of: 'start', 'a', 'b'"):
        it.reopen("c")
    it.definition = START.step("b", run).end()
    with pytest.raises(MissionDefinitionMismatchError, match=r"would go on at 'a', the first of what was undone"):
        it.reopen()
    with pytest.raises(MissionExecutionError, match=r"cannot go on at 'a': the main line of its definition has"):
        it.reopen("a")
    it.definition = START.step("a", run).step("b", run).step("start2", run).end()
    it.reopen("b")
    it.succeed("b")
    it.succeed("start2")
    with pytest.raises(MissionTerminalError, match="has completed, and nothing stopped it; say the step"):
        it.reopen()
    it.definition = START.sleep("a", 1).step("b", run).step("a2", run).end()
    it.definition = START.step("b", run).step("a", run).end()
    with pytest.raises(MissionDefinitionMismatchError, match="the node 'a' lies ahead, and the mission has passed"):
        it.reopen("b")


def test_history_with_an_impossible_return_does_not_fold(driver: Drives) -> None:
    """A gap before it, a record alone, and a node that stands beside live paths."""
    it = driver(START.parallel("p", {"a": WAIT}).end())
    it.begin()
    it.go(Cancel(None, at_once=True))
    it.reopen()

    with pytest.raises(CorruptMissionError, match="only with all records before it"):
        evolve(load("x", it.history[:-2]), it.history[-2])
    with pytest.raises(CorruptMissionError, match="record 2 was expected"):
        load("x", [it.history[0], *it.history[2:]])
    place = next(index for index, one in enumerate(it.history) if one.type == "mission-reopened")
    odd = HistoryRecord(
        seq=place + 1,
        type=it.history[place].type,
        at=it.now,
        event_name="p",
        details={"from_seq": place - 2, "kind": "parallel"},
    )
    with pytest.raises(CorruptMissionError, match="paths are live beside 'p'"):
        load("x", [*it.history[:place], odd])
