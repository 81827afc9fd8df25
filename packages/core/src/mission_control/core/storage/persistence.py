"""What a commander asks of storage.

An adapter stores histories and, for each mission, one summary row to find it by. It is handed finished values
and decides nothing. The promises in these docstrings are all that a commander relies on, and
`mission_control.testing.PersistenceAdapterContract` checks each of them.

An adapter is used from one event loop at a time. Its methods may be called while others are under way, except
`commit`: the next call of `commit` comes after the last one has ended. A read sees a commit whole or not at all, and
one that begins after the commit has returned sees it. A caller may be cancelled at any await; a commit that was
handed over then still takes effect whole or not at all, and the adapter goes on to serve other calls.
Ids, names and fingerprints are compared exactly, and sorted as code points; the ids of children, and the names of what
is on a path, may be thousands of characters long. Payloads are JSON values and come back as they were, whatever their
text (NUL and lone surrogates too) and however large their integers.
What storage cannot do is raised as `PersistenceError`, with a message that names the storage and the remedy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

import attrs

from ..definition import StoredDefinition
from ..errors import StaleMissionError
from ..history import (
    START_AT,
    ChildWait,
    HistoryRecord,
    MissionStatistics,
    MissionStatus,
    MissionSummary,
    OpenWait,
    SignalWait,
    TimerWait,
    Wait,
    due_at,
)
from ..schedules import StoredSchedule
from ..values import Value
from .answers import Answer
from .mailbox import OwnedMailbox
from .queries import EVERYTHING, MissionQuery
from .stored import LoadOutcome, MissionRows, Standing, StoredMission

DueKind: TypeAlias = Literal["signal", "sleep", "retry", "start_at", "reminder"]
"""What becomes due: a signal's deadline, a sleep, a retry's backoff, a delayed start, or a reminder."""


def due_kind(waiting: Wait) -> DueKind | None:
    """Return what becomes due when the wait ends by itself; None for one that never does."""
    if isinstance(waiting, ChildWait):
        return None
    if isinstance(waiting, SignalWait):
        return "signal"
    if isinstance(waiting, TimerWait):
        return "start_at" if waiting.event_name == START_AT else "sleep"
    return "retry"


class Due(Protocol):
    """What says of a mission what it waits for, and when the first of everything becomes due."""

    @property
    def next_wait(self) -> Wait | None:
        """The open wait that ends first by itself, else the one that began first."""
        ...

    @property
    def next_due(self) -> datetime | None:
        """When the first of everything open becomes due, reminders included."""
        ...


def next_due_kind(mission: Due) -> DueKind | None:
    """Return what becomes due at the mission's `next_due`: its `next_wait`, or a reminder before it."""
    waiting, due = mission.next_wait, mission.next_due
    if due is None:
        return None
    return due_kind(waiting) if waiting is not None and due_at(waiting) == due else "reminder"


@attrs.frozen(kw_only=True)
class MissionCommit(Value):
    """What one mission adds in a commit.

    `expected_version` is the `seq` of the last record that storage has of this mission, 0 for a mission that
    storage must not know yet. `records` follow it without a gap, and there is at least one. `summary` is the
    mission's row after them. `definition` is there where the records name one, as created under or as run under from
    then on, and is stored under its fingerprint unless that is known already; so are `definitions`, further ones that
    an imported mission ran under. The mission names all of them for as long as it is there.

    `ran_under` is the fingerprint of the one definition that the mission has run under so far, which came with this
    commit or an earlier one, and None where there were several, or where its main line stands on live paths: then its
    row does not tell where it stands.

    Of a summary, `waiting` is its `next_wait` while its status is waiting, else None; `next_due` is the due time of
    its `next_wait`, or an earlier one, which is a reminder's then, and None while it is `paused`. The `mission_id` of a
    `ChildWait` is that of the mission, a `/`, and the wait's `event_name`.

    `children` are missions that this one creates. `is_awaited` says, in a child's own first commit, that its parent
    waits for its end. `let_go` are children that the mission awaits no longer; one that it never did is passed over.
    `awaited` are children, all of them there, that it awaits again.

    `opened` are the waits for signals that are open from now on, without their `schema`, which storage does not keep;
    `closed` are those that are open no longer, each as it was opened, and all of them where the mission has ended; one
    that storage does not know is passed over. Live paths wait beside one another: the summary does not tell them all.

    `schedule` is the row of the schedule whose slot the mission is started for: it is written with it, or not at all.

    `answers` are those to requests of the adapter's mailbox that the commit applies: they are durable with it, or not
    at all. There are none where the adapter has no mailbox.
    """

    mission_id: str
    expected_version: int
    records: tuple[HistoryRecord, ...]
    summary: MissionSummary
    definition: StoredDefinition | None = None
    children: tuple[MissionCommit, ...] = ()
    is_awaited: bool = False
    let_go: tuple[str, ...] = ()
    opened: tuple[OpenWait, ...] = ()
    closed: tuple[OpenWait, ...] = ()
    answers: tuple[Answer, ...] = ()
    schedule: StoredSchedule | None = None
    awaited: tuple[str, ...] = ()
    ran_under: str | None = None
    definitions: tuple[StoredDefinition, ...] = ()

    def family(self) -> Iterator[MissionCommit]:
        """Yield this commit, and those of the missions that it creates, in the order of their creation."""
        yield self
        for child in self.children:
            yield from child.family()


CommitOutcome: TypeAlias = StaleMissionError | None


class PersistenceAdapter(Protocol):
    """Storage for missions. There are no optional methods."""

    async def bootstrap(self) -> None:
        """Open the storage for running missions, creating or upgrading it where needed, and own it until `close`.

        Called once before anything else, and again when the adapter is used anew after a `close`, on another event
        loop perhaps. Everything committed before is there again. Raises `DatabaseInUseError`, changing nothing, where
        another adapter, in this process or another, owns the same storage; ownership ends with `close` or with its
        process. An adapter that was refused may be bootstrapped again; closing it takes nothing from the owner.
        """
        ...

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        """Append the records of many missions and replace their summaries, durably, in one transaction.

        Returns one outcome for each member of `batch`, in order: None when it is durable, or a
        `StaleMissionError` that names the mission, returned and not raised, when the version that storage has
        differs from `expected_version` (an id that storage knows, where 0 was expected, is the same case). A stale
        member writes nothing, its definition included; the others are written. Missions that it creates follow one
        another in the order of creation as in the batch. No mission appears twice in a batch; an empty one does
        nothing. What was handed in stays the caller's: changing it afterwards does not change storage.

        A member and its children, which come behind it in the order of creation, are written together or not at all.
        The id of a child that is taken, by what storage has or by an earlier part of the batch, makes the member
        stale, and is the error's `mission_id`, which is otherwise the member's. A stale member lets nothing go.

        Anything raised means that nothing is known about any member: all of it took effect, or none. The next
        commit is served like any other.
        """
        ...

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        """Return, for each id in order, the mission's whole history by `seq`, or None where storage has none.

        An id may be given twice, and there may be tens of thousands.

        What cannot be decoded (broken JSON, an unknown type, an unreadable time), or a history whose last `seq`
        is not the stored version, is returned as a `CorruptMissionError` that names the mission, in its place;
        its rows stay as they are. Returned objects are the caller's: changing them does not change storage.
        """
        ...

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        """Return the mission's summary as last committed, or None. Reads no history."""
        ...

    async def list_missions(
        self, query: MissionQuery = EVERYTHING, /, *, limit: int, after: str | None = None
    ) -> Sequence[MissionSummary]:
        """Return up to `limit` summaries of what is looked for, those after the mission `after` where it is given.

        They come in order of creation, or against it, and `after` itself need not fit. One that was purged within the
        last day stands where it stood; another one that storage does not know gives an empty page. Fewer than `limit`
        are returned only at the end. A row that cannot be decoded is left out and logged. These hold for the other
        listings too.

        Each of what a query may name is found by an index, and so are statuses with a name; where it names more, that
        narrows what the best of these finds.
        """
        ...

    async def list_scheduled(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Return up to `limit` missions whose `waiting` is for a timer or a retry, by its due time and then by id.

        A mission `after` that waits for neither any more stands where its last change puts it (`updated_at`), so
        that a listing goes on although its last mission has fired meanwhile.
        """
        ...

    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None = None
    ) -> Sequence[MissionSummary]:
        """Return up to `limit` missions with a `next_due` of `before` or earlier, by that time and then by id.

        Those that run are among them. `after` is the due time and id of the last one seen; only later ones in that
        order are returned, whether or not one stands there still. Parked missions are not read.
        """
        ...

    async def next_due(self, after: datetime | None, /, kind: DueKind | None = None) -> datetime | None:
        """Return the earliest `next_due` that is later than `after` (any, where that is None), or None.

        Only those of that `kind`, where given, as `next_due_kind` tells it.
        """
        ...

    async def list_interrupted(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Return up to `limit` missions whose status is running, in order of creation. Reads no others."""
        ...

    async def list_strays(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Return up to `limit` children that something has to be done about, in order of creation. Reads no others.

        They are those that are awaited and have ended, whose parents have to be told, and those that were let go and
        have not ended, which have to be cancelled.
        """
        ...

    async def list_waits(
        self,
        *,
        signal: str | None = None,
        mission_name: str | None = None,
        limit: int,
        after: tuple[datetime, str, str] | None = None,
    ) -> Sequence[OpenWait]:
        """Return up to `limit` open waits for signals, by `since`, then by mission id, then by instance name.

        They are those that were committed as `opened` and not yet as `closed`, with a `schema` of None. Only those for
        the signal of that own name (what is behind the last `/` of the instance name), and of that `mission_name`,
        where given. `after` is the place in that order of the last one seen, open still or not. A page is read by an
        index, with filters too: it costs what is on it, however many there are. A row that cannot be decoded is left
        out and logged.
        """
        ...

    async def list_schedules(self) -> Sequence[tuple[StoredSchedule, MissionStatus | None]]:
        """Return all schedules by name, each with the status of its `last_mission_id`; None where that is not there.

        A row that cannot be decoded is left out and logged.
        """
        ...

    async def record_schedules(self, rows: Sequence[StoredSchedule], /) -> None:
        """Write rows of schedules, in place of those of the same names, durably and all or none."""
        ...

    async def statistics(self, now: datetime, /) -> MissionStatistics:
        """Return what there is at `now`, counted by indexes: with a million missions too it takes a moment."""
        ...

    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        """Return where missions stand that have not ended and have a `ran_under`: how many, by that, name and cursor.

        In the order of name, fingerprint and cursor. Of one name alone, where that is given. With `limit`, no more than
        so many missions are looked at that fit and have not ended, the last ones in the order of creation, those
        without a `ran_under` among them.
        """
        ...

    async def list_unplaced(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Return up to `limit` missions that have not ended and have no `ran_under`, in order of creation."""
        ...

    async def audit(
        self, *, limit: int, after: str | None = None, mission_id: str | None = None
    ) -> Sequence[StoredMission]:
        """Return up to `limit` missions with all that is stored of them, in order of creation.

        Only the one of `mission_id`, where that is given. Each is as it was at one moment. What cannot be decoded is
        told in its place, and left out nowhere.
        """
        ...

    async def rewrite(self, rows: MissionRows, /) -> bool:
        """Replace what is stored of a mission beside its history, durably; False where nothing was written.

        That is where the last record of its history is not that of `rows.version` any more.
        """
        ...

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
        """Delete missions that ended before an instant, in short transactions, and return how many.

        Only those of these statuses, all of which are ends, and of that name, where given; the first to have ended
        first. All that is theirs goes with them: history, waits, labels, and the stored forms of definitions that no
        mission names any more (as created under, or ever run under). A mission that has a parent goes with that one and
        never before it, and a family goes as a whole, when all of it has ended by then; whose parent is not there goes
        by itself. It ends when `limit` missions are deleted, with what is left of a family beyond it; fewer than
        `limit` are deleted only where there are no more. What is created later is later in the order of creation,
        whatever was deleted, and may have the id of what was.

        With `request_id`, that of a request of its mailbox, each transaction makes durable how many are gone so far, as
        an answer to that request which is not final. Asked for it once more, it goes on from there: `limit` is that of
        both together, and so is what is returned.
        """
        ...

    async def backup(self, path: str, /) -> None:
        """Write a copy of everything as of one instant to `path`, and check it, while commits go on.

        Raises `PersistenceError` where something is at `path`, where it cannot be written, and where this storage can
        make no copy; what was begun there is gone then.
        """
        ...

    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        """Return the static form that was first committed under `fingerprint`, or None. It is the caller's."""
        ...

    async def list_definitions(self, *, mission_name: str | None = None) -> Sequence[StoredDefinition]:
        """Return all definitions that there are, in the order in which they were stored, of that name where given.

        Each is as it was first committed, and the caller's; its `stored_at` is the time of the first record of that
        commit. One that cannot be decoded is left out and logged.
        """
        ...

    async def change_token(self) -> str:
        """Return a text that is another one after anything was written, and the same while nothing was.

        No text comes again once another one was returned, by an adapter that is opened later neither. It costs next to
        nothing: it is asked for several times a second. It may be another one for other reasons, too, if rarely.
        """
        ...

    def mailbox(self) -> OwnedMailbox | None:
        """Return the owner's side of the mailbox by which other processes reach whoever has bootstrapped this adapter.

        None where there is no such mailbox. It is asked for after `bootstrap`, and closed before `close`. An adapter
        that forwards to another one forwards this, too.
        """
        ...

    async def close(self) -> None:
        """Give the storage up. A commit under way is finished first. A second call does nothing."""
        ...
