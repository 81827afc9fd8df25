"""The reminder example does what it shows."""

import re
from collections.abc import Callable

# All times are UTC, with milliseconds and the date first: as texts they sort as they should.
TIME = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z)"


def find_time(pattern: str, shown: str) -> str:
    (found,) = re.findall(pattern.replace("TIME", TIME), shown)
    return str(found)


def test_the_reminder_comes_when_it_was_due(run_example: Callable[..., str]) -> None:
    """The due time that the killed process printed stands: it is not set anew, and the reminder does not beat it."""
    shown = run_example("water the plants")

    due = find_time("sets a reminder, due at TIME", shown)
    assert "is killed (exit status -9)" in shown
    assert find_time("It was due at TIME", shown) == due
    assert find_time("timer-scheduled +nap +until TIME", shown) == due
    assert find_time("TIME  timer-fired", shown) >= due
    assert find_time("TIME  REMINDER: water the plants", shown) >= due
    assert "reminder-1 (reminder): completed" in shown


def test_a_reminder_that_fell_due_while_nothing_ran_comes_at_once(run_example: Callable[..., str]) -> None:
    """It does not wait for the length of its sleep again."""
    shown = run_example("--down", "1.2")

    opened = find_time("TIME  another process opens", shown)
    anew = find_time("began anew would have ended at TIME", shown)
    assert find_time("It was due at TIME", shown) < opened
    assert opened <= find_time("TIME  timer-fired", shown) < anew
