"""What the static form of a definition says, which storage has also where the definition itself is not at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from .sites import template

_ALONE = {"path": "[]", "otherwise": "/otherwise", "on_timeout": "/timeout", "on_exhausted": "/exhausted"}
"""Where a path runs that its node has under a name of its own."""


def signal_json_schema(static: Mapping[str, Any], instance: str) -> dict[str, Any] | None:
    """Return the JSON Schema of the signal waited for at an instance; None where the form has none there."""
    wanted, prefix, nodes = template(instance), "", static["nodes"]
    while nodes is not None:
        around, nodes_in = nodes, None
        for node in around:
            name = prefix + node["name"]
            if name == wanted and node["kind"] == "need_to":
                return cast("dict[str, Any] | None", node.get("json_schema"))
            for text, path in _places(node):
                if wanted.startswith(f"{name}{text}/"):
                    prefix, nodes_in = f"{name}{text}/", path
        nodes = nodes_in
    return None


def _places(node: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Yield the paths of a node, each behind what follows the node's name there."""
    yield from ((f"/{name}", path) for name, path in node.get("paths", {}).items())
    yield from ((text, node[key]) for key, text in _ALONE.items() if key in node)
