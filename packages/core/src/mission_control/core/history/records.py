"""What is recorded of a mission, and the views of it that callers get.

Every class here is frozen and turns into JSON-ready values with `to_dict()`. Times are aware UTC
`datetime`s; payloads (inputs, outputs, signals) are plain JSON values, exactly as they were handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal, Self, TypeAlias, cast

import attrs

from ..readable import encodable
from ..values import Value
from .labels import NO_LABELS, labels_of


class MissionStatus(StrEnum):
    """Where a mission is in its life. `idle` is a handle whose mission has not been started."""

    IDLE = "idle"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """True where the mission will not change again."""
        return self in _TERMINAL


_TERMINAL = frozenset({MissionStatus.COMPLETED, MissionStatus.FAILED, MissionStatus.CANCELLED})


class HistoryType(StrEnum):
    """What a history record says has happened."""

    MISSION_CREATED = "mission-created"
    MISSION_STARTED = "mission-started"
    STEP_STARTED = "step-started"
    STEP_SUCCEEDED = "step-succeeded"
    STEP_FAILED = "step-failed"
    STEP_INTERRUPTED = "step-interrupted"
    STEP_RETRY_SCHEDULED = "step-retry-scheduled"
    STEP_WAITING = "step-waiting"
    WAITING_FOR_SIGNAL = "waiting-for-signal"
    SIGNAL_KEPT = "signal-kept"
    SIGNAL_RECEIVED = "signal-received"
    SIGNAL_TIMED_OUT = "signal-timed-out"
    TIMER_SCHEDULED = "timer-scheduled"
    TIMER_FIRED = "timer-fired"
    MISSION_UPDATE = "mission-update"
    CANCELLATION_REQUESTED = "mission-cancellation-requested"
    MISSION_CANCELLED = "mission-cancelled"
    MISSION_COMPLETED = "mission-completed"
    MISSION_FAILED = "mission-failed"
    PATHS_OPENED = "paths-opened"
    PATH_COMPLETED = "path-completed"
    PATH_FAILED = "path-failed"
    PATH_STOPPED = "path-stopped"
    PATHS_JOINED = "paths-joined"
    CHILD_STARTED = "child-started"
    CHILD_ENDED = "child-ended"
    MISSION_UNDOING = "mission-undoing"
    MISSION_PAUSED = "mission-paused"
    MISSION_RESUMED = "mission-resumed"
    MISSION_REOPENED = "mission-reopened"
    STEP_SKIPPED = "step-skipped"


_OF_A_PATH = frozenset({HistoryType.PATH_COMPLETED, HistoryType.PATH_FAILED, HistoryType.PATH_STOPPED})

UNDO = "undo:"
"""What the name of a step's undo begins with; the rest is the instance that it undoes."""


def iso(instant: datetime) -> str:
    """Return `instant` as text of one length, so that texts sort as the instants do."""
    return instant.isoformat(timespec="microseconds")


def parse_iso(text: str) -> datetime:
    """Return the aware instant that `iso` wrote, in UTC. Raises `ValueError` for other text."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is UTC:
        return instant
    if instant.tzinfo is None:
        raise ValueError(f"expected an instant with its offset, found {text!r}")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is beyond what a datetime in UTC holds") from None


def _json_ready(value: object, text: Callable[[str], str]) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Record):
        return {name: _json_ready(getattr(value, name), text) for name in attrs.fields_dict(type(value))}
    if isinstance(value, Mapping):
        return {text(key): _json_ready(item, text) for key, item in cast("Mapping[str, object]", value).items()}
    if isinstance(value, tuple | list):
        return [_json_ready(item, text) for item in cast("tuple[object, ...]", value)]
    return value


@attrs.frozen(kw_only=True)
class Record(Value):
    """The base of everything in this module."""

    def to_dict(self, *, exact: bool = False) -> dict[str, Any]:
        r"""Return the record as JSON-ready values: ISO times, plain dictionaries and lists.

        They can be shown and sent: a lone surrogate, which UTF-8 cannot encode, is the six characters of its escape
        (`\udce9`). With `exact` every text is as it was recorded, which is what storage has to keep: encode that with
        `json.dumps`, which writes ASCII unless told otherwise.
        """
        form: dict[str, Any] = _json_ready(self, str if exact else encodable)
        return form


@attrs.frozen(kw_only=True)
class HistoryRecord(Record):
    """One thing that happened to a mission. A mission's history is these, `seq` gapless from 1.

    `event_name` is the node, signal, timer or update it happened to, `attempt_number` the attempt of
    that step, and `details` what is needed to rebuild the rest: payloads, errors, due times.
    """

    seq: int
    type: HistoryType
    at: datetime
    event_name: str | None = None
    attempt_number: int | None = None
    details: Mapping[str, Any] = attrs.field(factory=dict[str, Any])

    @property
    def path(self) -> str | None:
        """The path that it happened in, as text: None on the main line."""
        if self.type in _OF_A_PATH:
            return self.event_name
        return (self.event_name or "").removeprefix(UNDO).rpartition("/")[0] or None

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> Self:
        """Return the record that `to_dict(exact=True)` wrote.

        Raises `KeyError`, `TypeError` or `ValueError` for anything else.
        """
        details: object = form["details"]
        if not isinstance(details, dict):
            raise TypeError(f"details must be an object, found {details!r}")
        return cls(
            seq=int(form["seq"]),
            type=HistoryType(form["type"]),
            at=parse_iso(form["at"]),
            event_name=form["event_name"],
            attempt_number=form["attempt_number"],
            details=cast("dict[str, Any]", details),
        )


@attrs.frozen(kw_only=True)
class SignalWait(Record):
    """The mission waits for the signal `event_name`, until `timeout_at` where that is set."""

    kind: Literal["signal"] = "signal"
    event_name: str
    node_index: int
    timeout_at: datetime | None = None


@attrs.frozen(kw_only=True)
class TimerWait(Record):
    """The mission sleeps until `due_at`; `event_name` is `start_at` for a delayed start."""

    kind: Literal["timer"] = "timer"
    event_name: str
    node_index: int
    due_at: datetime


@attrs.frozen(kw_only=True)
class RetryWait(Record):
    """The step `event_name` failed; its attempt `attempt_number` starts at `due_at`."""

    kind: Literal["retry"] = "retry"
    event_name: str
    node_index: int
    due_at: datetime
    attempt_number: int


@attrs.frozen(kw_only=True)
class ChildWait(Record):
    """The mission waits for the end of the child `mission_id`, which the node `event_name` started."""

    kind: Literal["child"] = "child"
    event_name: str
    node_index: int
    mission_id: str


Wait: TypeAlias = SignalWait | TimerWait | RetryWait | ChildWait

START_AT = "start_at"
"""The name of the timer of a delayed start; no node may bear it."""


@attrs.frozen(kw_only=True)
class MissionFailure(Record):
    """Why a mission failed or was cancelled, or why a step's attempt failed.

    `code` is one of STEP_FAILED, STEP_TIMEOUT, STEP_INTERRUPTED, SIGNAL_TIMEOUT, MISSION_CANCELLED,
    MISSION_PAYLOAD_ERROR, ROUNDS_EXHAUSTED and CHILD_FAILED; `type` is the exception's class and `traceback` its text,
    where there was one. `undo_failed` names the steps whose undo was given up.
    `str()` of it is for people: the class and the message, as in `KeyError: 'iban'`.
    """

    message: str
    at: datetime
    code: str
    type: str | None = None
    traceback: str | None = None
    undo_failed: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> Self:
        """Return the failure that `to_dict(exact=True)` wrote, here or in an earlier release.

        Raises `KeyError`, `TypeError` or `ValueError` for anything else.
        """
        return cls(
            message=form["message"],
            at=parse_iso(form["at"]),
            code=form["code"],
            type=form["type"],
            traceback=form["traceback"],
            undo_failed=tuple(form.get("undo_failed", ())),
        )

    def __str__(self) -> str:
        kind = (self.type or "").rpartition(".")[2]
        return encodable(self.message if kind in ("", self.message) else f"{kind}: {self.message}")


@attrs.frozen(kw_only=True)
class EventRecord(Record):
    """What went into a node or update, and what came out; None where absent."""

    input: Any = None
    output: Any = None


@attrs.frozen(kw_only=True)
class Position(Record):
    """Where one live line of a mission stands: `path` is its text, None for the main line.

    `cursor` is the instance of the node that it stands on, None where it waits for a slot to begin. `attempt_number` is
    that of the attempt that runs, or that a retry wait is followed by.
    """

    path: str | None
    cursor: str | None
    status: Literal["running", "waiting"]
    waiting: Wait | None = None
    attempt_number: int | None = None


@attrs.frozen(kw_only=True)
class PathResult(Record):
    """What became of one item of an `each`, or one path of a `parallel` or `race`, so far.

    `index` counts items from 0, or paths in the order of the definition.
    """

    path: str
    index: int
    status: Literal["running", "completed", "failed", "stopped"]
    error: MissionFailure | None = None


@attrs.frozen(kw_only=True)
class MissionSummary(Record):
    """One mission on one row: where it stands, without its payloads.

    `cursor` is the name of the node that its main line stands on: `start` during a delayed start, where it stood when
    it failed or was cancelled, None when it completed. `next_wait` is the open wait of any of its lines that ends first
    by itself, else the one that began first; `waiting` is the same while all lines wait. `next_due` is the earliest
    time at which anything of it becomes due; None while it is `paused`, when nothing of it begins or fires. `error` is
    why it failed or was cancelled, or why the step failed that it will try again. `parent_id` is the mission that it is
    a child of. `schedule` and `slot` are the schedule that started it, and for which of its slots that was; None for
    one that was triggered. `labels` are what it was started with.
    """

    mission_id: str
    mission_name: str
    status: MissionStatus
    cursor: str | None
    waiting: Wait | None
    error: MissionFailure | None
    created_at: datetime | None
    updated_at: datetime | None
    next_wait: Wait | None = None
    next_due: datetime | None = None
    parent_id: str | None = None
    schedule: str | None = None
    slot: datetime | None = None
    labels: Mapping[str, str] = attrs.field(default=NO_LABELS, converter=labels_of)
    paused: bool = False


@attrs.frozen(kw_only=True)
class MissionSnapshot(MissionSummary):
    """A mission's state: its summary, the payloads of its events, its last step's output, and where its lines stand.

    `definition_created_with` and `definition_last_run` are fingerprints; `Commander.load_definition`
    returns what they stand for.
    """

    events: Mapping[str, EventRecord] = attrs.field(factory=dict[str, EventRecord])
    output: Any = None
    definition_created_with: str | None = None
    definition_last_run: str | None = None
    positions: tuple[Position, ...] = ()


@attrs.frozen(kw_only=True)
class StepAttempt(Record):
    """One attempt of a step, a decision or an undo: `step_name` is its instance name, that of `start` "start"."""

    step_name: str
    attempt_number: int
    started_at: datetime
    finished_at: datetime | None = None
    status: Literal["running", "succeeded", "failed", "interrupted"] = "running"
    error: MissionFailure | None = None


@attrs.frozen(kw_only=True)
class SignalRecord(Record):
    """A signal that was applied, or that was kept for a wait which has not begun, and may never do so.

    `event_name` is the wait that took it; of a kept one it is the name, or the instance, that it was sent to. `key` and
    `by` are what its sender gave with it, where that gave any.
    """

    event_name: str
    received_at: datetime
    payload: Any
    status: Literal["received", "kept"] = "received"
    key: str | None = None
    by: str | None = None


@attrs.frozen(kw_only=True)
class TimerRecord(Record):
    """A sleep, a retry's backoff or a delayed start, and what became of it.

    It is "cancelled" where it never fired: its path was stopped, or the mission failed, was cancelled or was undone.
    """

    event_name: str
    kind: Literal["sleep", "retry", "start_at"]
    scheduled_at: datetime
    due_at: datetime
    resumed_at: datetime | None = None
    status: Literal["scheduled", "completed", "cancelled"] = "scheduled"


@attrs.frozen(kw_only=True)
class ChildRecord(Record):
    """A mission that the node `event_name` started, and how it ended as far as its parent was told.

    `status` is "running" until then, and for ever where it is not waited for: ask for the mission itself.
    """

    event_name: str
    mission_id: str
    started_at: datetime
    is_awaited: bool = True
    ended_at: datetime | None = None
    status: MissionStatus = MissionStatus.RUNNING


def failure_of(record: HistoryRecord) -> MissionFailure:
    """Return the failure that a record tells of: of an attempt, a path, a child, or the mission."""
    error = record.details["error"]
    return MissionFailure(
        message=error["message"],
        at=record.at,
        code=error["code"],
        type=error.get("type"),
        traceback=error.get("traceback"),
        undo_failed=tuple(error.get("undo_failed", ())),
    )


def due_at(waiting: Wait | None) -> datetime | None:
    """Return when the wait ends by itself: a timer's or retry's due time, a signal's deadline."""
    if waiting is None or isinstance(waiting, ChildWait):
        return None
    return waiting.timeout_at if isinstance(waiting, SignalWait) else waiting.due_at


def is_waiting(record: MissionSummary) -> bool:
    """True where every line of the mission waits."""
    return record.status is MissionStatus.WAITING


def is_scheduled(record: MissionSummary) -> bool:
    """True where the mission goes on by itself at a known time: it waits for a timer or a retry."""
    return isinstance(record.waiting, TimerWait | RetryWait)


def is_recoverable(record: MissionSummary) -> bool:
    """True where there is something left to do: the mission is running or waits."""
    return record.status in (MissionStatus.RUNNING, MissionStatus.WAITING)
