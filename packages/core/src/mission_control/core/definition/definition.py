"""Mission definitions, and the typed tokens of their signals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, cast, overload

import attrs
from typing_extensions import TypeForm, TypeVar

from ..history import UNDO
from ..payloads import PayloadType, Schema, payload_type
from ..values import Value
from .constructs import Node
from .drawing import drawn
from .names import node_name
from .nodes import SignalNode, StartNode, StepNode, UpdateHandler
from .payload_types import input_of, output_of
from .scope import Scope
from .sites import Site, child_definitions, sites_of, template, work_at
from .stored import fingerprint_of
from .work import UserCode, Work

I = TypeVar("I", default=Any)  # noqa: E741 - the input of a mission, as in the public signatures
T = TypeVar("T")


@attrs.frozen(kw_only=True)
class StoredDefinition(Value):
    """A definition's static form under its fingerprint: JSON-ready, without code.

    `stored_at` is when the first mission recorded that it runs under it, where a storage tells that.
    """

    fingerprint: str
    name: str
    static: Mapping[str, Any]
    stored_at: datetime | None = attrs.field(default=None, eq=False)


@attrs.frozen(eq=False, repr=False)
class MissionDefinition(Generic[I]):
    """A named, typed procedure, as `m.define(...)` builds it. Compared by identity.

    `fingerprint` is the same in every process and changes with the structure: nodes, order, policies, types.
    """

    name: str
    nodes: tuple[Node, ...]
    queries: Mapping[str, UserCode]
    updates: Mapping[str, UpdateHandler]
    sites: Mapping[str, Site] = attrs.field(init=False)
    """Where each node is, those of paths included: by template, in order."""
    children: Mapping[str, MissionDefinition[Any]] = attrs.field(init=False)
    """The definitions of the missions that it begins, by name."""
    fingerprint: str = attrs.field(init=False)
    stored: StoredDefinition = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        static = self.to_static()
        fingerprint = fingerprint_of(static)
        sites = sites_of(self.nodes)
        object.__setattr__(self, "sites", sites)
        object.__setattr__(self, "children", child_definitions(self, sites.values()))
        object.__setattr__(self, "fingerprint", fingerprint)
        object.__setattr__(self, "stored", StoredDefinition(fingerprint=fingerprint, name=self.name, static=static))

    def __repr__(self) -> str:
        return drawn(f"MissionDefinition {self.name!r}", self.nodes)

    def to_static(self) -> dict[str, Any]:
        """Return the definition without its code, JSON-ready: what storage keeps under the fingerprint.

        `json_schema` describes what the start, a signal or an update is given, `output_json_schema` what comes out of a
        step or an update; each is there only where the type has one.
        """
        return {
            "name": self.name,
            "nodes": [node.to_static() for node in self.nodes],
            "queries": list(self.queries),
            "updates": [update.to_static(name) for name, update in self.updates.items()],
        }

    @property
    def start(self) -> StartNode:
        """The first node."""
        return cast("StartNode", self.nodes[0])

    @property
    def signals(self) -> list[str]:
        """The names of the signals that it waits for anywhere, in order."""
        return list(dict.fromkeys(site.node.name for site in self.sites.values() if site.node.kind == "need_to"))

    @cached_property
    def early_waits(self) -> Mapping[str, Mapping[str, SignalNode]]:
        """The waits that signals are kept for, by the name of the signal and then by template, in order."""
        found: dict[str, dict[str, SignalNode]] = {}
        for text, site in self.sites.items():
            if isinstance(site.node, SignalNode) and site.node.early and not text.endswith("]"):
                found.setdefault(site.node.name, {})[text] = site.node
        return found

    def site(self, instance: str) -> Site | None:
        """Return where the node of an instance name is, with `undo:` before it or without; None where there is none."""
        site = self.sites.get(instance)
        return self.sites.get(template(instance.removeprefix(UNDO))) if site is None else site

    def work(self, instance: str) -> Work:
        """Return what an attempt at that instance runs. Raises `LookupError` where nothing does."""
        site = self.sites.get(instance)
        if site is not None and isinstance(site.node, StepNode):
            return site.node
        work = work_at(self.sites, instance)
        if work is None:
            raise LookupError(f"nothing of mission {self.name!r} runs at {instance!r}")
        return work

    def input_type(self, instance: str) -> PayloadType | None:
        """Return the type of what the start, a signal, an update or a child mission is given; None for all else."""
        update = self.updates.get(instance)
        return input_of(self.sites, instance) if update is None else update.schema

    def output_type(self, instance: str) -> PayloadType | None:
        """Return the type of what comes out at an instance; None where nothing does.

        Out of a step, a reminder, an undo or a decision comes what its code returns, out of a race the name of the
        winner, out of a child mission its output, or its id where nobody waits for it.
        """
        update = self.updates.get(instance)
        return output_of(self.sites, instance) if update is None else update.output

    @cached_property
    def scope(self) -> Scope:
        """What code can ask for, by name and by code."""
        return Scope(self.sites, self.updates)


class Signal(Generic[T]):
    """A typed token for a signal: its name and the schema of its payload."""

    name: str
    schema: object
    payload: PayloadType

    __slots__ = ("name", "payload", "schema")

    @overload
    def __init__(self, name: str, schema: TypeForm[T], /) -> None: ...
    @overload
    def __init__(self, name: str, schema: Schema[T], /) -> None: ...
    def __init__(self, name: str, schema: object, /) -> None:
        self.name = node_name(name, what="signal")
        self.schema = schema
        self.payload = payload_type(schema, subject=f"signal {self.name!r}")

    def __repr__(self) -> str:
        return f"Signal({self.name!r}, {self.payload.description})"
