"""Drives missions with paths by hand: decides, folds, and holds that both come to the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from mission_control.core import HistoryRecord, MissionDefinition, MissionFailure, MissionStatus
from mission_control.core.machine import (
    ChildEnded,
    Command,
    Decided,
    Elapse,
    Fail,
    Interrupt,
    Receive,
    Reopen,
    Skip,
    Start,
    State,
    Succeed,
    decide,
    fold,
    load,
)

NOW = datetime(2024, 2, 29, 12, tzinfo=UTC)


@attrs.define
class Driver:
    """One mission, with so many slots; everything that was recorded of it is in `history`."""

    definition: MissionDefinition[Any] | None
    slots: int | None = 100
    now: datetime = NOW
    is_contended: bool = False
    state: State = attrs.field(factory=lambda: State(mission_id="x"))
    history: list[HistoryRecord] = attrs.field(factory=list[HistoryRecord])
    last: Decided | None = None

    def go(self, *commands: Command) -> list[str]:
        """Decide, and return what was recorded, a text each: the type, the event and the attempt where there are."""
        before = self.state
        decided = decide(self.definition, before, commands, self.now, slots=self.slots, is_contended=self.is_contended)
        self.history += decided.records
        if decided.records and not any(record.type == "mission-reopened" for record in decided.records):
            assert fold(before, decided.records) == decided.state
        loaded = load("x", self.history)
        assert loaded == decided.state
        assert loaded.snapshot() == decided.state.snapshot()
        self.state, self.last = decided.state, decided
        return [shown(record) for record in decided.records]

    def begin(self) -> list[str]:
        """Start the mission, and let its start succeed."""
        assert self.definition is not None
        self.go(Start(self.definition.name, 5, None))
        return self.succeed("start")

    def succeed(self, instance: str, output: Any = None) -> list[str]:
        """Let the attempt at an instance succeed."""
        return self.go(self.success(instance, output))

    def success(self, instance: str, output: Any = None) -> Succeed:
        return Succeed(instance, self.number(instance), output)

    def fail(self, instance: str, *, is_retryable: bool = False, message: str = "no") -> list[str]:
        """Let the attempt at an instance fail."""
        return self.go(self.failure(instance, is_retryable=is_retryable, message=message))

    def failure(self, instance: str, *, is_retryable: bool = False, message: str = "no") -> Fail:
        failure = MissionFailure(message=message, at=self.now, code="STEP_FAILED", type="ValueError")
        return Fail(instance, self.number(instance), failure, is_retryable=is_retryable, delay=None, chance=0.0)

    def interrupt(self, instance: str, reason: str = "process ended") -> list[str]:
        """Let the attempt at an instance be lost."""
        return self.go(Interrupt(instance, self.number(instance), reason))

    def receive(self, instance: str, payload: Any = None) -> list[str]:
        """Hand in a signal."""
        return self.go(Receive(instance, payload))

    def child_ended(self, mission_id: str, status: MissionStatus, output: Any = None) -> list[str]:
        """Tell of the end of a child."""
        failed = MissionFailure(message="it broke", at=self.now, code="STEP_FAILED")
        error = None if status is MissionStatus.COMPLETED else failed
        return self.go(ChildEnded(mission_id, status, output, error))

    def wait(self, seconds: float) -> list[str]:
        """Let time pass, and what is due happen."""
        self.now += timedelta(seconds=seconds)
        return self.go(Elapse())

    def reopen(self, step: str | None = None, *, parent_seq: int = 0) -> list[str]:
        """Let the mission, which has ended, go on."""
        return self.go(Reopen(step, history=tuple(self.history), parent_seq=parent_seq))

    def skip(self, output: Any = None, step: str | None = None) -> list[str]:
        """Let it go on as if a step had returned that."""
        return self.go(Skip(output, step, history=tuple(self.history)))

    def number(self, instance: str) -> int:
        line = self.state.line_at(instance)
        assert line.cursor == instance, f"{line.cursor} runs, and not {instance}"
        return line.attempt_number

    def details(self, kind: str, event: str | None = None) -> dict[str, Any]:
        """Return the details of the last record of that type."""
        found = [it for it in self.history if it.type == kind and (event is None or it.event_name == event)]
        return dict(found[-1].details)


def shown(record: HistoryRecord) -> str:
    """Return a record as one text."""
    number = "" if record.attempt_number is None else f" #{record.attempt_number}"
    return f"{record.type} {record.event_name or ''}{number}".rstrip()


@pytest.fixture
def driver() -> Callable[..., Driver]:
    """Return a driver of a mission of that definition, with a hundred slots unless told otherwise."""
    return Driver
