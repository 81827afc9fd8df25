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
from .attempt import Attempt, current_attempt, is_awaitable
from .clock import Clock, Driven, DrivenClock, RunningAttempt, SystemClock, steady
from .coalescer import Coalescer, as_persistence_error
from .engine import Engine
from .observer import FailedAttempt, LogObserver, Observer, Tracer, brief
from .refusals import closed, not_found, not_registered, unknown_name
from .runner import Runner, Stop
from .sleeper import Deadlines, Sleeper
from .slots import Slots
from .threads import Threads

__all__ = [
    "Activity",
    "Alarm",
    "Attempt",
    "CancelOperation",
    "ChangeOperation",
    "Clock",
    "Coalescer",
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
    "brief",
    "closed",
    "current_attempt",
    "is_awaitable",
    "not_found",
    "not_registered",
    "steady",
    "unknown_name",
]
