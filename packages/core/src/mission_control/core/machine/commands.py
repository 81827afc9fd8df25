"""What the machine is told."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias

import attrs

from ..frozen import fills_its_slots
from ..history import MissionFailure, MissionStatus
from ..values import Value


@attrs.frozen
class Start(Value):
    """A new mission, with its validated input. `trace` is kept for those who draw what happens.

    A child names its parent, and whether that waits for it.
    """

    mission_name: str
    input: Any
    start_at: datetime | None
    trace: str | None = None
    parent_id: str | None = None
    is_awaited: bool = False


@attrs.frozen
class Proceed(Value):
    """Begin what can be begun with the slots there are."""


@fills_its_slots
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
    """A signal for the wait `instance`, with its validated payload."""

    instance: str
    payload: Any


@attrs.frozen
class Keep(Value):
    """A signal that came before its wait, with its validated payload; `at` says the place of a bare name."""

    name: str
    at: str | None
    payload: Any

    @property
    def instance(self) -> str:
        """The bare name, or the instance of the one wait that may take it."""
        return self.name if self.at is None else f"{self.at}/{self.name}"


@attrs.frozen
class ChildEnded(Value):
    """A child that is waited for has ended: with its output where it completed, else with what ended it."""

    mission_id: str
    status: MissionStatus
    output: Any
    error: MissionFailure | None


@attrs.frozen
class Update(Value):
    """An update's code has run: its validated input and its output."""

    name: str
    input: Any
    output: Any


@attrs.frozen
class Cancel(Value):
    """Somebody asks for the end. `at_once` where nothing needs to be stopped first."""

    reason: str | None
    at_once: bool


@attrs.frozen
class FinishCancel(Value):
    """What a requested cancellation had to stop has stopped."""


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
)
