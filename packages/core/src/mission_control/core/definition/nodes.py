"""What stands in a line of a mission: steps, waits and sleeps; and the code that answers updates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from ..payloads import PayloadType
from ..readable import encodable
from ..values import Shown
from .work import UserCode, Work

if TYPE_CHECKING:
    from .flow import MissionPath
    from .reminders import ReminderPlan

Role: TypeAlias = Literal["path", "branch", "item", "round", "timeout", "exhausted"]
"""What a path is to the node that has it; `path` is one of a parallel or a race."""


@attrs.frozen(eq=False)
class Place(Shown):
    """A path of a node, and where it runs: `text` follows the node's instance name, as `/it`, `[]`, `/timeout`."""

    text: str
    role: Role
    path: MissionPath[Any]


@attrs.frozen(kw_only=True, eq=False)
class StepNode(Work):
    """A step, or the run of `start`: user code with its policy, and what undoes it."""

    kind: Literal["step", "start"]
    name: str
    undo: Work | None = None

    @property
    def decision(self) -> None:
        """None: a step decides nothing."""

    @property
    def places(self) -> tuple[Place, ...]:
        """The paths of the node: none."""
        return ()

    def to_static(self) -> dict[str, Any]:
        """Return the node's static form."""
        undo = {} if self.undo is None else {"undo": {"retry": self.undo.policy_to_static()["retry"]}}
        return {"kind": self.kind, "name": self.name, **super().to_static(), **undo}


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
class SignalNode(Shown):
    """A wait for a signal from outside, until a deadline where it has one."""

    kind: Literal["need_to"] = "need_to"
    name: str
    schema: PayloadType
    timeout: float | Work | None
    timeout_message: str | None
    on_timeout: MissionPath[Any] | None = None
    reminder: ReminderPlan | None = None
    early: bool = False
    """True where a signal that comes before the wait is kept for it."""

    @property
    def decision(self) -> Work | None:
        """The code that computes the deadline, where there is such."""
        return self.timeout if isinstance(self.timeout, Work) else None

    @property
    def places(self) -> tuple[Place, ...]:
        """The path that runs when the deadline passes."""
        return () if self.on_timeout is None else (Place("/timeout", "timeout", self.on_timeout),)

    def to_static(self) -> dict[str, Any]:
        """Return the node's static form."""
        return {
            "kind": self.kind,
            "name": self.name,
            "schema": self.schema.description,
            **self.schema.to_static("json_schema"),
            "timeout": _duration(self.timeout),
            "timeout_message": None if self.timeout_message is None else encodable(self.timeout_message),
            **({} if self.on_timeout is None else {"on_timeout": path_to_static(self.on_timeout)}),
            **({} if self.reminder is None else {"reminder": self.reminder.to_static()}),
            **({"early": True} if self.early else {}),
        }


@attrs.frozen(kw_only=True, eq=False)
class SleepNode(Shown):
    """A durable sleep of `duration` seconds, or of what is computed when it begins."""

    kind: Literal["sleep"] = "sleep"
    name: str
    duration: float | Work

    @property
    def decision(self) -> Work | None:
        """The code that computes the duration, where there is such."""
        return self.duration if isinstance(self.duration, Work) else None

    @property
    def places(self) -> tuple[Place, ...]:
        """The paths of the node: none."""
        return ()

    def to_static(self) -> dict[str, Any]:
        """Return the node's static form."""
        return {"kind": self.kind, "name": self.name, "duration": _duration(self.duration)}


@attrs.frozen(kw_only=True, eq=False)
class EndNode(Shown):
    """The end: a mission that gets here has completed."""

    kind: Literal["end"] = "end"
    name: str = "end"

    @property
    def decision(self) -> None:
        """None: the end decides nothing."""

    @property
    def places(self) -> tuple[Place, ...]:
        """The paths of the node: none."""
        return ()

    def to_static(self) -> dict[str, Any]:
        """Return the node's static form."""
        return {"kind": self.kind, "name": self.name}


@attrs.frozen(kw_only=True, eq=False)
class UpdateHandler(Shown):
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


def path_to_static(path: MissionPath[Any]) -> list[dict[str, Any]]:
    """Return the static form of a path: that of its nodes."""
    return [node.to_static() for node in path.nodes]


def _duration(duration: float | Work | None) -> float | str | None:
    return "computed" if isinstance(duration, Work) else duration
