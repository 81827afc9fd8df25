"""What differs between two static forms, node by node."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from mission_control.core.definition import NESTED, static_sites

State: TypeAlias = Literal["same", "added", "removed", "changed"]


@attrs.frozen(kw_only=True)
class Difference:
    """A node of either form, by its place, and what of it differs: each with its value in both, as JSON."""

    place: str
    kind: str
    state: State
    parts: tuple[tuple[str, str, str], ...] = ()


def compare(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Difference]:
    """Return the nodes of both forms: those of the other in its order, behind those that only the first has."""
    before, after = _nodes(one), _nodes(other)
    gone = [
        Difference(place=place, kind=node["kind"], state="removed")
        for place, node in before.items()
        if place not in after
    ]
    return [*gone, *(_difference(place, before.get(place), node) for place, node in after.items())]


def _nodes(static: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {place: site.node for place, site in static_sites(static).items() if not place.endswith("[]")}


def _difference(place: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Difference:
    kind = str(after["kind"])
    if before is None:
        return Difference(place=place, kind=kind, state="added")
    parts = tuple(_parts(before, after))
    return Difference(place=place, kind=kind, state="changed" if parts else "same", parts=parts)


def _parts(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys([*before, *after]):
        if name not in NESTED and before.get(name) != after.get(name):
            yield name, _text(before, name), _text(after, name)


def _text(node: Mapping[str, Any], name: str) -> str:
    return json.dumps(node[name], indent=1, ensure_ascii=False) if name in node else "(nothing)"
