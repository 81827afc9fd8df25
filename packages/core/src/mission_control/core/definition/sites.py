"""Where the nodes of a definition are, and how an instance name says it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from ..errors import MissionDefinitionError
from ..history import UNDO
from ..values import Shown
from .constructs import ChildNode, Node, RepeatNode
from .nodes import EndNode, Role, SignalNode, StepNode
from .work import Work

if TYPE_CHECKING:
    from .definition import MissionDefinition

REMINDER = "/reminder[]"
"""What the template of a reminder ends with; a signal's name is before it."""

_INDEX = re.compile(r"\[[0-9]+\]")


@attrs.frozen(kw_only=True, eq=False)
class Site(Shown):
    """Where a node is: at `index` in `nodes`, which are `role` of the construct at `around`, or the main line."""

    node: Node
    nodes: tuple[Node, ...]
    index: int
    around: Site | None
    role: Role | None
    marks: Mapping[str, Any]
    """What the start of an attempt at it says beside its name: that it can be undone, or what it decides on."""

    @property
    def is_in_item(self) -> bool:
        """True where the node is there once for each item of an `each`."""
        return self.role == "item" or (self.around is not None and self.around.is_in_item)


def template(instance: str) -> str:
    """Return an instance name without the numbers of its items, rounds and reminders: `devices[]/configure`."""
    return _INDEX.sub("[]", instance)


def sites_of(nodes: tuple[Node, ...]) -> dict[str, Site]:
    """Return where each node of a main line, and of the paths in it, is: by template, in order."""
    return dict(_entries(nodes, "", None, None))


def _entries(
    nodes: tuple[Node, ...], prefix: str, around: Site | None, role: Role | None
) -> Iterator[tuple[str, Site]]:
    for index, node in enumerate(nodes):
        if isinstance(node, EndNode):
            continue
        name = prefix + node.name
        site = Site(node=node, nodes=nodes, index=index, around=around, role=role, marks=_marks(node))
        yield name, site
        for addition in additions(node):
            yield name + addition, site
        for place in node.places:
            yield from _entries(place.path.nodes, f"{name}{place.text}/", site, place.role)


def _marks(node: Node) -> Mapping[str, Any]:
    if isinstance(node, StepNode):
        return {} if node.undo is None else {"undo": True}
    return {} if node.decision is None else {"kind": node.kind}


def additions(node: Node) -> tuple[str, ...]:
    """Return what follows a node's name where something else runs under it: a repeat's decision, a reminder."""
    if isinstance(node, RepeatNode):
        return ("[]",)
    return (REMINDER,) if isinstance(node, SignalNode) and node.reminder is not None else ()


def work_at(sites: Mapping[str, Site], instance: str) -> Work | None:
    """Return what an attempt at an instance runs; None where nothing does."""
    text = template(instance)
    if text.startswith(UNDO):
        site = sites.get(text.removeprefix(UNDO))
        return site.node.undo if site is not None and isinstance(site.node, StepNode) else None
    site = sites.get(text)
    return None if site is None else _work(text, site)


def _work(text: str, site: Site) -> Work | None:
    node = site.node
    if isinstance(node, SignalNode) and node.reminder is not None and text.endswith(REMINDER):
        return node.reminder.work
    return node if isinstance(node, StepNode) else node.decision


def child_definitions(parent: MissionDefinition[Any], sites: Iterable[Site]) -> dict[str, MissionDefinition[Any]]:
    """Return the definitions of the missions that are begun. Raises `MissionDefinitionError` for two of one name."""
    children: dict[str, MissionDefinition[Any]] = {}
    for site in sites:
        if isinstance(site.node, ChildNode):
            child = site.node.definition
            if child.name == parent.name or children.setdefault(child.name, child) is not child:
                raise MissionDefinitionError(
                    f"mission {site.node.name!r} of mission {parent.name!r}: another definition of the name "
                    f"{child.name!r} is there already; define it once and use that, or give one of them another name"
                )
    return children
