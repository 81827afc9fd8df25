"""What is handed to storage beside what is decided of missions: children, missions from elsewhere, answers."""

from __future__ import annotations

from datetime import datetime

from ..definition import StoredDefinition
from ..history import HistoryRecord, MissionStatus
from ..machine import NewChild, Start, State, decide, open_waits
from ..storage import Answer, MissionCommit
from .asked import CancelOperation, ChangeOperation, Operation


def commit_of_child(new: NewChild, trace: str | None, now: datetime) -> tuple[MissionCommit, State]:
    """Return what makes a child durable, and the state that it has then."""
    command = Start(
        new.definition.name, new.input, None, trace, new.parent_id, is_awaited=new.is_awaited, labels=new.labels
    )
    decided = decide(new.definition, State(mission_id=new.mission_id), (command,), now, slots=0)
    commit = MissionCommit(
        mission_id=new.mission_id,
        expected_version=0,
        records=decided.records,
        summary=decided.state.summary(),
        definition=new.definition.stored,
        is_awaited=new.is_awaited,
        ran_under=decided.state.ran_under,
    )
    return commit, decided.state


def commit_of_import(
    state: State,
    records: tuple[HistoryRecord, ...],
    definitions: tuple[StoredDefinition, ...],
    operation: Operation,
) -> MissionCommit:
    """Return what makes durable what was recorded of a mission elsewhere, which `operation` asked for."""
    return MissionCommit(
        mission_id=state.mission_id,
        expected_version=0,
        records=records,
        summary=state.summary(),
        is_awaited=state.origin.is_awaited,
        opened=open_waits(state),
        answers=() if operation.requested is None else (applied_answer(operation, state),),
        ran_under=state.ran_under,
        definitions=definitions,
    )


def applied_answer(operation: Operation, after: State) -> Answer:
    """Return what the commit says of a request; nothing follows where what was waited for has come with it."""
    requested = operation.requested
    assert requested is not None  # it is asked for those alone
    is_over = after.is_terminal if isinstance(operation, CancelOperation) else not after.is_running
    if isinstance(operation, ChangeOperation):
        requested.is_final = True
    if is_over and after.status is not MissionStatus.FAILED:  # a start that fails is answered with the failure
        requested.is_final = True
    return requested.recorded()
