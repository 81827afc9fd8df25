"""What of a definition can be asked for, by name and by code, and where that is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MethodType
from typing import TypeAlias, TypeVar

import attrs

from ..values import Shown
from .constructs import ChildNode, Node
from .nodes import SleepNode, StepNode, UpdateHandler
from .sites import Site
from .work import UserCode

CodeKey: TypeAlias = int | tuple[int, int]
K = TypeVar("K")

_WITH_OUTPUT = frozenset({"start", "step", "branch", "each", "race", "repeat", "mission"})
_WITH_PATHS = frozenset({"parallel", "race", "each"})


@attrs.frozen(eq=False)
class Spot(Shown):
    """Where something that can be asked for is: everything by template, `line` "" for the main line.

    `places` are the texts of the places around it, outermost first: each begins with the one before it, and one that
    ends with `[]` is there once for each item or round.
    """

    template: str
    line: str
    places: tuple[str, ...]


class Spots:
    """All spots of one name or code: in the order of the definition, and by the line that they are in."""

    __slots__ = ("all", "near")

    def __init__(self) -> None:
        self.all: list[Spot] = []
        self.near: dict[str, list[Spot]] = {}

    def add(self, spot: Spot) -> None:
        """Add one that is behind those that are there."""
        self.all.append(spot)
        self.near.setdefault(spot.line, []).append(spot)


class Scope:
    """What a definition has, to be found in constant time: made once, when the first code asks for it."""

    def __init__(self, sites: Mapping[str, Site], updates: Mapping[str, UpdateHandler]) -> None:
        self.outputs: dict[str, Spots] = {}
        """By name, what can have an output: steps, decisions, children and updates."""
        self.signals: dict[str, Spots] = {}
        self.constructs: dict[str, Spots] = {}
        """By name, what opens paths."""
        self._codes: dict[CodeKey, Spots] = {}
        self._places: dict[str, tuple[str, ...]] = {"": ()}
        for text, site in sites.items():
            self._add_site(text, site)
        for name, update in updates.items():
            spot = Spot(name, "", ())
            _add(self.outputs, name, spot)
            _add(self._codes, _key(update.run), spot)

    def of_code(self, run: object) -> Spots | None:
        """Return the spots whose output some user code gives; None where there are none."""
        return self._codes.get(_key(run))

    def _add_site(self, text: str, site: Site) -> None:
        node = site.node
        if node.kind == "need_to":
            if not text.endswith("]"):
                _add(self.signals, node.name, self._spot(text))
            return  # what a reminder returns is not recorded
        if node.kind == "repeat" and not text.endswith("]"):
            return  # what it has is the verdict on each of its rounds
        spot = self._spot(text)
        run = _gives_output(node)
        if run is not None:
            _add(self._codes, _key(run), spot)
        if node.kind in _WITH_OUTPUT:
            _add(self.outputs, node.name, spot)
        if node.kind in _WITH_PATHS:
            _add(self.constructs, node.name, spot)

    def _spot(self, text: str) -> Spot:
        line = text.rpartition("/")[0]
        around = self._around(line)
        return Spot(text, line, (*around, text) if text.endswith("[]") else around)

    def _around(self, line: str) -> tuple[str, ...]:
        """Return the places that a line is in, itself the innermost."""
        known = self._places.get(line)
        if known is None:
            construct = line[:-2] if line.endswith("[]") else line.rpartition("/")[0]
            known = self._places[line] = (*self._around(construct.rpartition("/")[0]), line)
        return known


def _gives_output(node: Node) -> UserCode | None:
    """Return the code whose return value is the output of a node; what gives a child its input or a time does not."""
    work = node if isinstance(node, StepNode) else node.decision
    return None if work is None or isinstance(node, ChildNode | SleepNode) else work.run


def _key(run: object) -> CodeKey:
    """Return what is equal for the same code: each look at a method of an object makes another one."""
    return (id(run.__self__), id(run.__func__)) if type(run) is MethodType else id(run)


def _add(found: dict[K, Spots], key: K, spot: Spot) -> None:
    if key not in found:
        found[key] = Spots()
    found[key].add(spot)
