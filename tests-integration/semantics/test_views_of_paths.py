"""What people see of a mission with paths: attempts, timers and records, told the same by inspections and SQL."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from flows import Stage, begin, ended, flow, path, recovered
from mission_control.core import (
    MissionContext,
    MissionHandle,
    MissionInspection,
    Reminder,
    RetryPolicy,
    m,
)
from mission_control.core.history.records import iso
from mission_control.testing import FakeClock
from storages import OpenCommander, sqlite_adapter_factory


def three(ctx: MissionContext[Any]) -> list[int]:
    return [0, 1, 2]


def office(ctx: MissionContext[Any]) -> str:
    return "office"


def second(ctx: MissionContext[Any]) -> bool:
    return ctx.index == 1


def number(ctx: MissionContext[Any]) -> int:
    return 5


class Fails:
    """A step that fails so often at each place, and then goes through."""

    def __init__(self, times: int) -> None:
        self._left: Counter[str] = Counter()
        self._times = times

    def __call__(self, ctx: MissionContext[Any]) -> str:
        self._left[ctx.step_name] += 1
        if self._left[ctx.step_name] <= self._times:
            raise ValueError(f"no {ctx.step_name}")
        return ctx.step_name


CHILD = m.define("child").start(input=int, run=begin).sleep("rest", 30).end()
SLOW = RetryPolicy(max_attempts=3, initial_interval=7)


def voyage(stage: Stage) -> Any:
    """Return a mission in which everything is open side by side, fails, backs off, sleeps, loses and is undone."""
    item = path().step("pack", Fails(1), retry=SLOW, undo=Fails(1), undo_retry=SLOW).sleep("dry", 10)
    race = path().race("first", {"came": path().need_to("came", int), "never": path().sleep("week", 1_000)})
    waits = path().need_to(
        "sign", int, timeout=40, on_timeout=path().sleep("grace", 5), reminder=Reminder(Fails(9), every=12, retry=SLOW)
    )
    return (
        flow("voyage")
        .parallel(
            "all",
            {
                "items": path().each("e", three, item, max_concurrency=2),
                "race": race.branch("kind", office, {"office": path().sleep("desk", 3)}),
                "waits": waits,
                "rounds": path().repeat("r", path().step("ask", begin), until=second, every=6),
                "child": path().mission("child", CHILD, number),
                "runs": path().step("s", stage, timeout=1_000),
            },
        )
        .sleep("after", 4)
        .step("last", Fails(9))
        .end()
    )


SQL = {
    "attempts": "SELECT step_name, attempt_number, status, started_at, finished_at FROM step_attempts",
    "timers": "SELECT event_name, kind, status, scheduled_at, due_at, resumed_at FROM timers",
    "history": "SELECT seq, type, event_name, attempt_number, path FROM mission_history",
}


def by_sql(database: Path, view: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        order = "" if view != "history" else " ORDER BY seq"
        return connection.execute(f"{SQL[view]} WHERE mission_id = 'x'{order}").fetchall()


def shown(instant: datetime | None) -> str | None:
    return None if instant is None else iso(instant)


def by_inspection(inspection: MissionInspection, view: str) -> list[tuple[Any, ...]]:
    if view == "attempts":
        return [
            (it.step_name, it.attempt_number, it.status, iso(it.started_at), shown(it.finished_at))
            for it in inspection.step_attempts
        ]
    if view == "timers":
        return [
            (
                it.event_name,
                it.kind,
                it.status,
                iso(it.scheduled_at),
                iso(it.due_at),
                it.resumed_at and iso(it.resumed_at),
            )
            for it in inspection.timers
        ]
    return [(it.seq, it.type, it.event_name, it.attempt_number, it.path) for it in inspection.history]


async def check(mission: MissionHandle[Any], database: Path) -> MissionInspection:
    """Hold that SQL says of the mission what its inspection says."""
    inspection = await mission.inspect()
    for view in SQL:
        assert by_sql(database, view) == by_inspection(inspection, view)
    return inspection


async def test_sql_and_inspections_tell_the_same(database_path: Path) -> None:
    """At every moment of a mission of all constructs: crashes, losers, backoffs and undoing included."""
    stage, clock = Stage(), FakeClock(hang_patience=0.05)
    opener = OpenCommander(sqlite_adapter_factory(database_path), clock)
    definition = voyage(stage)
    commander = await opener([definition, CHILD])
    await commander.start(definition, 1, mission_id="x", wait=False)
    seen: list[MissionInspection] = []
    for turn in range(14):
        if turn == 3:
            await opener.crash()
            commander = await opener([definition, CHILD])
        mission = await recovered(commander)
        if turn == 6:
            await mission.signal("came", 1, wait=False)
        if turn == 8:
            stage.let_all_go()
        await clock.advance(5)
        seen.append(await check(mission, database_path))
    await clock.advance(100)
    mission = await recovered(commander)
    assert await ended(mission) == "failed"
    last = await check(mission, database_path)
    await opener.close()

    timers = {(it.event_name, it.status) for each in (*seen, last) for it in each.timers}
    for expected in (
        ("all/items/e[1]/pack", "scheduled"),
        ("all/items/e[1]/dry", "completed"),
        ("all/race/first/never/week", "cancelled"),
        ("all/race/kind/office/desk", "completed"),
        ("all/waits/sign/reminder[0]", "completed"),
        ("all/waits/sign/timeout/grace", "completed"),
        ("all/rounds/r[0]", "completed"),
        ("undo:all/items/e[0]/pack", "completed"),
    ):
        assert expected in timers
    statuses = Counter(it.status for it in last.step_attempts)
    assert set(statuses) == {"succeeded", "failed", "interrupted"}
    assert any(it.status == "running" for each in seen for it in each.step_attempts)
