"""Whether what is stored of a mission can still be read under today's definition."""

from __future__ import annotations

from typing import Any

from .definition import MissionDefinition
from .state import State


def check_payloads(definition: MissionDefinition[Any], state: State) -> None:
    """Raise `MissionDefinitionMismatchError`, naming event and field, where a payload does not fit its type."""
    for name, event in state.events.items():
        subject = f"of {name!r} of mission {state.mission_id!r} ({state.mission_name})"
        given = definition.input_type(name)
        if given is not None:
            given.restore(event.input, subject=f"the input {subject}")
        returned = definition.output_type(name)
        if returned is not None and name != state.cursor:
            returned.restore(event.output, subject=f"the output {subject}")
