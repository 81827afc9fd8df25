"""What an owner answers to a request: a value, or an error in a form that another process makes the same error of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, cast

import attrs

from ..errors import CommanderError, MissionControlError, MissionValidationError
from ..history import MissionSnapshot
from ..values import Value

_PLAIN: Mapping[str, type[Exception]] = {"VALUE_ERROR": ValueError, "TYPE_ERROR": TypeError}
"""The errors of the language that callers get for an argument that none can be."""


@attrs.frozen(kw_only=True)
class AnsweredError(Value):
    """An error that a request was answered with; `event_name` and `issues` are those of a `MissionValidationError`."""

    code: str
    message: str
    event_name: str | None = None
    issues: tuple[str, ...] = ()

    @classmethod
    def of(cls, error: BaseException) -> AnsweredError:
        """Return the form of an error."""
        if isinstance(error, MissionValidationError):
            return cls(code=error.code, message=str(error), event_name=error.event_name, issues=error.issues)
        if isinstance(error, MissionControlError):
            return cls(code=error.code, message=str(error))
        code = next((code for code, kind in _PLAIN.items() if isinstance(error, kind)), "MISSION_EXECUTION_ERROR")
        return cls(code=code, message=str(error))

    @property
    def needs_snapshot(self) -> bool:
        """True where the error bears the state of a mission that has ended, which is in storage."""
        return self.code in ("MISSION_FAILED", "MISSION_CANCELLED")

    def to_error(self, snapshot: MissionSnapshot | None = None) -> Exception:
        """Return the error; one that `needs_snapshot` is a `CommanderError` of the same text where none is given."""
        kind: Any = _PLAIN.get(self.code) or _kinds().get(self.code, CommanderError)
        if kind is MissionValidationError:
            return MissionValidationError(self.message, event_name=self.event_name or "", issues=self.issues)
        if self.needs_snapshot:
            kind = CommanderError if snapshot is None else partial(kind, snapshot=snapshot)
        return cast("Exception", kind(self.message))


@attrs.frozen(kw_only=True)
class Answer(Value):
    """What came of a request.

    `value` is what an update returned, as JSON, the ids of the missions that a schedule was asked for, how many were
    purged, or whether one was repaired, and None otherwise: states are read from storage. `is_refused` says that
    nothing was changed; an error without it tells what the request led to, such as a start whose mission failed within
    the call. An answer that is not `is_final` says that the request was applied, and that what it set in motion goes
    on; another one follows.
    """

    request_id: str
    value: Any = None
    error: AnsweredError | None = None
    is_refused: bool = False
    is_final: bool = True


def _kinds() -> dict[str, type[MissionControlError]]:
    return {kind.code: kind for kind in _tree(MissionControlError) if "code" in vars(kind)}


def _tree(root: type[MissionControlError]) -> Iterator[type[MissionControlError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _tree(kind)
