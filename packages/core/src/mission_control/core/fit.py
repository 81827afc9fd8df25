"""Whether what is stored of a mission can still be read under today's definition."""

from __future__ import annotations

from typing import Any

from .definition import MissionDefinition
from .schema import PayloadType
from .state import State


def check_payloads(definition: MissionDefinition[Any], state: State) -> None:
    """Raise `MissionDefinitionMismatchError`, naming event and field, where a payload does not fit its type."""
    for name, event in state.events.entries():
        given = definition.inputs.get(name)
        if given is not None:
            _check(given, event.input, state, "the input", name)
        returned = definition.outputs.get(name)
        if returned is not None and name != state.cursor:
            _check(returned, event.output, state, "the output", name)


def _check(declared: PayloadType, stored: Any, state: State, what: str, name: str) -> None:
    if not declared.reads(stored):
        declared.restore(stored, subject=f"{what} of {name!r} of mission {state.mission_id!r} ({state.mission_name})")
