"""What the next process makes of what the last one left (rules 8, 20, 21 and 23)."""

from __future__ import annotations

import asyncio
import logging
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pytest

from mission_control.core import (
    Commander,
    CorruptMissionError,
    MissionContext,
    MissionHandle,
    MissionNotRegisteredError,
    MissionSummary,
    PersistenceAdapter,
    PersistenceError,
    RetryPolicy,
    m,
)
from mission_control.core.storage.persistence import CommitOutcome, MissionCommit
from mission_control.testing import FakeClock
from storages import Forwarding, Gate, Kept, OpenCommander, sqlite_adapter_factory


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


async def handle(commander: Commander, mission_id: str) -> MissionHandle[Any]:
    found = await commander.get_mission(mission_id)
    assert found is not None
    return found


# A process that ends after any commit


class DyingAt(Forwarding):
    """Dies at one commit: before it takes effect, or after. `dead` is set then, and nothing takes effect any more."""

    def __init__(self, inner: PersistenceAdapter, number: int, when: Literal["before", "after"]) -> None:
        super().__init__(inner)
        self._number = number
        self._when = when
        self._commits = 0
        self.dead = asyncio.Event()

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        self._commits += 1
        if self._commits >= self._number:
            if self._commits == self._number and self._when == "after":
                await super().commit(batch)
            self.dead.set()
            raise PersistenceError("this process is dead")
        return await super().commit(batch)


COMMITS = 12


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, COMMITS + 1))
async def test_process_may_end_at_any_commit(
    open_commander: OpenCommander, fake_clock: FakeClock, number: int, when: Literal["before", "after"]
) -> None:
    """Wherever a process ends, the next one brings the mission to the same end, and no completed step runs again."""
    runs: Counter[str] = Counter()

    async def step(ctx: MissionContext[int]) -> int:
        runs[ctx.step_name] += 1
        return ctx.input

    def on_thread(ctx: MissionContext[int]) -> int:
        runs[ctx.step_name] += 1
        if ctx.attempt == 1:
            raise ValueError("the first attempt fails")
        return ctx.input

    definition = (
        m.define("life")
        .update("note", str, lambda ctx, text: text)
        .start(input=int, run=step)
        .step("on-thread", on_thread, retry=RetryPolicy(max_attempts=5, initial_interval=5))
        .need_to("go", str)
        .step("middle", step)
        .sleep("nap", 60)
        .step("last", step)
        .end()
    )
    dying = Kept(lambda inner: DyingAt(inner, number, when))

    async def live(commander: Commander) -> None:
        mission = await commander.start(definition, 7, mission_id="life", if_exists="return")
        await fake_clock.advance(10)
        while (await mission.snapshot()).status == "running":
            await asyncio.sleep(0.001)
        if "note" not in (await mission.snapshot()).events and not (await mission.status()).is_terminal:
            await mission.update("note", "x")
        if "go" not in (await mission.snapshot()).events:
            await mission.signal("go", "on")
        await fake_clock.advance(60)
        await mission.result()

    commander = await open_commander([definition], wrap=dying)
    living = asyncio.create_task(live(commander))
    dying_first = asyncio.create_task(dying.adapter.dead.wait())
    async with asyncio.timeout(30):
        await asyncio.wait([living, dying_first], return_when=asyncio.FIRST_COMPLETED)
    await open_commander.crash()
    for task in (living, dying_first):
        task.cancel()
    await asyncio.gather(living, dying_first, return_exceptions=True)
    commander = await open_commander([definition])
    async with asyncio.timeout(30):
        await live(commander)

    mission = await handle(commander, "life")
    snapshot = await mission.result()
    assert (snapshot.status, snapshot.output) == ("completed", 7)
    history = await mission.history()
    succeeded = Counter(record.event_name for record in history if record.type == "step-succeeded")
    assert succeeded == {"start": 1, "on-thread": 1, "middle": 1, "last": 1}
    begun = [(r.event_name, r.attempt_number) for r in history if r.type == "step-started"]
    assert len(set(begun)) == len(begun)
    assert all(runs[name] <= 2 for name in ("start", "middle", "last"))


# Interruptions


async def test_attempt_that_its_process_did_not_survive_is_interrupted_and_a_new_one_starts(
    open_commander: OpenCommander,
) -> None:
    """The interrupted attempt counts in the numbers, and not towards `max_attempts`."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate, retry=RetryPolicy(max_attempts=1)).end()
    for _ in range(3):
        commander = await open_commander([definition])
        await commander.start(definition, 1, mission_id="torn", if_exists="return", wait=False)
        await gate.begun.wait()
        gate.begun.clear()
        await open_commander.crash()
    gate.opened.set()
    commander = await open_commander([definition])
    await commander.settled()

    inspection = await commander.inspect_mission("torn")
    assert inspection is not None
    assert [(a.attempt_number, a.status) for a in inspection.step_attempts] == [
        (1, "interrupted"),
        (2, "interrupted"),
        (3, "interrupted"),
        (4, "succeeded"),
    ]


async def test_too_many_process_deaths_in_a_row_fail_the_mission(open_commander: OpenCommander) -> None:
    """After `max_interruptions` deaths within one step the mission fails, and its step is not run again."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate, retry=RetryPolicy(max_interruptions=2)).end()
    for _ in range(2):
        commander = await open_commander([definition])
        await commander.start(definition, 1, mission_id="torn", if_exists="return", wait=False)
        await gate.begun.wait()
        gate.begun.clear()
        await open_commander.crash()
    commander = await open_commander([definition])
    await commander.settled()

    snapshot = await (await handle(commander, "torn")).result()
    assert snapshot.error is not None
    assert (snapshot.status, snapshot.error.code) == ("failed", "STEP_INTERRUPTED")
    assert gate.runs == 2
    gate.opened.set()


async def test_clean_closes_count_towards_nothing(open_commander: OpenCommander) -> None:
    """However often a commander is closed while a step runs, the step is run again and the mission does not fail."""
    gate = Gate()
    policy = RetryPolicy(max_attempts=1, max_interruptions=1)
    definition = m.define("d").start(input=int, run=gate, retry=policy).end()
    for _ in range(4):
        commander = await open_commander([definition])
        await commander.start(definition, 1, mission_id="closed", if_exists="return", wait=False)
        await gate.begun.wait()
        gate.begun.clear()
        await open_commander.close()
    gate.opened.set()
    commander = await open_commander([definition])
    await commander.settled()

    mission = await handle(commander, "closed")
    assert (await mission.result()).status == "completed"
    reasons = [r.details["reason"] for r in await mission.history() if r.type == "step-interrupted"]
    assert reasons == ["closed"] * 4


async def test_failure_between_deaths_starts_their_count_anew(open_commander: OpenCommander) -> None:
    """`max_interruptions` is in a row: an attempt that ends by itself sets it back."""
    gate = Gate()

    async def step(ctx: MissionContext[int]) -> str:
        if ctx.attempt == 2:
            raise ValueError("no")
        return await gate(ctx)

    policy = RetryPolicy(max_attempts=3, max_interruptions=2)
    definition = m.define("d").start(input=int, run=step, retry=policy).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="torn", wait=False)
    await gate.begun.wait()
    await open_commander.crash()
    gate.begun.clear()
    commander = await open_commander([definition])
    await gate.begun.wait()
    await open_commander.crash()
    gate.opened.set()
    commander = await open_commander([definition])
    await commander.settled()

    assert (await (await handle(commander, "torn")).result()).status == "completed"


KILLER = """
import asyncio, os, signal, sys
from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import MissionContext, RetryPolicy, create_commander, m

async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input

def deadly(ctx: MissionContext[int]) -> None:
    with open(sys.argv[2], "a") as runs:
        runs.write(f"{ctx.attempt}\\n")
    os.kill(os.getpid(), signal.SIGKILL)

deadly_mission = (
    m.define("deadly").start(input=int, run=begin).step("deadly", deadly, retry=RetryPolicy(max_interruptions=3)).end()
)

async def main() -> None:
    adapter = create_sqlite_persistence_adapter(sys.argv[1])
    async with create_commander(definitions=[deadly_mission], persistence=adapter) as commander:
        mission = await commander.start(deadly_mission, 1, mission_id="deadly", if_exists="return", wait=False)
        snapshot = await mission.result()
        assert snapshot.error is not None
        sys.exit(f"{snapshot.status} {snapshot.error.code}")

asyncio.run(main())
"""


def test_step_that_kills_its_process_does_not_do_so_for_ever(tmp_path: Path) -> None:
    """A step that kills its process with SIGKILL runs `max_interruptions` times, and then its mission has failed."""
    runs = tmp_path / "runs"
    command = [sys.executable, "-c", KILLER, str(tmp_path / "missions.db"), str(runs)]
    codes = [subprocess.run(command, check=False, capture_output=True, text=True, timeout=60) for _ in range(4)]

    assert [done.returncode for done in codes] == [-signal.SIGKILL] * 3 + [1]
    assert codes[3].stderr.splitlines()[-1] == "failed STEP_INTERRUPTED"
    assert runs.read_text().split() == ["1", "2", "3"]


# Which missions resume, and in what order


async def test_interrupted_missions_resume_in_order_of_creation_page_by_page(open_commander: OpenCommander) -> None:
    """Hundreds of interrupted missions resume by themselves, the oldest first, in bounded pages."""
    order: list[int] = []

    async def note(ctx: MissionContext[int]) -> int:
        order.append(ctx.input)
        return ctx.input

    gate = Gate()
    blocker = m.define("blocker").start(input=int, run=gate).end()
    definition = m.define("d").start(input=int, run=note).end()
    commander = await open_commander([definition], max_concurrency=1)
    await commander.start(blocker, 1, wait=False)
    await gate.begun.wait()
    for number in range(300):
        await commander.start(definition, number, wait=False)
    await open_commander.crash()
    limits: list[int] = []

    class Pages(Forwarding):
        async def list_interrupted(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
            limits.append(limit)
            return await super().list_interrupted(limit=limit, after=after)

    order.clear()
    commander = await open_commander([definition], max_concurrency=1, wrap=Pages)
    await commander.settled()

    assert order == list(range(300))
    assert len(limits) > 1
    assert max(limits) <= 512
    gate.opened.set()


async def test_unregistered_mission_stays_as_it_is_until_its_definition_comes(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """It is listed and inspected, has no handle, and goes on when its definition is registered later."""
    gate = Gate()
    interrupted = m.define("interrupted").start(input=int, run=gate).end()
    napping = m.define("napping").start(input=int, run=begin).sleep("nap", 60).end()
    commander = await open_commander([interrupted, napping])
    await commander.start(interrupted, 1, mission_id="torn", wait=False)
    await commander.start(napping, 1, mission_id="nap")
    await gate.begun.wait()
    await open_commander.crash()
    gate.opened.set()
    commander = await open_commander([])
    await fake_clock.advance(120)
    assert [(s.mission_id, s.status) for s in await commander.list_missions()] == [
        ("torn", "running"),
        ("nap", "waiting"),
    ]
    inspection = await commander.inspect_mission("torn")
    assert inspection is not None
    assert inspection.step_attempts[0].status == "running"
    for mission_id in ("torn", "nap"):
        with pytest.raises(MissionNotRegisteredError, match="register"):
            await commander.get_mission(mission_id)
    commander.register(interrupted)
    commander.register(napping)
    await commander.settled()

    assert [s.status for s in await commander.list_missions()] == ["completed", "completed"]


async def test_first_mission_of_each_missing_definition_is_warned_of(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """With what to do about it; the others of the name are told of at debug, so that thousands fill no log."""
    gate = Gate()
    definitions = [m.define(name).start(input=int, run=gate).end() for name in ("one", "other")]
    commander = await open_commander(definitions)
    for number in range(3):
        for definition in definitions:
            await commander.start(definition, 1, mission_id=f"{definition.name}-{number}", wait=False)
    while gate.runs < 6:
        await asyncio.sleep(0)
    await open_commander.crash()
    gate.opened.set()
    with caplog.at_level(logging.DEBUG, "mission_control.engine"):
        await (await open_commander([])).settled()

    lines = [(record.levelname, record.getMessage()) for record in caplog.records if "passed over" in record.message]
    assert [level for level, _ in lines] == ["WARNING", "WARNING", *["DEBUG"] * 4]
    for name, (_, line) in zip(("one", "other"), lines, strict=False):
        assert f"mission '{name}-0' is a '{name}', and no definition of that name is registered" in line


# Histories that do not fold

LAST = "mission = 2 AND version = 5"
"""The commit in which the start succeeded and the nap was scheduled."""


def last_commit(place: str, value: str) -> str:
    return f"UPDATE history SET records = json_set(records, '{place}', {value}) WHERE {LAST}"


def damage(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        assert database.execute(sql).rowcount > 0


def rows_of_the_second(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT * FROM history WHERE mission = 2").fetchall()


BROKEN_JSON = "UPDATE history SET records = '[' WHERE version = 3"
BROKEN = {
    "broken JSON": f"{BROKEN_JSON} AND mission = 2",
    "a gap": "DELETE FROM history WHERE mission = 2 AND version = 3",
    "a record that is gone": f"UPDATE history SET records = json_remove(records, '$[0]') WHERE {LAST}",
    "no end": f"DELETE FROM history WHERE {LAST}",
    "nothing left": "DELETE FROM history WHERE mission = 2",
    "an unknown type": last_commit("$[0][0]", "'step-imagined'"),
    "an unreadable time": f"UPDATE history SET at = 'yesterday' WHERE {LAST}",
    "a contradiction": last_commit("$[0]", "json_array('timer-fired', 'nap', NULL, json('{}'))"),
    "another attempt": last_commit("$[0][2]", "7"),
    "no output": last_commit("$[0][3]", "NULL"),
    "a due time that is none": last_commit("$[1][3].due_at", "5"),
}


@pytest.mark.parametrize("name", list(BROKEN))
async def test_history_that_does_not_fold_is_corrupt_for_its_mission_alone(
    tmp_path: Path, fake_clock: FakeClock, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One damaged mission among three is an error that names it, the others go on, and its rows stay as they are."""
    path = tmp_path / "missions.db"
    open_commander = OpenCommander(sqlite_adapter_factory(path), fake_clock)
    definition = m.define("napping").start(input=int, run=begin).sleep("nap", 60).end()
    commander = await open_commander([definition])
    for mission_id in ("first", "damaged", "last"):
        await commander.start(definition, 1, mission_id=mission_id)
    await open_commander.close()
    damage(path, BROKEN[name])
    rows = rows_of_the_second(path)
    with caplog.at_level(logging.ERROR):
        commander = await open_commander([definition])
        await fake_clock.advance(60)
        await commander.settled()

        assert await (await handle(commander, "first")).status() == "completed"
        assert await (await handle(commander, "last")).status() == "completed"
        damaged = await handle(commander, "damaged")
        for call in (damaged.inspect(), damaged.snapshot(), damaged.signal("go", 1), damaged.cancel()):
            with pytest.raises(CorruptMissionError, match="damaged"):
                await call
        with pytest.raises(CorruptMissionError, match="damaged"):
            await commander.inspect_mission("damaged")
        assert len(await commander.list_missions()) == 3
    assert "damaged" in caplog.text
    await open_commander.close()
    assert rows_of_the_second(path) == rows


async def test_corrupt_mission_is_not_read_again_and_again(tmp_path: Path, fake_clock: FakeClock) -> None:
    """A corrupt mission that is overdue is met once, however often others become due."""
    path = tmp_path / "missions.db"
    open_commander = OpenCommander(sqlite_adapter_factory(path), fake_clock)
    definition = m.define("napping").start(input=int, run=begin).sleep("nap", 60).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="damaged")
    await open_commander.close()
    damage(path, BROKEN_JSON)
    loads: list[str] = []

    class Loads(Forwarding):
        async def load(self, mission_ids: Sequence[str], /) -> Any:
            loads.extend(mission_ids)
            return await super().load(mission_ids)

    commander = await open_commander([definition], wrap=Loads)
    await fake_clock.advance(60)
    for number in range(5):
        mission = await commander.start(definition, number)
        await fake_clock.advance(60)
        assert await mission.status() == "completed"
    await open_commander.close()

    assert loads.count("damaged") == 1


async def test_start_with_the_id_of_a_corrupt_mission_is_refused(tmp_path: Path, fake_clock: FakeClock) -> None:
    """An id stays taken although what is stored under it cannot be read."""
    path = tmp_path / "missions.db"
    open_commander = OpenCommander(sqlite_adapter_factory(path), fake_clock)
    definition = m.define("napping").start(input=int, run=begin).sleep("nap", 60).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="damaged")
    await open_commander.close()
    damage(path, BROKEN_JSON)
    commander = await open_commander([definition])
    async with asyncio.timeout(30):
        with pytest.raises(CorruptMissionError, match="damaged"):
            await commander.start(definition, 1, mission_id="damaged", if_exists="return")
    await open_commander.close()
