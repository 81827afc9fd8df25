"""What there is to see of one mission."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from .conftest import Run
from .shop import delivered, owner
from .terminal import terminal


def test_a_failed_mission_says_why_and_where(run: Run) -> None:
    """Its status, its flow, the traceback, and every record with its day and time."""
    text = run("show", "order-2").stdout

    assert text.splitlines()[0] == "order-2  failed"
    assert "labels country=AT" in text
    assert re.search(r"^. invoice", text[text.index("FLOW") :], re.MULTILINE)
    assert "KeyError: 'AT'" in text[text.index("FAILURE") : text.index("HISTORY")]
    assert 'return f"{ctx.input.item} with {VAT[ctx.input.country]} % VAT"' in text
    history = text[text.index("HISTORY") :].splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \w+", history[1])
    assert re.match(r"\d\d:\d\d:\d\d\.\d{3}  mission-created", history[2])
    assert "mission-failed" in history[-1]


def test_a_waiting_mission_says_for_what_and_until_when(run: Run) -> None:
    """Each of its lines."""
    text = run("show", "survey-1").stdout
    waits = text[text.index("WAITS") : text.index("HISTORY")]

    assert "both/shop/rated" in waits
    assert "both/courier/rated" in waits
    assert "doze  sleep" in run("show", "nap-1").stdout
    assert "ring  retry, attempt 2" in run("show", "call-1").stdout


def test_lines_are_cut_to_the_terminal_unless_they_are_wanted_whole(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long payload hides no record."""
    monkeypatch.setenv("COLUMNS", "60")
    cut = run("show", "order-2").stdout

    assert max(map(len, cut[cut.index("HISTORY") :].splitlines())) <= 60
    assert '{"item": "a lamp", "country": "AT"}' not in cut
    assert '{"item": "a lamp", "country": "AT"}' in run("show", "order-2", "--whole").stdout


def test_a_mission_as_json_is_its_inspection(run: Run) -> None:
    """One document, or its history line by line."""
    document = json.loads(run("show", "order-2", "--json").stdout)
    lines = [json.loads(line) for line in run("show", "order-2", "--jsonl").stdout.splitlines()]

    assert document["snapshot"]["status"] == "failed"
    assert document["history"] == lines


def test_what_goes_on_is_no_document(run: Run) -> None:
    """It is lines."""
    assert "use --jsonl" in run("show", "order-3", "--follow", "--json", status=2).stderr


def test_a_payload_of_any_letters_is_shown(owned: Path, run: Run) -> None:
    """Half of a surrogate pair as its escape, in JSON, too; what would steer a terminal steers none."""
    run("start", "nap", "--data", '"caf\\udce9 \\u001b[31m"', "--id", "nap-2")

    assert "caf\\udce9" in run("show", "nap-2").stdout
    assert "\x1b" not in run("show", "nap-2").stdout
    snapshot = json.loads(run("show", "nap-2", "--json").stdout)["snapshot"]
    assert snapshot["events"]["start"]["input"] == "caf\\udce9 \x1b[31m"


def test_an_unknown_mission_is_not_there(run: Run) -> None:
    """Those whose ids begin alike are named."""
    assert "there is no mission 'order-22'. Did you mean order-2?" in run("show", "order-22", status=3).stderr
    assert "there is no mission 'zzz'.\n" in run("show", "zzz", status=3).stderr


def test_what_a_schedule_started_and_what_is_a_child_says_so(owned: Path, run: Run) -> None:
    """Where it comes from is at its head."""
    mission_id = run("schedules", "trigger", "nightly-report").stdout.split()[-1]

    assert "started by schedule nightly-report, by hand" in run("show", mission_id).stdout


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such terminals")
@pytest.mark.parametrize("form", [[], ["--jsonl"]])
def test_what_comes_is_followed_until_the_end(database: Path, form: list[str]) -> None:
    """New records are written once each, as they come."""
    with owner(database) as shop, terminal("show", "order-3", "--follow", *form) as followed:
        followed.wait_for("waiting-for-signal")
        mission = shop.get_mission("order-3")
        assert mission is not None
        mission.signal(delivered, "reception")
        assert followed.end() == 0

    for kind in ("mission-created", "signal-received", "mission-completed"):
        assert followed.seen.count(kind) == 1


def test_a_mission_says_which_it_started_and_which_started_it(run: Run) -> None:
    """And that it waits for it."""
    text = run("show", "trip-1").stdout

    assert "mission trip-1/rest" in text[text.index("WAITS") : text.index("CHILDREN")]
    assert "trip-1/rest" in text[text.index("CHILDREN") : text.index("HISTORY")]
    assert "child of trip-1" in run("show", "trip-1/rest").stdout
    assert "mission trip-1/rest" in run("list", "--id-prefix", "trip-1").stdout
