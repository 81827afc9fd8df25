"""What was accepted, and refused later."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Run
from .shop import work_off


def test_what_was_refused_later_is_listed(database: Path, run: Run) -> None:
    """With what was asked, and why not."""
    assert run("refused").stderr == "Nothing was refused.\n"
    run("start", "unheard", "--data", "1", "--id", "one")
    run("start", "nap", "--data", '"Bob"', "--id", "order-1")
    work_off(database)

    lines = run("refused").stdout.splitlines()
    assert lines[0].split() == ["MISSION", "ASKED", "OF", "WHY", "REFUSED"]
    assert {line.split()[0] for line in lines[1:]} == {"one", "order-1"}
    (newest,) = json.loads(run("refused", "--limit", "1", "--json").stdout)
    assert newest["kind"] == "start"
