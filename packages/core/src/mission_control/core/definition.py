"""Mission definitions: the nodes they are made of, and the builder that makes them.

    m.define("approval").start(...).step(...).need_to(...).sleep(...).end()

Everything is checked when it is built. Every call returns a new builder, so one can be forked.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import FrameType, MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeAlias, cast, overload

import attrs
from typing_extensions import TypeForm, TypeVar

from .annotations import is_coroutine_function, return_type
from .errors import MissionDefinitionError
from .issues import found
from .json_values import encode_json
from .names import RESERVED, checked_name, is_a
from .persistence import StoredDefinition
from .retry import RetryPolicy, seconds
from .schema import PayloadType, Schema, payload_type

if TYPE_CHECKING:
    from .context import MissionContext

I = TypeVar("I", default=Any)  # noqa: E741 - the input of a mission, as in the public signatures
T = TypeVar("T")

_UNSTATED: Any = object()

UserCode: TypeAlias = Callable[..., object]
Duration: TypeAlias = timedelta | float


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
        return {**super().to_static(), "input": self.input.description}


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
            "timeout": self.timeout,
            "timeout_message": self.timeout_message,
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
    fingerprint: str = attrs.field(init=False)
    stored: StoredDefinition = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        static = self.to_static()
        fingerprint = hashlib.sha256(encode_json(static).encode()).hexdigest()[:32]
        positions = {node.name: index for index, node in enumerate(self.nodes) if not isinstance(node, EndNode)}
        object.__setattr__(self, "positions", positions)
        object.__setattr__(self, "fingerprint", fingerprint)
        object.__setattr__(self, "stored", StoredDefinition(fingerprint=fingerprint, name=self.name, static=static))

    def __repr__(self) -> str:
        return f"<MissionDefinition {self.name!r}: {' → '.join(node.name for node in self.nodes)}>"

    def to_static(self) -> dict[str, Any]:
        """Return the definition without its code, JSON-ready: what storage keeps under the fingerprint."""
        return {
            "name": self.name,
            "nodes": [node.to_static() for node in self.nodes],
            "queries": list(self.queries),
            "updates": [
                {"name": name, "schema": update.schema.description, "output": update.output.description}
                for name, update in self.updates.items()
            ],
        }

    @property
    def start(self) -> StartNode:
        """The first node."""
        return cast("StartNode", self.nodes[0])

    def output_type(self, name: str) -> PayloadType | None:
        """Return the type of what the step, start or update `name` gives, or None where there is none."""
        if name in self.updates:
            return self.updates[name].output
        index = self.positions.get(name)
        node = None if index is None else self.nodes[index]
        return node.output if isinstance(node, StepNode) else None

    def input_type(self, name: str) -> PayloadType | None:
        """Return the type of what the start, signal or update `name` is given, or None where there is none."""
        if name in self.updates:
            return self.updates[name].schema
        index = self.positions.get(name)
        node = None if index is None else self.nodes[index]
        if isinstance(node, SignalNode):
            return node.schema
        return node.input if isinstance(node, StartNode) else None

    def names_of(self, run: object) -> list[str]:
        """Return the names of the nodes and updates whose code is `run`."""
        nodes = [node.name for node in self.nodes if isinstance(node, StepNode) and node.run == run]
        return nodes + [name for name, update in self.updates.items() if update.run == run]


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
        self.name = _node_name(name, what="signal")
        self.schema = schema
        self.payload = payload_type(schema, subject=f"signal {self.name!r}")

    def __repr__(self) -> str:
        return f"Signal({self.name!r}, {self.payload.description})"


def _node_name(name: object, *, what: str) -> str:
    checked = checked_name(name, subject=f"the name of {'an' if what == 'update' else 'a'} {what}")
    if checked in RESERVED:
        raise MissionDefinitionError(f"{what} {checked!r}: this name is reserved, choose another one")
    return checked


def _code(run: object, *, arguments: int, subject: str) -> UserCode:
    if not callable(run):
        raise MissionDefinitionError(f"{subject}: expected a function, found {found(run)}")
    try:
        inspect.signature(run).bind(*(None,) * arguments)
    except TypeError as error:
        expected = "(ctx)" if arguments == 1 else "(ctx, input)"
        raise MissionDefinitionError(f"{subject}: it is called with {expected}, and that fails: {error}") from None
    except ValueError:
        pass  # a built-in without a signature
    except Exception as error:  # a signature may be computed by what has it
        raise MissionDefinitionError(f"{subject}: the signature of {found(run)} cannot be read") from error
    return run


def _caller() -> FrameType | None:
    """Return the frame of whoever calls the builder: names in its annotations may be local there."""
    frame = inspect.currentframe()
    for _ in range(2):
        frame = frame and frame.f_back
    return frame


def _output(output: object, run: UserCode, frame: FrameType | None, subject: str) -> PayloadType:
    if output is None:
        return return_type(run, caller=frame, subject=subject)
    return payload_type(output, subject=f"{subject}, output=")


def _timeout(timeout: Duration | None, subject: str) -> float | None:
    if timeout is None:
        return None
    return seconds(timeout, subject=f"{subject}, timeout")


def _policy(retry: object, subject: str) -> RetryPolicy:
    if retry is None:
        return RetryPolicy()
    if not is_a(retry, RetryPolicy):
        raise MissionDefinitionError(f"{subject}, retry: expected a RetryPolicy, found {found(retry)}")
    return retry


@attrs.frozen(eq=False)
class _Parts:
    """What has been said of a definition so far."""

    name: str
    queries: Mapping[str, UserCode] = MappingProxyType({})
    updates: Mapping[str, UpdateHandler] = MappingProxyType({})
    nodes: tuple[Node, ...] = ()

    def fresh(self, name: object, *, what: str) -> str:
        checked = _node_name(name, what=what)
        if checked in self.queries or checked in self.updates or any(node.name == checked for node in self.nodes):
            raise MissionDefinitionError(f"mission {self.name!r}: the name {checked!r} is used twice")
        return checked


class MissionDraft:
    """What `m.define(name)` returns: takes queries and updates, and then the start."""

    def __init__(self, parts: _Parts) -> None:
        self._parts = parts

    def query(self, name: str, fn: Callable[[MissionContext[Any]], object], /) -> Self:
        """Add a query: `fn(ctx)` runs on the mission's last durable state and changes nothing."""
        parts = self._parts
        checked = parts.fresh(name, what="query")
        run = _code(fn, arguments=1, subject=f"query {checked!r} of mission {parts.name!r}")
        queries = MappingProxyType({**parts.queries, checked: run})
        return type(self)(attrs.evolve(parts, queries=queries))

    @overload
    def update(self, name: str, schema: TypeForm[T], fn: Callable[[MissionContext[Any], T], object], /) -> Self: ...
    @overload
    def update(self, name: str, schema: Schema[T], fn: Callable[[MissionContext[Any], T], object], /) -> Self: ...
    def update(self, name: str, schema: object, fn: UserCode, /) -> Self:
        """Add an update: `fn(ctx, input)` runs between other things, and what it returns is recorded."""
        parts = self._parts
        checked = parts.fresh(name, what="update")
        subject = f"update {checked!r} of mission {parts.name!r}"
        handler = UpdateHandler(
            schema=payload_type(schema, subject=subject),
            run=_code(fn, arguments=2, subject=subject),
            is_async=is_coroutine_function(fn),
            output=return_type(fn, caller=_caller(), subject=subject),
        )
        updates = MappingProxyType({**parts.updates, checked: handler})
        return type(self)(attrs.evolve(parts, updates=updates))

    @overload
    def start(
        self,
        *,
        input: TypeForm[I],
        run: Callable[[MissionContext[I]], object],
        output: object = None,
        retry: RetryPolicy | None = None,
        timeout: timedelta | float | None = None,
    ) -> MissionBuilder[I]: ...
    @overload
    def start(
        self,
        *,
        input: Schema[I],
        run: Callable[[MissionContext[I]], object],
        output: object = None,
        retry: RetryPolicy | None = None,
        timeout: timedelta | float | None = None,
    ) -> MissionBuilder[I]: ...
    def start(
        self,
        *,
        input: object,
        run: UserCode,
        output: object = None,
        retry: RetryPolicy | None = None,
        timeout: timedelta | float | None = None,
    ) -> MissionBuilder[Any]:
        """Say what a mission is given, and what runs first: `run(ctx)`, with attempts and a policy as a step has.

        `input` is the schema of the mission's input; `output` states the type of what `run` returns where its
        annotation cannot. Raises `MissionDefinitionError`.
        """
        subject = f"start of mission {self._parts.name!r}"
        node = StartNode(
            input=payload_type(input, subject=f"{subject}, input="),
            run=_code(run, arguments=1, subject=subject),
            is_async=is_coroutine_function(run),
            output=_output(output, run, _caller(), subject),
            retry=_policy(retry, subject),
            timeout=_timeout(timeout, subject),
        )
        return MissionBuilder(attrs.evolve(self._parts, nodes=(node,)))


class MissionBuilder(Generic[I]):
    """A definition from its start on: takes steps, waits and sleeps, and then the end."""

    def __init__(self, parts: _Parts) -> None:
        self._parts = parts

    def _with(self, node: Node) -> MissionBuilder[I]:
        return MissionBuilder(attrs.evolve(self._parts, nodes=(*self._parts.nodes, node)))

    def step(
        self,
        name: str,
        run: Callable[[MissionContext[I]], object],
        *,
        output: object = None,
        retry: RetryPolicy | None = None,
        timeout: timedelta | float | None = None,
    ) -> MissionBuilder[I]:
        """Add a step: `run(ctx)`, whose return value is recorded and never computed again.

        A failure is retried as `retry` says (without it: not at all); `timeout` bounds one attempt. `output`
        states the type of the return value where its annotation cannot. Raises `MissionDefinitionError`.
        """
        checked = self._parts.fresh(name, what="step")
        subject = f"step {checked!r} of mission {self._parts.name!r}"
        node = StepNode(
            kind="step",
            name=checked,
            run=_code(run, arguments=1, subject=subject),
            is_async=is_coroutine_function(run),
            output=_output(output, run, _caller(), subject),
            retry=_policy(retry, subject),
            timeout=_timeout(timeout, subject),
        )
        return self._with(node)

    @overload
    def need_to(
        self,
        signal: Signal[Any],
        /,
        *,
        timeout: timedelta | float | None = None,
        timeout_message: str | None = None,
    ) -> MissionBuilder[I]: ...
    @overload
    def need_to(
        self,
        name: str,
        schema: TypeForm[T],
        /,
        *,
        timeout: timedelta | float | None = None,
        timeout_message: str | None = None,
    ) -> MissionBuilder[I]: ...
    @overload
    def need_to(
        self,
        name: str,
        schema: Schema[T],
        /,
        *,
        timeout: timedelta | float | None = None,
        timeout_message: str | None = None,
    ) -> MissionBuilder[I]: ...
    def need_to(
        self,
        name: str | Signal[Any],
        schema: object = _UNSTATED,
        /,
        *,
        timeout: timedelta | float | None = None,
        timeout_message: str | None = None,
    ) -> MissionBuilder[I]:
        """Add a wait for a signal, whose payload is validated and recorded.

        `timeout` is a durable deadline; the mission fails when it passes, with `timeout_message` where that is
        given. Raises `MissionDefinitionError`.
        """
        if is_a(name, Signal):
            if schema is not _UNSTATED:
                raise MissionDefinitionError(
                    f"{name!r} in mission {self._parts.name!r} has a schema of its own; pass it alone, or its name"
                )
            checked, payload = self._parts.fresh(name.name, what="signal"), name.payload
        else:
            checked = self._parts.fresh(name, what="signal")
            if schema is _UNSTATED:
                raise MissionDefinitionError(f"signal {checked!r} has no schema; say .need_to({checked!r}, its_schema)")
            payload = payload_type(schema, subject=f"signal {checked!r} of mission {self._parts.name!r}")
        subject = f"signal {checked!r} of mission {self._parts.name!r}"
        if timeout_message is not None:
            if not is_a(timeout_message, str):
                raise MissionDefinitionError(
                    f"{subject}, timeout_message: expected a str, found {found(timeout_message)}"
                )
            timeout_message = str.__str__(timeout_message)
        node = SignalNode(
            name=checked, schema=payload, timeout=_timeout(timeout, subject), timeout_message=timeout_message
        )
        return self._with(node)

    def sleep(self, name: str, duration: timedelta | float) -> MissionBuilder[I]:
        """Add a durable sleep of 0 to 1,000 years. Raises `MissionDefinitionError`."""
        checked = self._parts.fresh(name, what="sleep")
        length = seconds(duration, subject=f"sleep {checked!r} of mission {self._parts.name!r}")
        return self._with(SleepNode(name=checked, duration=length))

    def end(self) -> MissionDefinition[I]:
        """Return the finished definition."""
        parts = self._parts
        return MissionDefinition(parts.name, (*parts.nodes, EndNode()), parts.queries, parts.updates)


class Definer:
    """The root of the builder; `m` is the one that everybody uses."""

    def define(self, name: str) -> MissionDraft:
        """Begin the definition of the mission `name`. Raises `MissionDefinitionError` for a name that is none."""
        return MissionDraft(_Parts(checked_name(name, subject="the name of a mission")))


m: Definer = Definer()
"""Where every definition begins: `m.define("approval")`."""
