"""What is asked of those who have missions; each of them implements it once.

Callers do not see it: they have `MissionReads`, `Missions` and `MissionHandle`. What is looked for arrives here as a
plain text, a limit as an int of 1 or more, a status as one that there is, a key or a note of who asks as a text that
may be one. Everything else comes as the caller gave it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, Protocol

from ..definition import MissionDefinition
from ..errors import CommanderError
from ..history import MissionSnapshot, MissionStatus
from ..storage import ReadPort, WaitPlace

__all__ = ["Found", "MissionPort", "ReadPort", "WaitPlace"]


class Found(NamedTuple):
    """A mission's id, and the name of its definition."""

    mission_id: str
    mission_name: str
    request_id: str | None = None
    """Of the request that its start was sent in, where nobody has answered that yet."""


class MissionPort(ReadPort, Protocol):
    """What is asked of those who run missions. Missions are named by their id; `mission_name` finds the definition."""

    async def start(
        self,
        definition: MissionDefinition[Any] | str,
        input: object,
        *,
        mission_id: str | None,
        if_exists: Literal["raise", "return"],
        start_at: datetime | None,
        wait: bool,
        by: str | None,
    ) -> Found:
        """Start a mission, under an id of the port's choice where none is given."""
        ...

    async def find(self, mission_id: str) -> Found | None:
        """Find a mission. Raises `MissionNotRegisteredError` where its definition is not known."""
        ...

    async def signal(
        self,
        mission_id: str,
        name: str,
        payload: object,
        *,
        at: str | None,
        key: str | None,
        by: str | None,
        wait: bool,
    ) -> None:
        """Deliver a signal to the wait of that name, at a place where one is given.

        Raises `MissionNotFoundError`, as `query`, `update` and `cancel` do.
        """
        ...

    async def query(self, mission_id: str, mission_name: str, query: str | Callable[..., object]) -> Any:
        """Run a query."""
        ...

    async def update(
        self,
        mission_id: str,
        mission_name: str,
        update: str | Callable[..., object],
        input: object,
        timeout: timedelta | float | None,
        *,
        key: str | None,
        by: str | None,
    ) -> Any:
        """Run an update."""
        ...

    async def cancel(self, mission_id: str, reason: str | None, *, by: str | None) -> MissionSnapshot:
        """Cancel the mission and return its state."""
        ...

    async def status(self, mission_id: str) -> MissionStatus:
        """Return the mission's status; `idle` where there is no such mission."""
        ...

    async def snapshot(self, mission_id: str, mission_name: str) -> MissionSnapshot:
        """Return the mission's state, an idle one where there is no such mission."""
        ...

    async def ended(self, mission_id: str) -> MissionSnapshot:
        """Return the terminal state, when the mission has one."""
        ...

    def failure(self, snapshot: MissionSnapshot) -> CommanderError:
        """Return the error for a failed or cancelled mission."""
        ...
