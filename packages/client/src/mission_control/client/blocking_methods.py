"""Core's methods, for callers that wait. Written by `hatch run clients --write` from core's: change those."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, overload

from mission_control.core import (
    MissionDefinition,
    MissionInspection,
    MissionSnapshot,
    MissionStatus,
    MissionSummary,
    OpenWait,
    Signal,
    StoredDefinition,
)
from mission_control.core.commander import Missions
from mission_control.core.definition import I

from .blocking_handle import BlockingMissionHandle
from .blocking_operations import BlockingOperations, BlockingSchedules
from .waiting import Waiting


class BlockingClientMethods(Waiting[Missions]):
    """What a client for callers that wait asks."""

    __slots__ = ()

    @property
    def schedules(self) -> BlockingSchedules:
        """The schedules by which missions start here."""
        return BlockingSchedules(self._asked.schedules, self._background)

    @property
    def operations(self) -> BlockingOperations:
        """What an operator does with the missions here."""
        return BlockingOperations(self._asked.operations, self._background)

    @overload
    def start_mission(
        self,
        definition: MissionDefinition[I],
        input: I | Mapping[str, object],
        /,
        *,
        mission_id: str | None = None,
        if_exists: Literal["raise", "return"] = "raise",
        start_at: datetime | None = None,
        by: str | None = None,
        labels: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> BlockingMissionHandle[I]: ...
    @overload
    def start_mission(
        self,
        definition: str,
        input: object,
        /,
        *,
        mission_id: str | None = None,
        if_exists: Literal["raise", "return"] = "raise",
        start_at: datetime | None = None,
        by: str | None = None,
        labels: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> BlockingMissionHandle[Any]: ...
    def start_mission(
        self,
        definition: MissionDefinition[Any] | str,
        input: object,
        /,
        *,
        mission_id: str | None = None,
        if_exists: Literal["raise", "return"] = "raise",
        start_at: datetime | None = None,
        by: str | None = None,
        labels: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> BlockingMissionHandle[Any]:
        """Start a mission with `input`, typed or in its JSON form; at `start_at` (aware), where that is given.

        With `wait` it returns when the mission waits or ends, otherwise when it is durable. With
        `if_exists="return"` a mission of the same id, name and input is returned as it is. `by` is a note of who asks
        for it, 1 to 255 characters, which is recorded. `labels`, up to 16, are its own and its children's for good.

        Raises `MissionValidationError`, `MissionNotRegisteredError` for an unknown name,
        `MissionAlreadyExistsError` where the id is in use, `MissionFailedError` where the mission fails within the
        call, and `PersistenceError` where it is unknown whether it was accepted.
        """
        return BlockingMissionHandle(
            self._ask(
                self._asked.start,
                definition,
                input,
                mission_id=mission_id,
                if_exists=if_exists,
                start_at=start_at,
                by=by,
                labels=labels,
                wait=wait,
            ),
            self._background,
        )

    def get_mission(self, mission_id: str, /) -> BlockingMissionHandle[Any] | None:
        """Return a handle, or None where no mission has the id.

        Raises `MissionNotRegisteredError` where its definition is not registered.
        """
        answer = self._ask(self._asked.get_mission, mission_id)
        return None if answer is None else BlockingMissionHandle(answer, self._background)

    def cancel_mission(
        self, mission_id: str, /, reason: str | None = None, *, by: str | None = None
    ) -> MissionSnapshot:
        """End a mission and return its state; works without its definition. Raises `MissionNotFoundError`.

        `by` is a note of who asks for it, 1 to 255 characters, which is recorded.
        """
        return self._ask(self._asked.cancel_mission, mission_id, reason, by=by)

    def inspect_mission(self, mission_id: str, /) -> MissionInspection | None:
        """Return everything there is to see of a mission, or None. Works without its definition."""
        return self._ask(self._asked.inspect_mission, mission_id)

    def get_summary(self, mission_id: str, /) -> MissionSummary | None:
        """Return a mission on one row, or None. Its history is not read, however long that is."""
        return self._ask(self._asked.get_summary, mission_id)

    def list_missions(
        self,
        *,
        status: MissionStatus | Iterable[MissionStatus] | None = None,
        mission_name: str | None = None,
        labels: Mapping[str, str] | None = None,
        id_prefix: str | None = None,
        parent_id: str | None = None,
        schedule: str | None = None,
        error: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        newest_first: bool = False,
        limit: int = 100,
        after: str | None = None,
    ) -> list[MissionSummary]:
        """Return up to `limit` missions in order of creation, or against it, from behind the id `after` on.

        They fit all that is given: a status or one of several, a name, all of the labels, the beginning of the id, the
        parent whose children they are, the schedule that started them, the code of the failure that they bear, and a
        creation at `since` or later and before `until` (aware).
        """
        return self._ask(
            self._asked.list_missions,
            status=status,
            mission_name=mission_name,
            labels=labels,
            id_prefix=id_prefix,
            parent_id=parent_id,
            schedule=schedule,
            error=error,
            since=since,
            until=until,
            newest_first=newest_first,
            limit=limit,
            after=after,
        )

    def list_waiting_missions(self, *, limit: int = 100, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` missions that wait for anything, in order of creation."""
        return self._ask(self._asked.list_waiting, limit=limit, after=after)

    def list_scheduled_missions(self, *, limit: int = 100, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` missions that wait for a timer or a retry, the earliest first."""
        return self._ask(self._asked.list_scheduled, limit=limit, after=after)

    def iter_missions(
        self,
        *,
        status: MissionStatus | Iterable[MissionStatus] | None = None,
        mission_name: str | None = None,
        labels: Mapping[str, str] | None = None,
        id_prefix: str | None = None,
        parent_id: str | None = None,
        schedule: str | None = None,
        error: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        newest_first: bool = False,
    ) -> Iterator[MissionSummary]:
        """Iterate over the missions that `list_missions` returns, in the same order, page by page."""
        return self._each(
            self._asked.iter_missions,
            status=status,
            mission_name=mission_name,
            labels=labels,
            id_prefix=id_prefix,
            parent_id=parent_id,
            schedule=schedule,
            error=error,
            since=since,
            until=until,
            newest_first=newest_first,
        )

    def list_waits(
        self,
        *,
        signal: str | Signal[Any] | None = None,
        mission_name: str | None = None,
        limit: int = 100,
        after: OpenWait | None = None,
    ) -> list[OpenWait]:
        """Return up to `limit` open waits for signals of all missions, by `since`, then mission id, then instance name.

        With `signal`, only those for a signal of that own name, in whatever path; with `mission_name`, only those of
        such missions. `after` is the last one seen, open still or not.
        """
        return self._ask(self._asked.list_waits, signal=signal, mission_name=mission_name, limit=limit, after=after)

    def iter_waits(
        self, *, signal: str | Signal[Any] | None = None, mission_name: str | None = None
    ) -> Iterator[OpenWait]:
        """Iterate over the open waits for signals in the same order, page by page."""
        return self._each(self._asked.iter_waits, signal=signal, mission_name=mission_name)

    def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        """Return the static form of a definition that has run, or None."""
        return self._ask(self._asked.load_definition, fingerprint)

    def list_definitions(self, *, mission_name: str | None = None) -> list[StoredDefinition]:
        """Return all definitions that missions ran under, in the order in which they were stored, the newest last.

        With `mission_name`, those of that name. What no mission names any more, since those were purged, is not there.
        """
        return self._ask(self._asked.list_definitions, mission_name=mission_name)
