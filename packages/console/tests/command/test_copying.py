"""Missions that are taken from one place to another."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Run


def test_a_mission_is_exported_and_taken_in_again(owned: Path, run: Run) -> None:
    """Under another id; one that has not ended is paused."""
    Path("order.json").write_text(run("export", "order-3").stdout, "utf-8")

    assert run("import", "order.json", "--id", "order-3b").stdout == "order-3b: imported\n"
    assert "waiting, paused" in run("list", "--id-prefix", "order-3b").stdout
    piped = run("export", "order-2").stdout
    assert run("import", "-", "--id", "order-2b", input=piped).stdout == "order-2b: imported\n"


def test_an_export_is_plain_json(run: Run) -> None:
    """On one line of ASCII, which every program takes."""
    text = run("export", "order-2").stdout

    assert text.isascii()
    assert json.loads(text)["mission_id"] == "order-2"
    assert "Did you mean order-2?" in run("export", "order-22", status=3).stderr


def test_what_cannot_be_taken_in_is_refused(owned: Path, run: Run) -> None:
    """With the reason."""
    Path("order.json").write_text(run("export", "order-3").stdout, "utf-8")
    Path("empty.json").write_text("{}", "utf-8")
    Path("list.json").write_text("[]", "utf-8")

    assert "order-3" in run("import", "order.json", status=1).stderr
    assert run("import", "empty.json", status=1).stderr.startswith("empty.json: ")
    assert run("import", "list.json", status=1).stderr.startswith("list.json: ")


def test_a_database_is_copied(run: Run) -> None:
    """To a path where nothing is."""
    said = run("backup", "copy.db").stdout

    assert said == f"copy.db: written, {Path('copy.db').stat().st_size:,} bytes\n"
    assert "copy.db" in run("backup", "copy.db", status=1).stderr
    assert json.loads(run("backup", "other.db", "--json").stdout)["path"] == "other.db"
    assert len(run("list", "--db", "copy.db").stdout.splitlines()) == 13
