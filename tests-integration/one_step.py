"""Missions of one step, and what is to be seen of it: what the tests of steps share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from mission_control.core import (
    Commander,
    MissionContext,
    MissionDefinition,
    MissionFailure,
    MissionHandle,
    RetryPolicy,
    StepAttempt,
    m,
)

Step = Callable[[MissionContext[int]], object]


def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


def one_step(
    run: Step, *, retry: RetryPolicy | None = None, timeout: timedelta | float | None = None
) -> MissionDefinition[int]:
    """Return a mission whose one step, `work`, is `run`."""
    return m.define("one").start(input=int, run=begin).step("work", run, retry=retry, timeout=timeout).end()


async def failure_of(mission: MissionHandle[Any]) -> MissionFailure:
    error = (await mission.result()).error
    assert error is not None
    return error


async def attempts_of(mission: MissionHandle[Any], step: str = "work") -> list[StepAttempt]:
    return [attempt for attempt in (await mission.inspect()).step_attempts if attempt.step_name == step]


async def found(commander: Commander, mission_id: str = "x") -> MissionHandle[Any]:
    mission = await commander.get_mission(mission_id)
    assert mission is not None
    return mission
