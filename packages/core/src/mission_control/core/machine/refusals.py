"""What a mission does not take where it stands, and how that is said."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Any

from ..definition import MissionDefinition
from ..errors import MissionExecutionError, MissionSignalError, MissionTerminalError
from ..history import ChildWait, SignalWait, Wait, iso
from .ahead import early_wait, early_waits
from .lines import AnyLine, bare
from .state import State
from .waits import awaits

MOST_KEPT = 1_000
"""How many signals a mission keeps that no wait has taken."""

_MOST_LISTED = 10


def find_wait(state: State, name: str, at: str | None = None) -> str | None:
    """Return the instance of the open wait that a signal of this name is for; None where there is none.

    The name is a bare one, or that of the whole instance; `at` says the place of a bare one. Raises
    `MissionSignalError` where several open waits bear the bare name, and nothing says which is meant.
    """
    instance = name if at is None else f"{at}/{name}"
    if awaits(state.line_at(instance), instance):
        return instance
    if at is not None or "/" in name:
        return None
    found = _named(state, name)
    if len(found) > 1:
        raise MissionSignalError(
            f"mission {state.mission_id!r} ({state.mission_name}) has {len(found):,} open waits for signal {name!r}: "
            f"{_listed(found)}; say which, as in signal({name!r}, payload, at={next(iter(found)).rpartition('/')[0]!r})"
        )
    return next(iter(found), None)


def _named(state: State, name: str) -> Collection[str]:
    """Return the instances of the open waits for the signal of that bare name, in the order in which they began."""
    if state.lines is not None:
        return state.lines.open.waits_for(name)
    waiting = state.waiting
    is_it = isinstance(waiting, SignalWait) and bare(waiting.event_name) == name
    return (waiting.event_name,) if waiting is not None and is_it else ()


def _listed(instances: Collection[str]) -> str:
    listed = ", ".join(map(repr, islice(instances, _MOST_LISTED)))
    return listed if len(instances) <= _MOST_LISTED else f"{listed} and {len(instances) - _MOST_LISTED:,} more"


def check_receive(definition: MissionDefinition[Any] | None, state: State, line: AnyLine, instance: str) -> None:
    """Raise `MissionSignalError` unless the line waits for exactly this signal, and the mission goes on."""
    if state.is_stopping or not awaits(line, instance):
        raise refused_signal(definition, state, instance)


def refused_signal(definition: MissionDefinition[Any] | None, state: State, name: str) -> MissionSignalError:
    """Return the error for a signal that no line waits for.

    It says what the mission does instead, and which signals there are where the definition has none of this name.
    """
    mission = f"mission {state.mission_id!r} ({state.mission_name})"
    hint = "" if definition is None else _hint(definition, state, name)
    return MissionSignalError(f"{mission} does not wait for signal {name!r}: {describe(state)}{hint}")


def _hint(definition: MissionDefinition[Any], state: State, name: str) -> str:
    """Return what there is to say of a signal beside where the mission stands."""
    if bare(name) not in definition.signals:
        listed = ", ".join(map(repr, definition.signals)) or "none"
        return f"; its definition has no signal of this name, it has: {listed}"
    early = definition.early_waits.get(bare(name), ())
    if not early or state.is_terminal or state.is_undoing or state.is_stopping:
        return ""
    in_item = next((text for text in early if definition.sites[text].is_in_item), None)
    if in_item is None or "/" in name:
        return "; no wait ahead takes it early"
    place = in_item.rpartition("/")[0].replace("[]", "[0]")
    return f"; before its wait in an each begins, say which, as in signal({name!r}, payload, at={place!r})"


def is_held(definition: MissionDefinition[Any] | None, state: State, name: str) -> bool:
    """True where a signal that nothing waits for, and that is not kept, may yet find a wait: some line runs.

    One is not held that only waits have which take it early, when they are ahead.
    """
    if not state.is_running or state.is_still or state.is_undoing:
        return False
    if definition is None:
        return True
    if "/" in name:
        return early_wait(definition, name) is None
    waits = definition.scope.signals.get(name)
    return waits is None or len(waits.all) > len(definition.early_waits.get(name, ()))


def check_keep(definition: MissionDefinition[Any] | None, state: State, name: str) -> None:
    """Raise `MissionSignalError` unless a wait ahead takes the signal early, and not too many are kept already."""
    if not early_waits(definition, state, name):
        raise refused_signal(definition, state, name)
    if state.kept is not None and len(state.kept) >= MOST_KEPT:
        raise MissionSignalError(
            f"mission {state.mission_id!r} ({state.mission_name}) keeps {MOST_KEPT:,} signals that no wait has taken "
            f"yet, and no more than that; send {name!r} when it waits for it"
        )


def check_update(state: State) -> None:
    """Raise `MissionTerminalError` where the mission has ended, `MissionExecutionError` while it is being undone."""
    if state.is_terminal:
        raise MissionTerminalError(
            f"mission {state.mission_id!r} ({state.mission_name}) takes no updates any more: {describe(state)}"
        )
    if state.is_undoing:
        raise MissionExecutionError(
            f"mission {state.mission_id!r} ({state.mission_name}) takes no updates: {describe(state)}"
        )


def describe(state: State) -> str:
    """Return in words where the mission stands, to end an error's message with."""
    if state.is_undoing:
        is_cancelled = state.error is not None and state.error.code == "MISSION_CANCELLED"
        why = "was cancelled" if is_cancelled else "failed"
        return f"it {why}, and what it did is being undone (at {state.cursor!r})"
    if state.is_stopping:
        return "it is being cancelled"
    waits = [line.waiting for line in state.every_line() if line.waiting is not None and line.place != "reminder"]
    if not waits or state.is_running:
        where = f" at {state.cursor!r}" if state.cursor else ""
        also = f", and {_described(waits)}" if waits else ""
        return f"it is {'paused' if state.is_paused else state.status}{where}{also}"
    return f"it {'is paused, and ' if state.is_paused else ''}{_described(waits)}"


def _described(waits: list[Wait]) -> str:
    shown = "; it ".join(map(_wait, waits[:_MOST_LISTED]))
    return shown if len(waits) <= _MOST_LISTED else f"{shown}; and {len(waits) - _MOST_LISTED:,} waits more"


def _wait(waiting: Wait) -> str:
    if isinstance(waiting, SignalWait):
        until = "" if waiting.timeout_at is None else f" until {iso(waiting.timeout_at)}"
        return f"waits for signal {waiting.event_name!r}{until}"
    if isinstance(waiting, ChildWait):
        return f"waits for the child mission {waiting.mission_id!r}"
    what = "waits to retry" if waiting.kind == "retry" else "sleeps in"
    return f"{what} {waiting.event_name!r} until {iso(waiting.due_at)}"
