"""Rows of definitions as this adapter keeps them, beyond what every adapter promises."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mission_control.core import PersistenceAdapter
from mission_control.testing.conformance.missions import adds, after, commit, definition

WHOLE, OTHER = definition("f-1", text="ä \ud800"), definition("f-2")


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql)


@pytest.mark.parametrize(
    "damage",
    [
        "static = '{'",
        "static = CAST(x'22ff' AS TEXT)",
        "stored_at = 'yesterday'",
        "stored_at = 7",
    ],
)
async def test_a_damaged_definition_is_left_out(
    adapter: PersistenceAdapter, path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    """It is logged, and the others are listed as they are."""
    await commit(adapter, adds("a", definition=WHOLE), adds("b", definition=OTHER))
    change(path, f"UPDATE definitions SET {damage} WHERE fingerprint = 'f-2'")
    assert list(await adapter.list_definitions()) == [WHOLE]
    assert [one.levelname for one in caplog.records if "definition 'f-2' is left out" in one.message] == ["ERROR"]


async def test_a_definition_of_which_nobody_knows_since_when(adapter: PersistenceAdapter, path: Path) -> None:
    """An earlier release may not have written that; it is listed all the same."""
    await commit(adapter, adds("a", definition=WHOLE), adds("b", definition=OTHER))
    change(path, "UPDATE definitions SET stored_at = NULL WHERE fingerprint = 'f-1'")
    assert [(one, one.stored_at) for one in await adapter.list_definitions()] == [(WHOLE, None), (OTHER, after(1))]
