"""The missions that are measured, with tiny payloads, and how a commander over a file is opened."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import Commander, MissionContext, MissionDefinition, Schedule, Signal, create_commander, m

Payload: TypeAlias = dict[str, int]
PAYLOAD: Payload = {"n": 1}

go = Signal("go", Payload)


async def work(ctx: MissionContext[Payload]) -> Payload:
    """Do nothing, so that nothing but the runtime is measured."""
    return PAYLOAD


def linear(steps: int, name: str = "linear", run: Any = work) -> MissionDefinition[Payload]:
    """Return a mission of a start and `steps` steps."""
    draft = m.define(name).start(input=Payload, run=work)
    for number in range(1, steps + 1):
        draft = draft.step(f"step-{number}", run)
    return draft.end()


def signalled(name: str = "signalled") -> MissionDefinition[Payload]:
    """Return a mission that waits for a signal, and has one step after it."""
    return m.define(name).start(input=Payload, run=work).need_to(go).step("step-1", work).end()


def sleeping(duration: timedelta, run: Any = work, name: str = "sleeping") -> MissionDefinition[Payload]:
    """Return a mission that sleeps, and has one step after that."""
    return m.define(name).start(input=Payload, run=work).sleep("rest", duration).step("step-1", run).end()


def open_commander(
    database: Path, *definitions: MissionDefinition[Payload], schedules: Iterable[Schedule[Payload]] = ()
) -> Commander:
    """Return a commander over a file, with the default and strictest durability."""
    storage = create_sqlite_persistence_adapter(database, synchronous="full")
    return create_commander(definitions=definitions, schedules=schedules, persistence=storage)


async def prepare(database: Path) -> None:
    """Let the adapter make its tables in a new file."""
    async with open_commander(database):
        pass
