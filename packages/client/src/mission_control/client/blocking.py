"""The client for programs without asyncio: the same missions, without `await`, for any number of threads."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from mission_control.core import Clock, MissionDefinition, PersistenceAdapter
from mission_control.runtime import CommanderRuntime, RuntimeEvent, RuntimeMetric, create_commander_runtime

from .background import BackgroundLoop
from .blocking_methods import BlockingClientMethods
from .client import missions_of

_LONGEST_EXIT = 15.0
"""Seconds that a program which ends waits for what its steps and its storage still do."""


class BlockingCommanderClient(BlockingClientMethods):
    """Starts, finds, lists and cancels missions for callers that wait. Made by `create_blocking_client`.

    It owns a runtime on a background thread, where async steps run. Any number of threads may share it, also beside
    an event loop of theirs, which a call blocks. A context manager: closed after. Errors are raised in the caller's
    thread as they were raised; once it is closed, and in a forked process, every method raises `CommanderClosedError`.
    """

    def __init__(self, runtime: CommanderRuntime, by: str | None = None) -> None:
        super().__init__(missions_of(runtime, by), BackgroundLoop(f"mission-control {runtime.identity}"))
        self._runtime = runtime
        self._closing = threading.Lock()
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
    by: str | None = None,
) -> BlockingCommanderClient:
    """Start a runtime on a background thread, and return the client that owns it.

    It takes what `create_commander_runtime` takes; the hooks are called on the background thread. `by` is the
    note of who asks in all that it and its handles command, unless a call names somebody else. Raises what
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
    return BlockingCommanderClient(runtime, by)
