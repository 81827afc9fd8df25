"""A definition's static form as a tree to be drawn: of any release, whatever kinds of node it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from mission_control.core.definition import Role, StaticNode, static_places
from mission_control.core.values import Shown

from .captions import caption

Static: TypeAlias = Mapping[str, Any]

END = "/end"
"""What the end of a mission is called among places; no node can have that template."""

DEEPEST = 60
"""How many paths may be around a node that is drawn; what is deeper is one box."""


@attrs.frozen(kw_only=True, eq=False)
class Lane(Shown):
    """A path of a node: `label` is what it is called, `role` what it is to the node."""

    label: str
    role: Role
    steps: tuple[Step, ...]


@attrs.frozen(kw_only=True, eq=False)
class Step(Shown):
    """A node to be drawn: `place` is its template, `kind` that of its static form, `caption` what is said below it.

    `keys` are what a branch records for its paths, by their labels, where those are not the labels.
    """

    place: str
    name: str
    kind: str
    caption: str = ""
    lanes: tuple[Lane, ...] = ()
    keys: Mapping[str, Any] | None = None
    undo: bool = False
    reminder: bool = False

    @property
    def is_frame(self) -> bool:
        """True where its paths are drawn within it, and not beside it."""
        return bool(self.lanes) and self.kind != "need_to"


def flow_of(static: Static) -> tuple[Step, ...]:
    """Return the main line of a definition.

    Raises `ValueError` for what is no static form.
    """
    try:
        return _steps(static["nodes"], "", 0)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"expected the static form of a definition, found one with a part amiss: {error}") from None


def every_step(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield each step of a line, and of the lanes in it, in order."""
    for step in steps:
        yield step
        for lane in step.lanes:
            yield from every_step(lane.steps)


def _steps(nodes: Sequence[StaticNode], prefix: str, depth: int) -> tuple[Step, ...]:
    if depth > DEEPEST:
        return (Step(place=f"{prefix}…", name="…", kind="more", caption="deeper than this drawing goes"),)
    return tuple(_step(node, prefix, depth) for node in nodes)


def _step(node: StaticNode, prefix: str, depth: int) -> Step:
    name, kind = str(node["name"]), str(node["kind"])
    place = END if kind == "end" and not prefix else f"{prefix}{name}"
    lanes = tuple(
        Lane(label=_label(text, role), role=role, steps=_steps(nodes, f"{prefix}{name}{text}/", depth + 1))
        for text, nodes, role in static_places(node)
    )
    return Step(
        place=place,
        name=name,
        kind=kind,
        caption=caption(node),
        lanes=lanes,
        keys=node.get("keys"),
        undo="undo" in node,
        reminder="reminder" in node,
    )


def _label(text: str, role: Role) -> str:
    if role in ("path", "branch"):
        return text.removeprefix("/")
    return {"item": "each item", "round": "each round"}.get(role, role)
