"""The client for asyncio applications: a runtime's missions, in the words of an application."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, overload

from typing_extensions import TypeVar

from mission_control.core import (
    MissionDefinition,
    MissionHandle,
    MissionInspection,
    MissionSnapshot,
    MissionStatus,
    MissionSummary,
)
from mission_control.core.definition import is_a
from mission_control.core.payloads import found
from mission_control.runtime import CommanderRuntime

I = TypeVar("I", default=Any)  # noqa: E741 (the input's type is I throughout the product)


class CommanderClient:
    """Starts, finds, lists and cancels the missions of a runtime, which whoever made it starts and stops."""

    def __init__(self, runtime: CommanderRuntime) -> None:
        self._commander = runtime.commander

    @overload
    async def start_mission(
        self,
        definition: MissionDefinition[I],
        input: I | Mapping[str, object],
        /,
        *,
        mission_id: str | None = None,
        if_exists: Literal["raise", "return"] = "raise",
        start_at: datetime | None = None,
        wait: bool = True,
    ) -> MissionHandle[I]: ...
    @overload
    async def start_mission(
        self,
        definition: str,
        input: object,
        /,
        *,
        mission_id: str | None = None,
        if_exists: Literal["raise", "return"] = "raise",
        start_at: datetime | None = None,
        wait: bool = True,
    ) -> MissionHandle[Any]: ...
    async def start_mission(self, definition: Any, input: object, /, **options: Any) -> MissionHandle[Any]:
        """Start a mission with `input`, typed or in its JSON form, and return its handle; see `Commander.start`."""
        return await self._commander.start(definition, input, **options)

    async def get_mission(self, mission_id: str, /) -> MissionHandle[Any] | None:
        """Return a mission's handle, or None where no mission has the id.

        Raises `MissionNotRegisteredError` where its definition is not registered.
        """
        return await self._commander.get_mission(mission_id)

    async def cancel_mission(self, mission_id: str, /, reason: str | None = None) -> MissionSnapshot:
        """End a mission and return its state; works without its definition. Raises `MissionNotFoundError`."""
        return await self._commander.cancel_mission(mission_id, reason)

    async def inspect_mission(self, mission_id: str, /) -> MissionInspection | None:
        """Return everything there is to see of a mission, or None. Works without its definition."""
        return await self._commander.inspect_mission(mission_id)

    async def list_missions(
        self,
        *,
        status: MissionStatus | None = None,
        mission_name: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> list[MissionSummary]:
        """Return up to `limit` missions in order of creation, from behind the id `after` on."""
        return await self._commander.list_missions(status=status, mission_name=mission_name, limit=limit, after=after)

    async def list_waiting_missions(self, *, limit: int = 100, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` missions that wait for anything, in order of creation."""
        return await self._commander.list_waiting(limit=limit, after=after)

    async def list_scheduled_missions(self, *, limit: int = 100, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` missions that wait for a timer or a retry, the earliest first."""
        return await self._commander.list_scheduled(limit=limit, after=after)


def create_commander_client(*, runtime: CommanderRuntime) -> CommanderClient:
    """Return a client for the missions of `runtime`."""
    if not is_a(runtime, CommanderRuntime):
        raise TypeError(f"runtime: expected a CommanderRuntime, found {found(runtime)}")
    return CommanderClient(runtime)
