"""What a mission definition is made of: its nodes, and the code that answers updates."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any, Literal, TypeAlias

import attrs

from ..payloads import PayloadType
from ..readable import encodable
from .retry import RetryPolicy

UserCode: TypeAlias = Callable[..., object]


def is_same_code(one: object, other: object) -> bool:
    """True for one function, and for two looks at one method of one object: each look makes another object."""
    return one is other or (type(one) is MethodType and type(other) is MethodType and one == other)


@attrs.frozen(kw_only=True, eq=False)
class StepNode:
    """A step, or the run of `start`: user code with its policy."""

    kind: Literal["step", "start"]
    name: str
    run: UserCode
    is_async: bool
    output: PayloadType
    retry: RetryPolicy
    timeout: float | None

    def to_static(self) -> dict[str, Any]:
        """Return the node's static form."""
        policy = self.retry
        return {
            "kind": self.kind,
            "name": self.name,
            "output": self.output.description,
            **self.output.to_static("output_json_schema"),
            "timeout": self.timeout,
            "retry": {
                "max_attempts": policy.max_attempts,
                "initial_interval": policy.initial_interval,
                "backoff_multiplier": policy.backoff_multiplier,
                "max_interval": policy.max_interval,
                "jitter": policy.jitter,
                "retry_on": [error.__qualname__ for error in policy.retry_on],
                "give_up_on": [error.__qualname__ for error in policy.give_up_on],
                "max_interruptions": policy.max_interruptions,
            },
        }


@attrs.frozen(kw_only=True, eq=False)
class StartNode(StepNode):
    """The first node: what a mission is given, and the code that runs first."""

    kind: Literal["start"] = "start"
    name: str = "start"
    input: PayloadType

    def to_static(self) -> dict[str, Any]:
        """Return the node's static form."""
        return {**super().to_static(), "input": self.input.description, **self.input.to_static("json_schema")}


@attrs.frozen(kw_only=True, eq=False)
class SignalNode:
    """A wait for a signal from outside."""

    kind: Literal["need_to"] = "need_to"
    name: str
    schema: PayloadType
    timeout: float | None
    timeout_message: str | None

    def to_static(self) -> dict[str, Any]:
        """Return the node's static form."""
        return {
            "kind": self.kind,
            "name": self.name,
            "schema": self.schema.description,
            **self.schema.to_static("json_schema"),
            "timeout": self.timeout,
            "timeout_message": None if self.timeout_message is None else encodable(self.timeout_message),
        }


@attrs.frozen(kw_only=True, eq=False)
class SleepNode:
    """A durable sleep of `duration` seconds."""

    kind: Literal["sleep"] = "sleep"
    name: str
    duration: float

    def to_static(self) -> dict[str, Any]:
        """Return the node's static form."""
        return {"kind": self.kind, "name": self.name, "duration": self.duration}


@attrs.frozen(kw_only=True, eq=False)
class EndNode:
    """The end: a mission that gets here has completed."""

    kind: Literal["end"] = "end"
    name: str = "end"

    def to_static(self) -> dict[str, Any]:
        """Return the node's static form."""
        return {"kind": self.kind, "name": self.name}


Node: TypeAlias = StepNode | SignalNode | SleepNode | EndNode


@attrs.frozen(kw_only=True, eq=False)
class UpdateHandler:
    """The code that answers an update, and what goes in and out."""

    schema: PayloadType
    run: UserCode
    is_async: bool
    output: PayloadType

    def to_static(self, name: str) -> dict[str, Any]:
        """Return the update's static form."""
        return {
            "name": name,
            "schema": self.schema.description,
            **self.schema.to_static("json_schema"),
            "output": self.output.description,
            **self.output.to_static("output_json_schema"),
        }
