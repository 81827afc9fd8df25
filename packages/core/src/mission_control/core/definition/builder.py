"""The builder of mission definitions.

    m.define("approval").start(...).step(...).need_to(...).sleep(...).end()

Everything is checked when it is built. Every call returns a new builder, so one can be forked.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import FrameType, MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, overload

import attrs
from typing_extensions import TypeForm, TypeVar

from ..errors import MissionDefinitionError
from ..foreign import tried
from ..payloads import PayloadType, Schema, found, is_coroutine_function, payload_type, return_type
from .definition import I, MissionDefinition, Signal, node_name
from .names import checked_name, is_a
from .nodes import EndNode, Node, SignalNode, SleepNode, StartNode, StepNode, UpdateHandler, UserCode
from .retry import RetryPolicy, seconds

if TYPE_CHECKING:
    from .context import MissionContext

T = TypeVar("T")

_UNSTATED: Any = object()

Duration: TypeAlias = timedelta | float


def _bind(run: Callable[..., object], arguments: int) -> BaseException | None:
    inspect.signature(run).bind(*(None,) * arguments)
    return None


def _code(run: object, *, arguments: int, subject: str) -> UserCode:
    if not callable(run):
        raise MissionDefinitionError(f"{subject}: expected a function, found {found(run)}")
    problem = tried(lambda: _bind(run, arguments), lambda error: error)
    if isinstance(problem, TypeError):
        expected = "(ctx)" if arguments == 1 else "(ctx, input)"
        raise MissionDefinitionError(f"{subject}: it is called with {expected}, and that fails: {problem}")
    if problem is not None and not isinstance(problem, ValueError):  # which a built-in without a signature raises
        raise MissionDefinitionError(f"{subject}: the signature of {found(run)} cannot be read") from problem
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
        checked = node_name(name, what=what)
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
