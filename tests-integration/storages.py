"""Commanders over each storage, on a clock that tests move, which can be closed or crash and come back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.adapter_sqlite.connection import connect_for_writing
from mission_control.adapter_sqlite.schema import migrate
from mission_control.core import (
    Commander,
    MissionContext,
    MissionDefinition,
    MissionStatistics,
    MissionStatus,
    MissionSummary,
    OpenWait,
    OwnedMailbox,
    Schedule,
    StoredDefinition,
    create_commander,
    m,
)
from mission_control.core.engine.clock import Clock
from mission_control.core.errors import PersistenceError
from mission_control.core.schedules import StoredSchedule
from mission_control.core.storage import (
    EVERYTHING,
    CommitOutcome,
    DueKind,
    LoadOutcome,
    MissionCommit,
    MissionQuery,
    MissionRows,
    PersistenceAdapter,
    Standing,
    StoredMission,
)
from mission_control.in_memory_commander import create_in_memory_persistence_adapter
from mission_control.testing import FakeClock, crash

Wrap = Callable[[PersistenceAdapter], PersistenceAdapter]
NewStorage = Callable[[], PersistenceAdapter]


class Forwarding:
    """An adapter that forwards everything to `inner`; tests override what they look at."""

    def __init__(self, inner: PersistenceAdapter) -> None:
        self._inner = inner

    @property
    def inner(self) -> PersistenceAdapter:
        return self._inner

    def mailbox(self) -> OwnedMailbox | None:
        return self.inner.mailbox()

    async def bootstrap(self) -> None:
        await self.inner.bootstrap()

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return await self.inner.commit(batch)

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        return await self.inner.load(mission_ids)

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        return await self.inner.load_summary(mission_id)

    async def list_missions(
        self, query: MissionQuery = EVERYTHING, /, *, limit: int, after: str | None = None
    ) -> Sequence[MissionSummary]:
        return await self.inner.list_missions(query, limit=limit, after=after)

    async def list_scheduled(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        return await self.inner.list_scheduled(limit=limit, after=after)

    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None = None
    ) -> Sequence[MissionSummary]:
        return await self.inner.due(before, limit=limit, after=after)

    async def next_due(self, after: datetime | None, /, kind: DueKind | None = None) -> datetime | None:
        return await self.inner.next_due(after, kind)

    async def list_interrupted(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        return await self.inner.list_interrupted(limit=limit, after=after)

    async def list_strays(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        return await self.inner.list_strays(limit=limit, after=after)

    async def list_waits(
        self,
        *,
        signal: str | None = None,
        mission_name: str | None = None,
        limit: int,
        after: tuple[datetime, str, str] | None = None,
    ) -> Sequence[OpenWait]:
        return await self.inner.list_waits(signal=signal, mission_name=mission_name, limit=limit, after=after)

    async def list_schedules(self) -> Sequence[tuple[StoredSchedule, MissionStatus | None]]:
        return await self.inner.list_schedules()

    async def record_schedules(self, rows: Sequence[StoredSchedule], /) -> None:
        await self.inner.record_schedules(rows)

    async def statistics(self, now: datetime, /) -> MissionStatistics:
        return await self.inner.statistics(now)

    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        return await self.inner.list_standing(mission_name=mission_name, limit=limit)

    async def list_unplaced(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        return await self.inner.list_unplaced(limit=limit, after=after)

    async def audit(
        self, *, limit: int, after: str | None = None, mission_id: str | None = None
    ) -> Sequence[StoredMission]:
        return await self.inner.audit(limit=limit, after=after, mission_id=mission_id)

    async def rewrite(self, rows: MissionRows, /) -> bool:
        return await self.inner.rewrite(rows)

    async def purge(
        self,
        before: datetime,
        /,
        *,
        statuses: Sequence[MissionStatus],
        mission_name: str | None = None,
        limit: int,
        request_id: str | None = None,
    ) -> int:
        return await self.inner.purge(
            before, statuses=statuses, mission_name=mission_name, limit=limit, request_id=request_id
        )

    async def backup(self, path: str, /) -> None:
        await self.inner.backup(path)

    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        return await self.inner.load_definition(fingerprint)

    async def list_definitions(self, *, mission_name: str | None = None) -> Sequence[StoredDefinition]:
        return await self.inner.list_definitions(mission_name=mission_name)

    async def change_token(self) -> str:
        return await self.inner.change_token()

    async def close(self) -> None:
        await self.inner.close()


Adapter = TypeVar("Adapter", bound=PersistenceAdapter)


class Kept(Generic[Adapter]):
    """Wraps adapters for `open_commander`, and keeps the last one for the test to look at."""

    adapter: Adapter

    def __init__(self, make: Callable[[PersistenceAdapter], Adapter]) -> None:
        self._make = make

    def __call__(self, inner: PersistenceAdapter) -> Adapter:
        self.adapter = self._make(inner)
        return self.adapter


class Crashing(Forwarding):
    """Storage whose process dies at one of its commits, before or after that takes effect; then `died` is set."""

    def __init__(self, inner: PersistenceAdapter, at: int, *, after: bool) -> None:
        super().__init__(inner)
        self._left = at
        self._after = after
        self.died = asyncio.Event()

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        self._left -= 1
        if self._left > 0:
            return await super().commit(batch)
        if self._left == 0 and self._after:
            await super().commit(batch)
        self.died.set()
        raise PersistenceError("the process died")

    async def record_schedules(self, rows: Sequence[StoredSchedule], /) -> None:
        if self.died.is_set():
            raise PersistenceError("the process died")
        await super().record_schedules(rows)


class Undriven:
    """A clock whose time moves without waiting for its user to come to rest."""

    def __init__(self, inner: FakeClock) -> None:
        self._inner = inner

    def now(self) -> datetime:
        return self._inner.now()

    async def sleep_until(self, instant: datetime, /) -> None:
        await self._inner.sleep_until(instant)


class OpenCommander:
    """Opens commanders one after another on the same storage.

    A call closes the commander before it, if it is still open, and returns the next one, ready.
    """

    def __init__(self, adapter_factory: Callable[[], PersistenceAdapter], clock: FakeClock) -> None:
        self.clock = clock
        self._adapter_factory = adapter_factory
        self._last: Commander | None = None

    async def __call__(
        self,
        definitions: Iterable[MissionDefinition[Any]] = (),
        *,
        schedules: Iterable[Schedule[Any]] = (),
        clock: Clock | None = None,
        wrap: Wrap | None = None,
        max_concurrency: int = 256,
        create_mission_id: Callable[[], str] | None = None,
        retention: Mapping[str, timedelta] | None = None,
    ) -> Commander:
        await self.close()
        adapter = self._adapter_factory()
        self._last = commander = create_commander(
            definitions=definitions,
            schedules=schedules,
            persistence=adapter if wrap is None else wrap(adapter),
            clock=self.clock if clock is None else clock,
            max_concurrency=max_concurrency,
            create_mission_id=create_mission_id,
            retention=retention,
        )
        await commander.wait_until_ready()
        return commander

    async def crash(self) -> None:
        """Leave the last commander as if its process had died."""
        if self._last is not None:
            await crash(self._last)
            self._last = None

    async def close(self) -> None:
        """Close the last commander cleanly."""
        if self._last is not None:
            last, self._last = self._last, None
            await last.close()


def memory_adapter_factory() -> Callable[[], PersistenceAdapter]:
    """Return a function that gives an adapter on one storage in memory, again and again."""
    adapter = create_in_memory_persistence_adapter()
    return lambda: adapter


@cache
def _prepared() -> bytes:
    """Return a database without missions. Making one takes longer than most tests, and has tests of its own."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "missions.db")
        path.touch()
        connection = connect_for_writing(path, "normal")
        migrate(connection)
        connection.close()
        return path.read_bytes()


def prepare(path: Path) -> None:
    """Make the database file where there is none."""
    if not path.exists():
        path.write_bytes(_prepared())


def sqlite_adapter(path: Path) -> PersistenceAdapter:
    """Return a new adapter on the database file, which is made where there is none; no power fails here."""
    prepare(path)
    return create_sqlite_persistence_adapter(path, synchronous="normal")


def sqlite_adapter_factory(path: Path) -> Callable[[], PersistenceAdapter]:
    """Return a function that gives a new adapter on one database file, again and again."""
    return lambda: sqlite_adapter(path)


def new_storages(kind: str, folder: Path) -> NewStorage:
    """Return a function that gives an adapter on new storage each time."""
    numbers = count()
    if kind == "memory":
        return create_in_memory_persistence_adapter
    return lambda: sqlite_adapter(folder / f"{next(numbers)}.db")


_PASSING = m.define("passing").start(input=int, run=lambda ctx: ctx.input).end()


async def commits_pass(commander: Commander, count: int = 3) -> None:
    """Return when all that could have been written and begun by now was: so many commits and more came behind it.

    They are those of missions that never run, so that they take no slot.
    """
    for _ in range(count):
        delayed = await commander.start(_PASSING, 1, start_at=datetime.max.replace(tzinfo=UTC))
        await delayed.cancel()


class Gate:
    """An async step that says when it runs, and returns when it is told to."""

    def __init__(self) -> None:
        self.runs = 0
        self.begun = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, ctx: MissionContext[Any]) -> str:
        self.runs += 1
        self.begun.set()
        await self.opened.wait()
        return "passed"


class ThreadGate:
    """A synchronous step that says when it runs, and returns when it is told to."""

    def __init__(self) -> None:
        self.runs = 0
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.opened = threading.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self, ctx: MissionContext[Any]) -> str:
        self.runs += 1
        self._loop.call_soon_threadsafe(self.begun.set)
        self.opened.wait(60)
        self._loop.call_soon_threadsafe(self.ended.set)
        return "passed"


class Gated(Forwarding):
    """Storage whose commits wait, before they take effect, while the gate is closed, and whose reads have their own."""

    def __init__(self, inner: PersistenceAdapter) -> None:
        super().__init__(inner)
        self.gate = asyncio.Event()
        self.gate.set()
        self.read_gate = asyncio.Event()
        self.read_gate.set()
        self.arrived = asyncio.Event()

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        if not self.read_gate.is_set():
            self.arrived.set()
            await self.read_gate.wait()
        return await super().load(mission_ids)

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        self.arrived.set()
        await self.gate.wait()
        return await super().commit(batch)
