"""Changes of one mission, of several, and of all that fit a filter."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mission_control.console.command.console import Console
from mission_control.console.command.outcomes import finish_all
from mission_control.console.reading import Outcome
from mission_control.core import PersistenceError

from .conftest import Run
from .shop import work_off
from .terminal import COMMAND


def status_of(run: Run, mission_id: str) -> str:
    snapshot = json.loads(run("show", mission_id, "--json").stdout)["snapshot"]
    return str(snapshot["status"])


def test_one_mission_is_cancelled_at_once(owned: Path, run: Run) -> None:
    """With the reason, and who said so."""
    assert run("cancel", "order-3", "--reason", "ordered twice").stdout == "order-3: cancelled\n"

    text = run("show", "order-3").stdout
    assert "reason ordered twice" in text
    assert "by carol" in text


def test_a_mission_is_paused_and_resumed(owned: Path, run: Run) -> None:
    """And shown as what it is meanwhile."""
    assert run("pause", "nap-1").stdout == "nap-1: paused\n"
    assert "waiting, paused" in run("list", "--id-prefix", "nap").stdout
    assert run("resume", "nap-1").stdout == "nap-1: resumed\n"
    assert "paused" not in run("list", "--id-prefix", "nap").stdout


def test_a_mission_is_woken(owned: Path, run: Run) -> None:
    """What it waits for is over."""
    assert run("wake", "nap-1").stdout == "nap-1: woken\n"
    assert "timer-fired" in run("show", "nap-1").stdout


def test_a_step_is_skipped(owned: Path, run: Run) -> None:
    """As if it had returned what is given."""
    assert run("skip", "order-2", "--output", '"by hand"').stdout == "order-2: skipped\n"
    assert "step-skipped" in run("show", "order-2").stdout
    assert "expected JSON" in run("skip", "order-4", "--output", "by hand", status=1).stderr


def test_a_mission_is_reopened_from_a_step_on(owned: Path, run: Run) -> None:
    """Also a completed one."""
    assert run("reopen", "order-1", "--step", "invoice").stdout == "order-1: reopened\n"
    assert "mission-reopened" in run("show", "order-1").stdout


def test_what_is_refused_says_why(owned: Path, run: Run) -> None:
    """And ends with another status than what is not there."""
    refused = run("reopen", "order-3", status=1)

    assert refused.stdout == ""
    assert refused.stderr.startswith("order-3: ")
    assert "there is no mission 'order-33'. Did you mean order-3?" in run("cancel", "order-33", status=3).stderr


def test_what_was_never_there_is_told_where_nobody_runs_the_missions(run: Run) -> None:
    """The request would be durable, and nobody would learn that it is for nothing."""
    assert "there is no mission 'order-33'" in run("cancel", "order-33", status=3).stderr


def test_several_missions_are_changed_when_that_is_sure(owned: Path, run: Run) -> None:
    """Each that was refused is listed, with the reason, and the others are done."""
    result = run("pause", "order-3", "order-5", "order-1", "order-33", "--yes", status=1)

    assert result.stdout == "2 paused\n"
    lines = result.stderr.splitlines()
    assert lines[0] == "2 refused:"
    assert sorted(line.split(":")[0] for line in lines[1:]) == ["  order-1", "  order-33"]


def test_nobody_is_asked_who_is_not_there(run: Run) -> None:
    """What would be done is said, and what a script gives."""
    said = " ".join(run("pause", "order-3", "order-5", status=2).stderr.split())

    assert "pause 2 missions (order-3, order-5)? Nobody is there to say so: give --yes." in said


def test_all_that_fit_a_filter_are_changed(owned: Path, run: Run) -> None:
    """Those to which it makes no sense are left alone, and counted."""
    result = run("cancel", "--name", "order", "--yes")

    assert result.stdout == "2 cancelled\n"
    assert result.stderr == "4 that fit the filter are left alone: there is nothing to cancel.\n"


def test_a_filter_that_nothing_fits_changes_nothing(run: Run) -> None:
    """It is well all the same."""
    result = run("cancel", "--name", "nobody")

    assert (result.stdout, result.stderr) == ("", "No mission fits.\n")
    assert run("cancel", "--name", "nobody", "--json").stdout == "[]\n"


def test_what_was_done_is_told_where_storage_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """Who asked knows how far it went."""

    def outcomes() -> Iterator[Outcome]:
        yield Outcome(mission_id="one", state="done", message="paused")
        raise PersistenceError("no disk")

    with pytest.raises(PersistenceError):
        finish_all(Console(), outcomes())

    assert capsys.readouterr().out == "1 paused\n"


def test_many_are_changed_and_told_in_json(owned: Path, run: Run) -> None:
    """An outcome for each, as it comes."""
    lines = run("reopen", "--status", "failed", "--yes", "--jsonl").stdout.splitlines()

    assert {(one["mission_id"], one["state"]) for one in map(json.loads, lines)} == {
        ("order-2", "done"),
        ("order-4", "done"),
    }


def test_who_stops_reading_stops_the_rest(owned: Path, run: Run) -> None:
    """What has begun is ended, and nothing is left behind."""
    script = 'set -o pipefail; "$@" | head -n 1'
    command = [*COMMAND, "pause", "--status", "waiting", "--yes", "--jsonl"]
    done = subprocess.run(["bash", "-c", script, "bash", *command], check=False, capture_output=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, b"")


def test_who_names_nothing_or_both_is_told(run: Run) -> None:
    """All missions are never meant by saying nothing."""
    assert "which missions?" in run("cancel", status=2).stderr
    assert "which missions?" in run("cancel", "order-1", "--status", "failed", status=2).stderr


def test_changes_are_accepted_where_nobody_runs_the_missions(database: Path, run: Run) -> None:
    """And applied when somebody does."""
    said = run("cancel", "order-3", "order-5", "--yes").stdout

    assert said == "2 accepted: it will be applied when a process runs the missions of this database\n"
    work_off(database)
    assert (status_of(run, "order-3"), status_of(run, "order-5")) == ("cancelled", "cancelled")
