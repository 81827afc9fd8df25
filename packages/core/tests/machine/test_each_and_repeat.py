"""Lists, loops, branches and computed times: what a decision's output leads to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest

from mission_control.core import MissionContext, RetryPolicy, m
from mission_control.core.machine import Proceed, Succeed, fold

from .unrun import items, run, until

Drives = Callable[..., Any]


def choose(ctx: MissionContext[Any]) -> str:
    return ""


STEP = m.path().step("s", run)
WAIT = m.path().need_to("go", int)
START = m.define("d").start(input=int, run=run)


def begun(lines: list[str]) -> list[str]:
    return [line.split()[1] for line in lines if line.startswith("step-started")]


def test_items_are_listed_by_a_step_and_begin_in_order(driver: Drives) -> None:
    """As many as may live at once; the next begins when one has ended."""
    it = driver(START.each("e", items, STEP, max_concurrency=2).step("last", run).end())

    assert it.begin() == ["step-succeeded start #1", "step-started e #1"]
    assert it.details("step-started") == {"kind": "each"}
    assert it.succeed("e", [1, 2, 3]) == [
        "step-succeeded e #1",
        "paths-opened e",
        "step-started e[0]/s #1",
        "step-started e[1]/s #1",
    ]
    assert it.details("paths-opened") == {"kind": "each", "count": 3, "limit": 2}
    assert it.succeed("e[1]/s") == ["step-succeeded e[1]/s #1", "path-completed e[1]", "step-started e[2]/s #1"]
    it.succeed("e[0]/s")
    assert it.succeed("e[2]/s")[1:] == ["path-completed e[2]", "paths-joined e", "step-started last #1"]


def test_waiting_items_count_as_live_and_the_mission_waits(driver: Drives) -> None:
    """With all its room taken by items that wait, the mission waits; without a limit all of them begin."""
    it = driver(START.each("e", items, WAIT, max_concurrency=2).end())
    it.begin()
    it.succeed("e", [1, 2, 3])

    assert it.state.status == "waiting"
    assert it.receive("e[0]/go")[1:] == ["path-completed e[0]", "waiting-for-signal e[2]/go"]


def test_empty_list_is_opened_and_joined_at_once(driver: Drives) -> None:
    """Nothing begins, and the mission goes on."""
    it = driver(START.each("e", items, STEP).end())
    it.begin()

    assert it.succeed("e", []) == ["step-succeeded e #1", "paths-opened e", "paths-joined e", "mission-completed"]
    assert it.details("paths-opened") == {"kind": "each", "count": 0}


def test_items_that_take_no_time_end_inside_the_loop(driver: Drives) -> None:
    """A thousand in one answer, the next ones in the next."""
    it = driver(START.each("e", items, m.path()).end())
    it.begin()

    first = it.succeed("e", [0] * 1500)
    assert first.count("path-completed e[999]") == 1
    assert "path-completed e[1000]" not in first
    assert it.state.status == "running"
    assert it.go(Proceed())[-1] == "mission-completed"


def test_item_leaves_its_slot_to_other_missions_that_wait_for_one(driver: Drives) -> None:
    """A new item takes it only where nobody waits; the line behind a join keeps it."""
    it = driver(START.each("e", items, STEP).step("last", run).end(), slots=1, is_contended=True)
    it.begin()
    it.succeed("e", [1, 2])

    assert it.succeed("e[0]/s") == ["step-succeeded e[0]/s #1", "path-completed e[0]"]
    assert it.state.status == "running"
    assert it.go(Proceed()) == ["step-started e[1]/s #1"]
    assert it.succeed("e[1]/s")[-2:] == ["paths-joined e", "step-started last #1"]


def test_larger_limit_of_a_new_definition_holds_from_the_next_end_of_an_item_on(driver: Drives) -> None:
    """Limits come from today's definition."""
    it = driver(START.each("e", items, STEP, max_concurrency=1).end())
    it.begin()
    it.succeed("e", [1, 2, 3, 4])
    it.definition = START.each("e", items, STEP, max_concurrency=3).end()

    assert begun(it.succeed("e[0]/s")) == ["e[1]/s", "e[2]/s", "e[3]/s"]


def test_smaller_limit_of_a_new_definition_holds_too(driver: Drives) -> None:
    """No item begins before there are fewer than that."""
    it = driver(START.each("e", items, STEP, max_concurrency=2).end())
    it.begin()
    it.succeed("e", [1, 2, 3, 4])
    it.definition = START.each("e", items, STEP, max_concurrency=1).end()

    assert begun(it.succeed("e[0]/s")) == []
    assert it.details("path-completed") == {"limits": {"e": 1}}
    assert begun(it.succeed("e[1]/s")) == ["e[2]/s"]
    assert it.details("path-completed") == {}


@pytest.mark.parametrize("limit", [1, 2])
def test_limit_is_todays_once_there_is_a_record_to_say_it(driver: Drives, limit: int) -> None:
    """Where items had room under the old limit, and no slot, one may begin; the history alone says when none may."""
    it = driver(START.each("e", items, m.path().need_to("go", int).step("s", run)).end(), slots=1)
    it.begin()
    it.slots = None
    it.succeed("e", [1] * 1_500)
    it.definition, it.slots = START.each("e", items, STEP, max_concurrency=limit).end(), 9

    assert it.state.fork.begun == 1_000
    assert it.go(Proceed()) == ["step-started e[1000]/s #1"]
    assert it.details("step-started") == {"definition": it.definition.fingerprint, "limits": {"e": limit}}
    assert it.go(Proceed()) == []
    assert not it.state.is_short


def test_limit_that_is_gone_is_none(driver: Drives) -> None:
    """Nor is one that is no less than what there is to go over."""
    for limit in (None, 4):
        it = driver(START.each("e", items, WAIT, max_concurrency=1).end())
        it.begin()
        it.succeed("e", [1, 2, 3, 4])
        it.definition = START.each("e", items, WAIT, max_concurrency=limit).end()
        it.receive("e[0]/go", 1)
        assert it.details("path-completed") == {"limits": {"e": None}}
        assert it.state.fork.live == 3


def test_limit_of_what_has_no_items_does_not_fold(driver: Drives) -> None:
    """Another program's record."""
    it = driver(START.each("e", items, WAIT, max_concurrency=1).end())
    it.begin()
    it.succeed("e", [1, 2])
    record = attrs.evolve(it.history[-1], seq=it.state.version + 1, type="mission-update", event_name="u")
    with pytest.raises(ValueError, match="'e\\[0\\]/go' has no items"):
        fold(it.state, [attrs.evolve(record, details={"input": 1, "output": 1, "limits": {"e[0]/go": 1}})])


def test_each_bears_as_many_failed_items_as_it_may(driver: Drives) -> None:
    """One more fails the mission with that item's error, and the others are stopped."""
    it = driver(START.each("e", items, STEP, max_failures=1).step("last", run).end())
    it.begin()
    it.succeed("e", [1, 2, 3])

    assert it.fail("e[1]/s") == ["step-failed e[1]/s #1", "path-failed e[1]"]
    assert it.fail("e[0]/s", message="worse")[1:] == [
        "path-failed e[0]",
        "step-interrupted e[2]/s #1",
        "path-stopped e[2]",
        "mission-failed e[0]/s",
    ]
    assert it.state.error.message == "worse"
    assert it.state.opened.end("e[1]")[0] == "failed"


def test_each_whose_items_may_all_fail_goes_on(driver: Drives) -> None:
    """None as `max_failures` is any number; what was live inside a failed item is stopped."""
    inner = m.path().parallel("p", {"a": STEP, "b": WAIT})
    it = driver(START.each("e", items, inner, max_failures=None).end())
    it.begin()
    it.succeed("e", [1])

    assert it.fail("e[0]/p/a/s")[1:] == [
        "path-failed e[0]/p/a",
        "path-failed e[0]",
        "path-stopped e[0]/p/b",
        "paths-joined e",
        "mission-completed",
    ]


def test_branch_goes_the_way_of_its_key_in_the_line_that_it_stands_in(driver: Drives) -> None:
    """The key is recorded; steps in a branch of the main line give the mission its output."""
    it = driver(START.branch("b", choose, {"x": STEP, "y": m.path()}, otherwise=WAIT).step("last", run).end())
    it.begin()

    assert it.details("step-started") == {"kind": "branch"}
    assert it.succeed("b", "x") == ["step-succeeded b #1", "step-started b/x/s #1"]
    assert it.state.lines is None
    it.succeed("b/x/s", 7)
    assert it.state.output == 7
    assert it.state.events["b"].output == "x"


@pytest.mark.parametrize(("key", "then"), [("y", "step-started last #1"), ("z", "waiting-for-signal b/otherwise/go")])
def test_empty_branch_and_otherwise(driver: Drives, key: str, then: str) -> None:
    """An empty path is gone through; what is no key goes the other way."""
    it = driver(START.branch("b", choose, {"x": STEP, "y": m.path()}, otherwise=WAIT).step("last", run).end())
    it.begin()

    assert it.succeed("b", key)[-1] == then


def test_rounds_go_on_until_they_are_over(driver: Drives) -> None:
    """Each round is followed by its decision, and by a sleep where there is one."""
    it = driver(START.repeat("r", STEP, until=until, every=30).step("last", run).end())

    assert it.begin()[1:] == ["step-started r[0]/s #1"]
    assert it.succeed("r[0]/s") == ["step-succeeded r[0]/s #1", "step-started r[0] #1"]
    assert it.succeed("r[0]", False) == ["step-succeeded r[0] #1", "timer-scheduled r[0]"]
    assert it.state.waiting.event_name == "r[0]"
    assert it.wait(30) == ["timer-fired r[0]", "step-started r[1]/s #1"]
    it.succeed("r[1]/s")
    assert it.succeed("r[1]", True) == ["step-succeeded r[1] #1", "step-started last #1"]


def test_round_of_an_empty_path_is_its_decision(driver: Drives) -> None:
    """Without a sleep, or with one of no time, the next round comes at once."""
    it = driver(START.repeat("r", m.path(), until=until).repeat("q", m.path(), until=until, every=0).end())

    assert it.begin()[1:] == ["step-started r[0] #1"]
    assert it.succeed("r[0]", False)[1:] == ["step-started r[1] #1"]
    assert it.succeed("r[1]", True)[1:] == ["step-started q[0] #1"]
    assert it.succeed("q[0]", False)[1:] == ["timer-scheduled q[0]", "timer-fired q[0]", "step-started q[1] #1"]


def test_exhausted_rounds_take_their_own_path_or_fail(driver: Drives) -> None:
    """The flow goes on behind the repeat; without such a path it fails there."""
    more = START.repeat("r", STEP, until=until, max_rounds=1, on_exhausted=m.path().step("x", run)).step("last", run)
    it = driver(more.end())
    it.begin()
    it.succeed("r[0]/s")

    assert it.succeed("r[0]", False)[1:] == ["step-started r/exhausted/x #1"]
    assert it.succeed("r/exhausted/x")[1:] == ["step-started last #1"]

    it = driver(START.repeat("r", STEP, until=until, max_rounds=1).end())
    it.begin()
    it.succeed("r[0]/s")
    assert it.succeed("r[0]", False)[1:] == ["mission-failed r"]
    assert (it.state.cursor, it.state.error.code) == ("r", "ROUNDS_EXHAUSTED")


def test_decision_is_tried_again_as_a_step_is(driver: Drives) -> None:
    """Its policy holds, and its record says what it decides."""
    retry = RetryPolicy(max_attempts=2, initial_interval=5)
    it = driver(START.branch("b", choose, {"x": STEP}, retry=retry).end())
    it.begin()

    assert it.fail("b", is_retryable=True) == ["step-failed b #1", "step-retry-scheduled b #2"]
    assert it.wait(5) == ["timer-fired b", "step-started b #2"]
    assert it.details("step-started") == {"kind": "branch"}


@pytest.mark.parametrize(
    ("output", "then"),
    [
        (30.0, ["timer-scheduled nap"]),
        (0.0, ["timer-scheduled nap", "timer-fired nap", "mission-completed"]),
        ("2020-01-01T00:00:00.000000+00:00", ["timer-scheduled nap", "timer-fired nap", "mission-completed"]),
        ("2024-02-29T13:00:00.000000+00:00", ["timer-scheduled nap"]),
    ],
)
def test_computed_sleep_counts_from_the_commit_in_which_it_begins(driver: Drives, output: Any, then: list[str]) -> None:
    """What was computed is in the history, and not among the events; what has passed is now."""
    it = driver(START.sleep("nap", lambda ctx: timedelta(0)).end())
    it.begin()
    it.now += timedelta(seconds=10)

    assert it.succeed("nap", output)[1:] == then
    assert "nap" not in it.state.events
    if output == 30.0:
        assert it.state.waiting.due_at == it.now + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("output", "until"),
    [(None, None), (60.0, "2024-02-29T12:01:00.000000+00:00"), ("2024-03-01T00:00:00.000000+00:00",) * 2],
)
def test_computed_deadline(driver: Drives, output: Any, until: Any) -> None:
    """None is no deadline."""
    it = driver(START.need_to("go", int, timeout=lambda ctx: None).end())
    it.begin()

    assert it.details("step-started") == {"kind": "need_to"}
    assert it.succeed("go", output)[1:] == ["waiting-for-signal go"]
    assert it.details("waiting-for-signal")["timeout_at"] == until
    assert it.receive("go", 4)[-1] == "mission-completed"


def test_decision_without_a_slot_is_named_with_its_kind(driver: Drives) -> None:
    """The record before it says what is decided there."""
    it = driver(START.branch("b", choose, {"x": STEP}).end())
    it.begin()
    it.slots = None
    wait = START.need_to("go", int).branch("b", choose, {"x": STEP}).end()
    it = driver(wait)
    it.begin()
    it.slots = None

    it.receive("go", 1)

    assert it.details("signal-received") == {"payload": 1, "next": "b", "kind": "branch"}
    assert it.state.place == "branch"
    it.slots = 1
    assert it.go(Proceed()) == ["step-started b #1"]


def test_outcome_that_is_not_on_record_adds_nothing(driver: Drives) -> None:
    """It is of another attempt, of another instance, or came too late."""
    it = driver(START.each("e", items, STEP).end())
    it.begin()
    it.succeed("e", [1, 2])
    it.succeed("e[0]/s")

    assert it.go(Succeed("e[0]/s", 1, 2), Succeed("e[1]/s", 2, 2), Succeed("e", 1, [])) == []
