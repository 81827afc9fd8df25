"""What every port of missions says alike: of a start that finds its id taken, a request, and an end."""

from __future__ import annotations

from typing import Any, Literal

from ..definition import MissionDefinition
from ..engine import Attempt, OperatorCommand
from ..errors import CommanderError, MissionAlreadyExistsError, MissionCancelledError, MissionFailedError
from ..history import MissionSnapshot, MissionStatus
from ..machine import Pause, Reopen, Resume, Skip, State, Wake
from ..payloads import same_json
from ..storage import ChangeRequest, PauseRequest, ResumeRequest, SkipRequest, WakeRequest


def check_same(
    definition: MissionDefinition[Any], stored: Any, existing: State, if_exists: Literal["raise", "return"]
) -> None:
    """Raise `MissionAlreadyExistsError` unless the mission that has the id may be returned for one that is started."""
    differences: list[str] = []
    if existing.mission_name != definition.name:
        differences.append("the mission name")
    elif if_exists == "return":
        was = existing.events["start"].input
        differences += (f"the input at {path}" for path in same_json(definition.start.input, was, stored))
    if if_exists == "return" and not differences:
        return
    remedy = "choose another id" if differences else 'choose another id, or pass if_exists="return"'
    differing = f", and differs in {', '.join(differences)}" if differences else ""
    raise MissionAlreadyExistsError(
        f"mission {existing.mission_id!r} ({existing.mission_name}) exists already; it is {existing.status}"
        f"{differing}: {remedy}"
    )


def refuse_itself(attempt: Attempt[Any] | None, mission_id: str, what: str, error: type[CommanderError]) -> None:
    """Raise `error` where the code that asks is that of the mission that it asks: it would wait for itself."""
    if attempt is not None and attempt.flight.mission_id == mission_id:
        raise error(
            f"{attempt.name!r} of mission {mission_id!r} tried to {what} the mission itself while it runs, "
            f"which would wait for ever; return from it first"
        )


def command_of(request: ChangeRequest) -> OperatorCommand:
    """Return what the machine is told for a request."""
    if isinstance(request, PauseRequest):
        return Pause(request.by)
    if isinstance(request, ResumeRequest):
        return Resume(request.by)
    if isinstance(request, WakeRequest):
        return Wake(request.path, request.by)
    if isinstance(request, SkipRequest):
        return Skip(request.output, request.step, request.by)
    return Reopen(request.step, request.by)


def ended_error(snapshot: MissionSnapshot, cause: BaseException | None) -> CommanderError:
    """Return the error for a failed or cancelled mission; `cause` is what made it fail, where that is known."""
    assert snapshot.error is not None  # it ended without completing
    what = f"mission {snapshot.mission_id!r} ({snapshot.mission_name})"
    if snapshot.status is MissionStatus.CANCELLED:
        return MissionCancelledError(f"{what}: {snapshot.error}", snapshot=snapshot)
    failed = MissionFailedError(
        f"{what} failed at {snapshot.cursor!r} ({snapshot.error.code}): {snapshot.error}", snapshot=snapshot
    )
    failed.__cause__ = cause
    return failed
