"""Missions that have ended, deleted: a portion to a transaction, and a rest for the writer behind each.

The reader looks for them, so that the writer has nothing to do with those that stay. What a transaction deletes are
whole missions, as everybody sees it: their rows. Their histories, which nobody finds any more, go with them as far as
they are short; of long ones the rest goes in the transactions that follow, or with the next purge where this one was
killed. Freed pages are used for what comes next.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias

import attrs

from mission_control.core.history import MissionStatus
from mission_control.core.storage import Answer

from .expressions import labels_of_rows
from .fetching import one_moment
from .rows import Row, answer_row, encode, stored_time

_ROOTS = 64
"""Missions without a parent that one transaction deletes, with their families."""
_COMMITS = 2_000
"""Rows of histories that it deletes at most."""
_LOOKED_AT = 2_000
"""Missions that the reader looks at before others have their turn."""
_REST = 8
"""How many times as long as a transaction took the writer is left to others behind it."""
_REMEMBERED = timedelta(days=1)
"""How long it is known where a mission stood that was deleted."""

Place: TypeAlias = tuple[str, int]
"""When a mission ended, and its number."""
_BEGINNING: Place = ("", 0)


class Wanted(NamedTuple):
    """Which missions are to go: when they ended at the latest, with what, and of which name."""

    before: str
    statuses: str
    mission_name: str | None

    @classmethod
    def of(cls, before: datetime, statuses: Sequence[MissionStatus], mission_name: str | None) -> Wanted:
        """Return it as it is bound."""
        return cls(stored_time(before) or "", encode([str(one) for one in statuses]), mission_name)


class Found(NamedTuple):
    """Numbers of missions that may go, and where to look on; None where there is nothing behind."""

    numbers: list[int]
    place: Place | None


class Portion(NamedTuple):
    """How many missions are gone, whether there is more of their histories, and the seconds that it took."""

    gone: int
    is_left: bool
    seconds: float


@attrs.define(eq=False, repr=False)
class Tally:
    """How many are gone by one call, and by those before it for the same request, if it is for one."""

    request_id: str | None
    gone: int

    @classmethod
    def of(cls, request_id: str | None, known: Mapping[str, Answer]) -> Tally:
        """Go on from what is on record of the request."""
        answer = None if request_id is None else known.get(request_id)
        return cls(request_id, 0 if answer is None else answer.value)

    def rows(self, gone: int) -> list[Row]:
        """Return what is on record with so many more, as rows of `answers`."""
        if self.request_id is None:
            return []
        return [answer_row(Answer(request_id=self.request_id, value=self.gone + gone, is_final=False))]


# What the reader does


def _ended(status: str) -> str:
    return (
        "SELECT number, mission_name, status, parent, ended_at FROM missions INDEXED BY missions_ended"
        f" WHERE status = '{status}' AND ended_at < :before AND (ended_at, number) > (:at, :number)"
    )


CHUNK = f"""
{" UNION ALL ".join(_ended(status) for status in MissionStatus if status.is_terminal)}
ORDER BY ended_at, number LIMIT {_LOOKED_AT}
"""
_FIND = f"""
SELECT json_group_array(json_array(ended_at, number)) FROM (
    SELECT ended_at, number FROM ({CHUNK}) AS m
    WHERE status IN (SELECT value FROM json_each(:statuses))
    AND (:mission_name IS NULL OR mission_name = :mission_name)
    AND NOT EXISTS (SELECT 1 FROM missions WHERE mission_id = m.parent)
    LIMIT {_ROOTS}
)
"""
_LAST = f"SELECT ended_at, number FROM ({CHUNK}) ORDER BY ended_at DESC, number DESC LIMIT 1"


def find(connection: sqlite3.Connection, wanted: Wanted, place: Place) -> Found:
    """Return the next missions behind a place that are wanted and have no parent there, by the time of their end."""
    values = {**wanted._asdict(), "at": place[0], "number": place[1]}
    with one_moment(connection):
        (packed,) = connection.execute(_FIND, values).fetchone()
        last = connection.execute(_LAST, values).fetchone()
    found: list[Place] = [(at, number) for at, number in json.loads(packed)]
    return Found([number for _, number in found], found[-1] if len(found) == _ROOTS else last)


# What the writer does

_LEAVE = """
WITH RECURSIVE family (root, number, mission_id, ended_at) AS (
    SELECT number, number, mission_id, ended_at
    FROM json_each(:roots) CROSS JOIN missions ON number = value
    UNION
    SELECT root, m.number, m.mission_id, m.ended_at
    FROM family CROSS JOIN missions AS m INDEXED BY missions_by_parent ON m.parent = family.mission_id
)
INSERT INTO purged (number, mission_id, ended_at, at, is_left)
SELECT number, mission_id, ended_at, :now, 1 FROM family
WHERE root NOT IN (SELECT root FROM family WHERE ended_at IS NULL OR ended_at >= :before)
"""
"""A family goes when all of it has ended by then."""

_LEFT = "SELECT number FROM purged INDEXED BY purged_left WHERE is_left ORDER BY number"
_MISSIONS = f"DELETE FROM missions WHERE number IN ({_LEFT})"
_FURTHER = f"DELETE FROM further_definitions WHERE mission IN ({_LEFT})"
_WAITS = f"DELETE FROM waits WHERE mission_id IN (SELECT mission_id FROM missions WHERE number IN ({_LEFT}))"
_LABELS = f"""
DELETE FROM labels WHERE (name, value, mission) IN (
    {labels_of_rows(f"number IN ({_LEFT})")}
)
"""
_HISTORY = f"""
DELETE FROM history WHERE (mission, version) IN (
    SELECT mission, version FROM ({_LEFT}) CROSS JOIN history ON mission = number LIMIT {_COMMITS}
)
"""
_FORGET_EMPTY = """
UPDATE purged SET is_left = 0 WHERE is_left AND number < ifnull((
    SELECT number FROM purged INDEXED BY purged_left
    WHERE is_left AND EXISTS (SELECT 1 FROM history WHERE mission = number) ORDER BY number LIMIT 1
), 9223372036854775807)
"""
"""They are deleted in the order of their numbers."""

_IS_LEFT = f"SELECT EXISTS ({_LEFT})"
_FORGET_PLACES = f"""
DELETE FROM purged WHERE number IN (
    SELECT number FROM purged INDEXED BY purged_by_age
    WHERE at < ? AND NOT is_left AND number < (SELECT max(number) FROM purged) ORDER BY at LIMIT {_COMMITS}
)
"""
_UNNAMED = """
SELECT json_group_array(fingerprint) FROM definitions
WHERE NOT EXISTS (SELECT 1 FROM missions WHERE created_under = definitions.number)
AND NOT EXISTS (SELECT 1 FROM further_definitions WHERE definition = definitions.number)
"""
_DEFINITIONS = "DELETE FROM definitions WHERE fingerprint IN (SELECT value FROM json_each(?))"


def delete(cursor: sqlite3.Cursor, wanted: Wanted, numbers: Sequence[int]) -> tuple[int, bool]:
    """Delete missions with their families, those that may go still, and some of what is left of others before.

    Return how many, and whether anything is left of their histories.
    """
    now, count = datetime.now(UTC), 0
    if numbers:
        roots = {"roots": encode(list(numbers)), "before": wanted.before, "now": stored_time(now)}
        cursor.execute(_LEAVE, roots)
        cursor.execute(_WAITS)
        cursor.execute(_LABELS)
        cursor.execute(_FURTHER)
        count = cursor.execute(_MISSIONS).rowcount
    cursor.execute(_HISTORY)
    cursor.execute(_FORGET_EMPTY)
    cursor.execute(_FORGET_PLACES, (stored_time(now - _REMEMBERED),))
    (is_left,) = cursor.execute(_IS_LEFT).fetchone()
    return count, bool(is_left)


def delete_definitions(cursor: sqlite3.Cursor) -> list[str]:
    """Delete the definitions that no mission names any more, and return their fingerprints."""
    (unnamed,) = cursor.execute(_UNNAMED).fetchone()
    cursor.execute(_DEFINITIONS, (unnamed,))
    fingerprints: list[str] = json.loads(unnamed)
    return fingerprints


# What the loop does


@attrs.define(eq=False, repr=False)
class Purge:
    """The way of one call through the missions that have ended."""

    find: Callable[[Wanted, Place], Awaitable[Found]]
    delete: Callable[[Wanted, Sequence[int]], Awaitable[Portion]]
    kept: dict[Wanted, Place]
    """Before this place the last call left nothing that may go: one that asks for the same goes on there."""
    _seconds: float = 0.0

    async def run(self, wanted: Wanted, limit: int) -> int:
        """Delete what is found until it is so many, and what is left of their histories; return how many."""
        begun = self.kept.pop(wanted, _BEGINNING)
        self.kept.clear()
        count = await self._walk(wanted, begun, limit)
        if count < limit and begun != _BEGINNING:
            count += await self._walk(wanted, _BEGINNING, limit - count)
        await self._clear(wanted)
        return count

    async def _walk(self, wanted: Wanted, place: Place, limit: int) -> int:
        count = 0
        while count < limit:
            self.kept[wanted] = place
            found = await self.find(wanted, place)
            if found.numbers:
                portion = await self._delete(wanted, found.numbers[: limit - count])
                count += portion.gone
                if portion.is_left:
                    await self._clear(wanted)
            if found.place is None:
                break
            place = found.place
        return count

    async def _clear(self, wanted: Wanted) -> None:
        while (await self._delete(wanted, ())).is_left:
            pass

    async def _delete(self, wanted: Wanted, numbers: Sequence[int]) -> Portion:
        await asyncio.sleep(self._seconds * _REST)
        portion = await self.delete(wanted, numbers)
        self._seconds = portion.seconds
        return portion
