"""What commands say of many missions."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from .conftest import Run


def rows(text: str) -> list[list[str]]:
    """Return the words of each line of a table, without its titles."""
    return [line.split() for line in text.splitlines()[1:]]


def test_status_is_one_screen(owned: Path, run: Run) -> None:
    """Who runs the missions, how many there are of each, what is waited for, what failed, and what comes."""
    lines = run("status").stdout.splitlines()

    assert lines[0].startswith("shop.db: run by process ")
    assert len(lines) <= 24
    text = "\n".join(" ".join(line.split()) for line in lines)
    assert "MISSIONS RUNNING WAITING FAILED CANCELLED COMPLETED" in text
    assert "order 0 2 2 1 1" in text
    assert "rated 2 " in text
    assert "FAILED IN 24 H AT ERROR CODE" in text
    assert "2 invoice KeyError STEP_FAILED" in text
    assert "Schedules: 1 active; nightly-report fires in" in text
    assert "2 missions failed within 24 hours" in text
    assert "and 1 other names: mission-control list" in text


def test_status_says_that_nobody_runs_the_missions(database: Path, run: Run) -> None:
    """Whoever looks learns at once why nothing moves."""
    assert run("status").stdout.startswith("shop.db: nobody runs its missions\n")


def test_status_as_json_is_one_document(run: Run) -> None:
    """What a machine reads is the same, on one line where it wants lines."""
    document = json.loads(run("status", "--json").stdout)

    assert document["owner"] is None
    assert {one["signal"]: one["count"] for one in document["statistics"]["waits"]} == {
        "delivered": 2,
        "rated": 2,
        "weighed": 1,
    }
    assert len(run("status", "--jsonl").stdout.splitlines()) == 1


def test_missions_are_listed_the_newest_first(run: Run) -> None:
    """Each with its whole id, its name, how it is and where, and when it was made."""
    found = rows(run("list", "--name", "order").stdout)

    assert [words[0] for words in found] == ["order-6", "order-5", "order-4", "order-3", "order-2", "order-1"]
    assert found[2][1:5] == ["order", "failed", "KeyError:", "'AT'"]
    assert found[1][1:5] == ["order", "waiting", "delivered,", "deadline"]


def test_missions_are_listed_by_all_that_is_given(run: Run) -> None:
    """Filters narrow each other."""

    def ids(*filters: str) -> set[str]:
        return {words[0] for words in rows(run("list", *filters).stdout)}

    assert ids("--status", "failed", "--status", "cancelled") == {"order-2", "order-4", "order-6"}
    assert ids("--status", "failed", "--label", "country=AT", "--error", "STEP_FAILED") == {"order-2", "order-4"}
    assert ids("--waiting-for", "rated") == {"survey-1"}
    assert ids("--id-prefix", "nap") == {"nap-1"}
    assert ids("--since", "1h", "--name", "call") == {"call-1"}
    assert ids("--until", "1h") == set()
    assert ids("--limit", "1", "--oldest-first") == {"order-1"}


def test_a_list_of_nothing_says_so(run: Run) -> None:
    """Not on the output, which a script may read."""
    result = run("list", "--name", "nobody")

    assert (result.stdout, result.stderr) == ("", "No mission fits.\n")


def test_missions_as_json(run: Run) -> None:
    """One array, or a line for each; both are what records say of themselves."""
    document = json.loads(run("list", "--json").stdout)
    lines = [json.loads(line) for line in run("list", "--jsonl").stdout.splitlines()]

    assert document == lines
    assert {one["mission_id"] for one in lines} >= {"order-1", "survey-1"}
    assert json.loads(run("list", "--json", "--name", "nobody").stdout) == []


def test_the_inbox_says_what_is_asked_and_until_when(run: Run) -> None:
    """The longest waiting first."""
    found = rows(run("inbox").stdout)

    assert {words[0] for words in found[:2]} == {"order-3", "order-5"}
    assert found[0][1:5] == ["delivered", "order", "a", "text"]
    assert [words[:2] for words in found[2:]] == [
        ["survey-1", "both/courier/rated"],
        ["survey-1", "both/shop/rated"],
        ["parcel-1", "weighed"],
    ]
    assert "stars, mood, would_come_again" in run("inbox", "--signal", "rated").stdout


def test_the_inbox_is_narrowed(run: Run) -> None:
    """By signal, by name, and to so many."""
    assert [one[0] for one in rows(run("inbox", "--signal", "rated", "--limit", "1").stdout)] == ["survey-1"]
    assert [one[0] for one in rows(run("inbox", "--name", "call").stdout)] == []
    assert run("inbox", "--signal", "nothing").stderr == "Nobody is waited for.\n"


def test_the_inbox_as_json_has_schemas(run: Run) -> None:
    """Whoever makes a form of it needs no other question."""
    waits = json.loads(run("inbox", "--json").stdout)

    assert waits[0]["schema"] == {"type": "string"}
    assert datetime.fromisoformat(waits[0]["timeout_at"]) > datetime.fromisoformat(waits[0]["since"])
