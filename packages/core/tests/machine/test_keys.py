"""What the rules make of keys and notes: what is recorded, and what the history remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mission_control.core import CorruptMissionError, HistoryRecord, MissionContext, MissionSignalError, m
from mission_control.core.history import Labels
from mission_control.core.machine import (
    Cancel,
    Receive,
    Start,
    State,
    Update,
    check_repeat,
    decide,
    evolve,
    find_use,
    fold,
    load,
)

from .conftest import NOW, Driver


def run(ctx: MissionContext[Any], *_: Any) -> Any:
    return ctx.input


MISSION = (
    m.define("it").update("note", str, run).start(input=int, run=run).need_to("go", int).need_to("more", int).end()
)


def waiting(driver: Callable[..., Driver]) -> Driver:
    it = driver(MISSION)
    it.begin()
    return it


def test_records_bear_what_was_given(driver: Callable[..., Driver]) -> None:
    """The key and the note are in the details of the record that the command leads to."""
    it = driver(MISSION)
    it.go(Start("it", 5, None, by="ann", labels=Labels({"a": "b"})))
    it.succeed("start")
    it.go(Receive("go", 1, key="k1", by="bob"), Update("note", "x", 5, key="k2", by="cid"))
    it.go(Cancel("enough", at_once=True, by="dan"))

    assert it.details("mission-created")["by"] == "ann"
    assert it.details("mission-created")["labels"] == {"a": "b"}
    assert it.details("signal-received") == {"payload": 1, "key": "k1", "by": "bob"}
    assert it.details("mission-update") == {"input": "x", "output": 5, "key": "k2", "by": "cid"}
    assert it.details("mission-cancellation-requested") == {"reason": "enough", "by": "dan"}


def test_records_without_them_are_as_they_were(driver: Callable[..., Driver]) -> None:
    """Nothing is added to a mission that uses neither, and its state has no place for keys."""
    it = waiting(driver)
    it.go(Receive("go", 1, sent_as="go"), Update("note", "x", 5))
    it.go(Cancel(None, at_once=True))

    assert set(it.details("mission-created")) == {"mission_name", "input", "definition"}
    assert it.details("signal-received") == {"payload": 1}
    assert it.details("mission-update") == {"input": "x", "output": 5}
    assert it.details("mission-cancellation-requested") == {"reason": None}
    assert it.state.keys is None


def test_bare_name_of_a_wait_in_a_place_is_recorded_with_its_key(driver: Callable[..., Driver]) -> None:
    """Only there, since nothing else is compared with it, and not where the instance is what was named."""
    paths = {"a": m.path().need_to("go", int), "b": m.path().need_to("go", int)}
    it = driver(m.define("it").start(input=int, run=run).parallel("p", paths).need_to("go", int).end())
    it.begin()
    it.go(Receive("p/a/go", 1, sent_as="go"))
    assert it.details("signal-received") == {"payload": 1}
    it.go(Receive("p/b/go", 1, key="k1", sent_as="go"))
    assert it.details("signal-received") == {"payload": 1, "key": "k1", "sent_as": "go"}
    it.go(Receive("go", 1, key="k2", sent_as="go"))
    assert it.details("signal-received") == {"payload": 1, "key": "k2"}


@pytest.mark.parametrize("again", [Receive("more", 1, key="k"), Update("note", "x", 5, key="k")], ids=str)
def test_used_key_is_refused_and_nothing_changes(driver: Callable[..., Driver], again: Receive | Update) -> None:
    """Signals and updates share their keys; the shell answers what comes again from the record that bears it."""
    it = waiting(driver)
    it.go(Receive("go", 1, key="k"))
    before = it.state

    with pytest.raises(MissionSignalError, match="'k' is used"):
        decide(MISSION, before, (again,), NOW, slots=100)

    assert it.state == before
    assert find_use(before, "k") == it.history[-2]
    assert find_use(before, "other") is find_use(before, None) is None


def test_two_commands_of_one_decision_do_not_share_a_key(driver: Callable[..., Driver]) -> None:
    """A decision of several commands goes by what those before have used."""
    it = waiting(driver)

    with pytest.raises(MissionSignalError, match="'k' is used"):
        decide(MISSION, it.state, (Receive("go", 1, key="k"), Receive("more", 1, key="k")), NOW, slots=100)


def test_earlier_state_has_not_used_the_key(driver: Callable[..., Driver]) -> None:
    """Versions share what they know of keys, and each sees its own part."""
    it = waiting(driver)
    before = it.state
    it.go(Receive("go", 1, key="k1"))
    between = it.state
    it.go(Receive("more", 1, key="k2"))

    assert find_use(before, "k1") is None
    assert find_use(between, "k1") is not None
    assert find_use(between, "k2") is None
    other = decide(MISSION, between, (Update("note", "x", 5, key="k2"),), NOW, slots=100)
    assert find_use(other.state, "k2") == other.records[0]
    assert find_use(it.state, "k2") == it.history[-2]


def test_keys_are_remembered_behind_the_end(driver: Callable[..., Driver]) -> None:
    """They are as old as the history, whatever the mission has come to."""
    it = waiting(driver)
    it.go(Receive("go", 1, key="k1"), Receive("more", 1, key="k2"))

    assert it.state.is_terminal
    assert find_use(load("x", it.history), "k1") == it.history[-4]
    assert fold(State(mission_id="x"), it.history).keys == it.state.keys


def test_history_in_which_two_records_bear_a_key_does_not_fold(driver: Callable[..., Driver]) -> None:
    """It contradicts itself."""
    it = waiting(driver)
    it.go(Receive("go", 1, key="k"), Receive("more", 1))
    records = [*it.history]
    records[-2] = HistoryRecord.from_dict({**records[-2].to_dict(exact=True), "details": {"payload": 1, "key": "k"}})

    with pytest.raises(CorruptMissionError, match="'k' is used already"):
        load("x", records)


def test_fold_of_one_record_leaves_the_state_before_it(driver: Callable[..., Driver]) -> None:
    """`evolve` gives another version, as for everything else."""
    it = waiting(driver)
    records = decide(MISSION, it.state, (Receive("go", 1, key="k"),), NOW, slots=100).records

    assert find_use(evolve(it.state, records[0]), "k") == records[0]
    assert find_use(it.state, "k") is None


def test_repeat_is_checked_without_a_definition(driver: Callable[..., Driver]) -> None:
    """It is compared as plain JSON then, so that whoever has the history alone can answer it."""
    it = waiting(driver)
    it.go(Receive("go", 1, key="k"))
    record = find_use(it.state, "k")
    assert record is not None

    check_repeat(None, it.state, record, "signal", "go", 1)
    with pytest.raises(MissionSignalError, match=r"in the payload at \$;"):
        check_repeat(None, it.state, record, "signal", "go", 2)
