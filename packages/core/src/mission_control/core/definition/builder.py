"""The builder of mission definitions.

    m.define("approval").start(...).step(...).need_to(...).sleep(...).end()

Everything is checked when it is built. Every call returns a new builder, so one can be forked.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, overload

import attrs
from typing_extensions import TypeForm, TypeVar

from ..errors import MissionDefinitionError
from ..payloads import Schema, found, is_coroutine_function, payload_type, return_type
from .checks import caller, checked_code, made, undo_work
from .definition import I, MissionDefinition
from .flow import Flow, MissionPath
from .names import checked_name, is_a
from .nodes import EndNode, StartNode, UpdateHandler
from .parts import Parts
from .retry import RetryPolicy

if TYPE_CHECKING:
    from .context import MissionContext
    from .work import UserCode

T = TypeVar("T")


class MissionDraft:
    """What `m.define(name)` returns: takes queries and updates, and then the start."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def query(self, name: str, fn: Callable[[MissionContext[Any]], object], /) -> Self:
        """Add a query: `fn(ctx)` runs on the mission's last durable state and changes nothing."""
        parts = self._parts
        checked = parts.fresh(name, what="query")
        run = checked_code(fn, "ctx", subject=f"query {checked!r} of mission {parts.name!r}")
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
            run=checked_code(fn, "ctx", "input", subject=subject),
            is_async=is_coroutine_function(fn),
            output=return_type(fn, caller=caller(), subject=subject),
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
        undo: Callable[[MissionContext[I]], object] | None = None,
        undo_retry: RetryPolicy | None = None,
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
        undo: Callable[[MissionContext[I]], object] | None = None,
        undo_retry: RetryPolicy | None = None,
    ) -> MissionBuilder[I]: ...
    def start(
        self,
        *,
        input: object,
        run: UserCode,
        output: object = None,
        retry: RetryPolicy | None = None,
        timeout: timedelta | float | None = None,
        undo: UserCode | None = None,
        undo_retry: RetryPolicy | None = None,
    ) -> MissionBuilder[Any]:
        """Say what a mission is given, and what runs first: `run(ctx)`, with attempts and a policy as a step has.

        `input` is the schema of the mission's input; `output` states the type of what `run` returns where its
        annotation cannot; `undo` and `undo_retry` are as a step's. Raises `MissionDefinitionError`.
        """
        subject, frame = f"start of {self._parts.owner}", caller()
        node = made(
            StartNode,
            run,
            output=output,
            frame=frame,
            retry=retry,
            timeout=timeout,
            subject=subject,
            input=payload_type(input, subject=f"{subject}, input="),
            undo=undo_work(undo, undo_retry, retry=retry, timeout=timeout, frame=frame, subject=subject),
        )
        return MissionBuilder(self._parts.followed_by(node))


class MissionBuilder(Flow[I]):
    """A definition from its start on: takes steps, waits, sleeps and constructs, and then the end."""

    def end(self) -> MissionDefinition[I]:
        """Return the finished definition."""
        parts = self._parts
        return MissionDefinition(parts.name, (*parts.nodes, EndNode()), parts.queries, parts.updates)


class Definer:
    """The root of the builder; `m` is the one that everybody uses."""

    def define(self, name: str) -> MissionDraft:
        """Begin the definition of the mission `name`. Raises `MissionDefinitionError` for a name that is none."""
        return MissionDraft(Parts(checked_name(name, subject="the name of a mission")))

    @overload
    def path(self, /) -> MissionPath[Any]: ...
    @overload
    def path(self, input: TypeForm[I], /) -> MissionPath[I]: ...
    def path(self, input: object = None, /) -> MissionPath[Any]:
        """Begin a path, for the constructs of missions and of other paths.

        `input` is the type of the input of the missions that it is for; only type checkers look at it. Raises
        `MissionDefinitionError` for a text, which would be a name: that is given where the path is used.
        """
        if is_a(input, str):
            raise MissionDefinitionError(
                f"a path has no name of its own, found {found(input)}; say m.path(), and name the path where it is "
                f'used, as in .parallel("all", {{"name": path}})'
            )
        return MissionPath(Parts())


m: Definer = Definer()
"""Where every definition begins: `m.define("approval")`."""
