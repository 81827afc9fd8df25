"""What is asked of an adapter and of its mailbox, and the values that they are handed.

The adapter in memory, `storage.memory`, is imported where it is used: a program with a database need not read it.
Other adapters live in distributions of their own.
"""

from .answers import Answer, AnsweredError
from .mailbox import Mailbox, Outbox, OwnedMailbox
from .persistence import CommitOutcome, DueKind, LoadOutcome, MissionCommit, PersistenceAdapter, due_kind, next_due_kind
from .reads import ReadPort, WaitPlace
from .requests import (
    CancelRequest,
    EndRequest,
    PostedRequest,
    RefusedRequest,
    Request,
    RequestKind,
    ScheduleAction,
    ScheduleRequest,
    SignalRequest,
    StartRequest,
    UpdateRequest,
    read_request,
    request_form,
)

__all__ = [
    "Answer",
    "AnsweredError",
    "CancelRequest",
    "CommitOutcome",
    "DueKind",
    "EndRequest",
    "LoadOutcome",
    "Mailbox",
    "MissionCommit",
    "Outbox",
    "OwnedMailbox",
    "PersistenceAdapter",
    "PostedRequest",
    "ReadPort",
    "RefusedRequest",
    "Request",
    "RequestKind",
    "ScheduleAction",
    "ScheduleRequest",
    "SignalRequest",
    "StartRequest",
    "UpdateRequest",
    "WaitPlace",
    "due_kind",
    "next_due_kind",
    "read_request",
    "request_form",
]
