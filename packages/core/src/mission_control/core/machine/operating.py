"""The rules for what operators ask: pausing, waking, skipping, and reopening what has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..definition import Work
from ..errors import (
    MissionDefinitionMismatchError,
    MissionExecutionError,
    MissionTerminalError,
    MissionValidationError,
    PayloadError,
)
from ..history import ChildWait, HistoryRecord, HistoryType, MissionStatus, RetryWait, TimerWait
from .answer import Answer
from .commands import Command, Pause, Reopen, Resume, Skip, Wake
from .fit import check_carries
from .lines import AnyLine, key_of
from .moves import fire, given, go_on_with, work_of
from .phases import Phase
from .refusals import describe
from .reopening import beginning_of, earliest_undone, end_of, sorted_out
from .state import State

_T = HistoryType


def _named(state: State) -> str:
    return f"mission {state.mission_id!r} ({state.mission_name})"


def _check_lives(state: State, what: str) -> None:
    if state.is_terminal:
        raise MissionTerminalError(f"{_named(state)} cannot be {what}: {describe(state)}")


def _check_goes_on(state: State, what: str) -> None:
    _check_lives(state, what)
    if state.is_stopping:
        raise MissionExecutionError(f"{_named(state)} cannot be {what}: {describe(state)}")


# Pausing


def _pause(answer: Answer, command: Pause) -> None:
    _check_goes_on(answer.state, "paused")
    if not answer.state.is_paused:
        answer.add(_T.MISSION_PAUSED, **given(by=command.by))


def _resume(answer: Answer, command: Resume) -> None:
    _check_lives(answer.state, "resumed")
    if answer.state.is_paused:
        answer.add(_T.MISSION_RESUMED, **given(by=command.by))


# Waking


def _wake(answer: Answer, command: Wake) -> None:
    _check_goes_on(answer.state, "woken")
    line = _sleeping(answer.state, command.path)
    fire(answer, line, answer.now, reason="woken", **given(by=command.by))
    answer.finish()


def _sleeping(state: State, path: str | None) -> AnyLine:
    """Return the line that waits for a time, at the place where one is given."""
    lines = [line for line in state.every_line() if line.place != "reminder" and _is_timed(line)]
    found = [line for line in lines if path is None or path in _places(line)]
    if len(found) == 1:
        return found[0]
    if not found:
        where = "" if path is None else f" at {path!r}"
        raise MissionExecutionError(f"{_named(state)} waits for no time{where} that could be over: {describe(state)}")
    raise MissionExecutionError(
        f"{_named(state)} waits for several times: {_listed(line.cursor for line in found)}; say which, as in "
        f"path={_places(found[0])[0]!r}"
    )


def _is_timed(line: AnyLine) -> bool:
    return isinstance(line.waiting, TimerWait | RetryWait)


def _places(line: AnyLine) -> tuple[str, ...]:
    """Return the texts that say where a line waits: its path, the place of the node, and the node's instance."""
    name = line.cursor or ""
    return tuple(filter(None, (line.path, name.rpartition("/")[0], name)))


# Going back


def _reopen(answer: Answer, command: Reopen) -> None:
    _go_back(answer, command.history or (), command.step, by=command.by, parent_seq=command.parent_seq)


def _go_back(
    answer: Answer, history: tuple[HistoryRecord, ...], step: str | None, *, by: str | None, parent_seq: int = 0
) -> None:
    """Have a mission that has ended stand where it goes on, if today's definition can carry it on from there."""
    state, definition = answer.state, answer.definition
    assert definition is not None  # an operator is told before where there is none
    if not state.is_terminal:
        raise MissionExecutionError(f"{_named(state)} has not ended, and cannot be reopened: {describe(state)}")
    if step is None and state.status is MissionStatus.COMPLETED:
        raise MissionTerminalError(
            f"{_named(state)} has completed, and nothing stopped it; say the step from which on it is to be done anew"
        )
    counting = sorted_out(history).counting
    node = earliest_undone(counting) if step is None else step
    first = end_of(counting) if node is None else beginning_of(counting, node)
    details: dict[str, Any] = {"from_seq": first, **given(by=by)}
    if parent_seq:
        details["parent_seq"] = parent_seq
    if node is not None:
        kinds = {one.name: one.kind for one in definition.nodes if one.kind != "end"}
        if first is None or node not in kinds:
            raise _no_way_back(state, node, kinds, has_begun=first is not None, is_asked=step is not None)
        if kinds[node] != "step":
            details["kind"] = kinds[node]
    answer.go_back(history, node, details)
    check_carries(definition, answer.state)


def _no_way_back(
    state: State, node: str, kinds: Iterable[str], *, has_begun: bool, is_asked: bool
) -> MissionExecutionError | MissionDefinitionMismatchError:
    if not is_asked:
        return MissionDefinitionMismatchError(
            f"{_named(state)} would go on at {node!r}, the first of what was undone, and its definition has no such "
            f"node any more; register one that has it, or say the step from which on it is to be done anew"
        )
    if has_begun:
        return MissionExecutionError(
            f"{_named(state)} cannot go on at {node!r}: the main line of its definition has: {_listed(kinds)}"
        )
    return MissionExecutionError(
        f"{_named(state)} cannot be reopened at {node!r}, which has not begun, or is no node of its main line: "
        f"{describe(state)}; say one that has begun, of: {_listed(kinds)}"
    )


# Skipping


def _skip(answer: Answer, command: Skip) -> None:
    state = answer.state
    if state.is_terminal:
        if state.status is not MissionStatus.FAILED:
            raise MissionTerminalError(f"nothing of {_named(state)} can be skipped: {describe(state)}")
        _go_back(answer, command.history or (), None, by=command.by)
    else:
        _check_goes_on(state, "made to skip a step")
    line, work = _failed(answer, command.step, has_ended=state.is_terminal)
    name, key, place = line.cursor or "", key_of(line), line.place
    output = _validated(answer, work, name, command.output)
    answer.add(_T.STEP_SKIPPED, name, output=output, **given(by=command.by))
    go_on_with(answer, key, place, name, output)
    answer.finish()


def _failed(answer: Answer, step: str | None, *, has_ended: bool) -> tuple[AnyLine, Work]:
    """Return the line that stands before a step that failed, and what runs there."""
    state = answer.state
    standing = [line for line in state.every_line() if _has_failed(line, has_ended=has_ended)]
    lines = [line for line in standing if step is None or line.cursor == step]
    found = [(line, work) for line in lines if (work := work_of(answer, line.cursor or "")) is not None]
    if len(found) == 1:
        return found[0]
    if found:
        raise MissionExecutionError(
            f"several steps of {_named(state)} stand: {_listed(line.cursor for line, _ in found)}; say which, as in "
            f"step={found[0][0].cursor!r}"
        )
    what = "no step" if step is None else f"no step {step!r}"
    if lines:
        what = f"{lines[0].cursor!r} is a wait, and no step"
    raise MissionExecutionError(
        f"nothing of {_named(state)} can be skipped: {what} has failed, and stands; "
        f"there are: {_listed(line.cursor for line in standing)}"
    )


def _has_failed(line: AnyLine, *, has_ended: bool) -> bool:
    if line.place == "reminder" or isinstance(line.waiting, ChildWait):
        return False
    if line.phase is Phase.BACKING_OFF:
        return True
    return line.phase is Phase.READY and (has_ended or line.failures > 0)


def _validated(answer: Answer, work: Work, name: str, output: object) -> Any:
    """Return an output as it is recorded. Raises `MissionValidationError` where the step could not have returned it."""
    subject = f"the output of step {name!r} of {_named(answer.state)}"
    stored = work.output.validate(output, event_name=name, subject=subject)
    try:
        return work.recorded(work.output.restore(stored, subject=subject), subject=subject, now=answer.now)
    except PayloadError as error:
        raise MissionValidationError(str(error), event_name=name, issues=(str(error),)) from error


def _listed(names: Iterable[str | None]) -> str:
    return ", ".join(map(repr, names)) or "none"


OPERATING: Mapping[type[Command], Callable[[Answer, Any], None]] = {
    Pause: _pause,
    Resume: _resume,
    Wake: _wake,
    Skip: _skip,
    Reopen: _reopen,
}
"""What answers each of them."""
