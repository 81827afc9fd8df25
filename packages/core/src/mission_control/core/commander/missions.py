"""What can be asked of missions, wherever they run: the place where each question is written, and typed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, overload

from ..definition import I, MissionDefinition, checked_labels, exact_text, sought_id
from ..history import MissionSnapshot
from .handle import MissionHandle
from .notes import noted
from .operations import Operations
from .port import Found, MissionPort
from .reads import MissionReads
from .schedules import Schedules


class Missions(MissionReads):
    """Starts missions, finds them, lists them and cancels them, through whatever port it has."""

    _by: str | None = None
    """Who is noted with each command that names nobody itself, those of handles included."""

    @abstractmethod
    async def _port(self) -> MissionPort:
        """Return what answers, ready to."""

    def _handle(self, mission: Found) -> MissionHandle[Any]:
        return MissionHandle(self._port, mission.mission_id, mission.mission_name, None, self._by)

    @property
    def schedules(self) -> Schedules:
        """The schedules by which missions start here."""
        return Schedules(self._port, self._by)

    @property
    def operations(self) -> Operations:
        """What an operator does with the missions here."""
        return Operations(self._port, self._by)

    @overload
    async def start(
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
    ) -> MissionHandle[I]: ...
    @overload
    async def start(
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
    ) -> MissionHandle[Any]: ...
    async def start(
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
    ) -> MissionHandle[Any]:
        """Start a mission with `input`, typed or in its JSON form; at `start_at` (aware), where that is given.

        With `wait` it returns when the mission waits or ends, otherwise when it is durable. With
        `if_exists="return"` a mission of the same id, name and input is returned as it is. `by` is a note of who asks
        for it, 1 to 255 characters, which is recorded. `labels`, up to 16, are its own and its children's for good.

        Raises `MissionValidationError`, `MissionNotRegisteredError` for an unknown name,
        `MissionAlreadyExistsError` where the id is in use, `MissionFailedError` where the mission fails within the
        call, and `PersistenceError` where it is unknown whether it was accepted.
        """
        who, texts = noted(by, self._by), checked_labels(labels)
        port = await self._port()
        started = await port.start(
            definition,
            input,
            mission_id=mission_id,
            if_exists=if_exists,
            start_at=start_at,
            wait=wait,
            by=who,
            labels=texts,
        )
        return self._handle(started)

    async def get_mission(self, mission_id: str, /) -> MissionHandle[Any] | None:
        """Return a handle, or None where no mission has the id.

        Raises `MissionNotRegisteredError` where its definition is not registered.
        """
        wanted = sought_id(mission_id, subject="a mission id")
        mission = await (await self._port()).find(wanted)
        return None if mission is None else self._handle(mission)

    async def cancel_mission(
        self, mission_id: str, /, reason: str | None = None, *, by: str | None = None
    ) -> MissionSnapshot:
        """End a mission and return its state; works without its definition. Raises `MissionNotFoundError`.

        `by` is a note of who asks for it, 1 to 255 characters, which is recorded.
        """
        wanted, who = exact_text(mission_id, subject="a mission id"), noted(by, self._by)
        return await (await self._port()).cancel(wanted, reason, by=who)


class NotedMissions(Missions):
    """The missions of another, with a note of who asks wherever a command names nobody."""

    def __init__(self, missions: Missions, by: str) -> None:
        self._missions = missions
        self._by = noted(by, None)

    async def _port(self) -> MissionPort:
        return await self._missions._port()
