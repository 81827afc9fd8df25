"""Another process looks at the missions of a busy owner, and does not disturb it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from mission_control.adapter_sqlite import SQLiteCommander
from mission_control.core import MissionContext, m

READER = """
import asyncio, json, sys
from mission_control.adapter_sqlite import open_mission_reader

async def main() -> None:
    looked = statuses = 0
    seen = set()
    async with open_mission_reader(sys.argv[1]) as reader:
        while not seen >= {"waiting", "completed"} or looked < 100:
            for summary in await reader.list_missions(limit=20):
                inspection = await reader.inspect_mission(summary.mission_id)
                assert inspection is not None
                assert [record.seq for record in inspection.history] == list(range(1, len(inspection.history) + 1))
                seen.add(str(inspection.snapshot.status))
                looked += 1
    print(json.dumps({"looked": looked, "seen": sorted(seen)}))

asyncio.run(main())
"""


async def echo(ctx: MissionContext[int]) -> int:
    return ctx.input


async def test_another_process_reads_under_load(tmp_path: Path) -> None:
    """While the owner starts, signals and completes missions, a reader elsewhere sees whole histories."""
    definition = m.define("busy").start(input=int, run=echo).need_to("go", int).step("echo", echo).end()
    database = tmp_path / "missions.db"
    async with SQLiteCommander(database_path=database, definitions=[definition]) as commander:
        mission = waiting = await commander.start(definition, 0, mission_id="waiting")
        command = (sys.executable, "-W", "error", "-c", READER, str(database))
        reader = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        number = 0
        while reader.returncode is None and number < 20_000:
            number += 1
            mission = await commander.start(definition, number, mission_id=f"mission-{number}")
            await mission.signal("go", number)
        told, _ = await asyncio.wait_for(reader.communicate(), 30)

        assert await waiting.status() == "waiting"
        assert await mission.output() == number
    shown = json.loads(told)
    assert shown["looked"] >= 100
    assert {"waiting", "completed"} <= set(shown["seen"])
