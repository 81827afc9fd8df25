"""A handle: a mission's id, and what can be asked of that mission."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Generic, overload

from typing_extensions import TypeVar

from ..definition import I, MissionDefinition, Signal, checked_labels, exact_text, flag, is_a
from ..errors import (
    MissionAlreadyStartedError,
    MissionExecutionError,
    MissionFailedError,
    MissionNotFoundError,
    MissionSignalError,
)
from ..history import HistoryRecord, MissionInspection, MissionSnapshot, MissionStatus
from ..machine import inspect_history
from .notes import checked_key, noted
from .port import MissionPort

T = TypeVar("T")
U = TypeVar("U")


class MissionHandle(Generic[I]):
    """One mission, by its id. A handle holds no state: each question is answered as things are then.

    A handle from `create_mission` is idle until its `start` is accepted.
    """

    __slots__ = ("_by", "_definition", "_is_started", "_mission_id", "_mission_name", "_port")

    def __init__(
        self,
        port: Callable[[], Awaitable[MissionPort]],
        mission_id: str,
        mission_name: str,
        definition: MissionDefinition[I] | None,
        by: str | None = None,
    ) -> None:
        self._port = port
        self._mission_id = mission_id
        self._mission_name = mission_name
        self._definition = definition
        self._is_started = definition is None
        self._by = by

    @property
    def mission_id(self) -> str:
        """The mission's id."""
        return self._mission_id

    @property
    def mission_name(self) -> str:
        """The name of the mission's definition."""
        return self._mission_name

    async def start(
        self,
        input: I | Mapping[str, object],
        /,
        *,
        start_at: datetime | None = None,
        by: str | None = None,
        labels: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> None:
        """Start the mission with `input`, typed or in its JSON form; at `start_at`, where that is given.

        With `wait` it returns when the mission waits or ends, otherwise when it is durable. `by` is a note of who asks
        for it, 1 to 255 characters, which is recorded. `labels`, up to 16, are its own and its children's for good.

        Raises `MissionValidationError`, `MissionAlreadyStartedError` for a second start of this handle,
        `MissionAlreadyExistsError` where another mission has the id, `MissionFailedError` where it fails within the
        call, and `PersistenceError` where it is unknown whether it was accepted.
        """
        if self._is_started or self._definition is None:
            raise MissionAlreadyStartedError(
                f"mission {self._mission_id!r} was started by this handle already; create another handle"
            )
        who, texts = noted(by, self._by), checked_labels(labels)
        self._is_started = True
        try:
            await (await self._port()).start(
                self._definition,
                input,
                mission_id=self._mission_id,
                if_exists="raise",
                start_at=start_at,
                wait=wait,
                by=who,
                labels=texts,
            )
        except MissionFailedError:
            raise
        except BaseException:
            self._is_started = False  # it was refused, or nobody knows
            raise

    @overload
    async def signal(
        self,
        signal: Signal[T],
        payload: T | Mapping[str, object],
        /,
        *,
        at: str | None = None,
        key: str | None = None,
        by: str | None = None,
        wait: bool = True,
    ) -> None: ...
    @overload
    async def signal(
        self,
        signal: str,
        payload: object,
        /,
        *,
        at: str | None = None,
        key: str | None = None,
        by: str | None = None,
        wait: bool = True,
    ) -> None: ...
    async def signal(
        self,
        signal: str | Signal[Any],
        payload: object,
        /,
        *,
        at: str | None = None,
        key: str | None = None,
        by: str | None = None,
        wait: bool = True,
    ) -> None:
        """Deliver a signal that the mission waits for, or that a wait ahead of it takes early.

        Where several of its lines wait for a signal of that name, `at` says which is meant, by the place of the wait:
        `devices[3]`, or `prepare/contract`. The name of the whole instance, `devices[3]/approved`, says it too.

        Of the signals and updates with one `key` exactly one is applied, for as long as the mission's history is
        kept: the same signal again returns and changes nothing, also when the mission has gone on or ended. A refused
        one does not use its key. `by` is a note of who sends it. Both are recorded, and have 1 to 255 characters.

        With `wait` it returns when what the signal set in motion next waits or has ended, otherwise when the signal is
        durable. One that comes before its wait is kept where that says `early=True`, and moves nothing: the call
        returns when it is durable. It is for the first such wait that begins outside of every `each`; one inside of an
        `each` takes it only where `at` says so, which may name an item that does not exist yet.

        Raises `MissionSignalError` where the mission neither waits for it nor keeps it, or has more than one open wait
        of the name, or where the key is used for another name, `at` or payload, and `MissionValidationError` where the
        payload does not fit; the mission stays as it was.
        """
        name = signal.name if is_a(signal, Signal) else exact_text(signal, subject="a signal's name, or a Signal")
        place = None if at is None else exact_text(at, subject="at")
        used, who, waits = checked_key(key), noted(by, self._by), flag(wait, subject="wait")
        port = await self._port()
        try:
            await port.signal(self._mission_id, name, payload, at=place, key=used, by=who, wait=waits)
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
        port = await self._port()
        try:
            return await port.query(self._mission_id, self._mission_name, query)
        except MissionNotFoundError as error:
            raise MissionExecutionError(f"there is nothing to query: {error}") from None

    @overload
    async def update(
        self,
        update: str,
        input: object,
        /,
        *,
        timeout: timedelta | float | None = 30,
        key: str | None = None,
        by: str | None = None,
    ) -> Any: ...
    @overload
    async def update(
        self,
        update: Callable[[Any, U], Awaitable[T]],
        input: U | Mapping[str, object],
        /,
        *,
        timeout: timedelta | float | None = 30,
        key: str | None = None,
        by: str | None = None,
    ) -> T: ...
    @overload
    async def update(
        self,
        update: Callable[[Any, U], T],
        input: U | Mapping[str, object],
        /,
        *,
        timeout: timedelta | float | None = 30,
        key: str | None = None,
        by: str | None = None,
    ) -> T: ...
    async def update(
        self,
        update: str | Callable[..., object],
        input: object,
        /,
        *,
        timeout: timedelta | float | None = 30,
        key: str | None = None,
        by: str | None = None,
    ) -> Any:
        """Run an update between other things and return what it returned, once that is durable.

        `timeout` bounds its code, in seconds or as a `timedelta`. Of the signals and updates with one `key` exactly one
        is applied: the same update again returns the recorded output. `by` is a note of who asks for it, as with
        `signal`.

        Raises `MissionValidationError`, `MissionTerminalError` where the mission has ended, `MissionSignalError` where
        the key is used for something else, and `MissionExecutionError` for an unknown update or one that raises;
        nothing is recorded then.
        """
        used, who = checked_key(key), noted(by, self._by)
        port = await self._port()
        try:
            return await port.update(self._mission_id, self._mission_name, update, input, timeout, key=used, by=who)
        except MissionNotFoundError as error:
            raise MissionExecutionError(f"there is nothing to update: {error}") from None

    async def cancel(self, reason: str | None = None, *, by: str | None = None) -> MissionSnapshot:
        """End the mission and return its state; one that has completed or failed stays as it is.

        A running coroutine is cancelled first. `by` is a note of who asks for it, 1 to 255 characters; that of the
        first who asks is recorded, with the reason. Raises `MissionNotFoundError` where it was never started.
        """
        who = noted(by, self._by)
        return await (await self._port()).cancel(self._mission_id, reason, by=who)

    async def status(self) -> MissionStatus:
        """Return the mission's status; `idle` where it was never started."""
        return await (await self._port()).status(self._mission_id)

    async def snapshot(self) -> MissionSnapshot:
        """Return the mission's durable state."""
        return await (await self._port()).snapshot(self._mission_id, self._mission_name)

    async def inspect(self) -> MissionInspection:
        """Return everything there is to see of the mission; `print` it for a timeline."""
        inspection = await (await self._port()).inspect(self._mission_id)
        if inspection is None:
            return inspect_history(self._mission_id, (), mission_name=self._mission_name)
        return inspection

    async def history(self) -> tuple[HistoryRecord, ...]:
        """Return the mission's records, in order."""
        return (await self.inspect()).history

    async def result(self) -> MissionSnapshot:
        """Wait for the mission's end and return its state, however it ended."""
        return await (await self._port()).ended(self._mission_id)

    async def wait_for_completion(self) -> MissionSnapshot:
        """Wait for the mission's end and return its state. Raises `MissionFailedError` where it failed."""
        port = await self._port()
        snapshot = await port.ended(self._mission_id)
        if snapshot.status is MissionStatus.FAILED:
            raise port.failure(snapshot)
        return snapshot

    async def output(self) -> Any:
        """Wait for the mission's end and return what its last step returned, as plain JSON.

        Raises `MissionFailedError` or `MissionCancelledError`.
        """
        port = await self._port()
        snapshot = await port.ended(self._mission_id)
        if snapshot.status is not MissionStatus.COMPLETED:
            raise port.failure(snapshot)
        return snapshot.output

    def __repr__(self) -> str:
        return f"<MissionHandle {self._mission_id!r} ({self._mission_name})>"
