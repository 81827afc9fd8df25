"""Records to rows, and rows to records. Payloads are JSON text; times are ISO text, which sorts as they do.

The records of a commit are one row: a list of a list for each, with its type, its event's name, its attempt's number,
its details, and its time where that is another than the row's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias

from mission_control.core.history import (
    NO_LABELS,
    ChildWait,
    HistoryRecord,
    HistoryType,
    MissionFailure,
    MissionStatus,
    MissionSummary,
    OpenWait,
    RetryWait,
    SignalWait,
    TimerWait,
    Wait,
    due_at,
    iso,
    labels_of,
    parse_iso,
)
from mission_control.core.making import maker
from mission_control.core.storage import Answer, AnsweredError, MissionCommit, due_kind

_record, _summary, _timer = maker(HistoryRecord), maker(MissionSummary), maker(TimerWait)

Row: TypeAlias = tuple[Any, ...]


def _encoder() -> Callable[[object], str]:
    """Return what a JSONEncoder does, without making anew for each text what it is made with."""
    encoder = json.JSONEncoder(allow_nan=False, separators=(",", ":"), check_circular=False)
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # pragma: no cover - an interpreter that has no such part
        return encoder.encode
    chunks = make(None, encoder.default, json.encoder.encode_basestring_ascii, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


encode: Callable[[object], str] = _encoder()
"""The one way that JSON is written: ASCII, so that any string at all can be stored."""

_decode: Callable[[str], Any] = json.JSONDecoder().decode

BOUND_COLUMNS = (
    "mission_id, mission_name, status, cursor, wait_kind, wait_name, wait_node_index, due_at, attempt_number,"
    " error, created_at, updated_at"
)
RARE_COLUMNS = ("remind_at", "parent", "is_awaited", "schedule", "slot", "labels")
"""The columns that few missions fill."""
NEVER = "~"
"""When what is paused becomes due: it sorts behind every time."""

SUMMARY_COLUMNS = f"{BOUND_COLUMNS}, remind_at, parent, schedule, slot, labels"
"""The columns of the wait are those of `next_wait`.

`remind_at` is `next_due` where that is another one's, and `NEVER` of a mission that is paused.
"""

WAIT_COLUMNS = "mission_id, mission_name, event_name, since, timeout_at"
WAIT_CHANGES = ("closed", "closed_signal", "closed_since", "opened", "opened_signal", "opened_since", "opened_until")
"""What is bound beside the columns of rows for a wait that a commit closes, and one that it opens."""

ANSWERS = "answers"
"""What is bound for the answers to requests that a commit applies: their rows, as JSON text."""

HISTORY_COLUMNS = "version, at, records"
MISSION_HISTORY_COLUMNS = f"wanted, latest, {HISTORY_COLUMNS}"
"""Of many missions: which of those that were wanted this is, the version that its row has, and one of its commits."""

UNDECODABLE = (LookupError, TypeError, ValueError, RecursionError)
"""What reading a row raises where it is not as this module wrote it."""

ABSENT: Mapping[str, str | int] = {
    "cursor": "",
    "wait_kind": "",
    "wait_name": "",
    "wait_node_index": -1,
    "due_at": "",
    "attempt_number": 0,
    "error": "",
    "remind_at": "",
    "parent": "",
    "is_awaited": 0,
    "schedule": "",
    "slot": "",
    "labels": "",
    "ran_under": 0,
}
"""What is bound where a column is to be NULL, and never occurs there.

Python's sqlite3 asks every None that is bound whether it can adapt itself, which takes longer than to store it.
"""

_NOT_WAITING: Row = ("", "", -1, "", 0)
_TYPES = {str(kind): kind for kind in HistoryType}
_STATUSES = {str(status): status for status in MissionStatus}


def summary_row(summary: MissionSummary, created_at: str | None, updated_at: str | None) -> Row:
    """Return the values of `BOUND_COLUMNS`, as they are bound; its times come as text, which is slow to make."""
    return (
        summary.mission_id,
        summary.mission_name,
        summary.status._value_,
        summary.cursor or "",
        *(_NOT_WAITING if summary.next_wait is None else _wait_row(summary.next_wait)),
        "" if summary.error is None else _failure_text(summary.error),
        created_at,
        updated_at,
    )


def _wait_row(waiting: Wait) -> Row:
    attempt_number = waiting.attempt_number if isinstance(waiting, RetryWait) else 0
    due = stored_time(due_at(waiting)) or ""
    return due_kind(waiting) or "child", waiting.event_name, waiting.node_index, due, attempt_number


def rare_row(member: MissionCommit) -> Row:
    """Return the values of `RARE_COLUMNS`, as they are bound."""
    summary = member.summary
    slot = stored_time(summary.slot) or ""
    labels = "" if member.expected_version or not summary.labels else encode(dict(summary.labels))
    return _remind_at(summary), summary.parent_id or "", int(member.is_awaited), summary.schedule or "", slot, labels


def _remind_at(summary: MissionSummary) -> str | None:
    if summary.paused:
        return NEVER
    return "" if summary.next_due == due_at(summary.next_wait) else stored_time(summary.next_due)


def wait_changes(closed: OpenWait | None, opened: OpenWait | None) -> Row:
    """Return the values of `WAIT_CHANGES`, as they are bound."""
    closing = ("", "", "") if closed is None else (closed.event_name, closed.signal, stored_time(closed.since))
    if opened is None:
        return *closing, "", "", "", ""
    until = stored_time(opened.timeout_at) or ""
    return *closing, opened.event_name, opened.signal, stored_time(opened.since), until


def answers_text(answers: Iterable[Answer]) -> str:
    """Return the rows of `answers` that a commit adds; an empty text where there are none."""
    return encode([answer_row(one) for one in answers]) if answers else ""


def answer_row(answer: Answer, request: str | None = None) -> Row:
    """Return the values of the columns of `answers`; `request` says what was asked, where that was refused."""
    return answer.request_id, stored_time(datetime.now(UTC)), _state(answer), _answer_text(answer), request


def _state(answer: Answer) -> str:
    return "refused" if answer.is_refused else "answered" if answer.is_final else "applied"


def _answer_text(answer: Answer) -> str:
    error = answer.error
    if error is None:
        return encode({"value": answer.value})
    return encode({"error": [error.code, error.message, error.event_name, error.issues]})


def read_answer(row: Row) -> Answer:
    """Return the answer of a row of its id, state and text. Raises one of `UNDECODABLE` for other rows."""
    request_id, state, text = row
    form = _decode(text)
    error = None
    if "error" in form:
        code, message, event_name, issues = form["error"]
        error = AnsweredError(code=code, message=message, event_name=event_name, issues=tuple(issues))
    return Answer(
        request_id=request_id,
        value=form.get("value"),
        error=error,
        is_refused=state == "refused",
        is_final=state != "applied",
    )


def _failure_text(error: MissionFailure) -> str:
    form = error.to_dict(exact=True)
    if not error.undo_failed:
        del form["undo_failed"]
    return encode(form)


def stored_time(instant: datetime | None) -> str | None:
    """Return the instant as text in UTC."""
    return None if instant is None else iso(instant.astimezone(UTC))


_read_time = lru_cache(maxsize=512)(parse_iso)
"""For the commits of missions that went on together."""


def history_text(records: Iterable[HistoryRecord], at: datetime) -> str:
    """Return the records of one commit as JSON text; `at` is when they were made, where they do not say otherwise."""
    return encode(
        [
            [record.type._value_, record.event_name, record.attempt_number, record.details]
            if record.at is at
            else _dated_form(record)
            for record in records
        ]
    )


_DATED = 5
"""How long a record's list is with its own time."""


def _dated_form(record: HistoryRecord) -> list[object]:
    return [record.type._value_, record.event_name, record.attempt_number, record.details, stored_time(record.at)]


def read_summary(row: Row) -> MissionSummary:
    """Return the summary of a row of `SUMMARY_COLUMNS`. Raises one of `UNDECODABLE` for other rows."""
    mission_id, mission_name, status, cursor, kind, event, node, due, attempt, error, created_at, updated_at, *rare = (
        row
    )
    remind_at, parent, schedule, slot, labels = rare
    next_wait = None if kind is None else _read_wait(mission_id, kind, event, node, due, attempt)
    return _summary(
        mission_id,
        mission_name,
        _STATUSES[status],
        cursor,
        next_wait if status == "waiting" else None,
        None if error is None else MissionFailure.from_dict(json.loads(error)),
        None if created_at is None else parse_iso(created_at),
        None if updated_at is None else parse_iso(updated_at),
        next_wait,
        _read_next_due(next_wait, remind_at),
        parent,
        schedule,
        None if slot is None else parse_iso(slot),
        NO_LABELS if labels is None else labels_of(json.loads(labels)),
        remind_at == NEVER,
    )


def _read_next_due(next_wait: Wait | None, remind_at: str | None) -> datetime | None:
    if remind_at is None:
        return due_at(next_wait)
    return None if remind_at == NEVER else parse_iso(remind_at)


def read_status(status: str | None) -> MissionStatus | None:
    """Return the status that a text means, or None where there is no such text."""
    return None if status is None else _STATUSES.get(status)


def _read_wait(
    mission_id: str, kind: str, event_name: str, node_index: int, due: str | None, attempt_number: int
) -> Wait:
    if kind == "child":
        return ChildWait(event_name=event_name, node_index=node_index, mission_id=f"{mission_id}/{event_name}")
    if kind == "signal":
        timeout_at = None if due is None else parse_iso(due)
        return SignalWait(event_name=event_name, node_index=node_index, timeout_at=timeout_at)
    if due is None:
        raise ValueError(f"a wait of kind {kind!r} needs its due time")
    if kind == "retry":
        return RetryWait(
            event_name=event_name, node_index=node_index, due_at=parse_iso(due), attempt_number=attempt_number
        )
    if kind == "sleep" or kind == "start_at":
        return _timer("timer", event_name, node_index, parse_iso(due))
    raise ValueError(f"no wait is of kind {kind!r}")


def read_wait(row: Row) -> OpenWait:
    """Return the open wait of a row of `WAIT_COLUMNS`. Raises one of `UNDECODABLE` for other rows."""
    mission_id, mission_name, event_name, since, timeout_at = row
    return OpenWait(
        mission_id=mission_id,
        mission_name=mission_name,
        event_name=event_name,
        path=event_name.rpartition("/")[0] or None,
        since=parse_iso(since),
        timeout_at=None if timeout_at is None else parse_iso(timeout_at),
    )


def decoded(row: Row) -> Row:
    """Return a row of `MISSION_HISTORY_COLUMNS` with what its records say instead of their text."""
    return (*row[:-1], _decode(row[-1]))


_STARTS = (HistoryType.STEP_STARTED.value, HistoryType.MISSION_CREATED.value)


def last_run(records: str) -> str | None:
    """Return the definition that a commit says the mission runs under from then on, if it does.

    Raises one of `UNDECODABLE` for a text that is no commit's.
    """
    starts = (form[3] for form in reversed(_decode(records)) if form[0] in _STARTS)
    return next((details["definition"] for details in starts if "definition" in details), None)


def read_history(row: Row) -> list[HistoryRecord]:
    """Return the records of a `decoded` row of `MISSION_HISTORY_COLUMNS`. Raises one of `UNDECODABLE` for others."""
    _, _, version, at, _ = row
    forms: list[list[Any]] = row[4]
    if type(forms) is not list or not forms:
        raise TypeError(f"records must be a list of some, found {forms!r}")
    records: list[HistoryRecord] = []
    seq, instant = version - len(forms), _read_time(at)
    details: dict[str, Any]
    for form in forms:
        if type(form) is not list:
            raise TypeError(f"a record must be a list, found {form!r}")
        own_instant = _read_time(form.pop()) if len(form) == _DATED else instant
        kind, event_name, attempt_number, details = form
        if type(details) is not dict:
            raise TypeError(f"details must be an object, found {details!r}")
        seq += 1
        records.append(_record(seq, _TYPES[kind], own_instant, event_name, attempt_number, details))
    return records
