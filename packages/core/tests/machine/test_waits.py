"""Which waits for signals a decision opens and closes, as storage is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mission_control.core import OpenWait, Reminder, m
from mission_control.core.machine import Cancel, Command, Receive, State, changed_waits, decide, open_waits

from .unrun import run

Drives = Callable[..., Any]


START = m.define("d").start(input=int, run=run)
WAIT = m.path().need_to("go", int)


def told(it: Any, *commands: Command) -> tuple[list[str], list[str]]:
    """Decide, and return the names of the waits that are opened, and of those that are closed."""
    before: State = it.state
    decided = decide(it.definition, before, commands, it.now, slots=100)
    opened, closed = changed_waits(before, decided.state, decided.records)
    it.go(*commands)
    assert (opened, closed) == changed_waits(before, it.state, decided.records)
    return [wait.event_name for wait in opened], [wait.event_name for wait in closed]


def test_a_wait_is_opened_with_all_that_is_known_of_it(driver: Drives) -> None:
    """Its own times are those of its record."""
    it = driver(START.need_to("go", int, timeout=60).end())
    it.begin()
    assert open_waits(it.state) == (
        OpenWait(
            mission_id="x",
            mission_name="d",
            event_name="go",
            path=None,
            since=it.now,
            timeout_at=it.state.waiting.timeout_at,
        ),
    )


def test_what_waits_for_no_signal_opens_nothing(driver: Drives) -> None:
    """Sleeps, attempts and their ends neither open nor close one."""
    it = driver(START.sleep("nap", 5).step("s", run).end())
    before = it.state
    it.begin()
    it.wait(5)
    assert changed_waits(before, it.state, it.history) == ((), ())


def test_one_wait_follows_another(driver: Drives) -> None:
    """The decision that applies a signal closes its wait, and opens the next one."""
    it = driver(START.need_to("go", int).need_to("next", int).end())
    it.begin()
    assert told(it, Receive("go", 1)) == (["next"], ["go"])
    assert told(it, Receive("next", 1)) == ([], ["next"])


def test_a_wait_that_ends_as_it_begins_is_neither_opened_nor_closed(driver: Drives) -> None:
    """Storage is not told of what one decision both opens and closes."""
    it = driver(START.need_to("go", int).race("first", {"a": WAIT, "b": m.path().sleep("nap", 0)}).end())
    it.begin()
    assert told(it, Receive("go", 1)) == ([], ["go"])
    assert ("path-stopped", "first/a") in [(record.type, record.event_name) for record in it.history]


def test_paths_that_are_stopped_close_theirs(driver: Drives) -> None:
    """The winner's wait by its signal, the others' as their paths are stopped."""
    paths = {"a": WAIT, "b": m.path().parallel("both", {"c": WAIT, "d": m.path().sleep("nap", 9)}), "e": WAIT}
    it = driver(START.race("first", paths).need_to("after", int).end())
    it.begin()
    opened, closed = told(it, Receive("first/a/go", 1))
    assert opened == ["after"]
    assert sorted(closed) == ["first/a/go", "first/b/both/c/go", "first/e/go"]


def test_a_mission_that_ends_closes_all_of_its_waits(driver: Drives) -> None:
    """However many, and with reminders that are waits of no signal."""
    reminded = m.path().need_to("go", int, reminder=Reminder(run, every=5))
    for definition, names in (
        (START.need_to("go", int, reminder=Reminder(run, every=5)).end(), ["go"]),
        (START.parallel("both", {"a": reminded, "b": WAIT}).end(), ["both/a/go", "both/b/go"]),
        (m.define("d").start(input=int, run=run, undo=run).need_to("go", int).end(), ["go"]),
    ):
        it = driver(definition)
        it.begin()
        opened, closed = told(it, Cancel(None, at_once=True))
        assert (opened, sorted(closed)) == ([], names)
