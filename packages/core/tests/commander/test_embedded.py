"""The commander in this process: what it is given, and its lists."""

from __future__ import annotations

from typing import Any

import pytest

from mission_control.core import MissionContext, create_commander, m
from mission_control.core.commander import reads


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


@pytest.mark.parametrize("definitions", [5, None, m.define("d").start(input=int, run=begin).end()])
def test_definitions_that_are_no_list_are_refused(definitions: Any) -> None:
    """One definition alone is told from a list of them."""
    with pytest.raises(TypeError, match="definitions: expected a list of MissionDefinition"):
        create_commander(definitions=definitions)


async def test_iteration_goes_on_from_page_to_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every mission comes once, in order of creation, however many there are."""
    monkeypatch.setattr(reads, "_PAGE", 2)
    definition = m.define("d").start(input=int, run=begin).end()
    async with create_commander() as commander:
        created = [(await commander.start(definition, number)).mission_id for number in range(5)]

        assert [summary.mission_id async for summary in commander.iter_missions()] == created
