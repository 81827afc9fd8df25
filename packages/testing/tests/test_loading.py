"""A mission that was exported goes on in a test, on a clock that stands where it stood."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mission_control.core import (
    MissionContext,
    MissionDefinition,
    MissionDefinitionMismatchError,
    MissionNotRegisteredError,
    NonRetryableError,
    create_commander,
    m,
)
from mission_control.testing import FakeClock, load_mission

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


async def break_down(ctx: MissionContext[int]) -> int:
    raise NonRetryableError("no")


async def mend(ctx: MissionContext[int]) -> int:
    return ctx.output(begin) + 1


def order(work: Any) -> MissionDefinition[int]:
    return m.define("order").start(input=int, run=begin).sleep("night", 3600).step("work", work).end()


BROKEN, MENDED = order(break_down), order(mend)


async def exported(*, after: float, pause: bool = False, cancel: bool = False) -> dict[str, Any]:
    """Return the form of a mission some seconds after its start."""
    clock = FakeClock(NOW)
    async with create_commander(definitions=[BROKEN], clock=clock) as commander:
        mission = await commander.start(BROKEN, 5, mission_id="order-7")
        await clock.advance(after)
        if pause:
            await commander.operations.pause_mission("order-7")
        if cancel:
            await mission.cancel()
        return await commander.operations.export_mission("order-7")


@pytest.mark.parametrize("kind", ["form", "text", "path", "path as text"])
async def test_mission_goes_on_from_where_it_stood(kind: str, tmp_path: Path) -> None:
    """Under today's definition, whatever it is given as."""
    form = await exported(after=60)
    path = tmp_path / "order-7.json"
    path.write_text(json.dumps(form))
    source: Any = {"form": form, "text": path.read_text(), "path": path, "path as text": str(path)}[kind]

    async with load_mission(source, definitions=[MENDED]) as (mission, clock):
        assert mission.mission_id == "order-7"
        assert clock.now() == NOW  # when its sleep was scheduled
        snapshot = await mission.snapshot()
        assert (snapshot.status, snapshot.cursor, snapshot.paused) == ("waiting", "night", False)
        await clock.advance(timedelta(hours=1))
        assert await mission.output() == 6


async def test_mission_that_was_paused_is_not(tmp_path: Path) -> None:
    """What it waits for comes."""
    async with load_mission(await exported(after=0, pause=True), definitions=[MENDED]) as (mission, clock):
        await clock.advance(3600)
        assert await mission.output() == 6


async def test_mission_that_has_failed_stays_so_until_it_is_reopened() -> None:
    """Then it goes on at the step that failed."""
    form = await exported(after=3600)
    async with load_mission(form, definitions=[MENDED]) as (mission, clock):
        assert clock.now() == NOW + timedelta(hours=1)
        assert await mission.status() == "failed"

    async with load_mission(form, definitions=[MENDED], reopen=True) as (mission, _):
        assert await mission.output() == 6


async def test_reopening_leaves_a_mission_that_has_not_ended_to_itself() -> None:
    """There is nothing to be reopened."""
    async with load_mission(await exported(after=60), definitions=[MENDED], reopen=True) as (mission, _):
        assert await mission.status() == "waiting"


async def test_cancelled_mission_is_reopened_too() -> None:
    """It goes on where it was stopped."""
    form = await exported(after=60, cancel=True)
    async with load_mission(form, definitions=[MENDED], reopen=True) as (mission, clock):
        await clock.advance(3600)
        assert await mission.output() == 6


async def test_what_cannot_be_loaded_is_refused() -> None:
    """A form that is none, and a mission that today's definitions do not carry."""
    form = await exported(after=60)
    other = m.define("order").start(input=int, run=begin).end()

    with pytest.raises(ValueError, match="format: 2 is of a newer release"):
        async with load_mission({**form, "format": 2}, definitions=[MENDED]):
            pytest.fail("it was loaded")
    with pytest.raises(MissionNotRegisteredError):
        async with load_mission(form, definitions=[]):
            pytest.fail("it was loaded")
    with pytest.raises(MissionDefinitionMismatchError, match="it stands on the sleep 'night'"):
        async with load_mission(form, definitions=[other]):
            pytest.fail("it was loaded")


async def test_its_commander_is_closed_behind_it() -> None:
    """Nothing of it is left when the test goes on."""
    async with load_mission(await exported(after=60), definitions=[MENDED]) as (mission, clock):
        pass

    await clock.advance(timedelta(days=1))
    with pytest.raises(Exception, match="closed"):
        await mission.status()
