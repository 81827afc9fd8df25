"""Definitions by their names, with those of the missions that they begin: no two of one name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import MissionDefinitionError
from ..payloads import found
from .definition import MissionDefinition
from .names import is_a


def checked_definition(definition: MissionDefinition[Any]) -> MissionDefinition[Any]:
    """Return what is a definition. Raises `MissionDefinitionError` for what is none."""
    if not is_a(definition, MissionDefinition):
        raise MissionDefinitionError(
            f"expected a MissionDefinition, found {found(definition)}; a definition is complete after .end()"
        )
    return definition


def listed_definitions(definitions: Iterable[MissionDefinition[Any]]) -> list[MissionDefinition[Any]]:
    """Return what is listed. Raises `TypeError` for what does not list any."""
    try:
        return list(definitions)
    except Exception:  # it may do anything when it is asked
        raise TypeError(f"definitions: expected a list of MissionDefinition, found {found(definitions)}") from None


def new_with(
    definition: MissionDefinition[Any], known: Mapping[str, MissionDefinition[Any]]
) -> dict[str, MissionDefinition[Any]]:
    """Return what is not known yet of a definition, the missions that it begins, and those that they begin.

    Raises `MissionDefinitionError` for another one of a name.
    """
    new: dict[str, MissionDefinition[Any]] = {}
    ahead = [(definition, "")]
    while ahead:
        one, use = ahead.pop()
        there = known.get(one.name, new.get(one.name))
        if there is None:
            new[one.name] = one
            ahead += [(child, f", and {one.name!r} begins this one") for child in one.children.values()]
        elif there is not one:
            raise MissionDefinitionError(
                f"another definition of the name {one.name!r} is registered{use}; define it once and register "
                f"that, or give one of them another name"
            )
    return new


def gathered(definitions: Iterable[MissionDefinition[Any]]) -> dict[str, MissionDefinition[Any]]:
    """Return definitions, and those of their children, by name. Raises as the functions above."""
    known: dict[str, MissionDefinition[Any]] = {}
    for definition in listed_definitions(definitions):
        known.update(new_with(checked_definition(definition), known))
    return known
