"""Nothing is lost and nothing happens twice, whenever the process is killed (R1; `hatch run soak` is the long run)."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from crash.audit import Findings, audit, read_histories
from crash.kills import kill_and_audit

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

KILLS = 6


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Findings]:
    """What the program left behind that was killed, and what the audit found in it."""
    folder = tmp_path_factory.mktemp("killed")
    return folder, kill_and_audit(folder, kills=KILLS, seed=1)


def test_killed_process_loses_nothing_and_repeats_nothing(killed: tuple[Path, Findings]) -> None:
    """After kills at random moments every accepted mission ends, and no step that succeeded has run again."""
    _, findings = killed

    assert findings.problems == []
    assert findings.counts["attempts interrupted by a kill"] > 0


async def test_process_that_is_killed_before_its_first_commit_leaves_no_histories(tmp_path: Path) -> None:
    """Neither a file that is not there yet nor an empty one keeps the killing from going on."""
    assert await read_histories(tmp_path) == {}
    sqlite3.connect(tmp_path / "missions.db").close()
    (tmp_path / "missions.db").touch()

    assert await read_histories(tmp_path) == {}


FIRST = "(SELECT number FROM missions WHERE mission_name = 'account' AND status = 'completed' LIMIT 1)"
# All of them: a caller whose process was killed before it heard back has not noted what was done for it.
DELETED = "DELETE FROM missions WHERE number >= ?"


def rewritten(text: str, where: str) -> str:
    return f"UPDATE history SET records = replace(records, '{text}', ?) WHERE {where}"


SHORTENED = f"UPDATE history SET records = json_remove(records, ?) WHERE mission = {FIRST} AND version <= 3"
RENUMBERED = rewritten('["step-started","start",1', f"mission = {FIRST}")
RENAMED = rewritten('"close"', f"mission = {FIRST}")
RECEIVED = rewritten('{"payload":', """records LIKE '%["signal-received"%'""")
UPDATED = rewritten('{"input":', """records LIKE '%["mission-update"%'""")
CHILDLESS = "DELETE FROM missions WHERE mission_name = ?"
ORPHANED = "UPDATE missions SET parent = ? WHERE parent IS NOT NULL"
ENDED = rewritten('"status":"completed","output":', """records LIKE '%["child-ended"%"status":"completed"%'""")
UNDOING = rewritten('"steps":["', """records LIKE '%["mission-undoing"%'""")
NOT_UNDONE = rewritten('"undo":true', """records LIKE '%"undo":true%'""")


@pytest.mark.parametrize(
    ("tampering", "value", "problem"),
    [
        (DELETED, 1, "it was accepted, and is lost"),
        (SHORTENED, "$[0]", "record 1 was expected"),
        (f"UPDATE missions SET cursor = ? WHERE number = {FIRST}", "close", "is not what its history folds to"),
        (RENUMBERED, '["step-started","start",7', "attempt 1 was expected"),
        (RECEIVED, '{"payload":"?","was":', "was taken with"),
        (UPDATED, '{"input":"?","was":', "was made, and is there 0 x"),
        (RENAMED, '"stop"', "the attempt ran and is not on record"),
        (CHILDLESS, "freight", "is not there"),
        (ORPHANED, None, "is not what its history folds to"),
        (ENDED, '"status":"completed","output":"?","was":', "ended as"),
        (UNDOING, '"steps":["start","', "to be undone"),
        (NOT_UNDONE, '"undo":false', "to be undone"),
    ],
)
def test_audit_notices(
    killed: tuple[Path, Findings], tmp_path: Path, tampering: str, value: object, problem: str
) -> None:
    """The audit of a database that was tampered with says what is wrong."""
    folder = shutil.copytree(killed[0], tmp_path / "tampered")
    with closing(sqlite3.connect(folder / "missions.db")) as connection, connection:
        assert connection.execute(tampering, (value,)).rowcount > 0

    findings = asyncio.run(audit(folder, []))

    assert any(problem in line for line in findings.problems), findings.problems


def test_audit_notices_an_effect_that_took_place_twice(killed: tuple[Path, Findings], tmp_path: Path) -> None:
    """An attempt that ran twice under one number is found, whatever the history says."""
    folder = shutil.copytree(killed[0], tmp_path / "tampered")
    ledger = folder / "ledger.jsonl"
    effect = next(line for line in ledger.read_text("utf-8").splitlines() if '"effect"' in line)
    with ledger.open("a", encoding="utf-8") as file:
        file.write(effect + "\n")

    findings = asyncio.run(audit(folder, []))

    assert any("the attempt ran 2 times" in line for line in findings.problems)
