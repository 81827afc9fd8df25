"""Decides what becomes of a mission, on a worker that has its definition: the machine's answers, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from mission_control.core import (
    MissionControlError,
    MissionDefinition,
    MissionExecutionError,
    MissionNotRegisteredError,
)
from mission_control.core.commander import command_of
from mission_control.core.engine import commit_of_child, not_registered, orphans_of
from mission_control.core.history import HistoryType
from mission_control.core.machine import (
    Cancel,
    Command,
    Decided,
    FinishCancel,
    Pause,
    Receive,
    Resume,
    State,
    check_carries,
    check_repeat,
    decide,
    find_use,
    take_signal,
)
from mission_control.core.storage import AnsweredError, CancelRequest, Request, SignalRequest, read_request

from .forms import MOST_BYTES, Form, read_command, record_forms

SLOTS = 1_000_000_000
"""As many attempts as there may be: workers have limits, missions have none."""

_NEEDS_NO_DEFINITION = (Cancel, FinishCancel, Pause, Resume)


class ElsewhereError(Exception):
    """This worker does not have the definition, or not one that can carry the mission on: another one may."""


class Decider:
    """Answers what is asked of missions, by the definitions of one worker or client."""

    def __init__(self, definitions: Mapping[str, MissionDefinition[Any]]) -> None:
        self.definitions = definitions

    def answer(self, state: State, ask: Form, now: datetime) -> tuple[Form, State | None]:
        """Return the answer, as a form, and the state behind its batch; what a request is refused with is one too."""
        slots = SLOTS if ask.get("begins", True) else None
        more: Form = {}
        try:
            if "request" in ask:
                command, more = self._command(state, read_request(ask["request"]))
                commands: tuple[Command, ...] = () if command is None else (command,)
            else:
                commands = tuple(map(read_command, ask["commands"]))
            batch, after = self.batch(state, commands, now, slots)
            if "request" in ask:
                _check_size(state, batch)
        except (ElsewhereError, MissionNotRegisteredError) as error:
            return {"elsewhere": str(error)}, None
        except (MissionControlError, ValueError, TypeError) as error:
            return {"error": attrs.asdict(AnsweredError.of(error))}, None
        return (more, None) if batch is None else ({**more, "batch": batch}, after)

    def _command(self, state: State, request: Request) -> tuple[Command | None, Form]:
        """Return what a request is to the mission, None for nothing, and what more is answered. Raises its refusal."""
        if isinstance(request, CancelRequest):
            is_over = state.is_terminal or state.is_cancelling or state.is_undoing
            return None if is_over else Cancel(request.reason, at_once=False, by=request.by), {}
        if isinstance(request, SignalRequest):
            return self.signal(state, request)
        command = command_of(request)  # type: ignore[arg-type]  # the workflow asks for nothing else
        if not isinstance(command, _NEEDS_NO_DEFINITION):
            check_carries(self.registered(state), state)
        return command, {}

    def signal(self, state: State, request: SignalRequest) -> tuple[Command | None, Form]:
        """Return what a signal is to the mission, which looks at its state alone. Raises its refusal."""
        record, definition = find_use(state, request.key), self.definitions.get(state.mission_name)
        if record is not None:
            sent_as = request.name if request.at is None else f"{request.at}/{request.name}"
            check_repeat(definition, state, record, "signal", sent_as, request.payload)
            moved = record.type is not HistoryType.SIGNAL_KEPT
            return None, {"line": state.line_at(record.event_name or "").path or "" if moved else None}
        if not state.is_terminal:
            definition = self.registered(state)
            check_carries(definition, state)
        command = take_signal(
            definition, state, request.name, request.payload, at=request.at, key=request.key, by=request.by
        )
        if command is None:
            return None, {"held": True}
        return command, {"line": state.line_at(command.instance).path or "" if isinstance(command, Receive) else None}

    def batch(
        self, state: State, commands: tuple[Command, ...], now: datetime, slots: int | None = SLOTS
    ) -> tuple[Form | None, State]:
        """Return what commands add to a mission, None for nothing, and the state behind it.

        Raises `ElsewhereError` where another worker has to decide, and what refuses the commands.
        """
        if not commands:
            return None, state
        definition = self.definitions.get(state.mission_name)
        if not all(isinstance(command, _NEEDS_NO_DEFINITION) for command in commands):
            definition = self.carrying(state)
        decided = decide(definition, state, commands, now, slots)
        return (_form(decided, now) if decided.records else None), decided.state

    def registered(self, state: State) -> MissionDefinition[Any]:
        """Return the definition of a mission. Raises `MissionNotRegisteredError`."""
        definition = self.definitions.get(state.mission_name)
        if definition is None:
            raise not_registered(state.mission_id, state.mission_name, self.definitions)
        return definition

    def carrying(self, state: State) -> MissionDefinition[Any]:
        """Return the definition that carries the mission on. Raises `ElsewhereError`."""
        try:
            definition = self.registered(state)
            check_carries(definition, state)
        except MissionControlError as error:
            raise ElsewhereError(str(error)) from error
        return definition

    def can_carry(self, state: State) -> bool:
        """Return whether a definition here carries the mission on."""
        try:
            self.carrying(state)
        except ElsewhereError:
            return False
        return True


def _form(decided: Decided, now: datetime) -> Form:
    """Return what a decision adds to a mission, and what it begins, as a batch that has no place yet."""
    form: Form = {"records": record_forms(decided.records)}
    if decided.children:
        form["children"] = [
            {"id": new.mission_id, "records": record_forms(commit_of_child(new, None, now)[0].records)}
            for new in decided.children
        ]
    if orphans := orphans_of(decided.let_go, decided.records):
        form["orphans"] = list(orphans)
    if decided.awaited:
        form["awaited"] = list(decided.awaited)
    return form


def _check_size(state: State, batch: Form | None) -> None:
    """Raise `MissionExecutionError` where a batch is more than goes into a history at once."""
    if (size := size_of(batch)) > MOST_BYTES:
        raise MissionExecutionError(too_long(f"what this adds to mission {state.mission_id!r}", size))


def too_long(what: str, size: int) -> str:
    """Return what is said of something that Temporal does not take."""
    return (
        f"{what} has {size:,} bytes as JSON, and Temporal takes {MOST_BYTES:,} at once; keep large data elsewhere, and "
        f"hand on where it is"
    )


def size_of(form: object) -> int:
    """Return how many bytes a form has as JSON."""
    return len(json.dumps(form, separators=(",", ":")))
