"""Code that definitions of tests name: the machine says when it is to run, and never runs it."""

from __future__ import annotations

from typing import Any

from mission_control.core import MissionContext


def run(ctx: MissionContext[Any]) -> Any:
    return None


def items(ctx: MissionContext[Any]) -> list[int]:
    return []


def until(ctx: MissionContext[Any]) -> bool:
    return True


def seconds(ctx: MissionContext[Any]) -> float:
    return 1.0
