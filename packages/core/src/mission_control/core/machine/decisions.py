"""What a command leads to: the rules. The room's first page tells their theory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from ..definition import MissionDefinition, SignalNode
from ..errors import MissionExecutionError
from ..history import (
    START_AT,
    ChildWait,
    HistoryType,
    MissionFailure,
    MissionStatus,
    due_at,
    iso,
)
from .answer import Answer, Decided, later
from .commands import (
    Cancel,
    ChildEnded,
    Command,
    Elapse,
    Fail,
    FinishCancel,
    Interrupt,
    Keep,
    Proceed,
    Receive,
    StandBy,
    Start,
    Succeed,
    Update,
)
from .endings import cancel, check_can_undo, error_details, fail, pass_over_missing, undone
from .folding import PROCESS_ENDED
from .lines import AnyLine, Line, key_of
from .moves import fire, given, go_on_with, work_of
from .operating import OPERATING
from .paths import MOST_BEGUN
from .phases import Phase
from .refusals import check_keep, check_receive, check_update
from .repeats import check_unused
from .state import State

_T = HistoryType
_SUCCEEDED, _FIRED = _T.STEP_SUCCEEDED, _T.TIMER_FIRED
_READY, _ATTEMPTING = Phase.READY, Phase.ATTEMPTING


def decide(
    definition: MissionDefinition[Any] | None,
    state: State,
    commands: Sequence[Command],
    now: datetime,
    slots: int | None,
    is_contended: bool = False,
) -> Decided:
    """Return what `commands`, in their order, add to a mission in `state`; no records where nothing is to be done.

    `slots` are those that the mission holds for attempts on record, and those that are free: so many attempts may be on
    record after it. Where other missions wait for a slot (`is_contended`), a slot that an item gave back is theirs.
    `definition` may be None for the cancelling commands alone. Raises `MissionSignalError`, `MissionTerminalError`,
    `MissionNotRegisteredError` or `MissionExecutionError` where a command is not allowed; nothing has changed then.
    """
    answer = Answer(definition, state, now, None if state.is_paused else slots)
    if is_contended:
        answer.is_contended = True
    for command in commands:
        if answer.state.is_cancelling and answer.state.is_stopping and type(command) in _TOO_LATE:
            continue
        _RULES[type(command)](answer, command)
        if answer.joined or answer.in_hand:
            answer.finish()
    state = answer.state
    if definition is not None and not (state.is_paused or (state.is_cancelling and state.is_stopping)):
        if state.place == "undo":
            pass_over_missing(answer)
        if state.lines is not None or state.phase is _READY:
            answer.settle()
    answer.records = tuple(answer.added)
    return answer


def _start(answer: Answer, command: Start) -> None:
    _require_new(answer.state)
    definition = answer.definition
    assert definition is not None
    details: dict[str, Any] = {} if command.trace is None else {"trace": command.trace}
    if command.parent_id is not None:
        details["parent"] = command.parent_id
    if command.is_awaited:
        details["awaited"] = True
    if command.by is not None:
        details["by"] = command.by
    if command.schedule is not None:
        details["schedule"] = command.schedule
    if command.slot is not None:
        details["slot"] = iso(command.slot)
    if command.labels:
        details["labels"] = dict(command.labels)
    answer.add(
        _T.MISSION_CREATED,
        mission_name=command.mission_name,
        input=command.input,
        definition=definition.fingerprint,
        **details,
    )
    if command.start_at is not None:
        answer.add(_T.TIMER_SCHEDULED, START_AT, node_index=0, due_at=iso(command.start_at))
        if command.start_at > answer.now:
            return
        answer.add(_FIRED, START_AT)
    answer.add(_T.MISSION_STARTED)


def _proceed(answer: Answer, command: Proceed) -> None:
    """Nothing of its own: every decision begins what can be begun."""


# Attempts


def _attempting(answer: Answer, command: Succeed | Fail | Interrupt | StandBy) -> AnyLine | None:
    """Return the line that has the attempt on record; None where it counts no more."""
    state = answer.state
    line = state if state.lines is None else state.line_at(command.instance)
    if line.phase is not _ATTEMPTING or line.cursor != command.instance or line.attempt_number != command.number:
        return None
    return line


def _ended(answer: Answer, command: Succeed | Fail | Interrupt) -> AnyLine | None:
    """Return the line whose attempt has ended, the slot of which is in hand now; None where it counts no more."""
    line = _attempting(answer, command)
    if line is not None:
        if answer.free < 0:  # the attempts of a process that died have none
            answer.free += 1
        else:
            answer.in_hand += 1
    return line


def _succeed(answer: Answer, command: Succeed) -> None:
    line = _ended(answer, command)
    if line is None:
        return
    name, key, place = command.instance, key_of(line), line.place
    if place == "reminder":
        answer.add(_SUCCEEDED, name, command.number, output=command.output, **_next_reminder(answer, line))
        return
    answer.append(_SUCCEEDED, name, command.number, {"output": command.output})
    if place == "step" or place == "start":  # as nearly always
        answer.go_on(key)
    else:
        go_on_with(answer, key, place, name, command.output)


def _fail(answer: Answer, command: Fail) -> None:
    line = _ended(answer, command)
    if line is None:
        return
    name, number = command.instance, command.number
    work = work_of(answer, name)
    failures = line.failures + 1
    details = {"error": error_details(command.failure)}
    if not command.is_retryable or work is None or not work.retry.allows_another(failures):
        _fail_for_good(answer, line, command, details)
        return
    answer.add(_T.STEP_FAILED, name, number, **details)
    delay = command.delay
    if delay is None:
        delay = work.retry.delay(failures + 1) * (1 - work.retry.jitter * command.chance)
    if delay > 0:
        due = iso(later(answer.now, delay))
        answer.add(_T.STEP_RETRY_SCHEDULED, name, number + 1, node_index=_index(answer, name), due_at=due)
    else:
        answer.begin_with_slot(name, number + 1)


def _fail_for_good(answer: Answer, line: AnyLine, command: Fail | Interrupt, details: dict[str, Any]) -> None:
    """Record the end of an attempt that is not followed by another one, and what it leads to."""
    kind = _T.STEP_FAILED if isinstance(command, Fail) else _T.STEP_INTERRUPTED
    if line.place == "reminder":
        details = {**details, "final": True, **_next_reminder(answer, line)}
    elif line.place == "undo":
        details = {**details, "undo": "failed"}
    key, place = key_of(line), line.place
    answer.add(kind, command.instance, command.number, **details)
    if place == "undo":
        undone(answer)
    elif place != "reminder":
        failure = command.failure if isinstance(command, Fail) else _too_often(answer, command, line.interruptions + 1)
        fail(answer, key, command.instance, failure)


def _index(answer: Answer, instance: str) -> int:
    assert answer.definition is not None
    site = answer.definition.site(instance)
    return 0 if site is None else site.index


def _interrupt(answer: Answer, command: Interrupt) -> None:
    line = _ended(answer, command)
    if line is None:
        return
    work = work_of(answer, command.instance)
    deaths = line.interruptions + 1
    is_death = command.reason == PROCESS_ENDED and not line.stands_by
    if is_death and work is not None and deaths >= work.retry.max_interruptions:
        _fail_for_good(answer, line, command, {"reason": command.reason})
    else:
        answer.add(_T.STEP_INTERRUPTED, command.instance, command.number, reason=command.reason)


def _too_often(answer: Answer, command: Interrupt, deaths: int) -> MissionFailure:
    message = (
        f"step {command.instance!r} was interrupted {deaths} times in a row by the end of its process; "
        f"see whether the step is what ends it"
    )
    return MissionFailure(message=message, at=answer.now, code="STEP_INTERRUPTED")


def _stand_by(answer: Answer, command: StandBy) -> None:
    line = _attempting(answer, command)
    if line is not None and not line.stands_by:
        answer.add(_T.STEP_WAITING, command.instance, command.number, mission_id=command.mission_id)


def _next_reminder(answer: Answer, line: AnyLine) -> dict[str, Any]:
    """Return when the next reminder is due: at the next multiple of its interval that has not passed."""
    signal, _, index = (line.cursor or "")[:-1].rpartition("/reminder[")
    node = answer.site(signal).node
    assert isinstance(node, SignalNode)  # `check_fit` has seen to it
    assert isinstance(line, Line)  # a reminder is beside the main line
    assert line.anchor is not None
    plan = node.reminder
    if plan is None or (plan.at_most is not None and int(index) + 1 >= plan.at_most):
        return {}
    passed = (answer.now - line.anchor) // timedelta(seconds=plan.every)
    return {"remind_at": iso(later(line.anchor, (max(passed, 0) + 1) * plan.every))}


# Time


def _elapse(answer: Answer, command: Elapse) -> None:
    until = answer.now if command.until is None else min(command.until, answer.now)
    if answer.state.is_paused:
        return
    if answer.state.lines is None:
        due = due_at(answer.state.waiting)
        if due is not None and due <= until:
            fire(answer, answer.state, due)
        return
    has_slot = True
    for _ in range(MOST_BEGUN):
        entry = answer.first_due(reminders=has_slot)
        if entry is None or entry[0] > until:
            return
        line = answer.line(entry[1])
        if line.place == "reminder" and line.phase is Phase.SLEEPING:
            has_slot = _remind(answer, line)
        else:
            fire(answer, line, entry[0])
        answer.finish()


def _remind(answer: Answer, line: AnyLine) -> bool:
    """Begin a reminder; False where there is no slot for it."""
    name = line.cursor or ""
    node = answer.site(name.rpartition("/")[0]).node
    if isinstance(node, SignalNode) and node.reminder is None:
        answer.add(_FIRED, name)  # today's definition reminds of nothing
        return True
    return answer.begin_with_slot(name)


# What comes from outside


def _receive(answer: Answer, command: Receive) -> None:
    check_unused(answer.state, command.key)
    line = answer.state.line_at(command.instance)
    check_receive(answer.definition, answer.state, line, command.instance)
    answer.stop_reminder(command.instance)
    sent_as = None if command.key is None or command.sent_as == command.instance else command.sent_as
    noted = given(key=command.key, sent_as=sent_as, by=command.by)
    answer.add(_T.SIGNAL_RECEIVED, command.instance, payload=command.payload, **noted)
    answer.go_on(key_of(line))


def _keep(answer: Answer, command: Keep) -> None:
    check_unused(answer.state, command.key)
    check_keep(answer.definition, _begun(answer.state), command.instance)
    noted = given(key=command.key, by=command.by)
    answer.add(_T.SIGNAL_KEPT, command.instance, payload=command.payload, **noted)


def _child_ended(answer: Answer, command: ChildEnded) -> None:
    state, child = answer.state, command.mission_id
    name = child.removeprefix(f"{state.mission_id}/")
    line = state.line_at(name)
    if state.must_end(child):
        answer.let_go += (child,)
        answer.add(_T.CHILD_ENDED, name, **_end_of(command))
    elif isinstance(line.waiting, ChildWait) and line.waiting.mission_id == child:
        answer.let_go += (child,)
        answer.add(_T.CHILD_ENDED, name, **_end_of(command))
        if command.status is MissionStatus.COMPLETED:
            answer.go_on(key_of(line))
        else:
            what = command.error.message if command.error is not None else f"it was {command.status}"
            message = f"child mission {child!r}: {what}"
            fail(answer, key_of(line), name, MissionFailure(message=message, at=answer.now, code="CHILD_FAILED"))


def _end_of(command: ChildEnded) -> dict[str, Any]:
    details: dict[str, Any] = {"id": command.mission_id, "status": command.status.value}
    if command.status is MissionStatus.COMPLETED:
        details["output"] = command.output
    elif command.error is not None:
        details["error"] = error_details(command.error)
    return details


def _update(answer: Answer, command: Update) -> None:
    check_unused(answer.state, command.key)
    check_update(_begun(answer.state))
    noted = given(key=command.key, by=command.by)
    answer.add(_T.MISSION_UPDATE, command.name, input=command.input, output=command.output, **noted)


# Cancelling


def _cancel(answer: Answer, command: Cancel) -> None:
    state = _begun(answer.state)
    if state.is_terminal or state.is_cancelling or state.is_undoing:
        return
    check_can_undo(answer)
    answer.add(_T.CANCELLATION_REQUESTED, reason=command.reason, **given(by=command.by))
    if command.at_once or not any(line.phase is _ATTEMPTING for line in state.every_line()):
        cancel(answer, command.reason)


def _finish_cancel(answer: Answer, command: FinishCancel) -> None:
    state = answer.state
    if not state.is_stopping:
        raise MissionExecutionError(f"mission {state.mission_id!r} is {state.phase}, and no cancellation is under way")
    cancel(answer, state.ending.cancellation)


_RULES: dict[type[Command], Callable[[Answer, Any], None]] = {
    Start: _start,
    Proceed: _proceed,
    Succeed: _succeed,
    Fail: _fail,
    Interrupt: _interrupt,
    StandBy: _stand_by,
    Elapse: _elapse,
    Receive: _receive,
    Keep: _keep,
    ChildEnded: _child_ended,
    Update: _update,
    Cancel: _cancel,
    FinishCancel: _finish_cancel,
    **OPERATING,
}


_TOO_LATE = frozenset({Succeed, Fail, Interrupt, StandBy, Elapse, ChildEnded})
"""What adds nothing between the request to cancel a mission and its end."""


def _require_new(state: State) -> None:
    if state.phase is not Phase.NEW:
        raise MissionExecutionError(f"mission {state.mission_id!r} is {state.phase}, and had to be new for this")


def _begun(state: State) -> State:
    if state.phase is Phase.NEW:
        raise MissionExecutionError(f"mission {state.mission_id!r} has not begun")
    return state
