"""What missions and paths are built with: the methods that add nodes, and `MissionPath`, a line without start and end.

Everything is checked when it is built. Every call returns a new one, so each can be forked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeAlias, overload

from typing_extensions import TypeForm, TypeVar

from ..errors import MissionDefinitionError
from ..payloads import Schema, found, payload_type
from .checks import (
    caller,
    checked_flag,
    checked_limit,
    checked_message,
    checked_on_timeout,
    checked_path,
    decision,
    items_of,
    made,
    reminder_plan,
    timing,
    undo_work,
)
from .constructs import BranchNode, ChildNode, EachNode, ForkNode, Node, RepeatNode
from .definition import I, MissionDefinition, Signal
from .drawing import drawn
from .keys import checked_keys, item_type, key_type
from .names import checked_part, is_a
from .nodes import SignalNode, SleepNode, StepNode
from .parts import Parts
from .reminders import Reminder
from .retry import RetryPolicy, seconds
from .work import Choice, Listing, Verdict, Work

if TYPE_CHECKING:
    from .context import MissionContext

C = TypeVar("C")
K = TypeVar("K", bound=str | bool | Enum)
T = TypeVar("T")

Moment: TypeAlias = timedelta | float | datetime
"""A duration, which may be in seconds, or an aware time."""

Deadline: TypeAlias = (
    "timedelta | float | Callable[[MissionContext[I]], Moment | Awaitable[Moment | None] | None] | None"
)
"""When a wait is over: after a duration, when its code says, or never."""

_UNSTATED: Any = object()
_BOOL = payload_type(bool, subject="a verdict")


class Flow(Generic[I]):
    """What can be said of a mission from its start on, and of a path: steps, waits, sleeps and constructs."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def _with(self, node: Node) -> Self:
        return type(self)(self._parts.followed_by(node))

    def _subject(self, name: object, what: str) -> tuple[str, str]:
        """Return a name that is free, and how errors name what bears it."""
        checked = self._parts.fresh(name, what=what)
        return checked, f"{what} {checked!r} of {self._parts.owner}"

    def step(
        self,
        name: str,
        run: Callable[[MissionContext[I]], object],
        *,
        output: object = None,
        retry: RetryPolicy | None = None,
        timeout: timedelta | float | None = None,
        undo: Callable[[MissionContext[I]], object] | None = None,
        undo_retry: RetryPolicy | None = None,
    ) -> Self:
        """Add a step: `run(ctx)`, whose return value is recorded and never computed again.

        A failure is retried as `retry` says (without it: not at all); `timeout` bounds one attempt. `output`
        states the type of the return value where its annotation cannot. When the mission fails or is cancelled,
        `undo(ctx)` runs for a step that has begun, with `undo_retry`, or the step's policy where that is not given.
        Raises `MissionDefinitionError`.
        """
        checked, subject = self._subject(name, "step")
        frame = caller()
        node = made(
            StepNode,
            run,
            output=output,
            frame=frame,
            retry=retry,
            timeout=timeout,
            subject=subject,
            kind="step",
            name=checked,
            undo=undo_work(undo, undo_retry, retry=retry, timeout=timeout, frame=frame, subject=subject),
        )
        return self._with(node)

    @overload
    def need_to(
        self,
        signal: Signal[Any],
        /,
        *,
        timeout: Deadline[I] = None,
        timeout_message: str | None = None,
        on_timeout: MissionPath[I] | None = None,
        reminder: Reminder | None = None,
        early: bool = False,
    ) -> Self: ...
    @overload
    def need_to(
        self,
        name: str,
        schema: TypeForm[T],
        /,
        *,
        timeout: Deadline[I] = None,
        timeout_message: str | None = None,
        on_timeout: MissionPath[I] | None = None,
        reminder: Reminder | None = None,
        early: bool = False,
    ) -> Self: ...
    @overload
    def need_to(
        self,
        name: str,
        schema: Schema[T],
        /,
        *,
        timeout: Deadline[I] = None,
        timeout_message: str | None = None,
        on_timeout: MissionPath[I] | None = None,
        reminder: Reminder | None = None,
        early: bool = False,
    ) -> Self: ...
    def need_to(
        self,
        name: str | Signal[Any],
        schema: object = _UNSTATED,
        /,
        *,
        timeout: Deadline[I] = None,
        timeout_message: str | None = None,
        on_timeout: MissionPath[I] | None = None,
        reminder: Reminder | None = None,
        early: bool = False,
    ) -> Self:
        """Add a wait for a signal, whose payload is validated and recorded.

        `timeout` is a durable deadline: a duration, or a function of ctx that returns one, an aware time, or None for
        no deadline; such a function runs as a step does that has no policy. When it passes, the path `on_timeout`
        runs, and what follows the wait; without one the mission fails, with `timeout_message` where that is given.
        While the wait is open, `reminder` runs again and again. With `early` a signal that comes before the wait is
        kept for it, instead of refused, and ends it as it begins. Raises `MissionDefinitionError`.
        """
        if is_a(name, Signal):
            if schema is not _UNSTATED:
                raise MissionDefinitionError(
                    f"{name!r} in {self._parts.owner} has a schema of its own; pass it alone, or its name"
                )
            checked, subject = self._subject(name.name, "signal")
            payload = name.payload
        else:
            checked, subject = self._subject(name, "signal")
            if schema is _UNSTATED:
                raise MissionDefinitionError(f"signal {checked!r} has no schema; say .need_to({checked!r}, its_schema)")
            payload = payload_type(schema, subject=subject)
        node = SignalNode(
            name=checked,
            schema=payload,
            timeout=None if timeout is None else timing(timeout, f"{subject}, timeout", may_be_none=True),
            timeout_message=checked_message(timeout_message, subject),
            on_timeout=checked_on_timeout(on_timeout, timeout, timeout_message, subject),
            reminder=reminder_plan(reminder, caller(), subject),
            early=checked_flag(early, f"{subject}, early"),
        )
        return self._with(node)

    def sleep(
        self,
        name: str,
        duration: timedelta | float | Callable[[MissionContext[I]], Moment | Awaitable[Moment]],
    ) -> Self:
        """Add a durable sleep of 0 to 1,000 years.

        `duration` may be a function of ctx, which returns a duration or the aware time until which to sleep. It runs
        as a step does that has no policy: it is not retried, and fails for good after 10 deaths of its process in a
        row. Raises `MissionDefinitionError`.
        """
        checked, subject = self._subject(name, "sleep")
        return self._with(SleepNode(name=checked, duration=timing(duration, subject, may_be_none=False)))

    def parallel(self, name: str, paths: Mapping[str, MissionPath[I]]) -> Self:
        """Add paths that run side by side; what follows begins when all have completed.

        One that fails stops the others, and the mission fails. Raises `MissionDefinitionError`.
        """
        return self._with(self._fork("parallel", name, paths))

    def race(self, name: str, paths: Mapping[str, MissionPath[I]]) -> Self:
        """Add paths that run side by side; when the first has completed, the others are stopped.

        `ctx.output(name)` is the name of that one. Raises `MissionDefinitionError`.
        """
        return self._with(self._fork("race", name, paths))

    def _fork(self, kind: Literal["parallel", "race"], name: str, paths: Mapping[str, MissionPath[I]]) -> ForkNode:
        checked, subject = self._subject(name, kind)
        named: dict[str, MissionPath[Any]] = {}
        for given, path in items_of(paths, subject):
            text = checked_part(given, subject=f"{subject}, the name of a path")
            if text in named:
                raise MissionDefinitionError(f"{subject}: the path {text!r} is there twice; give each its own name")
            named[text] = checked_path(path, f"path {text!r} of {subject}")
        return ForkNode(kind=kind, name=checked, paths=MappingProxyType(named))

    def branch(
        self,
        name: str,
        choose: Callable[[MissionContext[I]], K | Awaitable[K]],
        paths: Mapping[K, MissionPath[I]],
        *,
        otherwise: MissionPath[I] | None = None,
        retry: RetryPolicy | None = None,
        timeout: timedelta | float | None = None,
    ) -> Self:
        """Add a choice: `choose(ctx)` returns the key of the path that runs, or another one for `otherwise`.

        Keys are all str, all bool, or all members of one Enum. It runs as a step does, with `retry` and `timeout`,
        and what it returned is recorded. Raises `MissionDefinitionError`, also where `choose` is declared to return a
        `Literal`, an Enum or a bool, and the keys are not just these.
        """
        checked, subject = self._subject(name, "branch")
        given = list(items_of(paths, subject))
        keys = checked_keys((key for key, _ in given), subject)
        node = BranchNode(
            name=checked,
            choose=made(
                Choice,
                choose,
                output=key_type(choose, keys, has_otherwise=otherwise is not None, frame=caller(), subject=subject),
                retry=retry,
                timeout=timeout,
                subject=subject,
                texts=MappingProxyType({key.json: key.text for key in keys}),
                has_otherwise=otherwise is not None,
            ),
            paths=MappingProxyType(
                {
                    key.text: checked_path(path, f"path {key.text!r} of {subject}")
                    for key, (_, path) in zip(keys, given, strict=True)
                }
            ),
            otherwise=None if otherwise is None else checked_path(otherwise, f"{subject}, otherwise"),
        )
        return self._with(node)

    def each(
        self,
        name: str,
        items: Callable[[MissionContext[I]], Sequence[Any] | Awaitable[Sequence[Any]]],
        path: MissionPath[I],
        *,
        max_concurrency: int | None = None,
        max_failures: int | None = 0,
        retry: RetryPolicy | None = None,
        timeout: timedelta | float | None = None,
    ) -> Self:
        """Add a path that runs once for each item of the list that `items(ctx)` returns, which is recorded.

        Items begin in order, and at most `max_concurrency` (None: all) have begun and not ended. `max_failures` of
        them (None: any number) may fail without failing the mission. `retry` and `timeout` are those of `items`.
        Raises `MissionDefinitionError`.
        """
        checked, subject = self._subject(name, "each")
        frame = caller()
        node = EachNode(
            name=checked,
            items=made(
                Listing,
                items,
                frame=frame,
                retry=retry,
                timeout=timeout,
                subject=subject,
            ),
            item=item_type(items, frame=frame, subject=subject),
            path=checked_path(path, f"the path of {subject}"),
            max_concurrency=checked_limit(max_concurrency, 1, f"{subject}, max_concurrency"),
            max_failures=checked_limit(max_failures, 0, f"{subject}, max_failures"),
        )
        return self._with(node)

    def repeat(
        self,
        name: str,
        path: MissionPath[I],
        *,
        until: Callable[[MissionContext[I]], bool | Awaitable[bool]],
        every: timedelta | float | None = None,
        max_rounds: int | None = None,
        on_exhausted: MissionPath[I] | None = None,
        retry: RetryPolicy | None = None,
        timeout: timedelta | float | None = None,
    ) -> Self:
        """Add a path that runs until `until(ctx)` returns True after it, with a sleep of `every` between two rounds.

        After `max_rounds` without one the path `on_exhausted` runs, and what follows the repeat; without one the
        mission fails. `retry` and `timeout` are those of `until`. Raises `MissionDefinitionError`.
        """
        checked, subject = self._subject(name, "repeat")
        if on_exhausted is not None and max_rounds is None:
            raise MissionDefinitionError(f"{subject}: on_exhausted without max_rounds never runs; say max_rounds=")
        node = RepeatNode(
            name=checked,
            path=checked_path(path, f"the path of {subject}"),
            until=decision(Verdict, until, _BOOL, retry, timeout, f"{subject}, until"),
            every=None if every is None else seconds(every, subject=f"{subject}, every"),
            max_rounds=checked_limit(max_rounds, 1, f"{subject}, max_rounds"),
            on_exhausted=None if on_exhausted is None else checked_path(on_exhausted, f"{subject}, on_exhausted"),
        )
        return self._with(node)

    def mission(
        self,
        name: str,
        definition: MissionDefinition[C],
        input: Callable[[MissionContext[I]], C | Mapping[str, object] | Awaitable[C | Mapping[str, object]]],
        *,
        wait: bool = True,
        retry: RetryPolicy | None = None,
        timeout: timedelta | float | None = None,
    ) -> Self:
        """Add a child mission, started with what `input(ctx)` returns.

        What follows begins when it has ended, and `ctx.output(name)` is its output; one that fails or is cancelled
        fails this mission. With `wait=False` it lives on by itself, and `ctx.output(name)` is its id. `retry` and
        `timeout` are those of `input`. Raises `MissionDefinitionError`.
        """
        checked, subject = self._subject(name, "mission")
        if not is_a(definition, MissionDefinition):
            raise MissionDefinitionError(
                f"{subject}: expected a MissionDefinition, found {found(definition)}; a definition is complete "
                f"after .end()"
            )
        node = ChildNode(
            name=checked,
            definition=definition,
            input=decision(Work, input, definition.start.input, retry, timeout, f"{subject}, input"),
            wait=checked_flag(wait, f"{subject}, wait"),
        )
        return self._with(node)


class MissionPath(Flow[I]):
    """A part of a mission, as `m.path()` begins it: nodes without a start and an end.

    It takes what a mission takes from its start on, and can be used in several places.
    """

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Its nodes, in order."""
        return self._parts.nodes

    @property
    def depth(self) -> int:
        """How many places are around the innermost of its nodes, where the path itself is none."""
        return self._parts.depth

    @property
    def size(self) -> int:
        """How many nodes it has, those of its own paths counted wherever they are."""
        return self._parts.size

    def __repr__(self) -> str:
        return drawn("MissionPath", self.nodes)
