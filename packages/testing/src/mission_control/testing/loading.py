"""A mission that was exported elsewhere, in a test: an incident of production as a regression test."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

from mission_control.core import MissionDefinition, MissionHandle, create_commander
from mission_control.core.definition import gathered
from mission_control.core.machine import check_carries
from mission_control.core.operations import read_form

from .clock import FakeClock

MissionSource: TypeAlias = "dict[str, Any] | str | os.PathLike[str]"


@asynccontextmanager
async def load_mission(
    source: MissionSource, /, *, definitions: Iterable[MissionDefinition[Any]], reopen: bool = False
) -> AsyncGenerator[tuple[MissionHandle[Any], FakeClock]]:
    """Give `(mission, clock)`: a mission that was exported, and a clock that stands at its last record.

    `source` is what `export_mission` returned, its JSON text, or the path of a file with that. The mission goes on in
    memory, under today's `definitions`, from where it stood; it is not paused, whatever it was. With `reopen` one that
    has failed or was cancelled goes on where its end stopped it, as `reopen_mission` has it. Time moves with the clock.

    Raises what `import_mission` raises for a form that cannot be taken in, `MissionNotRegisteredError` where its
    definition is not among those given, and `MissionDefinitionMismatchError` where that cannot carry it on.
    """
    form = _form(source)
    imported = read_form(form, mission_id=None)
    clock, known = FakeClock(imported.records[-1].at), gathered(definitions)
    definition = known.get(imported.state.mission_name)
    if definition is not None:
        check_carries(definition, imported.state)
    async with create_commander(definitions=known.values(), clock=clock) as commander:
        snapshot = await commander.operations.import_mission(form)
        mission = await commander.get_mission(snapshot.mission_id)
        assert mission is not None  # it was just taken in
        if not snapshot.status.is_terminal:
            await commander.operations.resume_mission(snapshot.mission_id)
        elif reopen:
            await commander.operations.reopen_mission(snapshot.mission_id)
        yield mission, clock


def _form(source: MissionSource) -> Any:
    """Return what a source says; JSON begins with a brace, and a path that does can be given as a `Path`."""
    if isinstance(source, dict):
        return source
    if isinstance(source, str) and source.lstrip().startswith("{"):
        return json.loads(source)
    return json.loads(Path(source).read_text("utf-8"))
