"""Whether a mission can go on under today's definition, and what is stored of it be read."""

from __future__ import annotations

from typing import Any

from ..definition import MissionDefinition
from ..errors import MissionDefinitionMismatchError
from ..payloads import PayloadType
from .state import State


def check_fit(definition: MissionDefinition[Any], state: State) -> None:
    """Raise `MissionDefinitionMismatchError` unless the mission can go on under `definition`.

    The node that it stands on must be there under its name and kind, and no node ahead of it may bear the name
    of one that it has passed.
    """
    name = state.cursor or ""
    index = definition.positions.get(name)
    if index is None or definition.nodes[index].kind != state.place:
        found = "has no node of that name" if index is None else f"has a {definition.nodes[index].kind} of that name"
        raise _mismatch(definition, state, f"it stands on the {state.place} {name!r}, and the definition {found}")
    for node in definition.nodes[index + 1 : -1]:
        if state.events.has_passed(node.name):
            raise _mismatch(
                definition, state, f"the node {node.name!r} lies ahead, and the mission has passed that name"
            )


def _mismatch(definition: MissionDefinition[Any], state: State, problem: str) -> MissionDefinitionMismatchError:
    return MissionDefinitionMismatchError(
        f"mission {state.mission_id!r} cannot go on under the definition {definition.name!r} as it is registered: "
        f"{problem}. The mission stays as it is; register a definition in which that node stands where it stood, "
        f"or cancel the mission"
    )


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
