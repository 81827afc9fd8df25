"""Signals that come before their waits: which are kept, which waits take them, and which are refused (rule 51)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest

from mission_control.core import (
    CorruptMissionError,
    MissionContext,
    MissionDefinitionMismatchError,
    MissionExecutionError,
    MissionPath,
    MissionSignalError,
    Reminder,
    m,
)
from mission_control.core.machine import (
    Cancel,
    Keep,
    Proceed,
    Start,
    State,
    check_payloads,
    early_waits,
    evolve,
    is_held,
    load,
    refused_signal,
)

from .unrun import items, run, seconds, until

Drives = Callable[..., Any]


def choose(ctx: MissionContext[Any]) -> bool:
    return True


START = m.define("d").start(input=int, run=run)
PATH: MissionPath[Any] = m.path()
STEP = m.path().step("s", run)
WAIT = m.path().need_to("go", int, early=True)
STEP_WAIT = STEP.need_to("go", int, early=True)


def keep(it: Any, name: str, payload: Any = 1, at: str | None = None) -> list[str]:
    recorded: list[str] = it.go(Keep(name if at is None else f"{at}/{name}", payload))
    return recorded


def is_kept(it: Any, name: str) -> bool:
    """True where a signal of that name, or for that instance, would be kept."""
    return bool(early_waits(it.definition, it.state, name))


# Kept, and taken


def test_kept_signal_is_taken_in_the_commit_in_which_its_wait_would_begin(driver: Drives) -> None:
    """Wait, signal, and what follows them are one answer; the signal names the record that has its payload."""
    it = driver(START.need_to("go", int, early=True).step("s", run).end())
    it.go(Start("d", 5, None))

    assert keep(it, "go", 7) == ["signal-kept go"]
    assert it.succeed("start") == [
        "step-succeeded start #1",
        "waiting-for-signal go",
        "signal-received go",
        "step-started s #1",
    ]
    assert it.details("signal-kept") == {"payload": 7}
    assert it.details("signal-received") == {"kept": 4}
    assert it.state.events["go"].input == 7
    assert it.state.kept is None


def test_signals_of_one_name_are_taken_in_order_one_by_each_wait(driver: Drives) -> None:
    """Those of other names wait for theirs."""
    it = driver(START.repeat("r", WAIT, until=until).need_to("stop", int, early=True).end())
    it.go(Start("d", 5, None))
    for name, payload in (("go", 1), ("stop", 2), ("go", 3)):
        keep(it, name, payload)
    it.succeed("start")
    it.succeed("r[0]", False)
    it.succeed("r[1]", True)

    assert {name: event.input for name, event in it.state.events.items() if "go" in name or name == "stop"} == {
        "r[0]/go": 1,
        "r[1]/go": 3,
        "stop": 2,
    }
    assert it.state.phase == "completed"


def test_wait_without_early_takes_nothing_that_is_kept(driver: Drives) -> None:
    """It waits for a signal of its own, and the one that takes early ones behind it has what was kept."""
    it = driver(START.need_to("go", int).parallel("p", {"a": WAIT}).end())
    it.go(Start("d", 5, None))
    keep(it, "go", 7)
    assert it.succeed("start") == ["step-succeeded start #1", "waiting-for-signal go"]
    it.receive("go", 1)

    assert it.state.events["p/a/go"].input == 7


def test_wait_that_is_over_as_it_begins_has_no_deadline_and_no_reminder(driver: Drives) -> None:
    """Nothing of it is ever due, and the path for its deadline does not run."""
    reminder = Reminder(run, 10)
    it = driver(
        START.need_to("go", int, timeout=5, on_timeout=STEP, reminder=reminder, early=True).sleep("z", 60).end()
    )
    it.go(Start("d", 5, None))
    keep(it, "go")
    it.succeed("start")

    assert it.details("waiting-for-signal") == {"node_index": 1, "timeout_at": None}
    assert it.state.lines is None
    assert it.wait(30) == []
    assert it.wait(30)[0] == "timer-fired z"


def test_wait_whose_deadline_is_computed_takes_what_is_kept_when_that_is_known(driver: Drives) -> None:
    """A signal that comes meanwhile is kept, too; one that is kept after it goes on."""
    it = driver(START.need_to("go", int, timeout=seconds, early=True).step("s", run).end())
    it.begin()
    keep(it, "go")

    assert it.succeed("go", 5.0) == [
        "step-succeeded go #1",
        "waiting-for-signal go",
        "signal-received go",
        "step-started s #1",
    ]


def test_kept_signal_lets_a_path_complete_as_it_begins(driver: Drives) -> None:
    """In a race, what is behind such a path does not begin."""
    it = driver(START.race("r", {"a": WAIT, "b": STEP}).end())
    it.go(Start("d", 5, None))
    keep(it, "go")

    assert it.succeed("start")[1:] == [
        "paths-opened r",
        "waiting-for-signal r/a/go",
        "signal-received r/a/go",
        "path-completed r/a",
        "paths-joined r",
        "mission-completed",
    ]


def test_every_item_takes_its_own(driver: Drives) -> None:
    """Of those kept before there were any items: what is for others, or for what is outside, stays."""
    it = driver(START.each("e", items, WAIT).need_to("go", int, early=True).end())
    it.begin()
    keep(it, "go", 7)
    keep(it, "e[2]/go", 2)
    keep(it, "go", 0, at="e[0]")
    it.succeed("e", [0, 0, 0])
    assert {name: event.input for name, event in it.state.events.items() if "/" in name} == {"e[0]/go": 0, "e[2]/go": 2}
    it.receive("e[1]/go", 1)

    assert it.state.phase == "completed"
    assert it.state.events["go"].input == 7


def test_one_for_an_instance_and_one_for_its_name_are_taken_in_order(driver: Drives) -> None:
    """The first wait takes the first that came of both; what was for it alone stays."""
    for first, second in (("go", "p/a/go"), ("p/a/go", "go")):
        it = driver(START.parallel("p", {"a": WAIT, "b": STEP_WAIT}).end())
        it.go(Start("d", 5, None))
        keep(it, first, 1)
        keep(it, second, 2)
        it.succeed("start")
        it.succeed("p/b/s")

        assert it.state.events["p/a/go"].input == 1
        assert (it.state.events.find("p/b/go") is not None) is (second == "go")


def test_signal_is_kept_in_every_phase(driver: Drives) -> None:
    """While a step runs, backs off, sleeps, stands without a slot, or another signal is waited for."""
    line = START.sleep("z", 5).need_to("other", int).step("s", run).need_to("go", int, early=True)
    it = driver(line.end())
    it.go(Start("d", 5, it.now + timedelta(days=1)))
    keep(it, "go")
    it.wait(10**5)
    keep(it, "go")
    it.succeed("start")
    keep(it, "go")
    it.wait(5)
    keep(it, "go")
    it.slots = None
    it.receive("other", 1)
    keep(it, "go")
    it.slots = 1
    it.go(Proceed())
    keep(it, "go")
    it.succeed("s")

    assert it.state.phase == "completed"
    assert [signal.payload for signal in it.state.kept.signals()] == [1] * 5


# What lies ahead


REPEAT = PATH.repeat("r", STEP_WAIT, until=until, max_rounds=3, on_exhausted=m.path().need_to("late", int, early=True))


def test_what_is_behind_a_line_does_not_lie_ahead(driver: Drives) -> None:
    """Nor what stands open; a wait whose deadline is being computed does, and what may follow one that passes."""
    late = m.path().need_to("late", int, early=True)
    line = START.need_to("go", int, early=True, timeout=seconds, on_timeout=late).step("s", run)
    it = driver(line.end())
    it.go(Start("d", 5, None))
    assert (is_kept(it, "go"), is_kept(it, "late"), is_kept(it, "go/timeout/late")) == (True, True, True)
    it.succeed("start")
    assert (is_kept(it, "go"), is_kept(it, "late"), is_kept(it, "go/timeout/late")) == (True, True, True)
    it.succeed("go", 5.0)
    assert (is_kept(it, "go"), is_kept(it, "late"), is_kept(it, "go/timeout/late")) == (False, True, True)
    it.receive("go", 1)
    assert (is_kept(it, "go"), is_kept(it, "late"), is_kept(it, "go/timeout/late")) == (False, False, False)


def test_path_for_a_deadline_does_not_lie_ahead_of_a_wait_without_one(driver: Drives) -> None:
    """Its code said so."""
    late = m.path().need_to("late", int, early=True)
    it = driver(START.need_to("go", int, timeout=seconds, on_timeout=late).end())
    it.begin()
    it.succeed("go", None)

    assert not is_kept(it, "late")


def test_reminder_hides_nothing_that_lies_ahead(driver: Drives) -> None:
    """It is beside the wait that it reminds of."""
    late = m.path().need_to("late", int, early=True)
    it = driver(START.need_to("go", int, timeout=50, on_timeout=late, reminder=Reminder(run, 10)).end())
    it.begin()

    assert is_kept(it, "late")
    assert is_kept(it, "go/timeout/late")


def test_branch_that_is_not_yet_taken_lies_ahead(driver: Drives) -> None:
    """When it is, the others do not any more, and what is behind it does."""
    line = START.branch("b", choose, {True: STEP_WAIT, False: m.path().need_to("no", int, early=True)})
    it = driver(line.need_to("last", int, early=True).end())
    it.go(Start("d", 5, None))
    for state in ("start", "b"):
        assert [is_kept(it, name) for name in ("go", "no", "b/true/go", "b/false/no", "last")] == [True] * 5
        it.succeed(state, True)

    assert [is_kept(it, name) for name in ("go", "no", "b/true/go", "b/false/no", "last")] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_rounds_of_a_repeat_that_goes_on_lie_ahead(driver: Drives) -> None:
    """As many as there can be, and what runs when there are no more; each by its number."""
    it = driver(START.repeat("r", REPEAT, until=until).end())
    it.begin()
    at = "r[0]/r"
    numbers = [f"{at}[{number}]/go" for number in range(4)]
    names = [*numbers, f"{at}/exhausted/late", "go", "late", "r[9]/r[0]/go"]
    assert [is_kept(it, name) for name in names] == [True, True, True, False, True, True, True, True]
    it.succeed(f"{at}[0]/s")
    it.receive(f"{at}[0]/go", 1)
    assert [is_kept(it, name) for name in names] == [False, True, True, False, True, True, True, True]
    for number in (0, 1):
        it.succeed(f"{at}[{number}]", False)
        it.succeed(f"{at}[{number + 1}]/s")
        it.receive(f"{at}[{number + 1}]/go", 1)
    assert [is_kept(it, name) for name in names] == [False, False, False, False, True, True, True, True]
    it.succeed(f"{at}[2]", False)
    assert [is_kept(it, name) for name in names] == [False] * 5 + [True, True, True]


def test_last_round_has_none_after_it(driver: Drives) -> None:
    """By its bare name as by its number."""
    it = driver(START.repeat("r", WAIT, until=until, max_rounds=2).end())
    it.begin()
    assert is_kept(it, "go")
    it.receive("r[0]/go", 1)
    assert is_kept(it, "go")
    it.succeed("r[0]", False)

    assert not is_kept(it, "go")
    assert not is_kept(it, "r[1]/go")


def test_paths_and_items_lie_ahead_until_they_end(driver: Drives) -> None:
    """Those that have not begun, those that live, and none that is not there."""
    it = driver(START.parallel("p", {"a": STEP_WAIT, "e": PATH.each("e", items, STEP_WAIT)}).end(), slots=1)
    it.begin()
    names = ["p/a/go", "go", "p/e/e[0]/go", "p/e/e[1]/go", "p/e/e[2]/go", "p/e/e[99999]/go", "p/e/e[100000]/go"]
    assert [is_kept(it, name) for name in names] == [True] * 6 + [False]
    it.slots = 3
    it.go(Proceed())
    it.slots = 2
    it.succeed("p/e/e", [0, 0])
    assert [is_kept(it, name) for name in names] == [True, True, True, True, False, False, False]
    it.succeed("p/e/e[0]/s")
    assert [is_kept(it, name) for name in names] == [True, True, False, True, False, False, False]
    it.receive("p/e/e[0]/go", 1)
    it.succeed("p/a/s")
    assert [is_kept(it, name) for name in names] == [False, False, False, True, False, False, False]


def test_path_in_a_round_lies_ahead_again_in_the_next(driver: Drives) -> None:
    """Of a repeat around what is live."""
    it = driver(START.repeat("r", PATH.parallel("p", {"a": WAIT, "b": STEP}), until=until).end())
    it.begin()

    assert is_kept(it, "go")
    assert [is_kept(it, f"r[{number}]/p/a/go") for number in (0, 1)] == [False, True]


ODD = [
    "e[]/go",
    "e[01]/go",
    "e[+1]/go",
    "e[-1]/go",
    "e[1",
    "e[1]",
    "e[1]/",
    "/go",
    "undo:e[1]/go",
    "e[1]go",
    "e[1]/go/",
]
ODDER = [f"e[{'9' * 5000}]/go", "go[1]", "go/reminder[0]", "e[1]/go/reminder[0]", "s", "e", "e/go", ""]


@pytest.mark.parametrize("name", [*ODD, *ODDER])
def test_text_that_no_wait_can_bear_is_kept_for_none(driver: Drives, name: str) -> None:
    """Neither what is no place, nor one with a number that is written otherwise."""
    wait = m.path().need_to("go", int, early=True, reminder=Reminder(run, 10))
    it = driver(START.step("s", run).each("e", items, wait).end())
    it.begin()

    assert not is_kept(it, name)
    assert is_kept(it, "e[1]/go")


def test_bare_name_is_for_no_item(driver: Drives) -> None:
    """The error says how to send it, while that helps."""
    it = driver(START.each("e", items, PATH.repeat("r", WAIT, until=until)).end())
    it.begin()

    with pytest.raises(MissionSignalError, match=r"say which, as in signal\('go', payload, at='e\[0\]/r\[0\]'\)"):
        keep(it, "go")
    with pytest.raises(
        MissionSignalError, match=r"wait for signal 'e\[0\]/go': it is running at 'e'; no wait ahead takes it early"
    ):
        keep(it, "e[0]/go")


def test_signal_that_nothing_takes_any_more_is_refused(driver: Drives) -> None:
    """Of a mission that goes on, that ended, that is being undone, and that is told to stop."""
    it = driver(START.need_to("go", int, early=True).step("s", run, undo=run).need_to("last", int, early=True).end())
    it.begin()
    it.receive("go", 1)
    with pytest.raises(MissionSignalError, match="'go': it is running at 's'; no wait ahead takes it early"):
        keep(it, "go")
    it.go(Cancel(None, at_once=False))
    with pytest.raises(MissionSignalError, match="'last': it is being cancelled"):
        keep(it, "last")

    it = driver(START.step("s", run, undo=run).need_to("last", int, early=True).end())
    it.begin()
    it.fail("s")
    with pytest.raises(MissionSignalError, match="what it did is being undone"):
        keep(it, "last")
    it.go(Proceed())
    it.succeed("undo:s")
    with pytest.raises(MissionSignalError, match=r"it is failed at 's'$"):
        keep(it, "last")


def test_mission_that_has_not_begun_keeps_nothing(driver: Drives) -> None:
    """There is no record before the first."""
    it = driver(START.need_to("go", int, early=True).end())

    with pytest.raises(MissionExecutionError, match="has not begun"):
        keep(it, "go")


def test_thousand_signals_are_kept_and_no_more(driver: Drives) -> None:
    """Until one is taken; nothing changes by the one that is refused."""
    it = driver(START.repeat("r", WAIT, until=until).end())
    it.go(Start("d", 5, None))
    it.go(*(Keep("go", number) for number in range(1000)))
    before = it.state

    with pytest.raises(MissionSignalError, match=r"keeps 1,000 signals that no wait has taken yet.*send 'go' when"):
        keep(it, "go")
    assert it.state is before
    assert len(it.state.kept) == 1000
    it.succeed("start")
    keep(it, "go")


# Holding


def test_what_is_only_taken_early_is_not_held(driver: Drives) -> None:
    """Where any wait of the name takes its signal only when it is open, or none is known, it is, while a line runs."""
    other = m.path().need_to("other", int)
    paths = {"a": WAIT, "b": m.path().parallel("q", {"c": other, "d": m.path().need_to("other", int, early=True)})}
    it = driver(START.step("s", run).parallel("p", paths).end())
    it.begin()

    assert [is_held(it.definition, it.state, name) for name in ("go", "p/a/go")] == [False, False]
    assert [is_held(it.definition, it.state, name) for name in ("other", "p/b/q/c/other", "never")] == [True] * 3
    assert is_held(None, it.state, "go")
    it.go(Cancel(None, at_once=True))
    assert not is_held(it.definition, it.state, "other")


# Changed definitions


def test_signal_whose_wait_is_gone_stays_unconsumed(driver: Drives) -> None:
    """So does one whose wait does not take early signals any more, which then waits for another one."""
    it = driver(START.step("s", run).need_to("go", int, early=True).end())
    it.begin()
    keep(it, "go", "no int")
    without, late = START.step("s", run).end(), START.step("s", run).need_to("go", int).end()
    for definition, last in ((without, "mission-completed"), (late, "waiting-for-signal go")):
        changed = attrs.evolve(it, definition=definition, history=list(it.history))
        check_payloads(definition, changed.state)

        assert changed.succeed("s")[-1] == last
        assert len(changed.state.kept) == 1


def test_kept_payload_that_its_wait_does_not_read_any_more_is_named(driver: Drives) -> None:
    """The mission stays as it is, as with any payload; what no wait ahead takes does not matter."""
    it = driver(START.step("s", run).need_to("go", int, early=True).end())
    it.begin()
    keep(it, "go", 7)
    check_payloads(it.definition, it.state)
    changed = START.step("s", run).need_to("go", str, early=True).end()

    with pytest.raises(MissionDefinitionMismatchError, match="the signal kept for 'go' of mission 'x'"):
        check_payloads(changed, it.state)


def test_nothing_lies_ahead_of_a_node_that_is_gone(driver: Drives) -> None:
    """A mission that does not fit today's definition keeps nothing, until one is registered that it fits."""
    it = driver(START.step("s", run).need_to("go", int, early=True).end())
    it.begin()

    assert early_waits(START.step("t", run).need_to("go", int, early=True).end(), it.state, "go") == ()


# Histories


def test_history_that_takes_what_is_not_kept_does_not_fold(driver: Drives) -> None:
    """Nor one that takes it twice, or out of order."""
    it = driver(START.need_to("go", int, early=True).end())
    it.go(Start("d", 5, None))
    keep(it, "go")
    keep(it, "go")
    it.succeed("start")
    taken = next(record for record in it.history if record.type == "signal-received")
    before = it.history[: taken.seq - 1]

    for kept in (4 + 1, 1, 99):
        damaged = attrs.evolve(taken, details={"kept": kept})
        with pytest.raises(CorruptMissionError, match="no such signal is kept for it"):
            load("x", [*before, damaged])
    with pytest.raises(CorruptMissionError, match="does not fold"):
        evolve(State(mission_id="x"), it.history[3])


def test_refusal_without_a_definition_says_where_the_mission_stands(driver: Drives) -> None:
    """There is no more to say."""
    it = driver(START.step("s", run).end())
    it.begin()

    assert str(refused_signal(None, it.state, "go")).endswith("it is running at 's'")
