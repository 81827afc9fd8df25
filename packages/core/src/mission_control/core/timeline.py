"""A mission's history as a page that a person reads: one header line, then one line a record."""

from __future__ import annotations

import json
from datetime import datetime

from .records import HistoryRecord, HistoryType, MissionInspection, MissionSnapshot, due_at

_COLUMNS = 4
_LONGEST = 100
_SHOWN = ("mission_id", "input", "output", "payload", "due_at", "timeout_at", "reason", "error", "next", "definition")


def timeline(inspection: MissionInspection) -> str:
    """Return the header and the records of an inspection in columns, with their times in UTC."""
    rows = [_row(record) for record in inspection.history]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(_COLUMNS)]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join([header(inspection.snapshot), *lines])


def header(snapshot: MissionSnapshot) -> str:
    """Return one line: which mission, its status, and what it waits for until when, or why it ended."""
    line = f"{snapshot.mission_id} · {snapshot.mission_name} · {snapshot.status}"
    waiting = snapshot.waiting
    if waiting is not None:
        what = {"signal": "for signal", "timer": "on timer", "retry": "to retry"}[waiting.kind]
        until = due_at(waiting)
        line += f" {what} {waiting.event_name}" + (f" until {_time(until)}" if until else "")
    elif snapshot.error is not None:
        line += f" at {snapshot.cursor}: {_shortened(snapshot.error.message)}"
    elif snapshot.cursor is not None:
        line += f" at {snapshot.cursor}"
    return line


def _row(record: HistoryRecord) -> tuple[str, ...]:
    what = record.event_name or ""
    if record.attempt_number is not None:
        what += f" #{record.attempt_number}"
    return _time(record.at), record.type.value, what, _details(record)


def _details(record: HistoryRecord) -> str:
    shown: list[str] = []
    for name in _SHOWN:
        value = record.details.get(name)
        if value is None or (name == "definition" and record.type is HistoryType.MISSION_CREATED):
            continue
        if name == "mission_id":
            shown.append(f"waits for mission {_shortened(str(value))}")
        elif name == "error":
            shown.append(f"{value['code']}: {_shortened(value['message'])}")
        elif name in ("due_at", "timeout_at"):
            shown.append(f"until {_time(datetime.fromisoformat(value))}")
        elif name in ("input", "output", "payload"):
            shown.append(_shortened(json.dumps(value, ensure_ascii=False)))
        else:
            shown.append(f"{name} {_shortened(str(value))}")
    return ", ".join(shown)


def _time(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def _shortened(text: str) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
