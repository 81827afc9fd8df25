"""The commander that runs missions in this process."""

from __future__ import annotations

import asyncio
import contextvars
import os
import warnings
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from ..definition import I, MissionDefinition, new_mission_id
from ..engine import Activity, Clock, LogObserver, Observer, SystemClock, Tracer, current_attempt
from ..errors import CommanderClosedError, MissionExecutionError
from ..foreign import carried
from ..history import MissionStatus
from ..log import ContainedLogger, contained
from ..payloads import found
from ..schedules import Schedule
from ..storage import PersistenceAdapter
from .commander import Commander
from .embedded_port import EmbeddedPort
from .handle import MissionHandle
from .options import check_has, checked_retention, checked_schedules
from .registry import Registry
from .session import Session

logger: ContainedLogger = ContainedLogger("mission_control.engine")


class EmbeddedCommander(Commander):
    """Runs missions in this process, on this event loop, over a persistence adapter that it owns while it is open."""

    def __init__(
        self,
        *,
        definitions: Iterable[MissionDefinition[Any]] = (),
        schedules: Iterable[Schedule[Any]] = (),
        persistence: PersistenceAdapter | None = None,
        clock: Clock | None = None,
        create_mission_id: Callable[[], str] | None = None,
        max_concurrency: int = 256,
        retention: Mapping[str, timedelta] | None = None,
        observer: Observer | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        if type(max_concurrency) is not int or max_concurrency < 1:
            raise ValueError(f"max_concurrency: expected an int of 1 or more, found {found(max_concurrency)}")
        check_has(persistence, "commit", "persistence: expected a PersistenceAdapter")
        check_has(clock, "sleep_until", "clock: expected a Clock")
        if create_mission_id is not None and not callable(create_mission_id):
            raise TypeError(f"create_mission_id: expected a function, found {found(create_mission_id)}")
        self._schedules: dict[str, Schedule[Any]] = checked_schedules(schedules)
        self._retention: dict[MissionStatus, timedelta] = checked_retention(retention)
        self._registry: Registry = Registry(create_mission_id or new_mission_id)
        self._adapter: PersistenceAdapter = _in_memory() if persistence is None else persistence
        self._clock: Clock = SystemClock() if clock is None else clock
        self._max_concurrency = max_concurrency
        self._observer: Observer = LogObserver() if observer is None else observer
        self._tracer = tracer
        self.activity: Activity = Activity()
        """What is under way here; a runtime adds what it does itself, so that `settled` waits for that too."""
        self._context = contextvars.copy_context()
        self._pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: Session | None = None
        self._opening: asyncio.Task[Session] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._leave: Callable[[], None] | None = None
        self._registry.register_all(definitions)
        self._registry.register_all(schedule.definition for schedule in self._schedules.values())

    # Its life

    @property
    def closed(self) -> bool:
        """True from the beginning of `close` on."""
        return self._registry.is_closed

    async def wait_until_ready(self) -> None:
        """Open the storage and begin to resume what is due or was interrupted. Raises `PersistenceError`."""
        await self._open()

    async def _open(self) -> Session:
        self._check_usable()
        if self._session is not None:
            return self._session
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._bootstrap())
            self._opening.add_done_callback(self._opened)
        return await asyncio.shield(self._opening)

    def _check_usable(self) -> None:
        if os.getpid() != self._pid:  # pragma: no cover - only in a forked child, which coverage does not follow
            raise CommanderClosedError(
                f"this commander belongs to process {self._pid}, from which this one was forked; create one here"
            )
        if self.closed:
            raise CommanderClosedError("this commander is closed; create a new one")
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise RuntimeError("this commander belongs to another event loop; create one for this loop")

    async def _bootstrap(self) -> Session:
        await self._adapter.bootstrap()
        session = Session(
            self._adapter,
            clock=self._clock,
            registry=self._registry,
            max_concurrency=self._max_concurrency,
            activity=self.activity,
            context=self._context,
            observer=self._observer,
            tracer=self._tracer,
            schedules=self._schedules,
            retention=self._retention,
        )
        try:
            await session.open()
            join = getattr(self._clock, "join", None)
            if join is not None:
                self._leave = join(session)
        except BaseException as error:
            await session.end_abandoned()
            await self._adapter.close()
            if carried(error) is error:
                raise
            raise carried(error) from error
        self._session = session
        self._registry.on_registered = session.alarm.begin
        await session.begin()
        return session

    def _opened(self, opening: asyncio.Task[Session]) -> None:
        if opening.cancelled() or opening.exception() is not None:
            self._opening = None  # the next operation tries again

    async def close(self) -> None:
        """Stop user code, make durable what is decided, and give the storage up. A second call does nothing."""
        if os.getpid() != self._pid or (self._loop is None and not self.closed):
            self._registry.is_closed = True
            return
        self._refuse_from_inside("close")
        if self._closing is None:
            if not self.closed:
                self._check_usable()
            self._registry.is_closed = True
            self._closing = asyncio.get_running_loop().create_task(self._shut_down(Session.close))
        await asyncio.shield(self._closing)

    async def abandon(self) -> list[asyncio.Task[Any]]:
        """End as the death of the process would end it, and give the storage up; for tests of what comes after.

        From the call on nothing is committed, and nothing new is run. User code that runs is not told: the tasks
        that are returned are its, and the caller has to keep them. Whoever waits for a mission gets
        `CommanderClosedError`, since nobody would come for them. A commander that is closed already stays so.
        """
        session = self._session
        if session is None or self.closed:
            await self.close()
            return []
        self._check_usable()
        self._registry.is_closed = True
        with self.activity:  # whoever waits for `settled` finds the storage free
            tasks = session.abandon()
            self._closing = asyncio.get_running_loop().create_task(self._shut_down(Session.end_abandoned))
            await asyncio.shield(self._closing)
        return tasks

    async def _shut_down(self, finish: Callable[[Session], Awaitable[None]]) -> None:
        if self._opening is not None:
            await asyncio.wait([self._opening])
        session = self._session
        if session is None:
            return
        try:
            await finish(session)
        finally:
            if self._leave is not None:
                contained(logger, "a clock could not be left")(self._leave)()
            await self._adapter.close()

    def _refuse_from_inside(self, what: str) -> None:
        attempt = current_attempt.get()
        if attempt is not None and not attempt.is_over and self._session and attempt.runner is self._session.runner:
            raise MissionExecutionError(
                f"{attempt.name!r} of mission {attempt.flight.mission_id!r} called {what}() of its own commander, "
                f"which waits for that step; call it from outside"
            )

    def __del__(self) -> None:
        if getattr(self, "_session", None) is not None and self._closing is None and os.getpid() == self._pid:
            warnings.warn(
                f"{self!r} was not closed; use `async with`, or await close()",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )

    async def sweep(self) -> bool:
        """Let all missions go on that are due or were interrupted, as far as there are slots; the rest follows.

        Start those that schedules are due to start, and return whether any schedule was.

        For a runtime's tick; the first call waits for what becoming ready has begun. The `observer` hears of each
        mission before this returns. Raises what reading storage raised.
        """
        session = await self._open()
        recovery, session.recovery = session.recovery or session.alarm.sweep(), None
        has_fired = await session.scheduler.sweep()
        await recovery
        return has_fired

    async def settled(self) -> None:
        """Return at a moment when everything is durable, nothing runs, and nothing that is due is left to do.

        A step that waits for another mission does not run meanwhile.
        """
        self._refuse_from_inside("settled")
        await (await self._open()).settled()

    # Its missions

    def register(self, definition: MissionDefinition[Any], /) -> None:
        """Make a definition known; missions that were waiting for it go on."""
        self._registry.register(definition)

    def create_mission(self, definition: MissionDefinition[I], /, *, mission_id: str | None = None) -> MissionHandle[I]:
        """Return an idle handle. Nothing is reserved: the id is claimed by the handle's `start`."""
        self.register(definition)
        return MissionHandle(self._port, self._registry.mission_id(mission_id), definition.name, definition)

    async def _port(self) -> EmbeddedPort:
        return (await self._open()).operations

    def __repr__(self) -> str:
        state = "closed" if self.closed else "idle" if self._session is None else "open"
        return f"<{type(self).__name__} ({state}) of {', '.join(self._registry.definitions) or 'no definitions'}>"


def _in_memory() -> PersistenceAdapter:
    from ..storage.memory import InMemoryAdapter

    return InMemoryAdapter()


def create_commander(
    *,
    definitions: Iterable[MissionDefinition[Any]] = (),
    schedules: Iterable[Schedule[Any]] = (),
    persistence: PersistenceAdapter | None = None,
    clock: Clock | None = None,
    create_mission_id: Callable[[], str] | None = None,
    max_concurrency: int = 256,
    retention: Mapping[str, timedelta] | None = None,
) -> Commander:
    """Return a commander for missions of `definitions`, over `persistence`, in memory where that is not given.

    It fires `schedules`, whose definitions need not be given besides. At most `max_concurrency` missions run user code
    at once. `retention` says for how long missions are kept behind their end, by how they ended: those of "completed",
    "failed" or "cancelled" that have been over for longer are deleted as by `operations.purge_missions`, when the
    commander is ready and then once a day; without it none is. `clock` and `create_mission_id` are for tests.
    """
    return EmbeddedCommander(
        definitions=definitions,
        schedules=schedules,
        persistence=persistence,
        clock=clock,
        create_mission_id=create_mission_id,
        max_concurrency=max_concurrency,
        retention=retention,
    )
