"""The types of what goes into the nodes of a definition, and of what comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..payloads import PLAIN, PayloadType, payload_type
from .constructs import ChildNode, ForkNode, Node, RepeatNode
from .nodes import SignalNode, StartNode, StepNode
from .sites import Site, template, work_at
from .work import Timing

_TEXT = payload_type(str, subject="a name")


def input_of(sites: Mapping[str, Site], instance: str) -> PayloadType | None:
    """Return the type of what the node at an instance is given; None where it is given nothing."""
    site = sites.get(instance) or sites.get(template(instance))
    if site is None or instance.endswith("]"):  # a reminder or a verdict
        return None
    node = site.node
    if isinstance(node, StartNode):
        return node.input
    if isinstance(node, SignalNode):
        return node.schema
    return node.definition.start.input if isinstance(node, ChildNode) else None


def output_of(sites: Mapping[str, Site], instance: str) -> PayloadType | None:
    """Return the type of what comes out at an instance; None where nothing does."""
    site = sites.get(instance)
    node = None if site is None else site.node
    if node is not None and isinstance(node, StepNode):
        return node.output
    if node is None:
        site = sites.get(template(instance))
        node = None if site is None else site.node
    if isinstance(node, ForkNode):
        return _TEXT if node.kind == "race" else None
    if isinstance(node, ChildNode):
        return (last_output(node.definition.nodes) or PLAIN) if node.wait else _TEXT
    if isinstance(node, RepeatNode) and not instance.endswith("]"):
        return None
    work = work_at(sites, instance)
    return None if work is None or isinstance(work, Timing) else work.output


def last_output(nodes: Sequence[Node]) -> PayloadType | None:
    """Return the type of what a line gives as a mission's output; None where it gives nothing.

    Where it depends on what happens, it is plain JSON.
    """
    for node in reversed(nodes):
        if isinstance(node, StepNode):
            return node.output
        if isinstance(node, ChildNode) and node.wait:
            return last_output(node.definition.nodes)
        may_give = any(last_output(place.path.nodes) for place in node.places if place.role not in ("path", "item"))
        if may_give:
            return PLAIN
    return None
