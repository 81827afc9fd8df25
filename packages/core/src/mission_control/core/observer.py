"""What a runtime can be told about the missions of its commander, as it happens.

Both are called on the commander's loop, between one decision and the next: they must be quick, and not raise.
"""

from __future__ import annotations

import contextvars
from typing import Protocol

from .records import MissionFailure, MissionStatus, MissionSummary


class Observer(Protocol):
    """Hears what the commander resumes by itself."""

    def mission_resumed(self, mission: MissionSummary, error: Exception | None, /) -> None:
        """Say that a mission that was due or interrupted goes on, or that it cannot, because of `error`."""
        ...


class Tracer(Protocol):
    """Draws what happens. A mission is in motion from its first commit until it waits, ends or cannot go on."""

    def mission_started(self, mission_id: str, mission_name: str, /) -> str | None:
        """A caller, whose context this is, starts a mission. What is returned is kept with it, for later tracers."""
        ...

    def mission_moved(self, mission_id: str, mission_name: str, trace: str | None, /) -> None:
        """A mission that was at rest is in motion; `trace` is what its start returned."""
        ...

    def mission_rested(self, mission_id: str, status: MissionStatus | None, error: MissionFailure | None, /) -> None:
        """A mission that was in motion waits, has ended or cannot go on; None where it never became durable."""
        ...

    def attempt_began(self, mission_id: str, name: str, number: int | None, context: contextvars.Context, /) -> object:
        """A step of a mission in motion, or an update (which has no `number`), is about to run, in `context`.

        What is returned is handed to `attempt_ended`.
        """
        ...

    def attempt_ended(self, began: object, error: BaseException | None, stopped: str | None, /) -> None:
        """It ended, or was given up on; `stopped` says why it was told to end, where it was."""
        ...
