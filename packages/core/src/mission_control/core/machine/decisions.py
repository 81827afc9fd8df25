"""What a command leads to: the rules. The room's first page tells their theory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..errors import MissionExecutionError
from ..history import START_AT, HistoryRecord, HistoryType, MissionFailure, SignalWait, due_at, iso
from .commands import (
    Cancel,
    Command,
    Elapse,
    Fail,
    FinishCancel,
    Interrupt,
    Proceed,
    Receive,
    StandBy,
    Start,
    Succeed,
    Update,
)
from .refusals import check_signal, check_update
from .state import Phase, State

if TYPE_CHECKING:
    from ..definition import MissionDefinition
from ..definition import Node, StepNode

_T = HistoryType
# Every answer has one of these, and before Python 3.12 a member is looked up in its enumeration in several steps.
_STARTED, _SUCCEEDED, _FIRED, _COMPLETED = _T.STEP_STARTED, _T.STEP_SUCCEEDED, _T.TIMER_FIRED, _T.MISSION_COMPLETED
_ATTEMPTING = Phase.ATTEMPTING

PROCESS_ENDED = "process ended"
"""The reason of an interruption that counts towards `max_interruptions`, unless the attempt stood by."""

_LATEST = datetime(MAXYEAR, 1, 1, tzinfo=UTC)


class _Answer:
    """The records that a decision adds, as they come about."""

    __slots__ = ("_at", "_seq", "definition", "has_slot", "now", "records", "state")

    def __init__(self, definition: MissionDefinition[Any] | None, state: State, now: datetime, has_slot: bool) -> None:
        self.definition = definition
        self.state = state
        self.now = now
        self.has_slot = has_slot
        self.records: list[HistoryRecord] = []
        self._seq = state.version
        self._at = now if state.at is None or now > state.at else state.at

    def add(self, kind: HistoryType, name: str | None = None, attempt: int | None = None, **details: Any) -> None:
        self._seq += 1
        self.records.append(
            HistoryRecord(
                seq=self._seq, type=kind, at=self._at, event_name=name, attempt_number=attempt, details=details
            )
        )

    def nodes(self) -> tuple[Node, ...]:
        assert self.definition is not None  # only cancelling works without one
        return self.definition.nodes

    def position(self) -> int:
        """Return where the node that the mission stands on is in today's definition."""
        assert self.definition is not None
        return self.definition.positions[self.state.cursor or ""]

    def step(self) -> StepNode:
        node = self.nodes()[self.position()]
        assert node.kind == "step" or node.kind == "start"  # `check_fit` has seen to it
        return node

    def begin(self, step_name: str, attempt: int) -> None:
        """Record the start of an attempt, and the definition it runs under where that is another one."""
        assert self.definition is not None
        known = self.definition.fingerprint if self.state.version == 0 else self.state.last_run
        if known == self.definition.fingerprint:
            self.add(_STARTED, step_name, attempt)
        else:
            self.add(_STARTED, step_name, attempt, definition=self.definition.fingerprint)

    def go_on(self) -> None:
        """Leave the node that the mission stands on, and enter what follows until something takes its time."""
        nodes = self.nodes()
        for index in range(self.position() + 1, len(nodes)):
            node = nodes[index]
            if node.kind == "step":
                if self.has_slot:
                    self.begin(node.name, 1)
                else:
                    self._stop_before(node.name)
                return
            if node.kind == "need_to":
                until = None if node.timeout is None else iso(_later(self.now, node.timeout))
                self.add(_T.WAITING_FOR_SIGNAL, node.name, node_index=index, timeout_at=until)
                return
            if node.kind == "sleep":
                self.add(_T.TIMER_SCHEDULED, node.name, node_index=index, due_at=iso(_later(self.now, node.duration)))
                if node.duration > 0:
                    return
                self.add(_FIRED, node.name)
        self.add(_COMPLETED)

    def _stop_before(self, step_name: str) -> None:
        last = self.records[-1]
        assert isinstance(last.details, dict)
        last.details["next"] = step_name

    def fail(self, name: str | None, failure: MissionFailure) -> None:
        self.add(_T.MISSION_FAILED, name, error=_details(failure))


def decide(
    definition: MissionDefinition[Any] | None, state: State, command: Command, now: datetime, *, has_slot: bool
) -> tuple[HistoryRecord, ...]:
    """Return the records that `command` adds to a mission in `state`; none where nothing is to be done.

    With `has_slot` a step that comes next is begun in the same answer. `definition` may be None for the cancelling
    commands alone. Raises `MissionSignalError`, `MissionTerminalError`
    or `MissionExecutionError` where the command is not allowed; nothing has changed then.
    """
    answer = _Answer(definition, state, now, has_slot)
    _RULES[type(command)](answer, command)
    return tuple(answer.records)


def _start(answer: _Answer, command: Start) -> None:
    _require(answer.state, Phase.NEW)
    definition = answer.definition
    assert definition is not None
    trace: dict[str, Any] = {} if command.trace is None else {"trace": command.trace}
    answer.add(
        _T.MISSION_CREATED,
        mission_name=command.mission_name,
        input=command.input,
        definition=definition.fingerprint,
        **trace,
    )
    if command.start_at is not None:
        answer.add(_T.TIMER_SCHEDULED, START_AT, node_index=0, due_at=iso(command.start_at))
        if command.start_at > answer.now:
            return
        answer.add(_FIRED, START_AT)
    _run_start(answer)


def _run_start(answer: _Answer) -> None:
    answer.add(_T.MISSION_STARTED)
    if answer.has_slot:
        answer.begin("start", 1)


def _proceed(answer: _Answer, command: Proceed) -> None:
    _require(answer.state, Phase.READY)
    answer.begin(answer.state.cursor or "", answer.state.attempt_number + 1)


def _succeed(answer: _Answer, command: Succeed) -> None:
    state = _require(answer.state, _ATTEMPTING)
    answer.add(_SUCCEEDED, state.cursor, state.attempt_number, output=command.output)
    answer.go_on()


def _fail(answer: _Answer, command: Fail) -> None:
    state = _require(answer.state, _ATTEMPTING)
    policy = answer.step().retry
    answer.add(_T.STEP_FAILED, state.cursor, state.attempt_number, error=_details(command.failure))
    failures = state.failures + 1
    if not command.is_retryable or not policy.allows_another(failures):
        answer.fail(state.cursor, command.failure)
        return
    delay = command.delay
    if delay is None:
        delay = policy.delay(failures + 1) * (1 - policy.jitter * command.chance)
    following = state.attempt_number + 1
    if delay > 0:
        due = iso(_later(answer.now, delay))
        answer.add(_T.STEP_RETRY_SCHEDULED, state.cursor, following, node_index=answer.position(), due_at=due)
    elif answer.has_slot:
        answer.begin(state.cursor or "", following)


def _interrupt(answer: _Answer, command: Interrupt) -> None:
    state = _require(answer.state, _ATTEMPTING)
    answer.add(_T.STEP_INTERRUPTED, state.cursor, state.attempt_number, reason=command.reason)
    if command.reason != PROCESS_ENDED:
        return
    deaths = state.interruptions + 1
    if not state.stands_by and deaths >= answer.step().retry.max_interruptions:
        message = (
            f"step {state.cursor!r} was interrupted {deaths} times in a row by the end of its process; "
            f"see whether the step is what ends it"
        )
        answer.fail(state.cursor, MissionFailure(message=message, at=answer.now, code="STEP_INTERRUPTED"))
    elif answer.has_slot:
        answer.begin(state.cursor or "", state.attempt_number + 1)


def _stand_by(answer: _Answer, command: StandBy) -> None:
    state = _require(answer.state, _ATTEMPTING)
    if not state.stands_by:
        answer.add(_T.STEP_WAITING, state.cursor, state.attempt_number, mission_id=command.mission_id)


def _elapse(answer: _Answer, command: Elapse) -> None:
    state = answer.state
    due = due_at(state.waiting)
    if due is None or due > answer.now:
        return
    assert state.waiting is not None
    name = state.waiting.event_name
    if isinstance(state.waiting, SignalWait):
        _time_out(answer, name, due)
        return
    answer.add(_FIRED, name)
    if state.phase is Phase.DELAYED:
        _run_start(answer)
    elif state.phase is Phase.SLEEPING:
        answer.go_on()
    elif answer.has_slot:
        answer.begin(name, state.attempt_number + 1)


def _time_out(answer: _Answer, signal_name: str, due: datetime) -> None:
    node = answer.nodes()[answer.position()]
    assert node.kind == "need_to"  # `check_fit` has seen to it
    late = f"signal {signal_name!r} did not come in time; it was waited for until {iso(due)}"
    message = node.timeout_message or late
    answer.add(_T.SIGNAL_TIMED_OUT, signal_name)
    answer.fail(signal_name, MissionFailure(message=message, at=answer.now, code="SIGNAL_TIMEOUT"))


def _receive(answer: _Answer, command: Receive) -> None:
    check_signal(answer.definition, answer.state, command.signal_name)
    answer.add(_T.SIGNAL_RECEIVED, command.signal_name, payload=command.payload)
    answer.go_on()


def _update(answer: _Answer, command: Update) -> None:
    check_update(_begun(answer.state))
    answer.add(_T.MISSION_UPDATE, command.name, input=command.input, output=command.output)


def _cancel(answer: _Answer, command: Cancel) -> None:
    state = _begun(answer.state)
    if state.is_terminal or state.is_cancelling:
        return
    answer.add(_T.CANCELLATION_REQUESTED, reason=command.reason)
    if command.at_once or state.phase is not Phase.ATTEMPTING:
        _end_cancelled(answer, command.reason)


def _finish_cancel(answer: _Answer, command: FinishCancel) -> None:
    state = answer.state
    if state.is_terminal or not state.is_cancelling:
        raise MissionExecutionError(f"mission {state.mission_id!r} is {state.phase}, and no cancellation is under way")
    _end_cancelled(answer, state.cancellation)


def _end_cancelled(answer: _Answer, reason: str | None) -> None:
    state = answer.state
    if state.phase is Phase.ATTEMPTING:
        answer.add(_T.STEP_INTERRUPTED, state.cursor, state.attempt_number, reason="cancelled")
    message = "the mission was cancelled" if reason is None else f"the mission was cancelled: {reason}"
    failure = MissionFailure(message=message, at=answer.now, code="MISSION_CANCELLED")
    answer.add(_T.MISSION_CANCELLED, state.cursor, error=_details(failure))


_RULES: dict[type[Command], Callable[[_Answer, Any], None]] = {
    Start: _start,
    Proceed: _proceed,
    Succeed: _succeed,
    Fail: _fail,
    Interrupt: _interrupt,
    StandBy: _stand_by,
    Elapse: _elapse,
    Receive: _receive,
    Update: _update,
    Cancel: _cancel,
    FinishCancel: _finish_cancel,
}


def _require(state: State, phase: Phase) -> State:
    if state.phase is not phase:
        raise MissionExecutionError(f"mission {state.mission_id!r} is {state.phase}, and had to be {phase} for this")
    return state


def _begun(state: State) -> State:
    if state.phase is Phase.NEW:
        raise MissionExecutionError(f"mission {state.mission_id!r} has not begun")
    return state


def _details(failure: MissionFailure) -> dict[str, Any]:
    details = {"message": failure.message, "code": failure.code, "type": failure.type, "traceback": failure.traceback}
    return {key: value for key, value in details.items() if value is not None}


def _later(now: datetime, seconds: float) -> datetime:
    try:
        return now + timedelta(seconds=seconds)
    except OverflowError:
        return _LATEST
