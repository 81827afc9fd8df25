"""The errors that callers meet, one class for each thing they can do about it.

    MissionControlError
    ├── MissionDefinitionError            (ValueError)
    ├── MissionValidationError            (ValueError)
    ├── PayloadError                      (TypeError)
    ├── CommanderError
    │   ├── MissionAlreadyStartedError
    │   ├── MissionAlreadyExistsError
    │   ├── MissionNotFoundError          (LookupError)
    │   ├── MissionNotRegisteredError     (LookupError)
    │   ├── ScheduleNotFoundError         (LookupError)
    │   ├── MissionSignalError
    │   ├── MissionTerminalError
    │   ├── MissionFailedError
    │   ├── MissionCancelledError
    │   ├── MissionExecutionError
    │   ├── MissionDefinitionMismatchError
    │   ├── NotAnsweredError              (TimeoutError)
    │   └── CommanderClosedError
    └── PersistenceError
        ├── StaleMissionError
        ├── CorruptMissionError
        └── DatabaseInUseError

`NonRetryableError` and `RetryAfterError` stand apart: user code raises them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from .readable import encodable

if TYPE_CHECKING:
    from .history import MissionFailure, MissionSnapshot


class _PortableError(Exception):
    """An error that can be pickled and copied whatever its `__init__` takes: what it holds is put back, not computed.

    What caused it stays behind: that may be anything.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        form = super().__reduce__()
        assert isinstance(form, tuple)  # a str would name a global
        return _made_anew, form[:2], *form[2:]


def _made_anew(kind: type[_PortableError], arguments: tuple[Any, ...]) -> _PortableError:
    made = kind.__new__(kind, *arguments)
    made.args = arguments  # what is an `OSError` too sets them in its `__init__`
    return made


class MissionControlError(_PortableError):
    """The root of everything that Mission Control raises; `code` names the kind for machines.

    Its text can be written out and sent, whatever it quotes. It can be pickled and copied, without its cause.
    """

    code: ClassVar[str] = "MISSION_CONTROL_ERROR"

    def __str__(self) -> str:
        return encodable(super().__str__())


class MissionDefinitionError(MissionControlError, ValueError):
    """A definition, or a name, id or schema handed in, is malformed."""

    code = "MISSION_DEFINITION_ERROR"


class MissionValidationError(MissionControlError, ValueError):
    """An input or a signal does not fit its schema; nothing was changed.

    `event_name` is the node, query or update whose schema refused the value;
    `issues` has one line for each bad field, its path first (`$.email: expected str, got int 5`).
    """

    code = "MISSION_VALIDATION_ERROR"

    def __init__(self, message: str, *, event_name: str, issues: Sequence[str]) -> None:
        super().__init__(message)
        self.event_name: str = event_name
        self.issues: tuple[str, ...] = tuple(map(encodable, issues))


class PayloadError(MissionControlError, TypeError):
    """A value that user code returned has no JSON form, or does not fit its declared type."""

    code = "MISSION_PAYLOAD_ERROR"


class CommanderError(MissionControlError):
    """A commander could not do what it was asked."""

    code = "COMMANDER_ERROR"


class MissionAlreadyStartedError(CommanderError):
    """`start` was called on a handle whose mission has started."""

    code = "MISSION_ALREADY_STARTED"


class MissionAlreadyExistsError(CommanderError):
    """The id belongs to another mission."""

    code = "MISSION_ALREADY_EXISTS"


class MissionNotFoundError(CommanderError, LookupError):
    """No mission has this id."""

    code = "MISSION_NOT_FOUND"


class ScheduleNotFoundError(CommanderError, LookupError):
    """No schedule has this name."""

    code = "SCHEDULE_NOT_FOUND"


class MissionNotRegisteredError(CommanderError, LookupError):
    """The mission exists, but its definition has not been registered with this commander."""

    code = "MISSION_NOT_REGISTERED"


class MissionSignalError(CommanderError):
    """The mission does not wait for this signal."""

    code = "MISSION_SIGNAL_ERROR"


class MissionTerminalError(CommanderError):
    """The mission has ended and takes no updates."""

    code = "MISSION_TERMINAL"


class _EndedError(CommanderError):
    """What the errors about an ended mission have in common: its last state, and why it ended."""

    def __init__(self, message: str, *, snapshot: MissionSnapshot) -> None:
        super().__init__(message)
        self.snapshot: MissionSnapshot = snapshot

    @property
    def failure(self) -> MissionFailure:
        """Why the mission ended; the same as `snapshot.error`."""
        failure = self.snapshot.error
        assert failure is not None  # a failed or cancelled mission says why
        return failure


class MissionFailedError(_EndedError):
    """The mission failed; `__cause__` is the step's exception where it happened in this process."""

    code = "MISSION_FAILED"


class MissionCancelledError(_EndedError):
    """The mission was cancelled, so it has no output."""

    code = "MISSION_CANCELLED"


class MissionExecutionError(CommanderError):
    """A query, an update, or an operation on a mission that cannot take it, failed; nothing was recorded."""

    code = "MISSION_EXECUTION_ERROR"


class MissionDefinitionMismatchError(CommanderError):
    """The registered definition cannot carry this mission on; the mission stays as it is."""

    code = "MISSION_DEFINITION_MISMATCH"


class NotAnsweredError(CommanderError, TimeoutError):
    """A request was not answered in time; it is durable in the mailbox, and is applied when a process owns the storage.

    `request_id` names it there; `has_owner` says whether a process owned the storage when the time was over.
    """

    code = "NOT_ANSWERED"

    def __init__(self, message: str, *, request_id: str, has_owner: bool) -> None:
        super().__init__(message)
        self.request_id: str = request_id
        self.has_owner: bool = has_owner


class CommanderClosedError(CommanderError):
    """The commander was closed, or belongs to the process that this one was forked from."""

    code = "COMMANDER_CLOSED"


class PersistenceError(MissionControlError):
    """Storage failed. Raised by an operation that was writing, it means that the outcome is unknown."""

    code = "PERSISTENCE_ERROR"


class StaleMissionError(PersistenceError):
    """Another writer has changed the mission since it was read; nothing was written to it.

    `mission_id` is the one that was changed: the mission itself, or a child of it whose id is taken.
    """

    code = "STALE_MISSION"

    def __init__(self, message: str, *, mission_id: str | None = None) -> None:
        super().__init__(message)
        self.mission_id: str | None = mission_id


class CorruptMissionError(PersistenceError):
    """A stored history does not fold; its rows are left as they are."""

    code = "MISSION_CORRUPT"


class DatabaseInUseError(PersistenceError):
    """Another commander, here or in another process, owns the storage."""

    code = "DATABASE_IN_USE"


class NonRetryableError(_PortableError):
    """Raised by a step to fail its mission without another attempt."""


class RetryAfterError(_PortableError):
    """Raised by a step to fail this attempt and set the delay before the next one.

    `delay` is in seconds or a `timedelta`. The policy still decides whether there is a next attempt.
    """

    def __init__(self, delay: timedelta | float, message: str = "") -> None:
        super().__init__(message)
        self.delay: timedelta | float = delay
