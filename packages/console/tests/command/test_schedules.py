"""Schedules, and what is done with them."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Run


def test_schedules_are_listed(run: Run) -> None:
    """With when they fire, and what they start."""
    line = run("schedules").stdout.splitlines()[1]

    assert line.startswith("nightly-report  active  0 2 * * * Europe/Berlin")
    assert line.endswith("report")
    assert json.loads(run("schedules", "--json").stdout)[0]["name"] == "nightly-report"


def test_a_schedule_is_paused_and_resumed(owned: Path, run: Run) -> None:
    """And shown as what it is."""
    assert run("schedules", "pause", "nightly-report").stdout == "nightly-report: paused\n"
    assert "paused" in run("schedules").stdout
    assert run("schedules", "resume", "nightly-report").stdout == "nightly-report: resumed\n"
    assert "active" in run("schedules").stdout


def test_a_schedule_is_triggered(owned: Path, run: Run) -> None:
    """The mission's id is told."""
    said = json.loads(run("schedules", "trigger", "nightly-report", "--json").stdout)

    assert said["state"] == "done"
    run("show", *said["missions"])


def test_slots_of_the_past_are_filled(owned: Path, run: Run) -> None:
    """Each with a mission, whose ids are told."""
    lines = run("schedules", "backfill", "nightly-report", "--since", "3d").stdout.splitlines()

    assert lines[0] == "nightly-report: 3 missions started"
    assert all(line.startswith("  nightly-report@") for line in lines[1:])
    backwards = ["--since", "2026-11-28", "--until", "2026-11-27"]
    assert "until" in run("schedules", "backfill", "nightly-report", *backwards, status=1).stderr


def test_a_schedule_that_is_none_is_not_there(owned: Path, run: Run) -> None:
    """Who runs them knows."""
    assert "nightly-report" in run("schedules", "pause", "weekly", status=3).stderr


def test_a_change_is_accepted_where_nobody_runs_the_missions(run: Run) -> None:
    """And told so."""
    assert run("schedules", "pause", "nightly-report").stdout.startswith("accepted: it will be applied when")
    assert json.loads(run("schedules", "pause", "nightly-report", "--json").stdout)["state"] == "accepted"
