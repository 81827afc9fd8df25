"""Core's methods, for callers that wait. Written by `hatch run clients --write` from core's: change those."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, overload

from typing_extensions import TypeVar

from mission_control.core import HistoryRecord, MissionInspection, MissionSnapshot, MissionStatus, Signal
from mission_control.core.definition import I

from .waiting import WaitingHandle

T = TypeVar("T")
U = TypeVar("U")


class BlockingMissionHandle(WaitingHandle[I]):
    """One mission, by its id, for callers that wait. It can be handed from thread to thread.

    What is raised is what the mission's `MissionHandle` raises, and `CommanderClosedError` once the client is closed.
    """

    __slots__ = ()

    @property
    def mission_id(self) -> str:
        """The mission's id."""
        return self._asked.mission_id

    @property
    def mission_name(self) -> str:
        """The name of the mission's definition."""
        return self._asked.mission_name

    @overload
    def signal(
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
    def signal(
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
    def signal(
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
        return self._ask(self._asked.signal, signal, payload, at=at, key=key, by=by, wait=wait)

    @overload
    def query(self, query: str, /) -> Any: ...
    @overload
    def query(self, query: Callable[..., Awaitable[T]], /) -> T: ...
    @overload
    def query(self, query: Callable[..., T], /) -> T: ...
    def query(self, query: str | Callable[..., object], /) -> Any:
        """Run a query on the mission's last durable state and return what it returns.

        Raises `MissionExecutionError` for an unknown query or one that raises.
        """
        return self._ask(self._asked.query, query)

    @overload
    def update(
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
    def update(
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
    def update(
        self,
        update: Callable[[Any, U], T],
        input: U | Mapping[str, object],
        /,
        *,
        timeout: timedelta | float | None = 30,
        key: str | None = None,
        by: str | None = None,
    ) -> T: ...
    def update(
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
        return self._ask(self._asked.update, update, input, timeout=timeout, key=key, by=by)

    def cancel(self, reason: str | None = None, *, by: str | None = None) -> MissionSnapshot:
        """End the mission and return its state; one that has completed or failed stays as it is.

        A running coroutine is cancelled first. `by` is a note of who asks for it, 1 to 255 characters; that of the
        first who asks is recorded, with the reason. Raises `MissionNotFoundError` where it was never started.
        """
        return self._ask(self._asked.cancel, reason, by=by)

    def status(self) -> MissionStatus:
        """Return the mission's status; `idle` where it was never started."""
        return self._ask(self._asked.status)

    def snapshot(self) -> MissionSnapshot:
        """Return the mission's durable state."""
        return self._ask(self._asked.snapshot)

    def inspect(self) -> MissionInspection:
        """Return everything there is to see of the mission; `print` it for a timeline."""
        return self._ask(self._asked.inspect)

    def history(self) -> tuple[HistoryRecord, ...]:
        """Return the mission's records, in order."""
        return self._ask(self._asked.history)

    def wait_for_completion(self) -> MissionSnapshot:
        """Wait for the mission's end and return its state. Raises `MissionFailedError` where it failed."""
        return self._ask(self._asked.wait_for_completion)

    def output(self) -> Any:
        """Wait for the mission's end and return what its last step returned, as plain JSON.

        Raises `MissionFailedError` or `MissionCancelledError`.
        """
        return self._ask(self._asked.output)
