"""Nodes that have paths of their own or missions: forks, choices, lists, loops and children."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from ..payloads import PayloadType, decode_json, encode_json
from ..values import Shown
from .nodes import EndNode, Place, SignalNode, SleepNode, StepNode, path_to_static
from .work import Choice, Work

if TYPE_CHECKING:
    from .definition import MissionDefinition
    from .flow import MissionPath

OTHERWISE = "otherwise"
"""What the path of a branch for every other key is called."""


@attrs.frozen(kw_only=True, eq=False)
class ForkNode(Shown):
    """Paths side by side: all of them, or whichever completes first."""

    kind: Literal["parallel", "race"]
    name: str
    paths: Mapping[str, MissionPath[Any]]

    @property
    def decision(self) -> None:
        """None: nobody is asked."""

    @property
    def places(self) -> tuple[Place, ...]:
        """The paths of the node."""
        return tuple(Place(f"/{name}", "path", path) for name, path in self.paths.items())

    def to_static(self) -> dict[str, Any]:
        """Return the node's static form."""
        return {"kind": self.kind, "name": self.name, "paths": _paths_to_static(self.paths)}


@attrs.frozen(kw_only=True, eq=False)
class BranchNode(Shown):
    """One of several paths, which user code chooses. `paths` has them by their texts."""

    kind: Literal["branch"] = "branch"
    name: str
    choose: Choice
    paths: Mapping[str, MissionPath[Any]]
    otherwise: MissionPath[Any] | None

    @property
    def decision(self) -> Work:
        """The code that chooses."""
        return self.choose

    @property
    def places(self) -> tuple[Place, ...]:
        """The paths of the node."""
        places = tuple(Place(f"/{text}", "branch", path) for text, path in self.paths.items())
        return places if self.otherwise is None else (*places, Place(f"/{OTHERWISE}", "branch", self.otherwise))

    def chosen(self, output: Any) -> tuple[str, MissionPath[Any]]:
        """Return the path of a recorded key, its text before it. Raises `KeyError` where there is none."""
        text = self.choose.texts.get(encode_json(output))
        if text is not None:
            return text, self.paths[text]
        if self.otherwise is None:
            raise KeyError(output)
        return OTHERWISE, self.otherwise

    def to_static(self) -> dict[str, Any]:
        """Return the node's static form."""
        otherwise = {} if self.otherwise is None else {OTHERWISE: path_to_static(self.otherwise)}
        return {
            "kind": self.kind,
            "name": self.name,
            **self.choose.to_static(),
            **self._keys_to_static(),
            "paths": _paths_to_static(self.paths),
            **otherwise,
        }

    def _keys_to_static(self) -> dict[str, Any]:
        """Return what is recorded for each path, where that is not what the path is called."""
        keys = {text: decode_json(key) for key, text in self.choose.texts.items()}
        return {} if all(key == text for text, key in keys.items()) else {"keys": keys}


@attrs.frozen(kw_only=True, eq=False)
class EachNode(Shown):
    """A path that runs once for each of the items that user code lists."""

    kind: Literal["each"] = "each"
    name: str
    items: Work
    item: PayloadType
    path: MissionPath[Any]
    max_concurrency: int | None
    max_failures: int | None

    @property
    def decision(self) -> Work:
        """The code that lists the items."""
        return self.items

    @property
    def places(self) -> tuple[Place, ...]:
        """The path of the node."""
        return (Place("[]", "item", self.path),)

    def to_static(self) -> dict[str, Any]:
        """Return the node's static form."""
        return {
            "kind": self.kind,
            "name": self.name,
            **self.items.to_static(),
            "path": path_to_static(self.path),
            **_used(max_concurrency=self.max_concurrency),
            **({} if self.max_failures == 0 else {"max_failures": self.max_failures}),
        }


@attrs.frozen(kw_only=True, eq=False)
class RepeatNode(Shown):
    """A path that runs until user code says that it is over."""

    kind: Literal["repeat"] = "repeat"
    name: str
    path: MissionPath[Any]
    until: Work
    every: float | None
    max_rounds: int | None
    on_exhausted: MissionPath[Any] | None

    @property
    def decision(self) -> Work:
        """The code that says whether it is over."""
        return self.until

    @property
    def places(self) -> tuple[Place, ...]:
        """The paths of the node."""
        rounds = Place("[]", "round", self.path)
        if self.on_exhausted is None:
            return (rounds,)
        return rounds, Place("/exhausted", "exhausted", self.on_exhausted)

    def to_static(self) -> dict[str, Any]:
        """Return the node's static form."""
        return {
            "kind": self.kind,
            "name": self.name,
            **self.until.policy_to_static(),
            "path": path_to_static(self.path),
            **_used(every=self.every, max_rounds=self.max_rounds),
            **({} if self.on_exhausted is None else {"on_exhausted": path_to_static(self.on_exhausted)}),
        }


@attrs.frozen(kw_only=True, eq=False)
class ChildNode(Shown):
    """A mission that this one begins, and waits for where `wait` says so."""

    kind: Literal["mission"] = "mission"
    name: str
    definition: MissionDefinition[Any]
    input: Work
    wait: bool

    @property
    def decision(self) -> Work:
        """The code that says what the child is started with."""
        return self.input

    @property
    def places(self) -> tuple[Place, ...]:
        """The paths of the node: none."""
        return ()

    def to_static(self) -> dict[str, Any]:
        """Return the node's static form, in which the child is its name."""
        wait = {} if self.wait else {"wait": False}
        policy = self.input.policy_to_static()
        return {"kind": self.kind, "name": self.name, "definition": self.definition.name, **policy, **wait}


Node: TypeAlias = (
    StepNode | SignalNode | SleepNode | EndNode | ForkNode | BranchNode | EachNode | RepeatNode | ChildNode
)


def _paths_to_static(paths: Mapping[str, MissionPath[Any]]) -> dict[str, Any]:
    return {name: path_to_static(path) for name, path in paths.items()}


def _used(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
