"""The commander that runs missions in this process."""

from __future__ import annotations

import asyncio
import contextvars
import os
import sys
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, cast, overload

from ..definition import I, MissionDefinition, checked_name, exact_text, is_a, new_mission_id, sought
from ..engine import Activity, Clock, LogObserver, Observer, SystemClock, Tracer, current_attempt, not_registered
from ..errors import CommanderClosedError, MissionDefinitionError, MissionExecutionError, MissionNotRegisteredError
from ..foreign import carried
from ..history import MissionInspection, MissionSnapshot, MissionStatus, MissionSummary
from ..log import ContainedLogger, contained
from ..payloads import found
from ..storage import PersistenceAdapter
from .commander import Commander
from .handle import MissionHandle
from .operations import EmbeddedOperations
from .session import Session

logger: ContainedLogger = ContainedLogger("mission_control.engine")

_PAGE = 500


class EmbeddedCommander(Commander):
    """Runs missions in this process, on this event loop, over a persistence adapter that it owns while it is open."""

    def __init__(
        self,
        *,
        definitions: Iterable[MissionDefinition[Any]] = (),
        persistence: PersistenceAdapter | None = None,
        clock: Clock | None = None,
        create_mission_id: Callable[[], str] | None = None,
        max_concurrency: int = 256,
        observer: Observer | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        if type(max_concurrency) is not int or max_concurrency < 1:
            raise ValueError(f"max_concurrency: expected an int of 1 or more, found {found(max_concurrency)}")
        _check_has(persistence, "commit", "persistence: expected a PersistenceAdapter")
        _check_has(clock, "sleep_until", "clock: expected a Clock")
        if create_mission_id is not None and not callable(create_mission_id):
            raise TypeError(f"create_mission_id: expected a function, found {found(create_mission_id)}")
        self._definitions: dict[str, MissionDefinition[Any]] = {}
        self._adapter: PersistenceAdapter = _in_memory() if persistence is None else persistence
        self._clock: Clock = SystemClock() if clock is None else clock
        self._create_mission_id = create_mission_id or new_mission_id
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
        self._closed = False
        self._leave: Callable[[], None] | None = None
        for definition in _listed(definitions):
            self.register(definition)

    # Its life

    @property
    def closed(self) -> bool:
        """True from the beginning of `close` on."""
        return self._closed

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
        if self._closed:
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
            definitions=self._definitions,
            max_concurrency=self._max_concurrency,
            activity=self.activity,
            context=self._context,
            observer=self._observer,
            tracer=self._tracer,
        )
        join = getattr(self._clock, "join", None)
        if join is not None:
            try:
                self._leave = join(session)
            except BaseException as error:
                await self._adapter.close()
                if carried(error) is error:
                    raise
                raise carried(error) from error
        self._session = session
        session.recovery = session.alarm.sweep()
        return session

    def _opened(self, opening: asyncio.Task[Session]) -> None:
        if opening.cancelled() or opening.exception() is not None:
            self._opening = None  # the next operation tries again

    async def close(self) -> None:
        """Stop user code, make durable what is decided, and give the storage up. A second call does nothing."""
        if os.getpid() != self._pid or (self._loop is None and not self._closed):
            self._closed = True
            return
        self._refuse_from_inside("close")
        if self._closing is None:
            if not self._closed:
                self._check_usable()
            self._closed = True
            self._closing = asyncio.get_running_loop().create_task(self._shut_down(Session.close))
        await asyncio.shield(self._closing)

    async def abandon(self) -> list[asyncio.Task[Any]]:
        """End as the death of the process would end it, and give the storage up; for tests of what comes after.

        From the call on nothing is committed, and nothing new is run. User code that runs is not told: the tasks
        that are returned are its, and the caller has to keep them. Whoever waits for a mission gets
        `CommanderClosedError`, since nobody would come for them. A commander that is closed already stays so.
        """
        session = self._session
        if session is None or self._closed:
            await self.close()
            return []
        self._check_usable()
        self._closed = True
        with self.activity:  # whoever waits for `settled` finds the storage free
            tasks = session.abandon()
            self._closing = asyncio.get_running_loop().create_task(self._shut_down(lambda _: session.alarm.close()))
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

    async def sweep(self) -> None:
        """Let all missions go on that are due or were interrupted, as far as there are slots; the rest follows.

        For a runtime's tick; the first call waits for what becoming ready has begun. The `observer` hears of each
        mission before this returns. Raises what reading storage raised.
        """
        session = await self._open()
        recovery, session.recovery = session.recovery, None
        await (session.alarm.sweep() if recovery is None else recovery)

    async def settled(self) -> None:
        """Return at a moment when everything is durable, nothing runs, and nothing that is due is left to do.

        A step that waits for another mission does not run meanwhile.
        """
        self._refuse_from_inside("settled")
        await (await self._open()).settled()

    # Definitions

    def register(self, definition: MissionDefinition[Any], /) -> None:
        """Make a definition known; missions that were waiting for it go on."""
        if not is_a(definition, MissionDefinition):
            raise MissionDefinitionError(
                f"expected a MissionDefinition, found {found(definition)}; a definition is complete after .end()"
            )
        if self._closed:
            raise CommanderClosedError("this commander is closed; create a new one")
        known = self._definitions.get(definition.name)
        if known is definition:
            return
        if known is not None:
            raise MissionDefinitionError(
                f"another definition of the name {definition.name!r} is registered; define it once and register that, "
                f"or give one of them another name"
            )
        self._definitions[definition.name] = definition
        if self._session is not None:
            self._session.alarm.begin()

    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        """Return the static form of a definition that has run, or None."""
        wanted = sought(fingerprint, subject="a definition's fingerprint")
        return await (await self._open()).adapter.load_definition(wanted)

    # Missions

    def create_mission(self, definition: MissionDefinition[I], /, *, mission_id: str | None = None) -> MissionHandle[I]:
        """Return an idle handle. Nothing is reserved: the id is claimed by the handle's `start`."""
        self.register(definition)
        return MissionHandle(self._operations, self._id(mission_id), definition.name, definition)

    def _id(self, mission_id: str | None) -> str:
        chosen = self._create_mission_id() if mission_id is None else mission_id
        return checked_name(chosen, subject="a mission id")

    async def _operations(self) -> EmbeddedOperations:
        return (await self._open()).operations

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
        """Start a mission with `input`, typed or in its JSON form; see `Commander.start`."""
        operations = await self._operations()
        known = self._resolve(definition)
        if type(cast("object", if_exists)) is not str or if_exists not in ("raise", "return"):
            raise ValueError(f'if_exists: expected "raise" or "return", found {found(if_exists)}')
        chosen = self._id(mission_id)
        await operations.start(
            known,
            input,
            mission_id=chosen,
            if_exists=if_exists,
            start_at=start_at,
            wait=wait,
        )
        return MissionHandle(self._operations, chosen, known.name, None)

    def _resolve(self, definition: MissionDefinition[Any] | str) -> MissionDefinition[Any]:
        if not is_a(definition, str):
            given = cast("MissionDefinition[Any]", definition)
            self.register(given)
            return given
        name = str.__str__(definition)
        known = self._definitions.get(name)
        if known is None:
            listed = ", ".join(repr(other) for other in self._definitions) or "none"
            raise MissionNotRegisteredError(
                f"no definition of the name {name!r} is registered (registered: {listed}); register it first"
            )
        return known

    async def get_mission(self, mission_id: str, /) -> MissionHandle[Any] | None:
        """Return a handle, or None where no mission has the id."""
        mission_id = sought(mission_id, subject="a mission id")
        session = await self._open()
        state = session.engine.state(mission_id)
        summary = await session.adapter.load_summary(mission_id) if state is None else state
        if summary is None:
            return None
        if summary.mission_name not in self._definitions:
            raise not_registered(mission_id, summary.mission_name, self._definitions)
        return MissionHandle(self._operations, mission_id, summary.mission_name, None)

    async def inspect_mission(self, mission_id: str, /) -> MissionInspection | None:
        """Return everything there is to see of a mission, or None. Works without its definition."""
        return await (await self._operations()).inspect(sought(mission_id, subject="a mission id"))

    async def cancel_mission(self, mission_id: str, /, reason: str | None = None) -> MissionSnapshot:
        """End a mission and return its state; works without its definition."""
        return await (await self._operations()).cancel(exact_text(mission_id, subject="a mission id"), reason)

    # Lists

    async def list_missions(
        self,
        *,
        status: MissionStatus | None = None,
        mission_name: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> list[MissionSummary]:
        """Return up to `limit` missions in order of creation, from behind the id `after` on."""
        adapter = (await self._open()).adapter
        page = await adapter.list_missions(
            status=checked_status(status),
            mission_name=None if mission_name is None else sought(mission_name, subject="mission_name"),
            limit=checked_limit(limit),
            after=None if after is None else sought(after, subject="after"),
        )
        return list(page)

    async def list_waiting(self, *, limit: int = 100, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` missions that wait for anything, in order of creation."""
        return await self.list_missions(status=MissionStatus.WAITING, limit=limit, after=after)

    async def list_scheduled(self, *, limit: int = 100, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` missions that wait for a timer or a retry, the earliest first."""
        adapter = (await self._open()).adapter
        last_seen = None if after is None else sought(after, subject="after")
        return list(await adapter.list_scheduled(limit=checked_limit(limit), after=last_seen))

    async def iter_missions(
        self, *, status: MissionStatus | None = None, mission_name: str | None = None
    ) -> AsyncIterator[MissionSummary]:
        """Iterate over missions in order of creation, page by page."""
        after: str | None = None
        while True:
            page = await self.list_missions(status=status, mission_name=mission_name, limit=_PAGE, after=after)
            for summary in page:
                yield summary
            if len(page) < _PAGE:
                return
            after = page[-1].mission_id

    def __repr__(self) -> str:
        state = "closed" if self._closed else "idle" if self._session is None else "open"
        return f"<{type(self).__name__} ({state}) of {', '.join(self._definitions) or 'no definitions'}>"


def _in_memory() -> PersistenceAdapter:
    from ..storage.memory import InMemoryAdapter

    return InMemoryAdapter()


def checked_limit(limit: int) -> int:
    """Return a page's size. Raises `ValueError` for one that is none."""
    if type(limit) is not int or limit < 1:
        raise ValueError(f"limit: expected an int of 1 or more, found {found(limit)}")
    return min(limit, sys.maxsize)


def checked_status(status: MissionStatus | None) -> MissionStatus | None:
    """Return the status to look for. Raises `ValueError` for one that is none."""
    for known in MissionStatus:
        if is_a(status, str) and str.__eq__(known, status) is True:
            return known
    if status is None:
        return None
    listed = ", ".join(repr(known.value) for known in MissionStatus)
    raise ValueError(f"status: expected one of {listed}, found {found(status)}")


def _check_has(value: object, method: str, expected: str) -> None:
    """Raise `TypeError` for what cannot be what is expected: an adapter's class, say, instead of an adapter."""
    try:
        fits = value is None or (not is_a(value, type) and callable(getattr(value, method, None)))
    except Exception:  # it may do anything when it is asked
        fits = False
    if not fits:
        raise TypeError(f"{expected}, found {found(value)}")


def _listed(definitions: Iterable[MissionDefinition[Any]]) -> list[MissionDefinition[Any]]:
    try:
        return list(definitions)
    except TypeError:
        raise TypeError(f"definitions: expected a list of MissionDefinition, found {found(definitions)}") from None


def create_commander(
    *,
    definitions: Iterable[MissionDefinition[Any]] = (),
    persistence: PersistenceAdapter | None = None,
    clock: Clock | None = None,
    create_mission_id: Callable[[], str] | None = None,
    max_concurrency: int = 256,
) -> Commander:
    """Return a commander for missions of `definitions`, over `persistence`, in memory where that is not given.

    At most `max_concurrency` missions run user code at once. `clock` and `create_mission_id` are for tests.
    """
    return EmbeddedCommander(
        definitions=definitions,
        persistence=persistence,
        clock=clock,
        create_mission_id=create_mission_id,
        max_concurrency=max_concurrency,
    )
