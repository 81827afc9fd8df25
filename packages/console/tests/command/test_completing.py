"""What a shell completes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .conftest import Run
from .terminal import COMMAND


def completed(line: str) -> list[str]:
    """Return what bash is offered for the last word of a line."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "_MISSION_CONTROL_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(COMMAND, check=True, capture_output=True, text=True, env=environment, timeout=60)
    assert done.stderr == ""
    return [offered.split(",")[1] for offered in done.stdout.splitlines() if offered]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("mission-control s", ["status", "show", "start", "skip", "schedules", "serve"]),
        ("mission-control show order-", ["order-6", "order-5", "order-4", "order-3", "order-2", "order-1"]),
        ("mission-control --db shop.db cancel nap", ["nap-1"]),
        ("mission-control answer survey-1 both/", ["both/shop/rated", "both/courier/rated"]),
        ("mission-control start or", ["order"]),
        ("mission-control inbox --signal ", ["delivered", "rated", "weighed"]),
        ("mission-control schedules pause n", ["nightly-report"]),
        ("mission-control graph na", ["nap", "nap-1"]),
        ("mission-control list --status f", ["failed"]),
    ],
)
def test_ids_and_names_are_completed_from_the_file(database: Path, line: str, offered: list[str]) -> None:
    """As are commands and choices."""
    assert completed(line) == offered


@pytest.mark.parametrize("line", ["mission-control --db nowhere.db show o", "mission-control --db shop.py show o"])
def test_where_nothing_can_be_read_nothing_is_offered(database: Path, line: str) -> None:
    """Quietly."""
    assert completed(line) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_makes_a_shell_complete_is_written(run: Run, shell: str) -> None:
    """For each of the shells."""
    text = run("completion", shell).stdout

    assert "_MISSION_CONTROL_COMPLETE" in text
    assert "mission-control" in text
