"""What a runtime can be told about the missions of its commander, as it happens."""

from __future__ import annotations

from typing import Protocol

from .records import MissionSummary


class Observer(Protocol):
    """Hears of things on the commander's loop, between one decision and the next; it must be quick and not raise."""

    def mission_resumed(self, mission: MissionSummary, error: Exception | None, /) -> None:
        """Say that a mission that was due or interrupted goes on, or that it cannot, because of `error`."""
        ...
