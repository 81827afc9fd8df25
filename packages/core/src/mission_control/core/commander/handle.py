"""A handle: a mission's id, and what can be asked of that mission."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, Protocol, overload

from typing_extensions import TypeVar

from ..definition import I, MissionDefinition, Signal, exact_text, flag, is_a
from ..errors import (
    CommanderError,
    MissionAlreadyStartedError,
    MissionExecutionError,
    MissionFailedError,
    MissionNotFoundError,
    MissionSignalError,
)
from ..history import HistoryRecord, MissionInspection, MissionSnapshot, MissionStatus
from ..machine import inspect_history

T = TypeVar("T")
U = TypeVar("U")


class Operations(Protocol):
    """What a handle asks its commander for. Missions are named by their id; `mission_name` finds the definition."""

    async def start(
        self,
        definition: MissionDefinition[Any],
        input: object,
        *,
        mission_id: str,
        if_exists: Literal["raise", "return"],
        start_at: datetime | None,
        wait: bool,
    ) -> None:
        """Start a mission."""
        ...

    async def signal(self, mission_id: str, name: str, payload: object, *, wait: bool) -> None:
        """Deliver a signal."""
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
    ) -> Any:
        """Run an update."""
        ...

    async def cancel(self, mission_id: str, reason: str | None) -> MissionSnapshot:
        """Cancel the mission."""
        ...

    async def status(self, mission_id: str) -> MissionStatus:
        """Return the mission's status."""
        ...

    async def snapshot(self, mission_id: str, mission_name: str) -> MissionSnapshot:
        """Return the mission's state."""
        ...

    async def inspect(self, mission_id: str) -> MissionInspection | None:
        """Return all there is to see, or None where there is no such mission."""
        ...

    async def ended(self, mission_id: str) -> MissionSnapshot:
        """Return the terminal state, when the mission has one."""
        ...

    def failure(self, snapshot: MissionSnapshot) -> CommanderError:
        """Return the error for a failed or cancelled mission."""
        ...


class MissionHandle(Generic[I]):
    """One mission, by its id. A handle holds no state: each question is answered as things are then.

    A handle from `create_mission` is idle until its `start` is accepted.
    """

    __slots__ = ("_definition", "_is_started", "_mission_id", "_mission_name", "_operations")

    def __init__(
        self,
        operations: Callable[[], Awaitable[Operations]],
        mission_id: str,
        mission_name: str,
        definition: MissionDefinition[I] | None,
    ) -> None:
        self._operations = operations
        self._mission_id = mission_id
        self._mission_name = mission_name
        self._definition = definition
        self._is_started = definition is None

    @property
    def mission_id(self) -> str:
        """The mission's id."""
        return self._mission_id

    @property
    def mission_name(self) -> str:
        """The name of the mission's definition."""
        return self._mission_name

    async def start(
        self, input: I | Mapping[str, object], /, *, start_at: datetime | None = None, wait: bool = True
    ) -> None:
        """Start the mission with `input`, typed or in its JSON form; at `start_at`, where that is given.

        With `wait` it returns when the mission waits or ends, otherwise when it is durable. Raises
        `MissionValidationError`, `MissionAlreadyStartedError` for a second start of this handle,
        `MissionAlreadyExistsError` where another mission has the id, `MissionFailedError` where it fails within the
        call, and `PersistenceError` where it is unknown whether it was accepted.
        """
        if self._is_started or self._definition is None:
            raise MissionAlreadyStartedError(
                f"mission {self._mission_id!r} was started by this handle already; create another handle"
            )
        self._is_started = True
        try:
            await (await self._operations()).start(
                self._definition,
                input,
                mission_id=self._mission_id,
                if_exists="raise",
                start_at=start_at,
                wait=wait,
            )
        except MissionFailedError:
            raise
        except BaseException:
            self._is_started = False  # it was refused, or nobody knows
            raise

    @overload
    async def signal(self, signal: Signal[T], payload: T | Mapping[str, object], /, *, wait: bool = True) -> None: ...
    @overload
    async def signal(self, signal: str, payload: object, /, *, wait: bool = True) -> None: ...
    async def signal(self, signal: str | Signal[Any], payload: object, /, *, wait: bool = True) -> None:
        """Deliver a signal that the mission waits for.

        With `wait` it returns when the mission next waits or ends, otherwise when the signal is durable. Raises
        `MissionSignalError` where the mission does not wait for it, `MissionValidationError` where the payload does
        not fit; the mission then goes on waiting.
        """
        name = signal.name if is_a(signal, Signal) else exact_text(signal, subject="a signal's name, or a Signal")
        operations = await self._operations()
        try:
            await operations.signal(self._mission_id, name, payload, wait=flag(wait, subject="wait"))
        except MissionNotFoundError as error:
            raise MissionSignalError(f"signal {name!r} came too early: {error}") from None

    @overload
    async def query(self, query: str, /) -> Any: ...
    @overload
    async def query(self, query: Callable[..., Awaitable[T]], /) -> T: ...
    @overload
    async def query(self, query: Callable[..., T], /) -> T: ...
    async def query(self, query: str | Callable[..., object], /) -> Any:
        """Run a query on the mission's last durable state and return what it returns.

        Raises `MissionExecutionError` for an unknown query or one that raises.
        """
        operations = await self._operations()
        try:
            return await operations.query(self._mission_id, self._mission_name, query)
        except MissionNotFoundError as error:
            raise MissionExecutionError(f"there is nothing to query: {error}") from None

    @overload
    async def update(self, update: str, input: object, /, *, timeout: timedelta | float | None = 30) -> Any: ...
    @overload
    async def update(
        self,
        update: Callable[[Any, U], Awaitable[T]],
        input: U | Mapping[str, object],
        /,
        *,
        timeout: timedelta | float | None = 30,
    ) -> T: ...
    @overload
    async def update(
        self,
        update: Callable[[Any, U], T],
        input: U | Mapping[str, object],
        /,
        *,
        timeout: timedelta | float | None = 30,
    ) -> T: ...
    async def update(
        self, update: str | Callable[..., object], input: object, /, *, timeout: timedelta | float | None = 30
    ) -> Any:
        """Run an update between other things and return what it returned, once that is durable.

        `timeout` bounds its code, in seconds or as a `timedelta`. Raises `MissionValidationError`,
        `MissionTerminalError` where the mission has ended, and `MissionExecutionError` for an unknown update or one
        that raises; nothing is recorded then.
        """
        operations = await self._operations()
        try:
            return await operations.update(self._mission_id, self._mission_name, update, input, timeout)
        except MissionNotFoundError as error:
            raise MissionExecutionError(f"there is nothing to update: {error}") from None

    async def cancel(self, reason: str | None = None) -> MissionSnapshot:
        """End the mission and return its state; one that has completed or failed stays as it is.

        A running coroutine is cancelled first. Raises `MissionNotFoundError` where it was never started.
        """
        return await (await self._operations()).cancel(self._mission_id, reason)

    async def status(self) -> MissionStatus:
        """Return the mission's status; `idle` where it was never started."""
        return await (await self._operations()).status(self._mission_id)

    async def snapshot(self) -> MissionSnapshot:
        """Return the mission's durable state."""
        return await (await self._operations()).snapshot(self._mission_id, self._mission_name)

    async def inspect(self) -> MissionInspection:
        """Return everything there is to see of the mission; `print` it for a timeline."""
        inspection = await (await self._operations()).inspect(self._mission_id)
        if inspection is None:
            return inspect_history(self._mission_id, (), mission_name=self._mission_name)
        return inspection

    async def history(self) -> tuple[HistoryRecord, ...]:
        """Return the mission's records, in order."""
        return (await self.inspect()).history

    async def result(self) -> MissionSnapshot:
        """Wait for the mission's end and return its state, however it ended."""
        return await (await self._operations()).ended(self._mission_id)

    async def wait_for_completion(self) -> MissionSnapshot:
        """Wait for the mission's end and return its state. Raises `MissionFailedError` where it failed."""
        operations = await self._operations()
        snapshot = await operations.ended(self._mission_id)
        if snapshot.status is MissionStatus.FAILED:
            raise operations.failure(snapshot)
        return snapshot

    async def output(self) -> Any:
        """Wait for the mission's end and return what its last step returned, as plain JSON.

        Raises `MissionFailedError` or `MissionCancelledError`.
        """
        operations = await self._operations()
        snapshot = await operations.ended(self._mission_id)
        if snapshot.status is not MissionStatus.COMPLETED:
            raise operations.failure(snapshot)
        return snapshot.output

    def __repr__(self) -> str:
        return f"<MissionHandle {self._mission_id!r} ({self._mission_name})>"
