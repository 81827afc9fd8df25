"""What a mission does not take where it stands, and how that is said."""

from __future__ import annotations

from typing import Any

from ..definition import MissionDefinition
from ..errors import MissionSignalError, MissionTerminalError
from ..history import SignalWait, iso
from .state import State


def check_signal(definition: MissionDefinition[Any] | None, state: State, signal_name: str) -> None:
    """Raise `MissionSignalError` unless the mission waits for exactly this signal.

    It says what the mission does instead, and which signals there are where the definition has none of this name.
    """
    if isinstance(state.waiting, SignalWait) and state.waiting.event_name == signal_name:
        return
    known = [signal_name] if definition is None else definition.signals
    listed = ", ".join(repr(name) for name in known) or "none"
    hint = "" if signal_name in known else f"; its definition has no signal of this name, it has: {listed}"
    raise MissionSignalError(
        f"mission {state.mission_id!r} ({state.mission_name}) does not wait for signal {signal_name!r}: "
        f"{describe(state)}{hint}"
    )


def check_update(state: State) -> None:
    """Raise `MissionTerminalError` where the mission has ended."""
    if state.is_terminal:
        raise MissionTerminalError(
            f"mission {state.mission_id!r} ({state.mission_name}) takes no updates any more: {describe(state)}"
        )


def describe(state: State) -> str:
    """Return in words where the mission stands, to end an error's message with."""
    waiting = state.waiting
    if isinstance(waiting, SignalWait):
        until = "" if waiting.timeout_at is None else f" until {iso(waiting.timeout_at)}"
        return f"it waits for signal {waiting.event_name!r}{until}"
    if waiting is not None:
        what = "waits to retry" if waiting.kind == "retry" else "sleeps in"
        return f"it {what} {waiting.event_name!r} until {iso(waiting.due_at)}"
    return f"it is {state.status}" + (f" at {state.cursor!r}" if state.cursor else "")
