"""What the machine is told."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias

import attrs

from ..history import MissionFailure


@attrs.frozen
class Start:
    """A new mission, with its validated input. `trace` is kept for those who draw what happens."""

    mission_name: str
    input: Any
    start_at: datetime | None
    trace: str | None = None


@attrs.frozen
class Proceed:
    """A slot is held: begin the step that the mission stands before."""


@attrs.frozen
class Succeed:
    """The running attempt returned `output`, in its JSON form."""

    output: Any


@attrs.frozen
class Fail:
    """The running attempt failed. `delay` (seconds) is set by the error itself; `chance` is drawn from 0 to 1."""

    failure: MissionFailure
    is_retryable: bool
    delay: float | None
    chance: float


@attrs.frozen
class Interrupt:
    """The running attempt will never report: its process ended (which counts, unless it stood by), or was closed."""

    reason: str


@attrs.frozen
class StandBy:
    """The running attempt waits for the end of another mission: that its process ends meanwhile is not its doing."""

    mission_id: str


@attrs.frozen
class Elapse:
    """Time has passed: what is due at `now` happens."""


@attrs.frozen
class Receive:
    """A signal with its validated payload."""

    signal_name: str
    payload: Any


@attrs.frozen
class Update:
    """An update's code has run: its validated input and its output."""

    name: str
    input: Any
    output: Any


@attrs.frozen
class Cancel:
    """Somebody asks for the end. `at_once` where nothing needs to be stopped first."""

    reason: str | None
    at_once: bool


@attrs.frozen
class FinishCancel:
    """What a requested cancellation had to stop has stopped."""


Command: TypeAlias = (
    Start | Proceed | Succeed | Fail | Interrupt | StandBy | Elapse | Receive | Update | Cancel | FinishCancel
)
