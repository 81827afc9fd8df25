"""The structure of a definition as text: a line where it is one, indented where it nests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .constructs import ChildNode, Node
from .nodes import Place, SignalNode

_NOTHING = "()"
_INDENT = "  "


def drawn(head: str, nodes: Sequence[Node]) -> str:
    """Return what is printed of a definition or a path: `head`, and its nodes behind it or below it."""
    lines = list(_lines(nodes))
    if len(lines) == 1:
        return f"<{head}: {lines[0]}>"
    return "\n".join([f"<{head}:", *(_INDENT + line for line in lines)]) + ">"


def _lines(nodes: Sequence[Node]) -> Iterator[str]:
    """Yield the text of a line of nodes: those without paths after one another, each other one with its paths below."""
    run: list[str] = []
    for node in nodes:
        run.append(_label(node))
        if node.places:
            yield " -> ".join(run)
            run = []
            for place in node.places:
                yield from _place_lines(place)
    if run or not nodes:
        yield " -> ".join(run) or _NOTHING


def _place_lines(place: Place) -> Iterator[str]:
    name = place.text.strip("/") if place.text.startswith("/") else place.role
    lines = list(_lines(place.path.nodes))
    if len(lines) == 1:
        yield f"{_INDENT}{name}: {lines[0]}"
        return
    yield f"{_INDENT}{name}:"
    for line in lines:
        yield 2 * _INDENT + line


def _label(node: Node) -> str:
    if isinstance(node, ChildNode):
        return f"{node.name} (mission {node.definition.name!r})"
    if isinstance(node, SignalNode):
        return node.name if node.reminder is None else f"{node.name} (with a reminder)"
    return f"{node.name} ({node.kind})" if node.places else node.name
