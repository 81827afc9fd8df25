"""Mission definitions, and the typed tokens of their signals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, cast, overload

import attrs
from typing_extensions import TypeForm, TypeVar

from ..errors import MissionDefinitionError
from ..payloads import PayloadType, Schema, encode_json, payload_type
from .names import RESERVED, checked_name
from .nodes import EndNode, Node, SignalNode, StartNode, StepNode, UpdateHandler, UserCode, is_same_code

I = TypeVar("I", default=Any)  # noqa: E741 - the input of a mission, as in the public signatures
T = TypeVar("T")


@attrs.frozen(kw_only=True)
class StoredDefinition:
    """A definition's static form under its fingerprint: JSON-ready, without code."""

    fingerprint: str
    name: str
    static: Mapping[str, Any]


@attrs.frozen(eq=False, repr=False)
class MissionDefinition(Generic[I]):
    """A named, typed, linear procedure, as `m.define(...)` builds it. Compared by identity.

    `fingerprint` is the same in every process and changes with the structure: nodes, order, policies, types.
    """

    name: str
    nodes: tuple[Node, ...]
    queries: Mapping[str, UserCode]
    updates: Mapping[str, UpdateHandler]
    positions: Mapping[str, int] = attrs.field(init=False)
    inputs: Mapping[str, PayloadType] = attrs.field(init=False)
    """What the start, each signal and each update is given."""
    outputs: Mapping[str, PayloadType] = attrs.field(init=False)
    """What the start, each step and each update gives."""
    fingerprint: str = attrs.field(init=False)
    stored: StoredDefinition = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        static = self.to_static()
        from hashlib import sha256  # slow to import

        fingerprint = sha256(encode_json(static).encode()).hexdigest()[:32]
        positions = {node.name: index for index, node in enumerate(self.nodes) if not isinstance(node, EndNode)}
        inputs = {name: update.schema for name, update in self.updates.items()}
        outputs = {name: update.output for name, update in self.updates.items()}
        for node in self.nodes:
            if isinstance(node, StepNode):
                outputs[node.name] = node.output
            if isinstance(node, StartNode):
                inputs[node.name] = node.input
            elif isinstance(node, SignalNode):
                inputs[node.name] = node.schema
        object.__setattr__(self, "positions", positions)
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "outputs", outputs)
        object.__setattr__(self, "fingerprint", fingerprint)
        object.__setattr__(self, "stored", StoredDefinition(fingerprint=fingerprint, name=self.name, static=static))

    def __repr__(self) -> str:
        return f"<MissionDefinition {self.name!r}: {' -> '.join(node.name for node in self.nodes)}>"

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
        """The names of the signals that it waits for, in order."""
        return [node.name for node in self.nodes if isinstance(node, SignalNode)]

    def names_of(self, run: object) -> list[str]:
        """Return the names of the nodes and updates whose code is `run`."""
        nodes = [node.name for node in self.nodes if isinstance(node, StepNode) and is_same_code(node.run, run)]
        return nodes + [name for name, update in self.updates.items() if is_same_code(update.run, run)]


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


def node_name(name: object, *, what: str) -> str:
    """Return a name that a node, query or update may bear. Raises `MissionDefinitionError`."""
    checked = checked_name(name, subject=f"the name of {'an' if what == 'update' else 'a'} {what}")
    if checked in RESERVED:
        raise MissionDefinitionError(f"{what} {checked!r}: this name is reserved, choose another one")
    return checked
