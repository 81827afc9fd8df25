"""What the static form of a definition says, which storage has also where the definition itself is not at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

import attrs

from ..payloads import encode_json
from ..values import Shown
from .nodes import Role
from .sites import template

StaticNode: TypeAlias = Mapping[str, Any]

_ALONE: Mapping[str, tuple[str, Role]] = {
    "path": ("[]", "item"),
    "otherwise": ("/otherwise", "branch"),
    "on_timeout": ("/timeout", "timeout"),
    "on_exhausted": ("/exhausted", "exhausted"),
}
"""Where a path runs that its node has under a name of its own, and what it is to the node."""

NESTED = frozenset({"paths", *_ALONE})
"""What of a node is paths."""


def fingerprint_of(static: Mapping[str, Any]) -> str:
    """Return the fingerprint of the definition that has this static form."""
    from hashlib import sha256  # slow to import

    return sha256(encode_json(static).encode()).hexdigest()[:32]


@attrs.frozen(kw_only=True, eq=False)
class StaticSite(Shown):
    """Where a node of a static form is, as `Site` says it of one of a definition."""

    node: StaticNode
    nodes: Sequence[StaticNode]
    index: int
    around: StaticSite | None
    role: Role | None


def static_sites(static: Mapping[str, Any]) -> dict[str, StaticSite]:
    """Return where each node of a static form is: by template, those of paths included, in order."""
    return dict(_entries(static["nodes"], "", None, None))


def _entries(
    nodes: Sequence[StaticNode], prefix: str, around: StaticSite | None, role: Role | None
) -> Iterator[tuple[str, StaticSite]]:
    for index, node in enumerate(nodes):
        if node["kind"] == "end":
            continue
        name = prefix + node["name"]
        site = StaticSite(node=node, nodes=nodes, index=index, around=around, role=role)
        yield name, site
        if node["kind"] == "repeat":
            yield f"{name}[]", site  # its decision
        for text, path, inner in static_places(node):
            yield from _entries(path, f"{name}{text}/", site, inner)


def signal_json_schema(static: Mapping[str, Any], instance: str) -> dict[str, Any] | None:
    """Return the JSON Schema of the signal waited for at an instance; None where the form has none there."""
    wanted, prefix, nodes = template(instance), "", static["nodes"]
    while nodes is not None:
        around, nodes_in = nodes, None
        for node in around:
            name = prefix + node["name"]
            if name == wanted and node["kind"] == "need_to":
                return cast("dict[str, Any] | None", node.get("json_schema"))
            for text, path, _ in static_places(node):
                if wanted.startswith(f"{name}{text}/"):
                    prefix, nodes_in = f"{name}{text}/", path
        nodes = nodes_in
    return None


def static_places(node: StaticNode) -> Iterator[tuple[str, Sequence[StaticNode], Role]]:
    """Yield the paths of a node, each behind what follows the node's name there, and with what it is to the node."""
    role: Role = "branch" if node["kind"] == "branch" else "path"
    for name, path in node.get("paths", {}).items():
        yield f"/{name}", path, role
    for key, (text, alone) in _ALONE.items():
        if key in node:
            yield text, node[key], "round" if node["kind"] == "repeat" and key == "path" else alone
