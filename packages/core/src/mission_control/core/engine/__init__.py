"""Does it: drives missions, runs user code, makes decisions durable, and wakes what is due.

It decides nothing. A pilot asks the machine what is next, does that, and tells the machine what came of it; a recorder
keeps memory and storage in step; an alarm looks for missions whose time has come. Times within the process are measured
here, on clocks that can be moved by tests.
"""

from .activity import Activity
from .alarm import Alarm
from .asked import (
    CancelOperation,
    ChangeOperation,
    Held,
    Operation,
    OperatorCommand,
    Order,
    Requested,
    SignalOperation,
    UpdateOperation,
)
from .attempt import Attempt, Code, current_attempt, is_awaitable
from .clock import Clock, Driven, DrivenClock, RunningAttempt, SystemClock, steady
from .coalescer import Coalescer, as_persistence_error
from .commits import commit_of_child
from .consequences import orphans_of
from .ends import failed_attempt, warn_of_what_was_not_undone
from .engine import Engine
from .holding import PATIENCE
from .observer import FailedAttempt, LogObserver, Observer, Tracer, brief
from .outcome import Outcome, attempt_outcome
from .refusals import closed, not_found, not_registered, unknown_name
from .runner import Runner, Stop
from .sleeper import Deadlines, Sleeper
from .slots import Slots
from .threads import Threads
from .updates import returned_by_update
from .watching import ARRIVED, followed

__all__ = [
    "ARRIVED",
    "PATIENCE",
    "Activity",
    "Alarm",
    "Attempt",
    "CancelOperation",
    "ChangeOperation",
    "Clock",
    "Coalescer",
    "Code",
    "Deadlines",
    "Driven",
    "DrivenClock",
    "Engine",
    "FailedAttempt",
    "Held",
    "LogObserver",
    "Observer",
    "Operation",
    "OperatorCommand",
    "Order",
    "Outcome",
    "Requested",
    "Runner",
    "RunningAttempt",
    "SignalOperation",
    "Sleeper",
    "Slots",
    "Stop",
    "SystemClock",
    "Threads",
    "Tracer",
    "UpdateOperation",
    "as_persistence_error",
    "attempt_outcome",
    "brief",
    "closed",
    "commit_of_child",
    "current_attempt",
    "failed_attempt",
    "followed",
    "is_awaitable",
    "not_found",
    "not_registered",
    "orphans_of",
    "returned_by_update",
    "steady",
    "unknown_name",
    "warn_of_what_was_not_undone",
]
