"""A mission's history as lines of a page: what happened where, and the payloads beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast

import attrs

from mission_control.core import HistoryRecord, HistoryType, MissionFailure
from mission_control.core.history import UNDO, failure_of, parse_iso

PAGE: Final = 200
"""How many records a page of a timeline has."""

_PAYLOADS: Final = ("input", "output", "payload")

_FACTS: Final[Mapping[str, str]] = {
    "kind": "",
    "paths": "paths",
    "count": "items",
    "limit": "at a time",
    "status": "",
    "winner": "winner",
    "kept": "kept since record",
    "from_seq": "as before record",
    "steps": "undoes",
    "children": "after missions",
    "next": "next",
    "definition": "definition",
    "key": "key",
    "by": "by",
}
"""The details that are shown as texts, in this order, and what is said before each."""

_TIMES: Final[Mapping[str, str]] = {"due_at": "until", "timeout_at": "deadline", "remind_at": "reminds at"}
_MISSIONS: Final[Mapping[str, str]] = {"mission_id": "mission", "id": "mission", "parent": "child of"}
_REASONS: Final[Mapping[str, str]] = {"reason": "reason", "cancellation": "cancelled"}


@attrs.frozen(kw_only=True)
class Line:
    """One record: `what` is the place in its path, and the rest what is known of it."""

    seq: int
    at: datetime
    kind: str
    status: str
    path: str | None
    what: str
    attempt: int | None
    facts: list[tuple[str, str]]
    times: list[tuple[str, datetime]]
    missions: list[tuple[str, str]]
    reasons: list[tuple[str, str]]
    payloads: list[tuple[str, Any]]
    failure: MissionFailure | None


def line_of(record: HistoryRecord) -> Line:
    """Return a record as a line."""
    details = record.details
    return Line(
        seq=record.seq,
        at=record.at,
        kind=record.type.value.replace("-", " "),
        status=_STATUSES.get(record.type, ""),
        path=record.path,
        what=_within(record),
        attempt=record.attempt_number,
        facts=[(word, _text(details[name])) for name, word in _FACTS.items() if details.get(name) is not None],
        times=[(word, parse_iso(details[name])) for name, word in _TIMES.items() if details.get(name) is not None],
        missions=[(word, str(details[name])) for name, word in _MISSIONS.items() if details.get(name) is not None],
        reasons=[(word, str(details[name])) for name, word in _REASONS.items() if details.get(name) is not None],
        payloads=[(name, details[name]) for name in _PAYLOADS if name in details],
        failure=failure_of(record) if isinstance(details.get("error"), Mapping) else None,
    )


_STATUSES: Final[Mapping[HistoryType, str]] = {
    HistoryType.MISSION_STARTED: "running",
    HistoryType.STEP_STARTED: "running",
    HistoryType.STEP_SUCCEEDED: "completed",
    HistoryType.STEP_FAILED: "failed",
    HistoryType.STEP_INTERRUPTED: "interrupted",
    HistoryType.STEP_RETRY_SCHEDULED: "waiting",
    HistoryType.WAITING_FOR_SIGNAL: "waiting",
    HistoryType.SIGNAL_RECEIVED: "completed",
    HistoryType.SIGNAL_TIMED_OUT: "failed",
    HistoryType.TIMER_SCHEDULED: "waiting",
    HistoryType.MISSION_CANCELLED: "cancelled",
    HistoryType.MISSION_COMPLETED: "completed",
    HistoryType.MISSION_FAILED: "failed",
    HistoryType.PATH_COMPLETED: "completed",
    HistoryType.PATH_FAILED: "failed",
    HistoryType.PATH_STOPPED: "cancelled",
    HistoryType.MISSION_PAUSED: "paused",
}


def _within(record: HistoryRecord) -> str:
    """Return what is left of an instance's name beside its path."""
    name, path = record.event_name or "", record.path or ""
    undo = "undo of " if name.startswith(UNDO) else ""
    return undo + name.removeprefix(UNDO).removeprefix(path).removeprefix("/")


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, cast("list[object]", value)))
    return str(value)


@attrs.frozen(kw_only=True)
class Page:
    """A page of a timeline: page 1 is that of the order's beginning."""

    lines: list[Line]
    number: int
    count: int
    records: int


def page_of(history: Sequence[HistoryRecord], *, path: str, newest_first: bool, number: int) -> Page:
    """Return a page of the records in a path and those below it; of all, where the path is the empty text."""
    found = [record for record in history if not path or _is_in(record.path, path)]
    count = max(1, -(-len(found) // PAGE))
    number = min(max(1, number), count)
    ordered = found[::-1] if newest_first else found
    shown = ordered[(number - 1) * PAGE : number * PAGE]
    return Page(lines=list(map(line_of, shown)), number=number, count=count, records=len(found))


def _is_in(path: str | None, wanted: str) -> bool:
    return path is not None and (path == wanted or path.startswith((f"{wanted}/", f"{wanted}[")))


def paths_of(history: Iterable[HistoryRecord], most: int = 200) -> list[str]:
    """Return the paths that records are of, in their order: up to so many."""
    return list(dict.fromkeys(record.path for record in history if record.path))[:most]
