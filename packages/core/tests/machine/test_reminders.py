"""What reminds of an open wait, and when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mission_control.core import (
    Reminder,
    RetryPolicy,
    m,
)
from mission_control.core.machine import (
    Cancel,
)

from .unrun import run

Drives = Callable[..., Any]


WAIT = m.path().need_to("go", int)
START = m.define("d").start(input=int, run=run)


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
