"""The waits for signals in one mission's history: those that are open, and those that are over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from mission_control.core import (
    HistoryRecord,
    HistoryType,
    MissionInspection,
    MissionSnapshot,
    OpenWait,
    RetryWait,
    SignalRecord,
    SignalWait,
    TimerWait,
)
from mission_control.core.definition import signal_json_schema
from mission_control.core.history import parse_iso

StaticForm: TypeAlias = Mapping[str, Any] | None
"""That of the definition of the mission, which has the schemas; None where nobody has it."""


def open_waits(inspection: MissionInspection, static: StaticForm) -> list[OpenWait]:
    """Return the open waits of one mission, with their schemas, in the order of its lines."""
    begun = {record.event_name: record for record in _begun(inspection)}
    return [_as_wait(inspection, begun[one.event_name], static) for one in _awaited(inspection)]


def recorded_wait(inspection: MissionInspection, static: StaticForm, event_name: str, since: datetime) -> OpenWait:
    """Return the wait that began at an instance then, open still or not. Raises `LookupError` where none did."""
    for record in reversed(_begun(inspection)):
        if (record.event_name, record.at) == (event_name, since):
            return _as_wait(inspection, record, static)
    raise LookupError(f"mission {inspection.snapshot.mission_id} did not begin to wait at {event_name} then")


def last_wait(inspection: MissionInspection, static: StaticForm, signal: str, at: str | None = None) -> OpenWait | None:
    """Return the last wait for a signal that there was, which may be over; None where there was none."""
    for record in reversed(_begun(inspection)):
        if _is_meant(record.event_name or "", signal, at):
            return _as_wait(inspection, record, static)
    return None


def timed_waits(snapshot: MissionSnapshot) -> tuple[str, ...]:
    """Return the instances at which a mission waits for a time: a sleep, a retry, or its start."""
    waits = (position.waiting for position in snapshot.positions)
    return tuple(wait.event_name for wait in waits if isinstance(wait, TimerWait | RetryWait))


def find_wait(waits: list[OpenWait], signal: str, at: str | None = None) -> OpenWait:
    """Return the one open wait for a signal: by its own name, or by that of its instance. Raises `LookupError`."""
    found = [one for one in waits if _is_meant(one.event_name, signal, at)]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(one.event_name for one in waits) or "nothing"
    what = "several waits are open" if found else "no wait is open"
    raise LookupError(f"{what} for signal {signal!r}; the mission waits for: {listed}")


def is_open(inspection: MissionInspection, wait: OpenWait) -> bool:
    """Return whether a wait is still open, and not another one of its name."""
    begun = [record.at for record in _begun(inspection) if record.event_name == wait.event_name]
    is_waited_for = any(one.event_name == wait.event_name for one in _awaited(inspection))
    return is_waited_for and begun[-1] == wait.since


def answer_to(inspection: MissionInspection, wait: OpenWait) -> SignalRecord | None:
    """Return what was answered to a wait that is over; None where it ended otherwise."""
    answers = (one for one in inspection.signals if one.event_name == wait.event_name and one.status == "received")
    return next((one for one in answers if one.received_at >= wait.since), None)


def given_before(
    inspection: MissionInspection, wait: OpenWait, payload: object, *, by: str | None
) -> SignalRecord | None:
    """Return the same answer by the same person to an earlier wait for that signal, the last of them; None without.

    Who names a signal alone, and gives an answer again, may mean that earlier wait.
    """
    answers = (one for one in inspection.signals if one.status == "received" and one.received_at <= wait.since)
    same = [one for one in answers if (_own_name(one.event_name), one.payload, one.by) == (wait.signal, payload, by)]
    return same[-1] if same else None


def place_of(wait: OpenWait) -> str:
    """Return where a wait stands among all, as a text that an address can bear."""
    return json.dumps([wait.since.isoformat(), wait.mission_id, wait.event_name])


def wait_at(place: str | None) -> OpenWait | None:
    """Return a wait that stands there, to list those behind it. Raises `ValueError` for what is no place."""
    if place is None:
        return None
    try:
        since, mission_id, event_name = json.loads(place)
        return OpenWait(
            mission_id=str(mission_id), mission_name="", event_name=str(event_name), path=None, since=parse_iso(since)
        )
    except (ValueError, TypeError, RecursionError):
        raise ValueError(f"after: expected what the page before said, found {place!r}") from None


def _begun(inspection: MissionInspection) -> list[HistoryRecord]:
    return [record for record in inspection.history if record.type is HistoryType.WAITING_FOR_SIGNAL]


def _awaited(inspection: MissionInspection) -> list[SignalWait]:
    return [one.waiting for one in inspection.snapshot.positions if isinstance(one.waiting, SignalWait)]


def _as_wait(inspection: MissionInspection, record: HistoryRecord, static: StaticForm) -> OpenWait:
    name, timeout_at = record.event_name or "", record.details.get("timeout_at")
    return OpenWait(
        mission_id=inspection.snapshot.mission_id,
        mission_name=inspection.snapshot.mission_name,
        event_name=name,
        path=record.path,
        since=record.at,
        timeout_at=None if timeout_at is None else parse_iso(timeout_at),
        schema=None if static is None else signal_json_schema(static, name),
    )


def _is_meant(event_name: str, signal: str, at: str | None) -> bool:
    path, _, name = event_name.rpartition("/")
    return signal in (name, event_name) and at in (None, path, event_name)


def _own_name(event_name: str) -> str:
    return event_name.rpartition("/")[2]
