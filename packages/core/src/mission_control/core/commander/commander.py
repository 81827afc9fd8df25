"""The contract of a commander: what starts missions, finds them and lets callers command them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, overload

from ..definition import I, MissionDefinition
from ..history import MissionInspection, MissionSnapshot, MissionStatus, MissionSummary
from .handle import MissionHandle


class Commander(ABC):
    """Starts missions and finds them again. A context manager: ready inside, closed after.

    The first operation makes a commander ready by itself. Once it is closed, every method raises
    `CommanderClosedError`. A commander belongs to the event loop of its first operation; on another one its methods
    raise `RuntimeError`.
    """

    @property
    @abstractmethod
    def closed(self) -> bool:
        """True from the beginning of `close` on."""

    @abstractmethod
    async def wait_until_ready(self) -> None:
        """Open the storage and begin to resume what is due or was interrupted. Raises `PersistenceError`."""

    @abstractmethod
    async def close(self) -> None:
        """Stop user code, make durable what is decided, and give the storage up. A second call does nothing."""

    @abstractmethod
    def register(self, definition: MissionDefinition[Any], /) -> None:
        """Make a definition known; missions that were waiting for it go on.

        Raises `MissionDefinitionError` where another definition of the same name is registered.
        """

    @abstractmethod
    def create_mission(self, definition: MissionDefinition[I], /, *, mission_id: str | None = None) -> MissionHandle[I]:
        """Return an idle handle. Nothing is reserved: the id is claimed by the handle's `start`."""

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
        wait: bool = True,
    ) -> MissionHandle[Any]: ...
    @abstractmethod
    async def start(
        self,
        definition: MissionDefinition[Any] | str,
        input: object,
        /,
        *,
        mission_id: str | None = None,
        if_exists: Literal["raise", "return"] = "raise",
        start_at: datetime | None = None,
        wait: bool = True,
    ) -> MissionHandle[Any]:
        """Start a mission with `input`, typed or in its JSON form; at `start_at` (aware), where that is given.

        With `wait` it returns when the mission waits or ends, otherwise when it is durable. With
        `if_exists="return"` a mission of the same id, name and input is returned as it is.

        Raises `MissionValidationError`, `MissionNotRegisteredError` for an unknown name,
        `MissionAlreadyExistsError` where the id is in use, `MissionFailedError` where the mission fails within the
        call, and `PersistenceError` where it is unknown whether it was accepted.
        """

    @abstractmethod
    async def get_mission(self, mission_id: str, /) -> MissionHandle[Any] | None:
        """Return a handle, or None where no mission has the id.

        Raises `MissionNotRegisteredError` where its definition is not registered.
        """

    @abstractmethod
    async def inspect_mission(self, mission_id: str, /) -> MissionInspection | None:
        """Return everything there is to see of a mission, or None. Works without its definition."""

    @abstractmethod
    async def cancel_mission(self, mission_id: str, /, reason: str | None = None) -> MissionSnapshot:
        """End a mission and return its state; works without its definition. Raises `MissionNotFoundError`."""

    @abstractmethod
    async def list_missions(
        self,
        *,
        status: MissionStatus | None = None,
        mission_name: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> list[MissionSummary]:
        """Return up to `limit` missions in order of creation, from behind the id `after` on."""

    @abstractmethod
    async def list_waiting(self, *, limit: int = 100, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` missions that wait for anything, in order of creation."""

    @abstractmethod
    async def list_scheduled(self, *, limit: int = 100, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` missions that wait for a timer or a retry, the earliest first."""

    @abstractmethod
    def iter_missions(
        self, *, status: MissionStatus | None = None, mission_name: str | None = None
    ) -> AsyncIterator[MissionSummary]:
        """Iterate over missions in order of creation, page by page."""

    @abstractmethod
    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        """Return the static form of a definition that has run, or None."""

    @abstractmethod
    async def settled(self) -> None:
        """Return at a moment when everything is durable, nothing runs, and nothing that is due is left to do.

        A step that waits for another mission does not run meanwhile.
        """

    async def __aenter__(self) -> Self:
        await self.wait_until_ready()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self.close()
