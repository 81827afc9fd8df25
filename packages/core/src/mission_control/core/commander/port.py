"""What is asked of those who have missions; each of them implements it once.

Callers do not see it: they have `MissionReads`, `Missions`, `MissionHandle` and `Schedules`. What is looked for arrives
here as a plain text, a limit as an int of 1 or more, a status as one that there is, an instant that schedules are asked
for in UTC, a key or a note of who asks as a text that may be one. Everything else comes as the caller gave it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, Protocol

from ..definition import MissionDefinition
from ..errors import CommanderError
from ..history import Labels, MissionSnapshot, MissionStatus, Owner
from ..storage import (
    ChangeRequest,
    ImportRequest,
    PurgeRequest,
    ReadPort,
    RepairRequest,
    ScheduleAction,
    WaitPlace,
)

__all__ = ["Fires", "Found", "MissionPort", "ReadPort", "SchedulePort", "WaitPlace"]


class Found(NamedTuple):
    """A mission's id, and the name of its definition."""

    mission_id: str
    mission_name: str
    request_id: str | None = None
    """Of the request that its start was sent in, where nobody has answered that yet."""


class SchedulePort(ReadPort, Protocol):
    """What is asked of those who fire schedules. A name that is none raises `ScheduleNotFoundError`."""

    async def change_schedule(
        self, name: str, action: ScheduleAction, *, since: datetime | None, until: datetime | None, by: str | None
    ) -> list[str]:
        """Pause a schedule, resume it, trigger it at the instant `since`, or start its slots from there to `until`.

        Without `since` it is triggered now. Return the ids of the missions that belong to what was asked for: one where
        it was triggered, and one for each slot. What was done already is not done again.
        """
        ...


class Fires(Protocol):
    """What fires the schedules of a commander of this process."""

    async def change(
        self, name: str, action: ScheduleAction, *, since: datetime | None, until: datetime | None, by: str | None
    ) -> list[str]:
        """Do what `SchedulePort.change_schedule` asks for; "trigger" without an instant is at the clock's own."""
        ...


class MissionPort(SchedulePort, Protocol):
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
        labels: Labels,
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

    # What operators ask

    @property
    def definitions(self) -> Mapping[str, MissionDefinition[Any]]:
        """The definitions that are registered, by name."""
        ...

    @property
    def clock(self) -> Callable[[], datetime]:
        """What says what time it is."""
        ...

    async def owner(self) -> Owner | None:
        """Return who owns the storage now, or None."""
        ...

    async def change(self, request: ChangeRequest) -> MissionSnapshot:
        """Change what becomes of a mission, durably, and return its state. Raises `MissionNotFoundError`."""
        ...

    async def import_mission(self, request: ImportRequest) -> MissionSnapshot:
        """Take in a mission, paused unless it has ended, and return its state."""
        ...

    async def purge(self, request: PurgeRequest) -> int:
        """Delete up to so many missions, durably, and return how many; fewer where there are no more."""
        ...

    async def repair(self, request: RepairRequest) -> bool:
        """Rewrite what is stored beside a mission's history; False where there was nothing to rewrite."""
        ...

    def failure(self, snapshot: MissionSnapshot) -> CommanderError:
        """Return the error for a failed or cancelled mission."""
        ...
