"""The SQLite adapter: one thread that writes, one that reads beside it, and the lock that makes them the only ones."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import threading
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import attrs

from mission_control.core.definition import StoredDefinition
from mission_control.core.errors import CommanderClosedError, DatabaseInUseError, PersistenceError
from mission_control.core.history import MissionStatistics, MissionStatus, MissionSummary, OpenWait
from mission_control.core.payloads import found
from mission_control.core.schedules import StoredSchedule
from mission_control.core.storage import (
    EVERYTHING,
    Answer,
    CommitOutcome,
    DueKind,
    LoadOutcome,
    MissionCommit,
    MissionQuery,
    MissionRows,
    OwnedMailbox,
    PersistenceAdapter,
    Standing,
    StoredMission,
)

from . import auditing, counting, definitions, listing, purging, queries, schedules, waits
from .backups import Backup
from .connection import Synchronous
from .failures import ReplacedError, storage_error
from .files import Files
from .holding import Holding
from .location import DatabasePath, check_place, locate
from .lock import DatabaseLock
from .mailbox import SQLiteOwnedMailbox, answers
from .opening import ReaderOpener, WriterOpener
from .purging import Found, Place, Portion, Purge, Tally, Wanted
from .reading import Reader
from .rows import Row
from .worker import Worker, end
from .writer import Writer

T = TypeVar("T")
P = ParamSpec("P")

_RUNNING = MissionQuery(statuses=(MissionStatus.RUNNING,))
_LOCK_POLL_SECONDS = 0.05
_CROWD = 16
"""Members of a commit from which on the loop lets the writer begin before it goes on."""
_HEAD_START_SECONDS = 0.005
"""For how long at most: as long as Python lets a thread keep its lock where another wants it."""


def create_sqlite_persistence_adapter(
    database_path: DatabasePath, *, synchronous: Synchronous = "full", lock_timeout: float = 0.0
) -> PersistenceAdapter:
    """Return storage in the SQLite file at `database_path`, which is created when a commander opens it.

    Args:
        database_path: A path on a local disk. `:memory:`, an empty path and `file:` URIs raise `PersistenceError`.
        synchronous: `full`: what is committed survives a loss of power. `normal`: it survives the process; a loss
            of power may take the last commits, and never damages the file.
        lock_timeout: Seconds to wait for another owner to close before `DatabaseInUseError`.
    """
    if type(cast("object", synchronous)) is not str or synchronous not in ("full", "normal"):
        raise ValueError(f"synchronous: expected 'full' or 'normal', found {found(synchronous)}")
    if type(lock_timeout) not in (int, float) or not lock_timeout >= 0:
        raise ValueError(f"lock_timeout: expected a number of seconds from 0 up, found {found(lock_timeout)}")
    return SQLiteAdapter(locate(database_path), synchronous, lock_timeout)


@attrs.frozen(eq=False, repr=False)
class _Open:
    """What an open adapter holds. The lock is the writer's to release, after it has closed its connection."""

    path: Path
    loop: asyncio.AbstractEventLoop
    process: int
    writer: Worker[Writer]
    reader: Worker[Reader]
    holding: Holding
    backups: list[Backup[Reader]] = attrs.field(factory=list[Backup[Reader]])
    mailboxes: list[SQLiteOwnedMailbox] = attrs.field(factory=list[SQLiteOwnedMailbox])

    @classmethod
    def on(cls, path: Path, synchronous: Synchronous, lock: DatabaseLock) -> _Open:
        """Start both threads; what they open they open when the first job comes."""
        holding = Holding(path)
        reader = Worker("reader of", path, ReaderOpener(holding), _nothing)
        holding.discard_reader = reader.discard
        return cls(
            path=path,
            loop=asyncio.get_running_loop(),
            process=os.getpid(),
            writer=Worker("writer of", path, WriterOpener(holding, synchronous), lock.release),
            reader=reader,
            holding=holding,
        )

    async def checked(self, job: Awaitable[tuple[T, Files]]) -> T:
        """Return what a job says, which is true if it was of the files that are at their paths now.

        The loop looks, and not the job's thread: each look gives Python's lock up, and a thread may have to wait long
        for it while the loop is busy. (A commit of one mission is looked at by the thread: then the loop has mostly
        nothing to do, and would have to wait for the thread.) Where the files are not in place the writer lets go of
        them, and the reader too.
        """
        try:
            answer, files = await job
            if files.are_in_place():
                return answer
        except PersistenceError as error:
            if not isinstance(error.__cause__, ReplacedError):
                raise
        await self.writer.do(Writer.check)
        raise storage_error(self.path, ReplacedError())

    # What a mailbox needs

    async def database_id(self) -> str | None:
        return await self.checked(self.reader.do(Reader.read, answers.database_id))

    async def load_answers(self, request_ids: Sequence[str], /) -> Mapping[str, Answer]:
        return await self.checked(self.reader.do(Reader.read, answers.load_answers, request_ids))

    async def record_answers(self, rows: Sequence[Row], /) -> None:
        await self.checked(self.writer.do(Writer.record_answers, rows))

    async def forget_answers(self, request_ids: Sequence[str], before: str, /) -> None:
        await self.checked(self.writer.do(Writer.forget_answers, request_ids, before))

    async def backup(self, path: str) -> None:
        backup = Backup(self.path, path, ReaderOpener(self.holding))
        self.backups.append(backup)
        try:
            await backup.run(lambda worker, write: self.checked(worker.do(Reader.read, write)))
        finally:
            self.backups.remove(backup)

    # Its end

    async def close(self) -> None:
        for mailbox in self.mailboxes:
            await mailbox.close()
        for backup in self.backups:
            await backup.close()
        await end(self._stop, self.writer)

    def abandon(self) -> None:
        """Release everything without a loop; at the end of the interpreter, or in a forked child, there is no need."""
        if self.process == os.getpid() and not sys.is_finalizing():
            for mailbox in self.mailboxes:
                mailbox.abandon()
            for backup in self.backups:
                backup.stop()
            self._stop(_nothing)
            self.writer.wait()

    def _stop(self, notify: Callable[[], None]) -> None:
        """End both threads, the writer last: the last connection to close clears the write-ahead log."""
        self.reader.stop(partial(self.writer.stop, notify))


class SQLiteAdapter:
    """A `PersistenceAdapter` over one SQLite file; `create_sqlite_persistence_adapter` makes it."""

    def __init__(self, path: Path, synchronous: Synchronous, lock_timeout: float) -> None:
        self._open: _Open | None = None
        self._kept: dict[Wanted, Place] = {}
        self._path = path
        self._synchronous: Synchronous = synchronous
        self._lock_timeout = lock_timeout

    def __repr__(self) -> str:
        return f"<SQLiteAdapter {str(self._path)!r}>"

    def __del__(self) -> None:
        if self._open is not None and self._open.process == os.getpid():
            warnings.warn(f"{self!r} was never closed", ResourceWarning, stacklevel=2, source=self)
            self._open.abandon()

    async def bootstrap(self) -> None:
        """Own the file, creating or upgrading it where needed."""
        self._drop_what_a_dead_loop_left()
        check_place(self._path)
        lock = await self._acquire_lock()
        opened = _Open.on(self._path, self._synchronous, lock)
        try:
            await opened.writer.do(_nothing)
        except BaseException:
            await opened.close()
            raise
        self._open = opened

    def _drop_what_a_dead_loop_left(self) -> None:
        if self._open is not None and (self._open.loop.is_closed() or self._open.process != os.getpid()):
            self._open.abandon()
            self._open = None

    async def _acquire_lock(self) -> DatabaseLock:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._lock_timeout
        while True:
            try:
                return DatabaseLock.acquire(self._path)
            except DatabaseInUseError:
                left = deadline - loop.time()
                if left <= 0:
                    raise
            await asyncio.sleep(min(left, _LOCK_POLL_SECONDS))

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        """Append the records of many missions in one transaction."""
        opened = self._opened()
        if len(batch) == 1:
            return await opened.writer.do(Writer.write_checked, batch)
        if len(batch) < _CROWD:
            return await opened.checked(opened.writer.do(Writer.write, batch))
        # If the loop went on at once, the writer would get Python's lock when the loop has nothing left to do; and then
        # the loop would do nothing while SQLite writes, which needs no lock.
        begun = threading.Event()
        outcomes = opened.writer.do(Writer.write, batch, begun.set)
        begun.wait(_HEAD_START_SECONDS)
        return await opened.checked(outcomes)

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        """Return each mission's history, None, or what is wrong with it."""
        return await self._read(queries.load, mission_ids)

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        """Return the mission's row, or None."""
        return await self._read(queries.load_summary, mission_id)

    async def list_missions(
        self, query: MissionQuery = EVERYTHING, /, *, limit: int, after: str | None = None
    ) -> Sequence[MissionSummary]:
        """Return a page of the missions that are looked for, in order of creation or against it."""
        return await self._read(listing.list_missions, query, limit=limit, after=after)

    async def list_scheduled(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Return a page of the missions that wait for a timer or a retry, earliest due first."""
        return await self._read(queries.list_scheduled, limit=limit, after=after)

    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None = None
    ) -> Sequence[MissionSummary]:
        """Return a page of the missions that are due, earliest first."""
        return await self._read(queries.due, before, limit=limit, after=after)

    async def next_due(self, after: datetime | None, /, kind: DueKind | None = None) -> datetime | None:
        """Return the earliest due time later than `after`, or None."""
        return await self._read(queries.next_due, after, kind)

    async def list_interrupted(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Return a page of the missions that are running, in order of creation."""
        return await self.list_missions(_RUNNING, limit=limit, after=after)

    async def statistics(self, now: datetime, /) -> MissionStatistics:
        """Return what there is at `now`, counted."""
        return await self._read(counting.statistics, now)

    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        """Return where missions stand that have not ended, as far as their rows tell."""
        return await self._read(counting.list_standing, mission_name=mission_name, limit=limit)

    async def list_unplaced(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Return a page of the missions that have not ended and do not tell where they stand."""
        return await self._read(listing.list_unplaced, limit=limit, after=after)

    async def list_strays(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Return a page of the children to be told of or cancelled, in order of creation."""
        return await self._read(queries.list_strays, limit=limit, after=after)

    async def list_waits(
        self,
        *,
        signal: str | None = None,
        mission_name: str | None = None,
        limit: int,
        after: tuple[datetime, str, str] | None = None,
    ) -> Sequence[OpenWait]:
        """Return a page of the open waits for signals, the longest open first."""
        return await self._read(waits.list_waits, signal=signal, mission_name=mission_name, limit=limit, after=after)

    async def list_schedules(self) -> Sequence[tuple[StoredSchedule, MissionStatus | None]]:
        """Return all schedules by name, each with the status of the mission that it started last."""
        return await self._read(schedules.list_schedules)

    async def record_schedules(self, rows: Sequence[StoredSchedule], /) -> None:
        """Write rows of schedules in one transaction."""
        opened = self._opened()
        await opened.checked(opened.writer.do(Writer.record_schedules, rows))

    async def audit(
        self, *, limit: int, after: str | None = None, mission_id: str | None = None
    ) -> Sequence[StoredMission]:
        """Return a page of missions with all that is stored of them, in order of creation."""
        return await self._read(auditing.audit, limit=limit, after=after, mission_id=mission_id)

    async def rewrite(self, rows: MissionRows, /) -> bool:
        """Replace what is stored of a mission beside its history, where that has not gone on."""
        opened = self._opened()
        return await opened.checked(opened.writer.do(Writer.rewrite, rows))

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
        """Delete missions that ended before an instant, a portion to a transaction."""
        known = {} if request_id is None else await self._read(answers.load_answers, [request_id])
        tally = Tally.of(request_id, known)
        purge = Purge(self._find, partial(self._delete, tally), self._kept)
        await purge.run(Wanted.of(before, statuses, mission_name), limit - tally.gone)
        return tally.gone

    async def _find(self, wanted: Wanted, place: Place) -> Found:
        return await self._read(purging.find, wanted, place)

    async def _delete(self, tally: Tally, wanted: Wanted, numbers: Sequence[int]) -> Portion:
        opened = self._opened()
        portion = await opened.checked(opened.writer.do(Writer.purge, wanted, numbers, tally))
        tally.gone += portion.gone
        return portion

    async def backup(self, path: str, /) -> None:
        """Write a copy as of one instant to `path`, and check it, while commits go on."""
        await self._opened().backup(path)

    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        """Return the static form stored under `fingerprint`, or None."""
        return await self._read(definitions.load_definition, fingerprint)

    async def list_definitions(self, *, mission_name: str | None = None) -> Sequence[StoredDefinition]:
        """Return all definitions that there are, or those of a name, in the order in which they were stored."""
        return await self._read(definitions.list_definitions, mission_name=mission_name)

    async def change_token(self) -> str:
        """Return a text that is another one after any connection has committed anything."""
        opened = self._opened()
        return await opened.checked(opened.reader.do(Reader.change_token))

    def mailbox(self) -> OwnedMailbox | None:
        """Return the owner's side of the mailbox beside the file."""
        opened = self._opened()
        mailbox = SQLiteOwnedMailbox(self._path, opened)
        opened.mailboxes.append(mailbox)
        return mailbox

    async def close(self) -> None:
        """Finish the commit under way, close the file, and give it up."""
        opened, self._open = self._open, None
        if opened is not None and opened.process == os.getpid():
            await opened.close()

    async def _read(
        self, query: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        opened = self._opened()
        return await opened.checked(opened.reader.do(Reader.read, query, *args, **kwargs))

    def _opened(self) -> _Open:
        opened = self._open
        if opened is None:
            raise PersistenceError(f"{self._path}: not open: await bootstrap() first")
        if opened.process != os.getpid():
            raise CommanderClosedError(
                f"{self._path}: opened by process {opened.process}, and this is its forked child {os.getpid()}: open it"
                " in one process only, after forking"
            )
        return opened


def _nothing(_: object = None) -> None:
    pass
