"""Missions that are started from a shell."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Run
from .shop import work_off


def test_a_mission_is_started_with_what_fits(owned: Path, run: Run) -> None:
    """Under an id and with labels, where they are given."""
    lamp = ["--field", "item=a lamp", "--field", "country=DE"]
    assert run("start", "order", *lamp, "--id", "order-7", "--label", "shop=north").stdout == "order-7: started\n"

    snapshot = json.loads(run("show", "order-7", "--json").stdout)["snapshot"]
    assert (snapshot["status"], snapshot["labels"]) == ("waiting", {"shop": "north"})
    mission_id = run("start", "nap", "--data", '"Bob"').stdout.split(":")[0]
    assert run("show", mission_id).stdout.startswith(f"{mission_id}  waiting\n")


def test_an_input_that_does_not_fit_is_refused(run: Run) -> None:
    """Before anything is sent."""
    refused = run("start", "order", "--data", '{"item": 1}', status=1).stderr

    assert "$.item: expected text, found 1" in refused
    assert "$.country: is missing" in refused


def test_a_start_is_accepted_where_nobody_runs_the_missions(database: Path, run: Run) -> None:
    """Its id is known all the same."""
    mission_id = run("start", "nap", "--data", '"Bob"').stdout.split(":")[0]

    run("show", mission_id, status=3)
    work_off(database)
    run("show", mission_id)


def test_a_name_that_never_ran_is_checked_by_who_runs_it(owned: Path, run: Run) -> None:
    """Nothing is known of it here."""
    result = run("start", "unheard", "--data", "1", status=1)

    assert "No mission named 'unheard' has run here" in result.stderr


def test_an_id_in_use_is_refused_unless_the_same_is_meant(owned: Path, run: Run) -> None:
    """A repeated command can be made harmless."""
    nap = ["start", "nap", "--data", '"Bob"', "--id", "nap-2"]
    run(*nap)

    assert "nap-2" in run(*nap, status=1).stderr
    assert run(*nap, "--if-exists", "return").stdout == "nap-2: started\n"


def test_a_mission_begins_later(owned: Path, run: Run) -> None:
    """At a time that is told."""
    run("start", "nap", "--data", '"Bob"', "--id", "nap-2", "--at", "2100-01-01")

    assert "start_at" in run("show", "nap-2").stdout
    assert "expected a date" in run("start", "nap", "--data", '"Bob"', "--at", "soon", status=2).stderr


def test_a_label_has_a_name_and_a_value(run: Run) -> None:
    """Anything else is wrong usage."""
    assert "expected name=value" in run("start", "nap", "--data", '"Bob"', "--label", "north", status=2).stderr
