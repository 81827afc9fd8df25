"""A database of missions in every state, with what is hostile in their names, payloads and errors; and its owner."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from attrs import define

from mission_control.adapter_sqlite import SQLiteCommander
from mission_control.core import Commander, MissionContext, MissionDefinition, RetryPolicy, Schedule, Signal, m

MARKUP = "<script>alert('x')</script>"


@define
class Line:
    sku: str
    count: int = 1


@define
class Decision:
    approve: bool
    lines: list[Line]
    comment: str | None = None


DECIDED = Signal("decided", Decision)


def take(ctx: MissionContext[dict[str, Any]]) -> dict[str, Any]:
    return ctx.input


def break_down(ctx: MissionContext[dict[str, Any]]) -> None:
    raise ConnectionError(f"{MARKUP} {ctx.input}")


def definitions() -> list[MissionDefinition[Any]]:
    """Return missions that wait, sleep, fail, back off, fork and end."""
    path = m.path()
    return [
        m.define("approval")
        .start(input=dict[str, Any], run=take)
        .need_to(DECIDED, timeout=timedelta(days=2))
        .step("pay", take)
        .end(),
        m.define("failing").start(input=dict[str, Any], run=take).step("break", break_down).end(),
        m.define("retrying")
        .start(input=dict[str, Any], run=take)
        .step("break", break_down, retry=RetryPolicy(max_attempts=9, initial_interval=3600))
        .end(),
        m.define("resting").start(input=dict[str, Any], run=take).sleep("rest", timedelta(days=1)).end(),
        m.define("forked")
        .start(input=dict[str, Any], run=take)
        .parallel("both", {"left": path.need_to("left", str), "right": path.need_to("right", int)})
        .end(),
        m.define("plain").start(input=dict[str, Any], run=take).end(),
    ]


@asynccontextmanager
async def owned(database: Path) -> AsyncGenerator[Commander]:
    """Run the missions of the file, and start one of each kind where there is none yet."""
    known = definitions()
    plain = known[-1]
    schedules = [Schedule("nightly", plain, input={"of": MARKUP}, cron="0 3 * * *")]
    async with SQLiteCommander(database_path=database, definitions=known, schedules=schedules) as commander:
        for definition in known:
            for mission_id in (f"{definition.name}-1", f"{definition.name}/{MARKUP}"):
                await commander.start(
                    definition,
                    {"text": MARKUP, "n": 1},
                    mission_id=mission_id,
                    if_exists="return",
                    labels={"label": MARKUP},
                    wait=False,
                )
        await commander.settled()
        yield commander
