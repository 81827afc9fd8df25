"""What can be read of missions, by whoever has them: a commander, a reader of a file, the sender's side of a mailbox.

What is looked for arrives as a plain text, a limit as an int of 1 or more, a status as one that there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from ..definition import StoredDefinition
from ..history import MissionInspection, MissionStatistics, MissionStatus, MissionSummary, OpenWait
from ..schedules import StoredSchedule
from .queries import MissionQuery
from .stored import LoadOutcome, Standing, StoredMission

WaitPlace: TypeAlias = tuple[datetime, str, str]
"""Where an open wait stands among all: since when, of which mission, and its instance name."""


class ReadPort(Protocol):
    """What is asked of those who can read missions."""

    async def inspect(self, mission_id: str) -> MissionInspection | None:
        """Return all there is to see, or None where there is no such mission."""
        ...

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        """Return the mission's row, or None. Reads no history."""
        ...

    async def list_missions(self, query: MissionQuery, /, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        """Return a page of the missions that are looked for."""
        ...

    async def list_scheduled(self, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        """Return a page of what waits for a timer or a retry, the earliest first."""
        ...

    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None
    ) -> Sequence[MissionSummary]:
        """Return a page of what is due at `before` or earlier, by time and then by id, behind a time and an id."""
        ...

    async def list_waits(
        self, *, signal: str | None, mission_name: str | None, limit: int, after: WaitPlace | None
    ) -> Sequence[OpenWait]:
        """Return a page of the open waits for signals, with their schemas, the longest open first."""
        ...

    async def list_schedules(self) -> Sequence[tuple[StoredSchedule, MissionStatus | None]]:
        """Return all schedules by name, each with the status of the mission that it started last."""
        ...

    async def load_definition(self, fingerprint: str) -> dict[str, Any] | None:
        """Return the static form of a definition that has run, or None."""
        ...

    async def list_definitions(self, *, mission_name: str | None) -> Sequence[StoredDefinition]:
        """Return all definitions that there are, or those of a name, in the order in which they were stored."""
        ...

    async def change_token(self) -> str:
        """Return a text that is another one after anything was committed, and the same while nothing was."""
        ...

    # All missions at once

    async def load(self, mission_ids: Sequence[str]) -> Sequence[LoadOutcome]:
        """Return, for each id in order, the mission's whole history, or None where there is none."""
        ...

    async def statistics(self, now: datetime) -> MissionStatistics:
        """Return what there is, counted."""
        ...

    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        """Return where missions stand that have not ended, as far as their rows tell; of a name, where that is given.

        With `limit`, no more than so many are looked at, the newest.
        """
        ...

    async def list_unplaced(self, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        """Return a page of the others that have not ended, in order of creation."""
        ...

    async def audit(self, *, limit: int, after: str | None) -> Sequence[StoredMission]:
        """Return a page of everything that is stored of missions, in order of creation, each read at one moment."""
        ...

    async def backup(self, path: str) -> None:
        """Write a copy as of one instant to `path`, where nothing may be. Raises `PersistenceError`."""
        ...
