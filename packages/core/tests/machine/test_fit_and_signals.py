"""Whether a mission with paths fits today's definition, which wait a signal is for, and what is next for each line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mission_control.core import (
    MissionContext,
    MissionDefinition,
    MissionDefinitionMismatchError,
    MissionSignalError,
    m,
)
from mission_control.core.machine import (
    AwaitChild,
    AwaitSignal,
    AwaitTime,
    BeginPaths,
    BeginStep,
    Cancel,
    EndChild,
    Proceed,
    Receive,
    RunAttempt,
    Start,
    StopForGood,
    check_carries,
    check_fit,
    check_payloads,
    find_wait,
    next_actions,
    refused_signal,
)

from .unrun import items, run, until

Drives = Callable[..., Any]


def choose(ctx: MissionContext[Any]) -> str:
    return ""


def read(ctx: MissionContext[Any]) -> int:
    return 1


STEP = m.path().step("s", run)
WAIT = m.path().need_to("go", int)
START = m.define("d").start(input=int, run=run)
CHILD = m.define("child").start(input=int, run=run).end()


def standing(driver: Drives) -> Any:
    """Return a mission with two live paths, one in a branch and one of an item; a third one has not begun."""
    branch = m.path().branch("b", choose, {"x": WAIT, "y": STEP})
    each = m.path().each("e", items, WAIT)
    it = driver(START.parallel("p", {"one": branch, "two": each, "three": STEP}).end(), slots=2, is_contended=True)
    it.begin()
    it.succeed("p/one/b", "x")
    it.slots = 1
    it.succeed("p/two/e", [1])
    assert it.state.status == "running"
    it.slots = None
    return it


def changed(**paths: Any) -> MissionDefinition[Any]:
    known = {
        "one": m.path().branch("b", choose, {"x": WAIT, "y": STEP}),
        "two": m.path().each("e", items, WAIT),
        "three": STEP,
    }
    return START.parallel("p", {name: path for name, path in {**known, **paths}.items() if path is not None}).end()


@pytest.mark.parametrize(
    "definition",
    [
        changed(),
        changed(one=m.path().step("new", run).branch("b", choose, {"x": WAIT, "z": WAIT})),
        changed(four=STEP),
        changed(two=m.path().each("e", items, WAIT, max_concurrency=7)),
    ],
)
def test_mission_goes_on_where_its_lines_stand(driver: Drives, definition: MissionDefinition[Any]) -> None:
    """What was not opened may change, and what lies behind."""
    check_fit(definition, standing(driver).state)


def test_mission_that_has_ended_is_carried_by_any_definition(driver: Drives) -> None:
    """It goes on nowhere, while one that has not ended has to fit."""
    it = driver(START.need_to("go", int).end())
    it.go(Start("d", 5, None))
    it.go(it.success("start"))
    other = START.step("s", run).end()
    with pytest.raises(MissionDefinitionMismatchError, match="stands on the need_to 'go'"):
        check_carries(other, it.state)
    it.go(Receive("go", 1))
    check_carries(other, it.state)


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        (changed(one=WAIT), "stands on the need_to 'p/one/b/x/go', and the definition has no node of that name"),
        (changed(one=m.path().branch("b", choose, {"x": STEP})), "has no node of that name"),
        (changed(one=m.path().branch("b", choose, {"x": m.path().sleep("go", 1)})), "has a sleep of that name"),
        (
            changed(one=m.path().parallel("b", {"x": WAIT})),
            "inside of 'p/one/b', which was a branch, and is a parallel",
        ),
        (
            changed(two=m.path().repeat("e", WAIT, until=until)),
            "stands on the each 'p/two/e', and the definition has a r",
        ),
        (changed(three=None), "the path 'three' of 'p' has yet to begin, and is not there"),
        (START.race("p", {"one": STEP}).end(), "stands on the parallel 'p', and the definition has a race"),
        (START.step("other", run).end(), "stands on the parallel 'p', and the definition has no node of that name"),
    ],
)
def test_mission_stays_as_it_is_where_a_line_has_no_place(
    driver: Drives, definition: MissionDefinition[Any], problem: str
) -> None:
    """The error says which node, where, and what is there instead."""
    with pytest.raises(MissionDefinitionMismatchError, match=problem.replace("[", r"\[")):
        check_fit(definition, standing(driver).state)


def test_item_is_no_round(driver: Drives) -> None:
    """The constructs that a line is inside of are of the kinds that they were."""
    it = driver(START.each("e", items, WAIT).end())
    it.begin()
    it.succeed("e", [1])
    line = it.state.lines.get("e[0]")

    with pytest.raises(MissionDefinitionMismatchError, match="stands on the each 'e'"):
        check_fit(START.repeat("e", WAIT, until=until).end(), it.state)
    assert line is not None


def test_node_ahead_may_not_bear_the_name_of_what_ran_in_its_path(driver: Drives) -> None:
    """Names are instances: the same name elsewhere is another one."""
    it = driver(START.parallel("p", {"a": m.path().step("s", run).need_to("go", int)}).end())
    it.begin()
    it.succeed("p/a/s")

    with pytest.raises(MissionDefinitionMismatchError, match="'p/a/s' lies ahead"):
        check_fit(START.parallel("p", {"a": m.path().need_to("go", int).step("s", run)}).end(), it.state)
    check_fit(START.parallel("p", {"a": m.path().need_to("go", int)}).step("s", run).end(), it.state)


def test_name_that_no_node_may_bear_any_more_is_told(driver: Drives) -> None:
    """A stored mission that stands on such a node says why."""
    it = driver(START.step("s", run).end())
    it.begin()
    it.state.cursor = "a/b"

    with pytest.raises(MissionDefinitionMismatchError, match="names bear no '/'"):
        check_fit(it.definition, it.state)


def test_mission_that_is_being_undone_fits_every_definition(driver: Drives) -> None:
    """What can not be undone any more counts as not undone."""
    it = driver(START.step("s", run, undo=run).need_to("go", int).end())
    it.begin()
    it.succeed("s")
    it.go(Cancel(None, at_once=True))

    check_fit(START.end(), it.state)


def test_reminder_stands_where_its_wait_does(driver: Drives) -> None:
    """It has no node of its own to be looked for."""
    from mission_control.core import Reminder

    it = driver(START.need_to("go", int, reminder=Reminder(run, 10)).end())
    it.begin()

    check_fit(START.need_to("go", int).end(), it.state)


# Signals


def test_bare_name_is_enough_for_the_only_wait_of_that_name(driver: Drives) -> None:
    """Also of a main line in a round or a branch; the place or the whole instance say it too."""
    it = driver(START.parallel("p", {"a": WAIT, "b": m.path().need_to("other", int)}).end())
    it.begin()
    assert find_wait(it.state, "go") == "p/a/go"
    assert find_wait(it.state, "go", "p/a") == "p/a/go"
    assert find_wait(it.state, "p/a/go") == "p/a/go"
    assert find_wait(it.state, "go", "p/b") is None
    assert find_wait(it.state, "p/b/go") is None
    assert find_wait(it.state, "never") is None

    it = driver(START.repeat("r", WAIT, until=until).end())
    it.begin()
    assert find_wait(it.state, "go") == "r[0]/go"
    assert find_wait(it.state, "never") is None
    it.receive("r[0]/go", 1)
    assert find_wait(it.state, "go") is None


def test_name_of_several_waits_is_refused_with_ten_of_them(driver: Drives) -> None:
    """And with how many there are."""
    it = driver(START.each("e", items, WAIT).end())
    it.begin()
    it.succeed("e", [0] * 12)

    with pytest.raises(
        MissionSignalError, match=r"12 open waits .*'e\[9\]/go' and 2 more; say which, as in .*at='e\[0\]'"
    ):
        find_wait(it.state, "go")
    assert find_wait(it.state, "go", "e[11]") == "e[11]/go"


def test_refusal_says_what_each_line_does(driver: Drives) -> None:
    """A name that no node bears is told apart from one that comes at the wrong time."""
    kid = m.path().mission("kid", CHILD, lambda ctx: 5)
    it = driver(START.parallel("p", {"a": WAIT, "b": m.path().sleep("z", 5), "c": kid, "d": STEP}).end())
    it.begin()
    it.succeed("p/c/kid", 5)

    running = str(refused_signal(it.definition, it.state, "never"))
    assert "it is running at 'p', and waits for signal 'p/a/go'; it sleeps in 'p/b/z' until" in running
    assert "it waits for the child mission 'x/p/c/kid'" in running
    assert running.endswith("its definition has no signal of this name, it has: 'go'")
    it.succeed("p/d/s")
    assert "of this name" not in str(refused_signal(None, it.state, "never"))
    assert "it waits for signal 'p/a/go'; it sleeps" in str(refused_signal(it.definition, it.state, "p/d/go"))

    with pytest.raises(MissionSignalError, match="does not wait for signal 'p/d/go'"):
        it.go(Receive("p/d/go", 1))


def test_refusal_lists_no_more_than_ten_waits(driver: Drives) -> None:
    """The rest is counted."""
    it = driver(START.each("e", items, WAIT).end())
    it.begin()
    it.succeed("e", [0] * 12)

    assert "; and 2 waits more" in str(refused_signal(it.definition, it.state, "never"))


# Next actions


def test_each_line_has_what_comes_next_for_it(driver: Drives) -> None:
    """In order of opening."""
    kid = m.path().mission("kid", CHILD, lambda ctx: 5)
    paths = {"a": WAIT, "b": m.path().sleep("z", 5), "c": kid, "d": STEP, "e": STEP}
    it = driver(START.parallel("p", paths).end(), slots=2)
    it.begin()
    it.succeed("p/c/kid", 5)
    it.slots = 1

    assert next_actions(it.definition, it.state)[:4] == (
        BeginPaths("p"),
        AwaitSignal("p/a/go", None),
        AwaitTime(it.state.lines.get("p/b").waiting.due_at),
        AwaitChild("x/p/c/kid"),
    ) or next_actions(it.definition, it.state)[0] == AwaitSignal("p/a/go", None)
    assert RunAttempt("p/d/s", 1) in next_actions(it.definition, it.state)
    it.go(Cancel(None, at_once=False))
    assert next_actions(it.definition, it.state) == (StopForGood(),)


def test_line_without_a_slot_has_its_step_to_begin(driver: Drives) -> None:
    """And a construct with room its paths."""
    it = driver(START.parallel("p", {"a": STEP, "b": STEP}).end(), slots=1)
    it.begin()
    assert next_actions(it.definition, it.state) == (BeginPaths("p"), RunAttempt("p/a/s", 1))
    it.slots = None
    it.interrupt("p/a/s", "closed")

    assert next_actions(it.definition, it.state) == (BeginPaths("p"), BeginStep("p/a/s"))


def test_children_are_ended_before_anything_is_undone(driver: Drives) -> None:
    """Then the undo is a step to begin."""
    it = driver(START.step("s", run, undo=run).mission("kid", CHILD, lambda ctx: 5).end())
    it.begin()
    it.succeed("s")
    it.succeed("kid", 5)
    it.go(Cancel(None, at_once=True))

    assert next_actions(it.definition, it.state) == (EndChild("x/kid"),)


def test_mission_of_one_line_is_short_of_a_slot_before_a_step(driver: Drives) -> None:
    """Neither while it runs one, nor while it waits."""
    it = driver(START.step("s", run).need_to("go", int).end(), slots=0)
    shown: list[bool] = []
    it.go(Start("d", 5, None))
    shown.append(it.state.is_short)
    it.slots = 1
    it.go(Proceed())
    shown.append(it.state.is_short)
    it.succeed("start")
    it.succeed("s")
    shown.append(it.state.is_short)
    assert shown == [True, False, False]


# Payloads


LISTED = START.each("e", items, m.path().step("s", read)).step("s", read).need_to("go", int)


def test_payloads_that_the_definition_reads_are_left_alone(driver: Drives) -> None:
    """Inputs, outputs and signals, in items as on the main line; what is open has none yet."""
    it = driver(LISTED.end())
    it.begin()
    it.succeed("e", [1, 2])
    it.succeed("e[1]/s", 1)

    check_payloads(it.definition, it.state)
    it.succeed("e[0]/s", 1)
    it.succeed("s", 1)
    it.receive("go", 5)
    check_payloads(it.definition, it.state)


@pytest.mark.parametrize(
    ("output", "signal", "told"),
    [("one", 5, r"the output of 'e\[0\]/s' of mission 'x'"), (1, "five", "the input of 'go' of mission 'x'")],
)
def test_payload_that_the_definition_does_not_read_is_named(
    driver: Drives, output: Any, signal: Any, told: str
) -> None:
    """With its event, the field, and the mission."""
    it = driver(LISTED.end())
    it.begin()
    it.succeed("e", [1])
    it.succeed("e[0]/s", output)
    it.succeed("s", 1)
    it.receive("go", signal)

    with pytest.raises(MissionDefinitionMismatchError, match=told):
        check_payloads(it.definition, it.state)
