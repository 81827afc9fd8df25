"""What is asked of an adapter and of its mailbox, and the values that they are handed.

The adapter in memory, `storage.memory`, is imported where it is used: a program with a database need not read it.
Other adapters live in distributions of their own.
"""

from .answers import Answer, AnsweredError
from .mailbox import Mailbox, Outbox, OwnedMailbox
from .persistence import CommitOutcome, DueKind, MissionCommit, PersistenceAdapter, due_kind, next_due_kind
from .queries import EVERYTHING, MissionQuery
from .reads import ReadPort, WaitPlace
from .requests import (
    MOST_PURGED,
    CancelRequest,
    ChangeRequest,
    EndRequest,
    ImportRequest,
    OperatorRequest,
    PauseRequest,
    PostedRequest,
    PurgeRequest,
    RefusedRequest,
    ReopenRequest,
    RepairRequest,
    Request,
    RequestKind,
    ResumeRequest,
    ScheduleAction,
    ScheduleRequest,
    SignalRequest,
    SkipRequest,
    StartRequest,
    UpdateRequest,
    WakeRequest,
    read_request,
    request_form,
)
from .stored import LoadOutcome, MissionRows, Standing, StoredMission

__all__ = [
    "EVERYTHING",
    "MOST_PURGED",
    "Answer",
    "AnsweredError",
    "CancelRequest",
    "ChangeRequest",
    "CommitOutcome",
    "DueKind",
    "EndRequest",
    "ImportRequest",
    "LoadOutcome",
    "Mailbox",
    "MissionCommit",
    "MissionQuery",
    "MissionRows",
    "OperatorRequest",
    "Outbox",
    "OwnedMailbox",
    "PauseRequest",
    "PersistenceAdapter",
    "PostedRequest",
    "PurgeRequest",
    "ReadPort",
    "RefusedRequest",
    "ReopenRequest",
    "RepairRequest",
    "Request",
    "RequestKind",
    "ResumeRequest",
    "ScheduleAction",
    "ScheduleRequest",
    "SignalRequest",
    "SkipRequest",
    "Standing",
    "StartRequest",
    "StoredMission",
    "UpdateRequest",
    "WaitPlace",
    "WakeRequest",
    "due_kind",
    "next_due_kind",
    "read_request",
    "request_form",
]
