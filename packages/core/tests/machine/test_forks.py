"""Paths that run beside one another: how they are opened, begin, complete, and are joined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mission_control.core import (
    CorruptMissionError,
    HistoryRecord,
    HistoryType,
    MissionSignalError,
    Position,
    m,
)
from mission_control.core.history import TimerWait
from mission_control.core.machine import Proceed, Receive, decide, find_wait, fold, load

from .unrun import items, run

Drives = Callable[..., Any]


STEP = m.path().step("s", run)
WAIT = m.path().need_to("go", int)
START = m.define("d").start(input=int, run=run)
PARALLEL = START.parallel("both", {"a": STEP, "b": STEP, "c": WAIT}).step("last", run).end()


def test_parallel_opens_its_paths_in_order_and_joins_them_with_what_follows(driver: Drives) -> None:
    """The last path's end, the join and the next step are one answer."""
    it = driver(PARALLEL)

    assert it.begin() == [
        "step-succeeded start #1",
        "paths-opened both",
        "step-started both/a/s #1",
        "step-started both/b/s #1",
        "waiting-for-signal both/c/go",
    ]
    assert it.details("paths-opened") == {"kind": "parallel", "paths": ["a", "b", "c"]}
    assert it.succeed("both/b/s") == ["step-succeeded both/b/s #1", "path-completed both/b"]
    assert it.receive("both/c/go", 1) == ["signal-received both/c/go", "path-completed both/c"]
    assert it.succeed("both/a/s") == [
        "step-succeeded both/a/s #1",
        "path-completed both/a",
        "paths-joined both",
        "step-started last #1",
    ]
    assert it.succeed("last") == ["step-succeeded last #1", "mission-completed"]
    assert it.state.output is None
    assert it.state.lines is None


def test_paths_wait_for_slots_and_begin_in_the_order_of_opening(driver: Drives) -> None:
    """A path that begins with a step and has no slot does not begin, and neither does one behind it."""
    it = driver(PARALLEL, slots=1)

    assert it.begin()[1:] == ["paths-opened both", "step-started both/a/s #1"]
    assert it.state.snapshot().positions == (
        Position(path="both/a", cursor="both/a/s", status="running", attempt_number=1),
        Position(path="both/b", cursor=None, status="running"),
        Position(path="both/c", cursor=None, status="running"),
    )
    assert it.succeed("both/a/s")[1:] == [
        "path-completed both/a",
        "step-started both/b/s #1",
        "waiting-for-signal both/c/go",
    ]


def test_path_keeps_its_slot_from_step_to_step(driver: Drives) -> None:
    """The next step of a path goes before the first of another one."""
    two = m.path().step("one", run).step("two", run)
    it = driver(START.parallel("both", {"a": two, "b": STEP}).end(), slots=1)

    assert it.begin()[-1] == "step-started both/a/one #1"
    assert it.succeed("both/a/one") == ["step-succeeded both/a/one #1", "step-started both/a/two #1"]
    assert it.succeed("both/a/two")[1:] == ["path-completed both/a", "step-started both/b/s #1"]


def test_step_without_a_slot_is_named_by_the_record_before_it_and_begins_when_there_is_one(driver: Drives) -> None:
    """A line stands before the step; the one opened first begins first."""
    after = m.path().need_to("go", int).step("s", run)
    it = driver(START.parallel("both", {"a": after, "b": after}).end())
    it.begin()
    it.slots = 0

    assert it.receive("both/b/go") == ["signal-received both/b/go"]
    assert it.details("signal-received") == {"payload": None, "next": "both/b/s"}
    it.receive("both/a/go")
    assert it.state.status == "running"
    it.slots = 1
    assert it.go(Proceed()) == ["step-started both/a/s #1"]
    it.slots = 2
    assert it.go(Proceed()) == ["step-started both/b/s #1"]
    assert it.go(Proceed()) == []


def test_empty_paths_complete_at_once(driver: Drives) -> None:
    """A parallel of empty paths is joined in the answer that opens it, and the step behind it begins."""
    it = driver(START.parallel("both", {"a": m.path(), "b": m.path()}).step("last", run).end())

    assert it.begin()[1:] == [
        "paths-opened both",
        "path-completed both/a",
        "path-completed both/b",
        "paths-joined both",
        "step-started last #1",
    ]


def test_nested_constructs_are_joined_from_the_inside(driver: Drives) -> None:
    """The line around goes on behind an inner parallel, and with its end the outer one is over."""
    inner = m.path().parallel("in", {"x": STEP, "y": m.path()})
    it = driver(START.parallel("out", {"a": inner, "b": m.path()}).end())

    assert it.begin()[1:] == [
        "paths-opened out",
        "paths-opened out/a/in",
        "step-started out/a/in/x/s #1",
        "path-completed out/a/in/y",
        "path-completed out/b",
    ]
    assert it.succeed("out/a/in/x/s")[1:] == [
        "path-completed out/a/in/x",
        "paths-joined out/a/in",
        "path-completed out/a",
        "paths-joined out",
        "mission-completed",
    ]


def test_many_empty_constructs_in_a_row_are_no_depth(driver: Drives) -> None:
    """What takes no time is gone through in a loop."""
    path = m.path()
    for number in range(400):
        path = path.parallel(f"p{number}", {"a": m.path()})
    it = driver(START.parallel("out", {"a": path}).end())

    assert it.begin()[-1] == "mission-completed"


def test_race_is_won_by_the_first_that_completes_and_the_others_are_stopped(driver: Drives) -> None:
    """The winner's name is the output of the race; what lost ends, innermost and latest first."""
    inner = m.path().parallel("in", {"x": STEP, "y": WAIT})
    it = driver(START.race("r", {"slow": inner, "fast": STEP, "late": m.path().sleep("z", 60)}).step("last", run).end())
    it.begin()

    assert it.succeed("r/fast/s")[1:] == [
        "path-completed r/fast",
        "path-stopped r/late",
        "path-stopped r/slow/in/y",
        "step-interrupted r/slow/in/x/s #1",
        "path-stopped r/slow/in/x",
        "path-stopped r/slow",
        "paths-joined r",
        "step-started last #1",
    ]
    assert it.details("paths-joined") == {"winner": "fast"}
    assert it.details("path-stopped") == {"reason": "lost"}
    assert it.details("step-interrupted") == {"reason": "stopped"}
    assert it.state.events["r"].output == "fast"


def test_path_that_takes_no_time_wins_and_those_behind_it_do_not_begin(driver: Drives) -> None:
    """What the same answer began before it is stopped."""
    it = driver(START.race("r", {"a": STEP, "b": m.path().sleep("z", 0), "c": STEP}).end())

    assert it.begin()[1:] == [
        "paths-opened r",
        "step-started r/a/s #1",
        "timer-scheduled r/b/z",
        "timer-fired r/b/z",
        "path-completed r/b",
        "step-interrupted r/a/s #1",
        "path-stopped r/a",
        "paths-joined r",
        "mission-completed",
    ]


def test_of_two_that_complete_together_the_earlier_wins(driver: Drives) -> None:
    """Commands are answered in their order; what comes too late adds nothing."""
    it = driver(START.race("r", {"a": STEP, "b": STEP}).end())
    it.begin()

    it.go(it.success("r/b/s", 1), it.success("r/a/s", 2))

    assert it.details("paths-joined") == {"winner": "b"}
    assert "r/a/s" not in it.state.events


@pytest.mark.parametrize("name", ["both/b/s", "both/x/s", "both[0]/s", "other/a/s"])
def test_record_of_a_path_that_cannot_begin_does_not_fold(driver: Drives, name: str) -> None:
    """Paths begin in order, and only those that were opened."""
    it = driver(PARALLEL, slots=1)
    it.begin()
    head = it.history[:5]  # up to paths-opened
    wrong = HistoryRecord(seq=6, type=HistoryType.STEP_STARTED, at=head[-1].at, event_name=name, attempt_number=1)

    with pytest.raises(CorruptMissionError, match="does not fold at record 6"):
        fold(load("x", head), [wrong])


@pytest.mark.parametrize("kind", [HistoryType.PATH_COMPLETED, HistoryType.PATHS_JOINED])
def test_end_of_what_is_not_live_does_not_fold(driver: Drives, kind: HistoryType) -> None:
    """A path that is not open cannot end, and a construct with live paths is not joined."""
    it = driver(PARALLEL)
    it.begin()
    wrong = HistoryRecord(seq=it.state.version + 1, type=kind, at=it.now, event_name="both")

    with pytest.raises(CorruptMissionError, match="does not fold at record"):
        fold(it.state, [wrong])


def test_mission_waits_when_all_of_its_lines_do_and_shows_the_wait_that_ends_first(driver: Drives) -> None:
    """Else the one that began first; what becomes due first is told whatever the status."""
    late, soon = m.path().sleep("z", 60), m.path().sleep("z", 30)
    it = driver(START.parallel("p", {"open": WAIT, "late": late, "soon": soon, "run": STEP}).end())
    it.begin()

    assert it.state.status == "running"
    summary = it.state.summary()
    assert summary.waiting is None
    assert isinstance(summary.next_wait, TimerWait)
    assert summary.next_wait.event_name == "p/soon/z"
    assert summary.next_due == summary.next_wait.due_at
    it.succeed("p/run/s")
    assert it.state.summary().waiting == summary.next_wait
    it.wait(30)
    assert it.state.next_wait.event_name == "p/late/z"
    it.wait(30)
    assert it.state.next_wait.event_name == "p/open/go"
    assert it.state.next_due is None


def test_old_versions_of_a_state_stay_as_they_were(driver: Drives) -> None:
    """A state that was handed out reads the same after others were made from it, and can be decided on again."""
    it = driver(START.parallel("p", {"a": WAIT, "b": m.path().sleep("z", 30), "c": STEP}).end())
    it.begin()
    old = it.state
    shown = (old.snapshot(), [line.path for line in old.lines], old.status, old.next_due)
    again = driver(it.definition, state=old, history=list(it.history))

    it.succeed("p/c/s")
    it.go(Receive("p/a/go", 1))

    assert (old.snapshot(), [line.path for line in old.lines], old.status, old.next_due) == shown
    assert (len(old.lines), len(it.state.lines)) == (3, 1)
    assert old.lines.get("p/a") is not None
    assert it.state.lines.get("p/a") is None
    assert again.wait(30) == ["timer-fired p/b/z", "path-completed p/b"]
    assert again.go(Receive("p/a/go", 1)) == ["signal-received p/a/go", "path-completed p/a"]
    assert old != it.state
    assert old.lines != "lines"
    assert again.succeed("p/c/s")[-1] == "mission-completed"


def test_older_version_has_its_waits_in_the_order_in_which_they_began(driver: Drives) -> None:
    """Not in that of their paths: the one that began first is shown, and named first where several bear its name."""
    it = driver(START.parallel("p", {name: m.path().step("s", run).need_to("go", int) for name in "abc"}).end())
    it.begin()
    for name in "cba":
        it.succeed(f"p/{name}/s")
    older = it.state
    it.receive("p/c/go", 1)

    for _ in range(2):
        again = decide(it.definition, older, (Receive("p/c/go", 1),), it.now, slots=9).state
        assert again == it.state
        assert again.next_wait is not None
        assert again.next_wait.event_name == "p/b/go"
        with pytest.raises(MissionSignalError, match="'p/b/go', 'p/a/go'"):
            find_wait(again, "go")


def test_construct_in_a_branch_of_the_main_line_is_the_main_lines(driver: Drives) -> None:
    """Branches are no lines: paths of a construct in one have the line around it for a parent, empty ones too."""
    both = m.path().parallel("p", {"a": m.path(), "b": STEP})
    it = driver(START.branch("k", lambda ctx: "x", {"x": both}).end())
    it.begin()

    assert it.succeed("k", "x")[1:] == ["paths-opened k/x/p", "path-completed k/x/p/a", "step-started k/x/p/b/s #1"]
    assert it.state.is_short is False
    assert it.succeed("k/x/p/b/s")[1:] == ["path-completed k/x/p/b", "paths-joined k/x/p", "mission-completed"]


def test_record_of_an_item_beyond_the_last_does_not_fold(driver: Drives) -> None:
    """There are as many as were opened."""
    it = driver(START.each("e", items, WAIT).end())
    it.begin()
    it.succeed("e", [1])
    wrong = HistoryRecord(
        seq=it.state.version + 1, type=HistoryType.STEP_STARTED, at=it.now, event_name="e[1]/s", attempt_number=1
    )

    with pytest.raises(CorruptMissionError, match="not the next to begin"):
        fold(it.state, [wrong])


def test_main_line_is_no_path(driver: Drives) -> None:
    """It does not fail as one."""
    it = driver(PARALLEL)
    it.begin()
    details = {"error": {"message": "no", "code": "STEP_FAILED"}}
    wrong = HistoryRecord(
        seq=it.state.version + 1, type=HistoryType.PATH_FAILED, at=it.now, event_name="both", details=details
    )

    with pytest.raises(CorruptMissionError, match="no path of that name is live"):
        fold(it.state, [wrong])


def test_decision_of_an_unknown_kind_does_not_fold(driver: Drives) -> None:
    """A later release may know it."""
    it = driver(START.step("s", run).end(), slots=1)
    it.begin()
    it.succeed("s")
    history = [*it.history]
    (at,) = [
        index for index, it_ in enumerate(history) if it_.type is HistoryType.STEP_STARTED and it_.event_name == "s"
    ]
    history[at] = HistoryRecord(
        seq=at + 1,
        type=HistoryType.STEP_STARTED,
        at=it.now,
        event_name="s",
        attempt_number=1,
        details={"kind": "oracle"},
    )

    with pytest.raises(CorruptMissionError, match="no node has the kind 'oracle'"):
        load("x", history)


def test_waits_that_have_ended_are_left_behind(driver: Drives) -> None:
    """Whatever many there were, what is open is found."""
    it = driver(START.each("e", items, m.path().need_to("go", int, timeout=60)).end())
    it.begin()
    it.succeed("e", list(range(200)))
    for index in range(199):
        it.receive(f"e[{index}]/go", 1)

    assert it.state.next_wait.event_name == "e[199]/go"
    assert it.receive("e[199]/go", 1)[-1] == "mission-completed"


def test_no_more_than_a_thousand_timers_fire_in_one_answer(driver: Drives) -> None:
    """The rest fires in the next."""
    it = driver(START.each("e", items, m.path().sleep("z", 10)).end())
    it.begin()
    it.succeed("e", [0] * 1001)
    it.go(Proceed())

    assert sum("timer-fired" in line for line in it.wait(10)) == 1000
    assert it.wait(0)[-1] == "mission-completed"
