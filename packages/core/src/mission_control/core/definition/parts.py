"""What has been said of a mission or a path so far, and what may still be said."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from ..errors import MissionDefinitionError
from ..values import Shown
from .constructs import Node
from .names import node_name, with_article
from .nodes import UpdateHandler
from .sites import additions
from .work import UserCode

DEEPEST = 16
"""How many places may be around a node."""

MOST_SITES = 100_000
"""How many nodes a definition may have, those of a path counted wherever it is used."""


@attrs.frozen(eq=False)
class Parts(Shown):
    """What has been said of a mission so far, or of a path, whose name is empty."""

    name: str = ""
    queries: Mapping[str, UserCode] = MappingProxyType({})
    updates: Mapping[str, UpdateHandler] = MappingProxyType({})
    nodes: tuple[Node, ...] = ()
    depth: int = 0
    """How many places are around the innermost of the nodes."""
    size: int = 0
    """How many nodes there are, those of paths counted wherever they are."""

    @property
    def owner(self) -> str:
        """What the nodes belong to, as errors name it."""
        return f"mission {self.name!r}" if self.name else "a path"

    def fresh(self, name: object, *, what: str) -> str:
        """Return a name that nothing bears yet. Raises `MissionDefinitionError`."""
        checked = node_name(name, what=what)
        if checked in self.queries or checked in self.updates or any(node.name == checked for node in self.nodes):
            raise MissionDefinitionError(
                f"{self.owner}: the name {checked!r} is used twice, the second time for "
                f"{with_article(what)}; choose another one"
            )
        return checked

    def followed_by(self, node: Node) -> Parts:
        """Return the parts with one more node. Raises `MissionDefinitionError` for what is too deep or too much."""
        depth, size = self.depth, self.size + 1 + len(additions(node))
        for place in node.places:
            depth, size = max(depth, 1 + place.path.depth), size + place.path.size
            if depth > DEEPEST:
                raise MissionDefinitionError(
                    f"{node.kind} {node.name!r} of {self.owner}: with the path {node.name}{place.text}, more than "
                    f"{DEEPEST} places are around a node; make a part of it a mission of its own, with .mission(...)"
                )
        if size > MOST_SITES:
            raise MissionDefinitionError(
                f"{node.kind} {node.name!r} of {self.owner}: with it there are {size:,} nodes, those of each path "
                f"counted wherever it is used, and {MOST_SITES:,} may be; go over a list with .each(...), or make a "
                f"part of it a mission of its own, with .mission(...)"
            )
        return attrs.evolve(self, nodes=(*self.nodes, node), depth=depth, size=size)
