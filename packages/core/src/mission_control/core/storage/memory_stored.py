"""What storage in memory has of one mission, and what a commit adds to it, whose payloads are kept as JSON text."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TypeAlias

import attrs

from ..definition import StoredDefinition
from ..errors import PersistenceError
from ..history import HistoryRecord, HistoryType, MissionSummary, OpenWait
from .persistence import MissionCommit
from .stored import MissionRows, StoredMission

_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


@attrs.define(eq=False, repr=False)  # not frozen: there is one for each record, and that takes thrice as long to make
class Entry:
    """What a record says beside its details, and the JSON text of these."""

    seq: int
    type: HistoryType
    at: datetime
    event_name: str | None
    attempt_number: int | None
    details: str

    @classmethod
    def of(cls, record: HistoryRecord) -> Entry:
        """Return what is kept of a record."""
        details = _encode(record.details) if record.details else "{}"
        return cls(record.seq, record.type, record.at, record.event_name, record.attempt_number, details)

    def fresh(self) -> HistoryRecord:
        """Return the record, which is the caller's."""
        return HistoryRecord(
            seq=self.seq,
            type=self.type,
            at=self.at,
            event_name=self.event_name,
            attempt_number=self.attempt_number,
            details=json.loads(self.details),
        )


@attrs.frozen(eq=False, repr=False)
class Named:
    """A definition that a commit names: its form is JSON text, and `at` the time of the commit's first record."""

    fingerprint: str
    name: str
    text: str
    at: datetime

    @classmethod
    def of(cls, definition: StoredDefinition, at: datetime) -> Named:
        """Return what is kept of a definition."""
        return cls(definition.fingerprint, definition.name, _encode(definition.static), at)

    def fresh(self) -> StoredDefinition:
        """Return the definition, which is the caller's."""
        static = json.loads(self.text)
        return StoredDefinition(fingerprint=self.fingerprint, name=self.name, static=static, stored_at=self.at)


Encoded: TypeAlias = tuple[MissionCommit, list[Entry], list[Named]]
"""What a mission adds, its records, and the definitions that it names."""


def encoded(member: MissionCommit) -> Encoded:
    """Return the member with everything of it that can fail to be stored, before anything is."""
    first = () if member.definition is None else (member.definition,)
    try:
        entries = [Entry.of(record) for record in member.records]
        return member, entries, [Named.of(one, member.records[0].at) for one in (*first, *member.definitions)]
    except (TypeError, ValueError, RecursionError) as error:
        raise PersistenceError(f"mission {member.mission_id!r}: its records have no JSON form: {error}") from error


@attrs.define(eq=False, repr=False)
class Stored:
    """One mission: its place in the order of creation, its history, its summary, its open waits, who awaits it.

    `named` are the definitions that it has run under, `ran_under` is the only one where its row tells where it stands.
    """

    number: int
    summary: MissionSummary
    is_awaited: bool | None
    ran_under: str | None = None
    named: set[str] = attrs.field(factory=set[str])
    entries: list[Entry] = attrs.field(factory=list[Entry])
    waits: dict[str, OpenWait] = attrs.field(factory=dict[str, OpenWait])

    @property
    def version(self) -> int:
        """The number of its last record."""
        return self.entries[-1].seq if self.entries else 0

    @property
    def is_stray(self) -> bool:
        """True for a child that is awaited and has ended, or was let go and has not."""
        return self.is_awaited is self.summary.status.is_terminal

    @property
    def is_unplaced(self) -> bool:
        """True where it has not ended, and its row does not tell where it stands."""
        return self.ran_under is None and not self.summary.status.is_terminal

    def ended_before(self, instant: datetime) -> bool:
        """True where it has ended, earlier than that."""
        ended_at = self.summary.updated_at
        return self.summary.status.is_terminal and ended_at is not None and ended_at < instant

    def history(self) -> tuple[HistoryRecord, ...]:
        """Return its records, which are the caller's."""
        return tuple(entry.fresh() for entry in self.entries)

    def whole(self) -> StoredMission:
        """Return all that is stored of it."""
        waits = tuple(self.waits.values())
        rows = MissionRows(summary=self.summary, version=self.version, ran_under=self.ran_under, waits=waits)
        return StoredMission(mission_id=self.summary.mission_id, history=self.history(), rows=rows)
