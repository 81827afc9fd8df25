"""The rules: what may happen to a mission, what it leads to, and what the world must do next.

Theory of operation
-------------------
A mission is its history. Three pure functions say everything about it:

- `decide(definition, state, command, now)` answers a command with the records to append. It is the only place
  with rules. A command that is not allowed raises here, and nothing has changed.
- `evolve(state, record)` is the state after a record; a state is the fold of a history, and nothing else.
- `next_actions(definition, state)` says what must be done now: run an attempt, get a slot, wait, or nothing.

Nothing here knows a clock, an id, a file or a task. Whoever drives the machine hands in the time, makes the
records durable, folds them, and asks for the next actions. A recovered mission goes through the same three
functions as a new one: there is no other way in.

A mission is its *main line*, and beside it there is a line for each live path of a parallel, a race or an `each`. The
state is the main line itself, and every other line has the same names: the rules take a line, and are the same for
all. A line moves along the nodes of its definition, one at a time, through branches, rounds and deadlines too, which
are no lines of their own. It *stands on* a node by the node's instance name (`cursor`), which tells place, item and
round, and never by an index, so a definition may change around it. At each moment a line is in one phase:

- created: accepted, nothing has run. delayed: the same, until its start time.
- ready: it stands before a step, or behind an attempt that ended; it needs a slot to go on.
- attempting: an attempt of the step is on record, and its outcome is not.
- awaiting, sleeping, backing off: parked, until a signal, a time, or a retry's time.
- forked: it stands on a construct whose paths are live, until they are joined.
- completed, failed, cancelled: it has ended, and takes no more records but the one that reopens it.

A path that completes may let the line around it go on, one that fails takes it along, up to an `each` that bears the
loss: joins are decisions like any other, and part of the same answer. A mission that fails or is cancelled with
something to undo stands before undo after undo, and then ends. Versions of a state share their lines: a path costs
what it changes.

A signal is for a line that waits for it. One that comes before its wait is kept where the definition of today has a
wait ahead that takes it early (`Keep`, which is of the mission and of no line), and a line that comes to such a wait
records in one answer that it waits and what it has received. A state has the kept signals that no wait has taken; all
its versions share them, and most missions have none.

A mission that is *paused* begins and fires nothing: what runs ends, and what comes from outside is taken. One that has
ended is *reopened* by a record that says from which record on what was recorded does not count any more: its end alone,
or everything since a node of the main line began. That is the one record that does not lead from a state to the next:
the state after it is the fold of all records before it that still count (`load`). What does not count stays in the
history, and attempts are numbered on.

`TRANSITIONS` lists, for each phase, the records that may follow and the phase they lead to. One decision may take
several steps at once: the end of one attempt and the start of the next are one answer, so they are durable together
or not at all. Without a slot an answer stops before `step-started`; its last record then names the step that the
mission stands before (`next`).

Attempts are numbered per step over everything that began. Failures count towards `max_attempts`, ends of the process
towards `max_interruptions`; a clean close counts towards nothing. Nor does the end of a process in an attempt that
stood by, which has waited for the end of another mission (`step-waiting`): something else may have ended the process,
and where the step did, its next attempt finds that mission ended and has nothing to stand by for.

Times in records never decrease; due times come from `now` itself, so a clock that was set back does not stretch a wait.

What another shell needs
------------------------
A shell drives missions: the engine of this package, a test that crashes between any two commits, a distributed engine.
Everything that it needs is what this room exports. It starts from `State(mission_id=...)`, or from `load`; checks with
`check_fit` and `check_payloads` whether a definition can carry the mission on; puts commands to `decide`, stores what
that returns, and folds it in with `fold`; and does what `next_actions` says. `find_wait`, `early_waits` and
`check_update` say beforehand what a mission takes, `find_use` and `check_repeat` what it has taken already under a key,
`changed_waits` which waits for signals a decision opened and closed, and `inspect_history` what people are shown.
"""

from typing import TYPE_CHECKING

from .ahead import early_waits
from .answer import Decided, NewChild
from .commands import (
    Cancel,
    ChildEnded,
    Command,
    Elapse,
    Fail,
    FinishCancel,
    Interrupt,
    Keep,
    Pause,
    Proceed,
    Receive,
    Reopen,
    Resume,
    Skip,
    StandBy,
    Start,
    Succeed,
    Update,
    Wake,
)
from .decisions import decide
from .fit import Misfit, check_carries, check_fit, check_payloads, find_misfit, standing_at
from .folding import PROCESS_ENDED
from .lines import AnyLine, Line
from .loading import inspect_history, load
from .phases import STATUS, Phase, Place
from .places import construct_of
from .refusals import check_update, find_wait, is_held, refused_signal
from .reopening import ended_early, sorted_out
from .repeats import check_repeat, find_use
from .state import State
from .taking import take_signal
from .transitions import ANYWHERE, TRANSITIONS, evolve, fold
from .waits import changed_waits, open_waits

__all__ = [
    "ANYWHERE",
    "PROCESS_ENDED",
    "STATUS",
    "TRANSITIONS",
    "Action",
    "AnyLine",
    "AwaitChild",
    "AwaitSignal",
    "AwaitTime",
    "BeginPaths",
    "BeginStep",
    "Cancel",
    "ChildEnded",
    "Command",
    "Decided",
    "Elapse",
    "EndChild",
    "Fail",
    "FinishCancel",
    "Interrupt",
    "Keep",
    "Line",
    "Misfit",
    "NewChild",
    "Pause",
    "Phase",
    "Place",
    "Proceed",
    "Receive",
    "Reopen",
    "Resume",
    "RunAttempt",
    "Skip",
    "StandBy",
    "Start",
    "State",
    "StopForGood",
    "Succeed",
    "Update",
    "Wake",
    "changed_waits",
    "check_carries",
    "check_fit",
    "check_payloads",
    "check_repeat",
    "check_update",
    "construct_of",
    "decide",
    "early_waits",
    "ended_early",
    "evolve",
    "find_misfit",
    "find_use",
    "find_wait",
    "fold",
    "inspect_history",
    "is_held",
    "load",
    "next_actions",
    "open_waits",
    "refused_signal",
    "sorted_out",
    "standing_at",
    "take_signal",
]

if TYPE_CHECKING:
    from .actions import (
        Action,
        AwaitChild,
        AwaitSignal,
        AwaitTime,
        BeginPaths,
        BeginStep,
        EndChild,
        RunAttempt,
        StopForGood,
        next_actions,
    )
else:
    # On first use: the engine of this package goes by the phases themselves, and everybody imports it.
    def __getattr__(name: str) -> object:
        if name in __all__:
            from . import actions

            return getattr(actions, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
