"""A mission's history as a page that a person reads: one header line, then one line a record."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from .header import header
from .records import UNDO, ChildRecord, HistoryRecord, HistoryType, MissionSnapshot, failure_of
from .shown import shown_names, shown_text, shown_time

_T = HistoryType


def timeline(
    snapshot: MissionSnapshot, history: Iterable[HistoryRecord], children: Iterable[ChildRecord], width: int | None
) -> str:
    """Return the header and the records of a history in columns, with their times in UTC.

    Where there are paths, one column has the path that each record is of. Payloads, messages and reasons are cut to
    `width` characters, where that is not None. Raises `ValueError`.
    """
    if width is not None and (type(width) is not int or width < 1):
        raise ValueError(f"width: expected a number of characters from 1 up, or None, found {width!r}")
    rows = [_row(record, width) for record in history]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    columns = [index for index, width in enumerate(widths) if width or index != _PATH]
    lines = ("  ".join(f"{row[column]:<{widths[column]}}" for column in columns).rstrip() for row in rows)
    return "\n".join([header(snapshot, children, width), *lines])


_PATH = 2
"""The column that is not there where nothing is in it."""


def _row(record: HistoryRecord, width: int | None) -> tuple[str, ...]:
    name, path = record.event_name or "", record.path or ""
    what = _without(name, path) if path else name
    if record.attempt_number is not None:
        what += f" #{record.attempt_number}"
    return shown_time(record.at), record.type.value, path, what, _details(record, width)


def _without(instance: str, path: str) -> str:
    """Return what is left of an instance name beside its path; nothing of the path's own text."""
    undo = UNDO if instance.startswith(UNDO) else ""
    return undo + instance.removeprefix(undo).removeprefix(path).removeprefix("/")


def _details(record: HistoryRecord, width: int | None) -> str:
    shown = (
        show(record, record.details[name], width)
        for name, show in _SHOWN.items()
        if record.details.get(name) is not None
    )
    return ", ".join(filter(None, shown))


_Show: TypeAlias = Callable[[HistoryRecord, Any, int | None], str]


def _text(before: str) -> _Show:
    return lambda record, value, width: f"{before}{shown_text(str(value), width)}"


def _names(before: str) -> _Show:
    return lambda record, value, width: f"{before}{shown_names(value, width)}"


def _time(before: str) -> _Show:
    return lambda record, value, width: f"{before}{shown_time(datetime.fromisoformat(value))}"


def _payload(record: HistoryRecord, value: Any, width: int | None) -> str:
    return shown_text(json.dumps(value, ensure_ascii=False), width)


def _error(record: HistoryRecord, value: Any, width: int | None) -> str:
    failure = failure_of(record)
    return f"{failure.code}: {shown_text(str(failure), width)}"


def _kind(record: HistoryRecord, value: Any, width: int | None) -> str:
    """Return what a decision is for, or a construct is; where it is that of the next node, `_next` says it."""
    if record.type is _T.PATHS_OPENED:
        return str(value)
    return "" if "next" in record.details else f"kind {value}"


def _next(record: HistoryRecord, value: Any, width: int | None) -> str:
    kind = record.details.get("kind")
    return _text("next ")(record, value, width) + ("" if kind is None else f" ({kind})")


def _definition(record: HistoryRecord, value: Any, width: int | None) -> str:
    return "" if record.type is _T.MISSION_CREATED else _text("definition ")(record, value, width)


def _limits(record: HistoryRecord, value: Any, width: int | None) -> str:
    """Return what a changed definition says of how many items may run at once."""
    return shown_names((f"{name} now {limit or 'all'} at a time" for name, limit in value.items()), width)


def _labels(record: HistoryRecord, value: Any, width: int | None) -> str:
    return "labels " + shown_names((f"{name}={text}" for name, text in value.items()), width)


_SHOWN: Mapping[str, _Show] = {
    "mission_id": _text("waits for mission "),
    "parent": _text("child of "),
    "kind": _kind,
    "paths": _names("paths "),
    "count": lambda record, value, width: f"{value} items",
    "limit": lambda record, value, width: f"{value} at a time",
    "limits": _limits,
    "id": _text("mission "),
    "wait": lambda record, value, width: "" if value else "not waited for",
    "status": _text(""),
    "input": _payload,
    "output": _payload,
    "payload": _payload,
    "kept": lambda record, value, width: f"kept since record {value}",
    "winner": _text("winner "),
    "due_at": _time("until "),
    "timeout_at": _time("until "),
    "remind_at": _time("reminds at "),
    "reason": _text("reason "),
    "from_seq": lambda record, value, width: f"as before record {value}",
    "cancellation": _text("cancelled: "),
    "error": _error,
    "undo": lambda record, value, width: "undo failed" if value == "failed" else "",
    "steps": _names("undoes "),
    "children": _names("after missions "),
    "next": _next,
    "definition": _definition,
    "key": _text("key "),
    "by": _text("by "),
    "labels": _labels,
}
"""How each of a record's details is shown, in this order."""
