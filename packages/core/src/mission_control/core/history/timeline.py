"""A mission's history as a page that a person reads: one header line, then one line a record."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from ..readable import encodable, shorten
from .records import HistoryRecord, HistoryType, MissionSnapshot, due_at, failure_of

_COLUMNS = 4
_SHOWN = ("mission_id", "input", "output", "payload", "due_at", "timeout_at", "reason", "error", "next", "definition")


def timeline(snapshot: MissionSnapshot, history: Iterable[HistoryRecord], width: int | None) -> str:
    """Return the header and the records of a history in columns, with their times in UTC.

    Payloads, messages and reasons are cut to `width` characters, where that is not None. Raises `ValueError`.
    """
    if width is not None and (type(width) is not int or width < 1):
        raise ValueError(f"width: expected a number of characters from 1 up, or None, found {width!r}")
    rows = [_row(record, width) for record in history]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(_COLUMNS)]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join([_header(snapshot, width), *lines])


def _header(snapshot: MissionSnapshot, width: int | None) -> str:
    """Return one line: which mission, its status, and what it waits for until when, or why it ended."""
    line = f"{snapshot.mission_id} ({snapshot.mission_name}): {snapshot.status}"
    waiting = snapshot.waiting
    if waiting is not None:
        what = {"signal": "for signal", "timer": "on timer", "retry": "to retry"}[waiting.kind]
        until = due_at(waiting)
        line += f" {what} {waiting.event_name}" + (f" until {_time(until)}" if until else "")
    elif snapshot.error is not None:
        line += f" at {snapshot.cursor}: {_shortened(str(snapshot.error), width)}"
    elif snapshot.cursor is not None:
        line += f" at {snapshot.cursor}"
    return line


def _row(record: HistoryRecord, width: int | None) -> tuple[str, ...]:
    what = record.event_name or ""
    if record.attempt_number is not None:
        what += f" #{record.attempt_number}"
    return _time(record.at), record.type.value, what, _details(record, width)


def _details(record: HistoryRecord, width: int | None) -> str:
    shown: list[str] = []
    for name in _SHOWN:
        value = record.details.get(name)
        if value is None or (name == "definition" and record.type is HistoryType.MISSION_CREATED):
            continue
        if name == "mission_id":
            shown.append(f"waits for mission {_shortened(str(value), width)}")
        elif name == "error":
            failure = failure_of(record)
            shown.append(f"{failure.code}: {_shortened(str(failure), width)}")
        elif name in ("due_at", "timeout_at"):
            shown.append(f"until {_time(datetime.fromisoformat(value))}")
        elif name in ("input", "output", "payload"):
            shown.append(_shortened(json.dumps(value, ensure_ascii=False), width))
        else:
            shown.append(f"{name} {_shortened(str(value), width)}")
    return ", ".join(shown)


def _time(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def _shortened(text: str, width: int | None) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in encodable(text)).split())
    return text if width is None else shorten(text, width)
