"""What will happen by itself, for people and for calendars."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from mission_control.console.command.calendars import calendar
from mission_control.console.reading import AgendaEntry

from .conftest import Run

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def entry(**said: str) -> AgendaEntry:
    return AgendaEntry(
        at=datetime(2026, 12, 1, 9, 30, 5, 123, tzinfo=UTC),
        kind="sleep",
        mission_name=said.get("name", "nap"),
        what=said.get("what", "doze"),
        mission_id=said.get("mission_id"),
    )


def test_the_agenda_is_in_order_of_time(run: Run) -> None:
    """Retries, sleeps, deadlines and, wherever its hour is, a schedule; each with its mission."""
    entries = [json.loads(line) for line in run("agenda", "--jsonl").stdout.splitlines()]

    assert [one["at"] for one in entries] == sorted(one["at"] for one in entries)
    kinds = [one["kind"] for one in entries if one["kind"] != "schedule"]
    assert kinds == ["retry", "sleep", "sleep", "deadline", "deadline"]
    assert len(entries) == len(kinds) + 1
    lines = [line for line in run("agenda", "--within", "2h").stdout.splitlines()[1:] if "nightly-report" not in line]
    assert [line.split()[-4:] for line in lines] == [["retry", "ring", "call-1", "call"]]
    assert len(run("agenda", "--limit", "2").stdout.splitlines()) == 3


def test_an_empty_agenda_says_so(run: Run) -> None:
    """And a length of time that is none is wrong usage."""
    assert run("agenda", "--within", "1s").stderr == "Nothing will happen by itself.\n"
    assert "expected a length of time" in run("agenda", "--within", "soon", status=2).stderr


def test_the_agenda_is_a_calendar(run: Run) -> None:
    """With an event for each entry, and lines that end as the format says."""
    text = run("agenda", "--ics").stdout_bytes.decode()

    assert text.startswith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:")
    assert text.endswith("END:VCALENDAR\r\n")
    assert text.count("BEGIN:VEVENT\r\n") == text.count("END:VEVENT\r\n") == 6
    assert "\n" not in text.replace("\r\n", "")


def test_an_event_says_when_and_what() -> None:
    """In UTC; its id is the same in the next calendar."""
    first = calendar([entry(mission_id="nap-1")], NOW)
    lines = first.split("\r\n")

    assert "DTSTAMP:20261128T120000Z" in lines
    assert "DTSTART:20261201T093005Z" in lines
    assert "SUMMARY:nap: sleep doze" in lines
    assert "DESCRIPTION:mission nap-1" in lines
    assert [line for line in lines if line.startswith("UID:")] == [
        line
        for line in calendar([entry(mission_id="nap-1")], datetime.now(UTC)).split("\r\n")
        if line.startswith("UID:")
    ]
    assert "DESCRIPTION" not in calendar([entry()], NOW)


@pytest.mark.parametrize("what", ["x" * 300, "\N{SNOWMAN}" * 100, "a;b,c\\d"])
def test_lines_are_folded_and_escaped(what: str) -> None:
    """No line has more than 75 octets, and unfolded and unescaped they are what was meant."""
    text = calendar([entry(what=what)], NOW)

    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
    (summary,) = [line for line in text.replace("\r\n ", "").split("\r\n") if line.startswith("SUMMARY:")]
    told = summary.removeprefix("SUMMARY:nap: sleep ")
    assert told.replace("\\;", ";").replace("\\,", ",").replace("\\\\", "\\") == what


def test_a_text_that_cannot_be_encoded_is_escaped() -> None:
    """A calendar is UTF-8."""
    assert "caf\\udce9" in calendar([entry(what="caf\udce9")], NOW)
