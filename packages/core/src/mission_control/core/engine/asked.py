"""What callers ask of a mission, and how they are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from ..foreign import carried
from ..machine import Pause, Reopen, Resume, Skip, Wake
from ..schedules import StoredSchedule
from ..storage import Answer
from ..values import Shown

OperatorCommand: TypeAlias = Pause | Resume | Wake | Skip | Reopen


@attrs.define(eq=False)
class Requested(Shown):
    """A request of another process: the commit that applies it says so. `is_final` where nothing else is to be said."""

    request_id: str
    is_final: bool
    value: object = None
    """What an update returned."""
    is_recorded: bool = attrs.field(default=False, init=False)
    """True once that commit is durable."""

    def recorded(self) -> Answer:
        """Return what the commit says."""
        return Answer(request_id=self.request_id, value=self.value, is_final=self.is_final)


@attrs.define(eq=False)
class Operation(Shown):
    """What a caller asked of a mission, and the future that the caller waits on."""

    answer: asyncio.Future[Any]
    requested: Requested | None = attrs.field(default=None, init=False)
    """What it is for another process; None for a caller in this one."""
    schedule: StoredSchedule | None = attrs.field(default=None, init=False)
    """The row of the schedule that asks, which is written with what it asks for."""
    on_answer: Callable[[], None] | None = attrs.field(default=None, init=False)
    """What to call as soon as there is an answer, once."""

    @property
    def is_withdrawn(self) -> bool:
        """True where nobody waits for the answer any more."""
        return self.answer.done()

    @property
    def is_taken_back(self) -> bool:
        """True where it will be asked again, under the same id: it must not be applied by then."""
        return self.requested is not None and self.answer.done()

    def resolve(self, value: object = None) -> None:
        """Answer the caller."""
        if not self.answer.done():
            self.answer.set_result(value)
            self._tell()

    def refuse(self, error: BaseException) -> None:
        """Answer the caller with an error."""
        if not self.answer.done():
            self.answer.set_exception(carried(error))
            self._tell()

    def _tell(self) -> None:
        on_answer, self.on_answer = self.on_answer, None
        if on_answer is not None:
            on_answer()

    def __enter__(self) -> None:
        """Answer with whatever is raised inside, which is raised all the same: nobody else has the operation there."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object, /) -> None:
        if error is not None:
            self.refuse(error)


@attrs.define(eq=False)
class SignalOperation(Operation):
    """Deliver a signal; with `wait`, answer when the line that takes it next waits or ends.

    `name` is that of the signal, or the instance of the wait; `at` says the place of a bare name.
    """

    name: str
    payload: object
    wait: bool
    at: str | None = None
    key: str | None = None
    by: str | None = None

    @property
    def sent_as(self) -> str:
        """The instance of the wait as far as it was given."""
        return self.name if self.at is None else f"{self.at}/{self.name}"


@attrs.define(eq=False)
class UpdateOperation(Operation):
    """Run an update and record what it returns; `timeout` is in seconds."""

    name: str
    input: object
    timeout: float | None
    key: str | None = None
    by: str | None = None
    held_until: float | None = None
    """When it is run beside steps, on the loop's clock, where there are live paths."""
    stored: object = None
    """The validated input, as it is recorded."""


@attrs.define(eq=False)
class CancelOperation(Operation):
    """End the mission; answer when it has ended."""

    reason: str | None
    by: str | None = None


@attrs.define(eq=False)
class ChangeOperation(Operation):
    """Do what an operator asks; answer when it is durable."""

    command: OperatorCommand


Order: TypeAlias = CancelOperation | ChangeOperation
"""What is done next, whatever the mission does."""

Held: TypeAlias = SignalOperation | UpdateOperation
