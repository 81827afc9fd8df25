"""What a commander calls by name: the definitions that it was given, and the missions that it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from ..definition import MissionDefinition, checked_definition, checked_name, is_a, listed_definitions, new_with
from ..errors import CommanderClosedError, MissionNotRegisteredError


class Registry:
    """The definitions of one commander by their names, and the ids of its new missions."""

    def __init__(self, create_mission_id: Callable[[], str]) -> None:
        self.definitions: dict[str, MissionDefinition[Any]] = {}
        self.is_closed: bool = False
        """True from the beginning of the commander's end on: it takes no definitions any more."""
        self.on_registered: Callable[[], object] | None = None
        """Called where there is one more; missions may have been waiting for it."""
        self._create_mission_id = create_mission_id

    def register(self, definition: MissionDefinition[Any]) -> None:
        """Make a definition known, and those of its children. Nothing is registered where one of them cannot be.

        Raises `MissionDefinitionError` for another one of the same name.
        """
        checked_definition(definition)
        if self.is_closed:
            raise CommanderClosedError("this commander is closed; create a new one")
        if self.definitions.get(definition.name) is definition:
            return
        self.definitions.update(new_with(definition, self.definitions))
        if self.on_registered is not None:
            self.on_registered()

    def register_all(self, definitions: Iterable[MissionDefinition[Any]]) -> None:
        """Make definitions known, one after the other. Raises `TypeError` for what does not list any."""
        for definition in listed_definitions(definitions):
            self.register(definition)

    def resolve(self, definition: MissionDefinition[Any] | str) -> MissionDefinition[Any]:
        """Return the definition that is meant, known from now on. Raises `MissionNotRegisteredError` for a name."""
        if not is_a(definition, str):
            given = cast("MissionDefinition[Any]", definition)
            self.register(given)
            return given
        name = str.__str__(definition)
        known = self.definitions.get(name)
        if known is None:
            listed = ", ".join(repr(other) for other in self.definitions) or "none"
            raise MissionNotRegisteredError(
                f"no definition of the name {name!r} is registered (registered: {listed}); register it first"
            )
        return known

    def mission_id(self, chosen: str | None) -> str:
        """Return the id of a new mission, `chosen` where that is one. Raises `MissionDefinitionError` otherwise."""
        return checked_name(self._create_mission_id() if chosen is None else chosen, subject="a mission id")
