"""The client for programs without asyncio: the same missions, without `await`, for any number of threads."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Generic, Literal, Self, overload

from typing_extensions import TypeVar

from mission_control.core import (
    Clock,
    MissionDefinition,
    MissionHandle,
    MissionInspection,
    MissionSnapshot,
    MissionStatus,
    MissionSummary,
    PersistenceAdapter,
    Signal,
)
from mission_control.core.definition import seconds
from mission_control.runtime import CommanderRuntime, RuntimeEvent, RuntimeMetric, create_commander_runtime

from .background import BackgroundLoop
from .client import CommanderClient, I

_LONGEST_EXIT = 15.0
"""Seconds that a program which ends waits for what its steps and its storage still do."""

T = TypeVar("T")
U = TypeVar("U")


class BlockingMissionHandle(Generic[I]):
    """One mission, by its id, for callers that wait. It can be handed from thread to thread.

    What is raised is what the mission's `MissionHandle` raises, and `CommanderClosedError` once the client is closed.
    """

    __slots__ = ("_background", "_handle")

    def __init__(self, handle: MissionHandle[I], background: BackgroundLoop) -> None:
        self._handle: MissionHandle[Any] = handle
        self._background = background

    @property
    def mission_id(self) -> str:
        """The mission's id."""
        return self._handle.mission_id

    @overload
    def signal(self, signal: Signal[T], payload: T | Mapping[str, object], /, *, wait: bool = True) -> None: ...
    @overload
    def signal(self, signal: str, payload: object, /, *, wait: bool = True) -> None: ...
    def signal(self, signal: Any, payload: object, /, *, wait: bool = True) -> None:
        """Deliver a signal that the mission waits for; see `MissionHandle.signal`."""
        self._background.call(partial(self._handle.signal, signal, payload, wait=wait))

    @overload
    def query(self, query: str, /) -> Any: ...
    @overload
    def query(self, query: Callable[..., Awaitable[T]], /) -> T: ...
    @overload
    def query(self, query: Callable[..., T], /) -> T: ...
    def query(self, query: Any, /) -> Any:
        """Run a query on the mission's last durable state; see `MissionHandle.query`."""
        return self._background.call(partial(self._handle.query, query))

    @overload
    def update(self, update: str, input: object, /, *, timeout: timedelta | float | None = 30) -> Any: ...
    @overload
    def update(
        self,
        update: Callable[[Any, U], Awaitable[T]],
        input: U | Mapping[str, object],
        /,
        *,
        timeout: timedelta | float | None = 30,
    ) -> T: ...
    @overload
    def update(
        self,
        update: Callable[[Any, U], T],
        input: U | Mapping[str, object],
        /,
        *,
        timeout: timedelta | float | None = 30,
    ) -> T: ...
    def update(self, update: Any, input: object, /, *, timeout: timedelta | float | None = 30) -> Any:
        """Run an update and return what it returned, once that is durable; see `MissionHandle.update`."""
        return self._background.call(partial(self._handle.update, update, input, timeout=timeout))

    def cancel(self, reason: str | None = None) -> MissionSnapshot:
        """End the mission and return its state; one that has completed or failed stays as it is."""
        return self._background.call(partial(self._handle.cancel, reason))

    def result(self, timeout: timedelta | float | None = None) -> MissionSnapshot:
        """Wait for the mission's end and return its state, however it ended.

        Where that takes more than `timeout`, in seconds or as a `timedelta`, it raises `TimeoutError` and leaves the
        mission running.
        """
        if timeout is None:
            return self._background.call(self._handle.result)
        limit = min(seconds(timeout, subject="timeout"), threading.TIMEOUT_MAX)
        try:
            return self._background.call(self._handle.result, timeout=limit)
        except TimeoutError:
            raise TimeoutError(f"mission {self.mission_id!r} has not ended within {limit:g} s; it goes on") from None

    def output(self) -> Any:
        """Wait for the mission's end and return what its last step returned, as plain JSON.

        Raises `MissionFailedError` or `MissionCancelledError`.
        """
        return self._background.call(self._handle.output)

    def inspect(self) -> MissionInspection:
        """Return everything there is to see of the mission; `print` it for a timeline."""
        return self._background.call(self._handle.inspect)

    def __repr__(self) -> str:
        return f"<BlockingMissionHandle {self.mission_id!r} ({self._handle.mission_name})>"


class BlockingCommanderClient:
    """Starts, finds, lists and cancels missions for callers that wait. Made by `create_blocking_client`.

    It owns a runtime on a background thread, where async steps run. Any number of threads may share it, also beside
    an event loop of theirs, which a call blocks. A context manager: closed after. Errors are raised in the caller's
    thread as they were raised; once it is closed, and in a forked process, every method raises `CommanderClosedError`.
    """

    def __init__(self, runtime: CommanderRuntime) -> None:
        self._runtime = runtime
        self._client = CommanderClient(runtime)
        self._closing = threading.Lock()
        self._background = BackgroundLoop(f"mission-control {runtime.identity}")
        atexit.register(self._stop_at_exit)
        try:
            self._background.call(runtime.start)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop the runtime, as its `stop` does, and end the thread. A second call does nothing.

        Other threads that still wait for something get `CommanderClosedError`. A program that ends without this
        stops its runtimes by itself.
        """
        if self._background.is_inherited:
            return
        with self._closing:
            try:
                if not self._background.has_ended:
                    self._background.call(self._runtime.stop)
            finally:
                if self._background.has_ended or self._runtime.commander.closed:
                    self._background.end()
                    atexit.unregister(self._stop_at_exit)

    def _stop_at_exit(self) -> None:
        """Stop the runtime, within reason; its thread ends with the program, and new ones cannot be started now."""
        if not (self._background.is_inherited or self._background.has_ended):
            with suppress(TimeoutError):
                self._background.call(self._runtime.stop, timeout=_LONGEST_EXIT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

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
        wait: bool = True,
    ) -> BlockingMissionHandle[Any]: ...
    def start_mission(self, definition: Any, input: object, /, **options: Any) -> BlockingMissionHandle[Any]:
        """Start a mission with `input`, typed or in its JSON form, and return its handle; see `Commander.start`."""
        handle = self._background.call(partial(self._client.start_mission, definition, input, **options))
        return BlockingMissionHandle(handle, self._background)

    def get_mission(self, mission_id: str, /) -> BlockingMissionHandle[Any] | None:
        """Return a mission's handle, or None where no mission has the id.

        Raises `MissionNotRegisteredError` where its definition is not registered.
        """
        handle = self._background.call(partial(self._client.get_mission, mission_id))
        return None if handle is None else BlockingMissionHandle(handle, self._background)

    def cancel_mission(self, mission_id: str, /, reason: str | None = None) -> MissionSnapshot:
        """End a mission and return its state; works without its definition. Raises `MissionNotFoundError`."""
        return self._background.call(partial(self._client.cancel_mission, mission_id, reason))

    def inspect_mission(self, mission_id: str, /) -> MissionInspection | None:
        """Return everything there is to see of a mission, or None. Works without its definition."""
        return self._background.call(partial(self._client.inspect_mission, mission_id))

    def list_missions(
        self,
        *,
        status: MissionStatus | None = None,
        mission_name: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> list[MissionSummary]:
        """Return up to `limit` missions in order of creation, from behind the id `after` on."""
        return self._background.call(
            partial(self._client.list_missions, status=status, mission_name=mission_name, limit=limit, after=after)
        )

    def list_waiting_missions(self, *, limit: int = 100, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` missions that wait for anything, in order of creation."""
        return self._background.call(partial(self._client.list_waiting_missions, limit=limit, after=after))

    def list_scheduled_missions(self, *, limit: int = 100, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` missions that wait for a timer or a retry, the earliest first."""
        return self._background.call(partial(self._client.list_scheduled_missions, limit=limit, after=after))

    def __repr__(self) -> str:
        return f"<BlockingCommanderClient of {self._runtime!r}>"


def create_blocking_client(
    *,
    definitions: Iterable[MissionDefinition[Any]] = (),
    persistence: PersistenceAdapter | None = None,
    identity: str | None = None,
    on_event: Callable[[RuntimeEvent], object] | None = None,
    on_metric: Callable[[RuntimeMetric], object] | None = None,
    clock: Clock | None = None,
    create_mission_id: Callable[[], str] | None = None,
    max_concurrency: int = 256,
) -> BlockingCommanderClient:
    """Start a runtime on a background thread, and return the client that owns it.

    It takes what `create_commander_runtime` takes; the hooks are called on the background thread. Raises what
    `CommanderRuntime.start` raises.
    """
    runtime = create_commander_runtime(
        definitions=definitions,
        persistence=persistence,
        identity=identity,
        on_event=on_event,
        on_metric=on_metric,
        clock=clock,
        create_mission_id=create_mission_id,
        max_concurrency=max_concurrency,
    )
    return BlockingCommanderClient(runtime)
