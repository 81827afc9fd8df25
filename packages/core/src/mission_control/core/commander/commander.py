"""The contract of a commander: missions, and the life of what runs them.

Another commander implements what is abstract here, and a port: what can be asked of missions is `Missions`' own.
"""

from __future__ import annotations

from abc import abstractmethod
from types import TracebackType
from typing import Any, Self

from ..definition import I, MissionDefinition
from .handle import MissionHandle
from .missions import Missions


class Commander(Missions):
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
