"""What the machine is told."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias

import attrs

from ..history import NO_LABELS, HistoryRecord, Labels, MissionFailure, MissionStatus
from ..values import Value


@attrs.frozen
class Start(Value):
    """A new mission, with its validated input. `trace` is kept for those who draw what happens.

    A child names its parent, and whether that waits for it. `by` is a note of who asked for it, here as elsewhere.
    `schedule` and `slot` are what started it, where that was the calendar.
    """

    mission_name: str
    input: Any
    start_at: datetime | None
    trace: str | None = None
    parent_id: str | None = None
    is_awaited: bool = False
    by: str | None = None
    schedule: str | None = None
    slot: datetime | None = None
    labels: Labels = NO_LABELS


@attrs.frozen
class Proceed(Value):
    """Begin what can be begun with the slots there are."""


@attrs.frozen
class Succeed(Value):
    """The attempt `number` at `instance` returned `output`, in its JSON form."""

    instance: str
    number: int
    output: Any


@attrs.frozen
class Fail(Value):
    """The attempt failed. `delay` (seconds) is set by the error itself; `chance` is drawn from 0 to 1."""

    instance: str
    number: int
    failure: MissionFailure
    is_retryable: bool
    delay: float | None
    chance: float


@attrs.frozen
class Interrupt(Value):
    """The attempt will never report: its process ended (which counts, unless it stood by), or was closed."""

    instance: str
    number: int
    reason: str


@attrs.frozen
class StandBy(Value):
    """The attempt waits for the end of another mission: that its process ends meanwhile is not its doing."""

    instance: str
    number: int
    mission_id: str


@attrs.frozen
class Elapse(Value):
    """Time has passed: what is due happens, up to `until`, or up to now where that is None."""

    until: datetime | None = None


@attrs.frozen
class Receive(Value):
    """A signal for the wait `instance`, with its validated payload.

    A `key` is used once in a mission. `sent_as` is what the sender called the instance, where that was its bare name.
    """

    instance: str
    payload: Any
    key: str | None = None
    sent_as: str | None = None
    by: str | None = None


@attrs.frozen
class Keep(Value):
    """A signal that came before its wait, with its validated payload. A `key` is used once in a mission.

    `instance` is the bare name, or that of the one wait that may take it.
    """

    instance: str
    payload: Any
    key: str | None = None
    by: str | None = None


@attrs.frozen
class ChildEnded(Value):
    """A child that is waited for has ended: with its output where it completed, else with what ended it.

    `reopened_for` is the record of its parent for which it was reopened last; 0 where it was not.
    """

    mission_id: str
    status: MissionStatus
    output: Any
    error: MissionFailure | None
    reopened_for: int = 0


@attrs.frozen
class Update(Value):
    """An update's code has run: its validated input and its output. A `key` is used once in a mission."""

    name: str
    input: Any
    output: Any
    key: str | None = None
    by: str | None = None


@attrs.frozen
class Cancel(Value):
    """Somebody asks for the end. `at_once` where nothing needs to be stopped first."""

    reason: str | None
    at_once: bool
    by: str | None = None


@attrs.frozen
class FinishCancel(Value):
    """What a requested cancellation had to stop has stopped."""


# What operators ask


@attrs.frozen
class Pause(Value):
    """Begin and fire nothing any more, until the mission is resumed or cancelled."""

    by: str | None = None


@attrs.frozen
class Resume(Value):
    """Begin and fire again what can be begun, and is due."""

    by: str | None = None


@attrs.frozen
class Wake(Value):
    """End a wait for a time now: the one there is, or that at the place `path`."""

    path: str | None = None
    by: str | None = None


@attrs.frozen
class Skip(Value):
    """Go on as if a step that failed had returned `output`: the one there is, or that of an instance name.

    `history` is the mission's, where it has ended.
    """

    output: Any
    step: str | None = None
    by: str | None = None
    history: tuple[HistoryRecord, ...] | None = None


@attrs.frozen
class Reopen(Value):
    """Go on where the end stopped the mission, or from a node of its main line on. `history` is all of the mission's.

    `parent_seq` is the record by which a parent waits for it again, where that is why.
    """

    step: str | None = None
    by: str | None = None
    parent_seq: int = 0
    history: tuple[HistoryRecord, ...] | None = None


Command: TypeAlias = (
    Start
    | Proceed
    | Succeed
    | Fail
    | Interrupt
    | StandBy
    | Elapse
    | Receive
    | Keep
    | ChildEnded
    | Update
    | Cancel
    | FinishCancel
    | Pause
    | Resume
    | Wake
    | Skip
    | Reopen
)
