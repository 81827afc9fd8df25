"""Rows of schedules as this adapter keeps them, beyond what every adapter promises."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest

from mission_control.adapter_sqlite import sqlite_mailbox
from mission_control.adapter_sqlite.connection import connect_for_writing
from mission_control.adapter_sqlite.files import Files
from mission_control.adapter_sqlite.schedules import list_schedules
from mission_control.adapter_sqlite.schema import migrate
from mission_control.adapter_sqlite.writer import Writer
from mission_control.core import MissionStatus, PersistenceAdapter, PersistenceError
from mission_control.core.schedules import StoredSchedule, schedule_form
from mission_control.testing.conformance.missions import adds, after, commit, ids, schedule, signal

TEAM = {"team": "ops"}
FIRES = schedule("fires", last_slot=after(1), last_mission_id="fires@1")
FIRST = attrs.evolve(adds("fires@1", schedule="fires", slot=after(1), labels=TEAM), schedule=FIRES)


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(sql)


def test_only_the_beginning_of_what_a_schedule_starts_is_wider(path: Path) -> None:
    """The row of the schedule goes down with it; what comes later is bound as for any other mission."""
    path.touch()
    connection = connect_for_writing(path, "full")
    migrate(connection)
    statements: list[str] = []
    with closing(Writer(connection, Files(path), sqlite3.Connection.close)) as writer:
        connection.set_trace_callback(statements.append)
        writer.write([FIRST])
        first = {" ".join(sql.split()[:3]) for sql in statements if not sql.startswith("--")}
        assert first >= {"BEGIN IMMEDIATE", "INSERT INTO whole_commits", "INSERT OR REPLACE", "COMMIT"}
        statements.clear()
        for version, waiting in enumerate((None, signal()), 1):
            begun: dict[str, Any] = {"schedule": "fires", "slot": after(1), "labels": TEAM, "ran_under": "f-1"}
            writer.write([adds("fires@1", version=version, waiting=waiting, **begun)])
        later = {sql.split()[2] for sql in statements if not sql.startswith("--")}
    assert later == {"commits"}


async def test_a_schedule_that_fails_takes_the_commit_with_it(adapter: PersistenceAdapter, path: Path) -> None:
    """It is part of the transaction, to the last statement of it."""
    change(path, "CREATE TRIGGER no BEFORE INSERT ON schedules BEGIN SELECT RAISE(FAIL, 'no'); END")
    with pytest.raises(PersistenceError, match="no"):
        await adapter.commit([adds("other"), FIRST])
    with pytest.raises(PersistenceError, match="no"):
        await adapter.record_schedules([FIRES])
    assert ids(await adapter.list_missions(limit=9)) == []


DAMAGES = {
    "broken JSON": "'{'",
    "JSON of another kind": "'[]'",
    "a row without all": "'{}'",
    "an unreadable time": "json_set(schedule, '$.decided', 'yesterday')",
    "a time without an offset": "json_set(schedule, '$.decided', '2024-01-01T00:00:00.000000')",
    "something else for a time": "json_set(schedule, '$.next_slot', 7)",
    "something else for slots": "json_set(schedule, '$.passed_over', json('[1]'))",
    "deeply nested JSON": f"'{'[' * 90_000}'",
    "bytes for text": "x'ff00'",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
async def test_a_damaged_schedule(
    adapter: PersistenceAdapter, path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One that cannot be decoded is left out, which is logged as an error; the others are listed whole."""
    await commit(adapter, FIRST)
    await adapter.record_schedules([schedule("b"), schedule("z")])
    change(path, f"UPDATE schedules SET schedule = {damage} WHERE name = 'b'")
    assert list(await adapter.list_schedules()) == [(FIRES, MissionStatus.RUNNING), (schedule("z"), None)]
    assert [record.levelname for record in caplog.records if "schedule 'b' is left out" in record.message] == ["ERROR"]


async def test_a_schedule_is_listed_where_its_mission_is_damaged(adapter: PersistenceAdapter, path: Path) -> None:
    """What is decided of its slots does not depend on that."""
    await commit(adapter, FIRST)
    change(path, "UPDATE missions SET status = 'dancing'")
    assert list(await adapter.list_schedules()) == [(FIRES, None)]


async def test_a_schedule_is_readable_in_the_file(adapter: PersistenceAdapter, path: Path) -> None:
    """The table has its JSON form under its name, as it was written last."""
    await adapter.record_schedules([schedule("fires"), schedule("é")])
    await commit(adapter, FIRST)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, schedule FROM schedules").fetchall()
    assert [(name, json.loads(form)) for name, form in rows] == [
        ("fires", schedule_form(FIRES)),
        ("é", schedule_form(schedule("é"))),
    ]


@pytest.mark.parametrize("prepare", ["BEGIN", "ANALYZE"])
async def test_missions_are_looked_up_by_their_ids(adapter: PersistenceAdapter, path: Path, prepare: str) -> None:
    """Listing schedules costs no look at all missions, whether or not somebody has run ANALYZE."""
    names = [f"m-{number}" for number in range(5_000)]
    await commit(adapter, *map(adds, names))
    await adapter.record_schedules([schedule(f"s-{name}", last_mission_id=name) for name in names[:3]])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(prepare)
        steps: list[None] = []
        connection.set_progress_handler(lambda: steps.append(None), 1)
        assert [status for _, status in list_schedules(connection)] == [MissionStatus.RUNNING] * 3
        assert len(steps) < 1_000


async def test_who_sends_to_the_owner_lists_its_schedules(adapter: PersistenceAdapter, path: Path) -> None:
    """As the file has them at that time; before the owner's first run there are none."""

    async def listed(file: Path) -> list[tuple[StoredSchedule, MissionStatus | None]]:
        outbox = await sqlite_mailbox(file).open(lambda: None)
        try:
            return list(await outbox.list_schedules())
        finally:
            await outbox.close()

    await commit(adapter, FIRST)
    assert await listed(path) == [(FIRES, MissionStatus.RUNNING)]
    assert await listed(path.with_name("none.db")) == []
