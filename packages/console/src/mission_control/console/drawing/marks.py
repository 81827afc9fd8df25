"""What is marked at the places of a drawing: how each one stands, or how many missions stand there."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

import attrs

from mission_control.core.values import Value


class PlaceState(StrEnum):
    """How a node of a mission stands."""

    AHEAD = "waiting-to-begin"
    DONE = "done"
    RUNNING = "running"
    WAITING = "waiting"
    FAILED = "failed"
    STOPPED = "stopped"
    SKIPPED = "skipped"

    @property
    def is_under_way(self) -> bool:
        """True for what runs or waits."""
        return self in (PlaceState.RUNNING, PlaceState.WAITING)

    @property
    def was_reached(self) -> bool:
        """True for what the mission came to."""
        return self not in (PlaceState.AHEAD, PlaceState.SKIPPED)


@attrs.frozen(kw_only=True)
class Mark(Value):
    """What is marked at one place.

    `state` is how one mission stands there, None where the drawing is of no single mission. `note` says more in a few
    words: "37 of 120 done, 2 failed", "round 4", "attempt 3". `undo` is how the undo of a step stands, where it began.
    `count` is how many missions stand there, as `standing` counts them, and `examples` are the ids of some of them.
    """

    state: PlaceState | None = None
    note: str = ""
    undo: PlaceState | None = None
    count: int = 0
    examples: tuple[str, ...] = ()


Marks: TypeAlias = Mapping[str, Mark]
"""Marks by the template of the node, `END` for the end."""

BLANK = Mark()
