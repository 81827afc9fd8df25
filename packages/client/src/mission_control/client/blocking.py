"""The client for programs without asyncio: the same missions, without `await`, for any number of threads."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import attrs

from mission_control.core import (
    Clock,
    Commander,
    Mailbox,
    MissionDefinition,
    PersistenceAdapter,
    RefusedRequest,
    Schedule,
)
from mission_control.core.commander import Missions
from mission_control.runtime import CommanderRuntime, RuntimeEvent, RuntimeMetric, create_commander_runtime

from .background import BackgroundLoop
from .blocking_methods import BlockingClientMethods
from .client import checked_commander, noted_missions, refused_of
from .mailbox_missions import MailboxMissions
from .patience import Patience

_LONGEST_EXIT = 15.0
"""Seconds that a program which ends waits for what its steps and its storage still do."""


@attrs.frozen
class _Life:
    """What a blocking client brings to its end before its thread."""

    of: object
    stop: Callable[[], Coroutine[Any, Any, None]]
    has_stopped: Callable[[], bool]


class BlockingCommanderClient(BlockingClientMethods):
    """Starts, finds, lists and cancels missions for callers that wait. Made by `create_blocking_client`.

    It owns a runtime on a background thread, where async steps run, or reaches that of another process through a
    mailbox. Any number of threads may share it, also beside an event loop of theirs, which a call blocks. A context
    manager: closed after. Errors are raised in the caller's thread as they were raised; once it is closed, and in a
    process that was forked after its first use, every method raises `CommanderClosedError`.
    """

    def __init__(self, missions: Missions, background: BackgroundLoop, life: _Life) -> None:
        super().__init__(missions, background)
        self._life = life
        self._closing = threading.Lock()
        atexit.register(self._stop_at_exit)

    def list_refused(self, *, limit: int = 100, after: str | None = None) -> list[RefusedRequest]:
        """Return up to `limit` requests of any client that their owner refused within 7 days, the newest first.

        They are there whether or not anybody waited for their answers. `after` is the id of the last one seen. Raises
        `CommanderError` over a runtime.
        """
        return self._ask(refused_of, self._asked, limit=limit, after=after)

    def close(self) -> None:
        """Stop the runtime, as its `stop` does, or give the mailbox up, and end the thread. A second call does nothing.

        Other threads that still wait for something get `CommanderClosedError`. A program that ends without this
        closes its clients by itself.
        """
        if self._background.is_inherited:
            return
        with self._closing:
            try:
                if self._background.is_running:
                    self._background.call(self._life.stop)
            finally:
                if self._life.has_stopped() or not self._background.is_running:
                    self._background.end()
                    atexit.unregister(self._stop_at_exit)

    def _stop_at_exit(self) -> None:
        """Stop within reason; the thread ends with the program, and new ones cannot be started now."""
        if self._background.is_running:
            with suppress(TimeoutError):
                self._background.call(self._life.stop, timeout=_LONGEST_EXIT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<BlockingCommanderClient of {self._life.of!r}>"


def create_blocking_client(
    *,
    definitions: Iterable[MissionDefinition[Any]] = (),
    schedules: Iterable[Schedule[Any]] = (),
    persistence: PersistenceAdapter | None = None,
    identity: str | None = None,
    on_event: Callable[[RuntimeEvent], object] | None = None,
    on_metric: Callable[[RuntimeMetric], object] | None = None,
    clock: Clock | None = None,
    create_mission_id: Callable[[], str] | None = None,
    max_concurrency: int = 256,
    retention: Mapping[str, timedelta] | None = None,
    commander: Callable[[], Coroutine[Any, Any, Commander]] | None = None,
    mailbox: Mailbox | None = None,
    answer_timeout: float = 30.0,
    unowned_timeout: float | None = None,
    by: str | None = None,
) -> BlockingCommanderClient:
    """Start a runtime on a background thread and return the client that owns it, or one for a commander or a mailbox.

    Without `mailbox` it takes what `create_commander_runtime` takes; the hooks are called on the background thread.
    `by` is the note of who asks in all that it and its handles command, unless a call names somebody else. Raises what
    `CommanderRuntime.start` raises.

    `commander` is a coroutine function that makes the commander to ask instead, on the background thread, such as one
    whose missions another engine runs. The client closes it.

    With `mailbox`, `definitions` and the timeouts are as for `create_commander_client`, and the rest is the
    owner's: `TypeError` for that. The client does nothing before its first use, so a server may make it and then fork.
    """
    if commander is not None:
        return _asking(commander, by)
    if mailbox is not None:
        given = (persistence, identity, on_event, on_metric, clock, create_mission_id, retention)
        if list(schedules) or max_concurrency != 256 or any(option is not None for option in given):
            raise TypeError(
                "with a mailbox, pass definitions=, by= and the timeouts alone: the runtime is in the process that "
                "owns the database"
            )
        return _through(mailbox, definitions, Patience.checked(answer_timeout, unowned_timeout), by)
    runtime = create_commander_runtime(
        definitions=definitions,
        schedules=schedules,
        persistence=persistence,
        identity=identity,
        on_event=on_event,
        on_metric=on_metric,
        clock=clock,
        create_mission_id=create_mission_id,
        max_concurrency=max_concurrency,
        retention=retention,
    )
    return _over(runtime, by)


def _over(runtime: CommanderRuntime, by: str | None) -> BlockingCommanderClient:
    background = BackgroundLoop(f"mission-control {runtime.identity}")
    life = _Life(runtime, runtime.stop, lambda: runtime.commander.closed)
    client = BlockingCommanderClient(noted_missions(runtime.commander, by), background, life)
    try:
        background.call(runtime.start)
    except BaseException:
        client.close()
        raise
    return client


def _asking(make: Callable[[], Coroutine[Any, Any, Commander]], by: str | None) -> BlockingCommanderClient:
    background = BackgroundLoop("mission-control commander")

    async def opened() -> Commander:
        commander = checked_commander(await make())
        await commander.wait_until_ready()
        return commander

    try:
        commander = background.call(opened)
    except BaseException:
        background.end()
        raise
    life = _Life(commander, commander.close, lambda: commander.closed)
    return BlockingCommanderClient(noted_missions(commander, by), background, life)


def _through(
    mailbox: Mailbox, definitions: Iterable[MissionDefinition[Any]], patience: Patience, by: str | None
) -> BlockingCommanderClient:
    missions = MailboxMissions(mailbox, definitions, patience, by)
    life = _Life(missions, missions.close, lambda: missions.closed)
    return BlockingCommanderClient(missions, BackgroundLoop("mission-control mailbox"), life)
