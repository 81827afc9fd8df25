"""What user code sees of its mission."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, overload

from typing_extensions import TypeVar

from ..history import EventRecord, PathResult
from ..payloads import PLAIN, PayloadType
from .definition import MissionDefinition, Signal
from .lookup import Lookup
from .recorded import Recorded, RecordedEvents, has_only_begun, path_results
from .standing import ON_THE_MAIN_LINE, Standing, standing

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

I_co = TypeVar("I_co", covariant=True, default=Any)
T = TypeVar("T")
D = TypeVar("D")

_NOTHING: Any = object()


class MissionContext(Generic[I_co]):
    """What a step, query or update is handed: its mission's input, outputs and signals, typed. Read-only.

    Every value is a copy of what is recorded, restored into its declared type once an attempt: the attempt sees what
    it changes in its copy, and nobody else does.
    """

    __slots__ = ("_attempt", "_clock_now", "_copies", "_definition", "_found", "_standing", "_state", "_step_name")

    def __init__(
        self,
        definition: MissionDefinition[Any],
        state: Recorded,
        step_name: str,
        attempt: int,
        clock_now: Callable[[], datetime],
    ) -> None:
        self._definition = definition
        self._state = state
        self._step_name = step_name
        self._standing: Standing | None = None
        self._attempt = attempt
        self._clock_now = clock_now
        self._copies: dict[tuple[str, PayloadType], Any] = {}
        self._found: Lookup | None = None

    @property
    def _where(self) -> Standing:
        if self._standing is None:  # most code asks for nothing that depends on it
            self._standing = standing(self._step_name)
        return self._standing

    @property
    def mission_id(self) -> str:
        """The mission's id."""
        return self._state.mission_id

    @property
    def mission_name(self) -> str:
        """The name of the mission's definition."""
        return self._state.mission_name

    @property
    def step_name(self) -> str:
        """The instance name of what runs, as `devices[3]/configure`, or the name of the query or update."""
        return self._step_name

    @property
    def attempt(self) -> int:
        """The number of this attempt of the step, from 1."""
        return self._attempt

    @property
    def idempotency_key(self) -> str:
        """`"{mission_id}:{step_name}"`: the same for every attempt of this step, and for no other."""
        return f"{self._state.mission_id}:{self._step_name}"

    @property
    def input(self) -> I_co:
        """What the mission was started with, as its declared type: one copy an attempt."""
        restored: I_co = self._copy("the input", self._definition.start.input, self._state.events["start"].input)
        return restored

    @property
    def events(self) -> Mapping[str, EventRecord]:
        """What went into each event and came out, as plain JSON. A sleep is absent."""
        return RecordedEvents(self._state)

    @overload
    def output(self, step: str, /, *, default: object = ...) -> Any: ...
    @overload
    def output(self, step: Callable[..., Awaitable[T]], /) -> T: ...
    @overload
    def output(self, step: Callable[..., Awaitable[T]], /, *, default: D) -> T | D: ...
    @overload
    def output(self, step: Callable[..., T], /) -> T: ...
    @overload
    def output(self, step: Callable[..., T], /, *, default: D) -> T | D: ...
    def output(self, step: str | Callable[..., object], /, *, default: object = _NOTHING) -> Any:
        """Return what a step, named or given as its function, has returned, as its declared type: one copy an attempt.

        It is looked for as a program looks up a variable: in the path where the code stands (this item, this round),
        in the path around it, and so outwards, then where the only one of the mission is. A whole instance name, as
        `devices[3]/configure`, is that very one. The output of a `race` is the name of the path that won, that of a
        child mission its output.

        `default` is returned where that step has no output. Without it, that raises a `MissionExecutionError`,
        and the mission fails without another attempt: a step that was added behind the mission's place will
        never have one. Where several could be meant, `default` does not help.
        """
        state = self._state
        instance = step if isinstance(step, str) and self._where is ON_THE_MAIN_LINE else ""
        event = state.events.find(instance)  # nothing could be nearer
        if event is None:
            instance = self._lookup.output(step)
            event = state.events.find(instance)
        if event is not None and not has_only_begun(state, self._step_name, instance):
            declared = self._definition.output_type(instance)
            if declared is not None or self._definition.input_type(instance) is None:
                return self._output(instance, declared, event)
        if default is not _NOTHING:
            return default
        raise self._lookup.no_output(step, instance)

    @overload
    def outputs(self, step: str, /) -> list[Any]: ...
    @overload
    def outputs(self, step: Callable[..., Awaitable[T]], /) -> list[T]: ...
    @overload
    def outputs(self, step: Callable[..., T], /) -> list[T]: ...
    def outputs(self, step: str | Callable[..., object], /) -> list[Any]:
        """Return what a step has returned in all items and rounds so far, in order, each as `output` returns it.

        They are those within the items and rounds that the code stands in, of every place where the step is. What is
        in a path that failed or was stopped is left out. Raises a `MissionExecutionError`, which fails the mission
        without another attempt, where the mission has no such step.
        """
        events, definition = self._state.events, self._definition
        return [
            self._output(instance, definition.output_type(template), events[instance])
            for instance, template in self._lookup.outputs(step)
        ]

    @overload
    def received(self, signal: Signal[T], /) -> T: ...
    @overload
    def received(self, signal: Signal[T], /, *, default: D) -> T | D: ...
    @overload
    def received(self, signal: str, /, *, default: object = ...) -> Any: ...
    def received(self, signal: str | Signal[Any], /, *, default: object = _NOTHING) -> Any:
        """Return the payload of a signal that was received, as its declared type: one copy an attempt.

        It is looked for as an output is. `default` is returned where it was not received. Without it, that raises a
        `MissionExecutionError`, which fails the mission without another attempt.
        """
        name = signal.name if isinstance(signal, Signal) else signal
        instance = self._lookup.signal(name)
        event = self._state.events.find(instance)
        if event is None or not self._lookup.is_signal(instance):
            if default is not _NOTHING:
                return default
            raise self._lookup.no_signal(name, instance)
        return self._payload(signal, instance, instance, event)

    @overload
    def all_received(self, signal: Signal[T], /) -> list[T]: ...
    @overload
    def all_received(self, signal: str, /) -> list[Any]: ...
    def all_received(self, signal: str | Signal[Any], /) -> list[Any]:
        """Return the payloads of a signal in all items and rounds so far, as `outputs` does with outputs."""
        name = signal.name if isinstance(signal, Signal) else signal
        events = self._state.events
        return [
            self._payload(signal, instance, template, events[instance])
            for instance, template in self._lookup.signals(name)
        ]

    def results(self, name: str, /) -> list[PathResult]:
        """Return what became of each path of a `parallel` or `race`, or item of an `each`, that has begun, in order.

        Its place is looked for as that of an output is. Raises a `MissionExecutionError`, which fails the mission
        without another attempt, where there is no such construct.
        """
        construct, opened = self._lookup.construct(name), self._state.opened
        return [] if opened is None else path_results(opened, construct)

    @overload
    def item(self, items: str, /) -> Any: ...
    @overload
    def item(self, items: Callable[..., Awaitable[Sequence[T]]], /) -> T: ...
    @overload
    def item(self, items: Callable[..., Sequence[T]], /) -> T: ...
    def item(self, items: str | Callable[..., object], /) -> Any:
        """Return this item of an `each`, named or given as the function that listed its items: one copy an attempt.

        Raises a `MissionExecutionError`, which fails the mission without another attempt, outside of it.
        """
        node, construct, index = self._lookup.item(items)
        stored = self._state.events[construct].output[index]
        return self._copy(f"item {index} of {construct!r}", node.item, stored)

    @property
    def index(self) -> int | None:
        """The number, from 0, of the innermost item, round or reminder that the code stands in; None outside."""
        return self._where.index

    def now(self) -> datetime:
        """Return the time by the commander's clock, in UTC."""
        return self._clock_now()

    @property
    def log(self) -> BoundLogger:
        """A structlog logger around the standard library's `mission_control.mission`, bound to this attempt."""
        from ..log import bound_logger

        return bound_logger(
            "mission_control.mission",
            mission_id=self.mission_id,
            mission_name=self.mission_name,
            step=self._step_name,
            attempt=self._attempt,
        )

    def __repr__(self) -> str:
        return f"<MissionContext of {self._subject(self._step_name)}, attempt {self._attempt}>"

    @property
    def _lookup(self) -> Lookup:
        if self._found is None:
            self._found = Lookup(self._definition, self._state, self._step_name, self._where)
        return self._found

    def _output(self, instance: str, declared: PayloadType | None, event: EventRecord) -> Any:
        return self._copy(f"the output of {instance!r}", declared or PLAIN, event.output)

    def _payload(self, signal: str | Signal[Any], instance: str, template: str, event: EventRecord) -> Any:
        declared = signal.payload if isinstance(signal, Signal) else self._definition.input_type(template)
        return self._copy(f"the signal {instance!r}", declared or PLAIN, event.input)

    def _copy(self, what: str, declared: PayloadType, stored: Any) -> Any:
        """Return the attempt's own copy of a recorded value; several threads of it get the same one."""
        key = (what, declared)
        if key not in self._copies:
            self._copies.setdefault(key, declared.restore(stored, subject=self._subject(what)))
        return self._copies[key]

    def _subject(self, what: str) -> str:
        return f"{what} of mission {self.mission_id!r} ({self.mission_name})"
