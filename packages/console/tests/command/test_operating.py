"""What is done with all that is stored."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from .conftest import Run
from .shop import owner


def damage(database: Path) -> None:
    """Let a row say something else than its history does."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE missions SET cursor = 'elsewhere' WHERE mission_id = 'order-3'")


def test_a_plan_says_what_a_deploy_would_do(run: Run) -> None:
    """Nothing is registered, and all is well where nobody is stranded."""
    assert "unaffected" in run("plan", "shop:DEFINITIONS").stdout
    assert json.loads(run("plan", "shop:DEFINITIONS", "--json").stdout)["is_safe"] is True
    groups = [json.loads(line) for line in run("plan", "shop:DEFINITIONS", "--jsonl").stdout.splitlines()]
    assert {one["mission_name"] for one in groups} == {"order", "survey", "nap", "call", "parcel", "trip"}


def test_a_plan_that_would_strand_missions_ends_with_1(run: Run) -> None:
    """A pipeline stops there."""
    text = run("plan", "shop:order", "shop:nap", "shop:call", status=1).stdout

    assert text.startswith("not safe: ")
    assert "survey" in text


def test_a_plan_of_what_is_no_definition_is_refused(database: Path, run: Run) -> None:
    """A module, a name in it, and its kind each have a message of their own."""
    Path("broken.py").write_text("1 / 0\n", "utf-8")
    Path("needy.py").write_text("import not_installed_anywhere\n", "utf-8")

    assert "there is no module 'nowhere'" in run("plan", "nowhere:order", status=1).stderr
    assert "module 'shop' has no 'orders'; it has " in run("plan", "shop:orders", status=1).stderr
    assert (
        "expected a mission definition, or a collection of them, found int" in run("plan", "shop:ONE", status=1).stderr
    )
    assert "ZeroDivisionError" in run("plan", "broken:order", status=1).stderr
    assert "broken.py, line 1" in run("plan", "broken:order", status=1).stderr
    assert "'needy' cannot be imported" in run("plan", "needy:order", status=1).stderr
    assert "expected MODULE:NAME" in run("plan", "shop", status=2).stderr


def test_the_doctor_finds_nothing(run: Run) -> None:
    """And says so; what no definition says is no finding where none is given."""
    assert run("doctor").stderr == "Everything is as it should be.\n"
    assert run("doctor", "--definitions", "shop:DEFINITIONS").stderr == "Everything is as it should be.\n"


def test_the_doctor_ends_with_1_where_something_is_found(database: Path, run: Run) -> None:
    """Each finding says of which kind it is."""
    damage(database)

    assert run("doctor", status=1).stdout.startswith("wrong rows: mission 'order-3': ")
    assert [one["kind"] for one in json.loads(run("doctor", "--json", status=1).stdout)] == ["wrong rows"]
    assert "not registered" in run("doctor", "--definitions", "shop:order", status=1).stdout


def test_the_doctor_repairs_through_who_runs_the_missions(database: Path, run: Run) -> None:
    """Without anybody it does not begin."""
    damage(database)

    assert "start it" in run("doctor", "--repair", status=1).stderr
    with owner(database):
        assert run("doctor", "--repair").stdout.startswith("wrong rows, repaired: mission 'order-3'")
        run("doctor")


def test_missions_that_ended_are_deleted(owned: Path, run: Run) -> None:
    """Those of a status and a name, and no others."""
    assert (
        run("purge", "--ended-before", "0s", "--status", "completed", "--name", "order", "--yes").stdout
        == "1 deleted\n"
    )
    run("show", "order-1", status=3)
    assert json.loads(run("purge", "--ended-before", "0s", "--yes", "--json").stdout) == {"deleted": 3}


def test_a_purge_is_asked_about(run: Run) -> None:
    """What is deleted is said before."""
    said = " ".join(run("purge", "--ended-before", "30d", "--status", "failed", status=2).stderr.split())

    assert "Delete all failed missions that ended before " in said


def test_a_purge_is_accepted_where_nobody_runs_the_missions(run: Run) -> None:
    """As far as one request goes."""
    assert "up to 1,000 are deleted then" in run("purge", "--ended-before", "0s", "--yes").stdout
