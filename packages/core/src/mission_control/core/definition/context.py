"""What user code sees of its mission."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, overload

from typing_extensions import TypeVar

from ..errors import MissionExecutionError, NonRetryableError
from ..history import EventRecord, Ledger
from ..payloads import PLAIN, PayloadType, code_name, copy_json
from .definition import MissionDefinition, Signal

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

I_co = TypeVar("I_co", covariant=True, default=Any)
T = TypeVar("T")
D = TypeVar("D")

_NOTHING: Any = object()


class Recorded(Protocol):
    """What is on record of a mission, for its code to see."""

    @property
    def mission_id(self) -> str:
        """The mission's id."""
        ...

    @property
    def mission_name(self) -> str:
        """The name of its definition."""
        ...

    @property
    def cursor(self) -> str | None:
        """The name of the node that it stands on."""
        ...

    @property
    def events(self) -> Ledger:
        """What went into its nodes and updates, and what came out."""
        ...


class MissingEventError(MissionExecutionError, NonRetryableError):
    """User code asked for an output or signal that its mission does not have; trying again would not help."""


class _Events(Mapping[str, EventRecord]):
    """The events of a mission, each a copy that user code may keep and change."""

    def __init__(self, state: Recorded) -> None:
        self._events = state.events

    def __getitem__(self, name: str) -> EventRecord:
        event = self._events[name]
        return EventRecord(input=copy_json(event.input), output=copy_json(event.output))

    def __iter__(self) -> Iterator[str]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def __repr__(self) -> str:
        return repr(dict(self))


class MissionContext(Generic[I_co]):
    """What a step, query or update is handed: its mission's input, outputs and signals, typed. Read-only.

    Every value is a copy of what is recorded, restored into its declared type once an attempt: the attempt sees what
    it changes in its copy, and nobody else does.
    """

    __slots__ = ("_attempt", "_copies", "_definition", "_state", "_step_name")

    def __init__(self, definition: MissionDefinition[Any], state: Recorded, step_name: str, attempt: int) -> None:
        self._definition = definition
        self._state = state
        self._step_name = step_name
        self._attempt = attempt
        self._copies: dict[tuple[str, PayloadType], Any] = {}

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
        """The name of the node, query or update that runs."""
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
        return _Events(self._state)

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

        `default` is returned where that step has no output. Without it, that raises a `MissionExecutionError`,
        and the mission fails without another attempt: a step that was added behind the mission's place will
        never have one.
        """
        name = step if isinstance(step, str) else self._name_of(step)
        event = self._state.events.find(name)
        if event is None or not self._may_have_output(name):
            if default is not _NOTHING:
                return default
            raise MissingEventError(
                self._missing(f"no output of {name!r}", self._may_have_output, name, self._definition.outputs)
            )
        declared = self._definition.outputs.get(name, PLAIN)
        return self._copy(f"the output of {name!r}", declared, event.output)

    @overload
    def received(self, signal: Signal[T], /) -> T: ...
    @overload
    def received(self, signal: str, /) -> Any: ...
    def received(self, signal: str | Signal[Any], /) -> Any:
        """Return the payload of a signal that was received, as its declared type: one copy an attempt.

        Raises a `MissionExecutionError`, which fails the mission without another attempt, where it was not.
        """
        name = signal.name if isinstance(signal, Signal) else signal
        event = self._state.events.find(name)
        declared = self._definition.inputs.get(name)
        if isinstance(signal, Signal):
            declared = signal.payload
        if event is None or not self._may_be_signal(name):
            raise MissingEventError(
                self._missing(f"no signal {name!r}", self._may_be_signal, name, self._definition.signals)
            )
        return self._copy(f"the signal {name!r}", declared or PLAIN, event.input)

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

    def _copy(self, what: str, declared: PayloadType, stored: Any) -> Any:
        """Return the attempt's own copy of a recorded value; several threads of it get the same one."""
        key = (what, declared)
        if key not in self._copies:
            self._copies.setdefault(key, declared.restore(stored, subject=self._subject(what)))
        return self._copies[key]

    def _may_have_output(self, name: str) -> bool:
        """False where what is recorded under the name is only what went in: a signal's, or that of what runs now."""
        definition = self._definition
        return name != self._state.cursor and (name in definition.outputs or name not in definition.inputs)

    def _may_be_signal(self, name: str) -> bool:
        return name not in self._definition.outputs

    def _name_of(self, step: Callable[..., object]) -> str:
        names = self._definition.names_of(step)
        if len(names) == 1:
            return names[0]
        what = code_name(step)
        if names:
            served = " and ".join(repr(name) for name in names)
            raise MissingEventError(
                f"mission {self.mission_id!r} ({self.mission_name}) has more than one output of {what}, which serves "
                f"{served}: ask by name, as in ctx.output({names[0]!r})"
            )
        raise MissingEventError(self._missing(f"no step that runs {what}", self._may_have_output))

    def _missing(self, what: str, is_one: Callable[[str], bool], name: str = "", known: Collection[str] = ("",)) -> str:
        """Say what the mission has instead, and, of a name that its definition does not know, what that knows."""
        hint = "" if name in known else f"; its definition has none of this name, it has: {_listed(known)}"
        has = _listed(filter(is_one, self._state.events))
        return f"mission {self.mission_id!r} ({self.mission_name}) has {what}; it has {has}{hint}"

    def _subject(self, what: str) -> str:
        return f"{what} of mission {self.mission_id!r} ({self.mission_name})"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
