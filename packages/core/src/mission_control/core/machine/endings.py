"""How lines and missions end that do not complete: failing, cancelling, and undoing what was done.

A line that fails takes along the lines around it, up to an `each` that bears the loss, or to the mission. Then the
others that were live under it are stopped. A mission that has something to undo goes on to do that, and ends after it
as it would have ended at once.
"""

from __future__ import annotations

from typing import Any

from ..definition import EachNode
from ..errors import MissionNotRegisteredError
from ..history import UNDO, HistoryType, MissionFailure
from .answer import Answer
from .folding import cancellation_text
from .lines import AnyLine, Line
from .paths import join_if_over, live_in, stop
from .phases import Phase
from .state import undone_in_order

_T = HistoryType


def fail(answer: Answer, key: str, instance: str | None, failure: MissionFailure) -> None:
    """Let a line fail at an instance, and with it the lines around it, up to one that bears the loss."""
    details = error_details(failure)
    line = answer.line(key)
    others: list[Line] = []
    while isinstance(line, Line):
        parent = line.parent
        if line.phase is Phase.FORKED:
            others += live_in(answer, line.cursor or "")
        answer.let_go_of(line)
        answer.add(_T.PATH_FAILED, line.path, error=details)
        line = answer.line(parent)
        if _bears(answer, line):
            stop(answer, others, "failed")
            join_if_over(answer, parent)
            return
    _stop_everything(answer, "failed")
    _end(answer, instance, {"error": details})


def _bears(answer: Answer, line: AnyLine) -> bool:
    """True where the line stands on an `each` that may lose as many items as it has."""
    node, fork = answer.site(line.cursor).node, line.fork
    if not isinstance(node, EachNode) or fork is None:
        return False
    return node.max_failures is None or fork.lost <= node.max_failures


def cancel(answer: Answer, reason: str | None) -> None:
    """End a mission that somebody has cancelled, and nothing of which has to be waited for any more."""
    check_can_undo(answer)
    _stop_everything(answer, "cancelled")
    _end(answer, None, {"cancellation": reason})


def check_can_undo(answer: Answer) -> None:
    """Raise `MissionNotRegisteredError` where there is something to undo, and no definition that says how."""
    state = answer.state
    if state.undos is not None and answer.definition is None:
        raise MissionNotRegisteredError(
            f"mission {state.mission_id!r} is a {state.mission_name!r}, of which no definition is registered, and it "
            f"has steps to undo; register its definition first"
        )


def _stop_everything(answer: Answer, reason: str) -> None:
    if answer.state.lines is not None:
        stop(answer, list(answer.state.lines), reason)
    answer.interrupt(answer.state, reason=reason)
    answer.let_go_of(answer.state)


def _end(answer: Answer, instance: str | None, why: dict[str, Any]) -> None:
    """Undo what there is to undo; where there is nothing the mission has ended."""
    steps = undone_in_order(answer.state.undos)
    if not steps:
        _say_why(answer, instance, why)
        return
    ended = {record.details["id"] for record in answer.added if record.type is _T.CHILD_ENDED}
    children = [child for child in answer.let_go if child not in ended]
    answer.let_go = tuple(child for child in answer.let_go if child in ended)
    answer.is_undoing = True
    awaited = {"children": children} if children else {}
    answer.add(_T.MISSION_UNDOING, instance, **why, steps=list(steps), **awaited)


def _say_why(answer: Answer, instance: str | None, why: dict[str, Any]) -> None:
    if "error" in why:
        answer.add(_T.MISSION_FAILED, instance, error=why["error"])
        return
    failure = MissionFailure(
        message=cancellation_text(why["cancellation"]),
        at=answer.now,
        code="MISSION_CANCELLED",
        undo_failed=answer.state.ending.undo_failed,
    )
    answer.add(_T.MISSION_CANCELLED, instance or answer.state.cursor, error=error_details(failure))


# Undoing


def undone(answer: Answer) -> None:
    """Go on to what is undone next, or end as the mission would have ended without anything to undo."""
    state = answer.state
    if state.undos is not None:
        instance = UNDO + state.undos.instance
        if not answer.has_undo(instance) or not answer.begin_with_slot(instance):
            answer.stop_before("", instance)
        return
    assert state.error is not None  # the undoing began with it
    if state.error.code == "MISSION_CANCELLED":
        _say_why(answer, state.ending.stood_at, {"cancellation": state.ending.cancellation})
        return
    failure = error_details(state.error)
    if state.ending.undo_failed:
        failure["undo_failed"] = list(state.ending.undo_failed)
    _say_why(answer, state.ending.stood_at, {"error": failure})


def pass_over_missing(answer: Answer) -> None:
    """Count as not undone what today's definition has no undo for."""
    while answer.state.is_undoing and answer.may_begin() and answer.state.phase is Phase.READY:
        instance = answer.state.cursor or ""
        if answer.definition is None or answer.has_undo(instance):
            return
        number = answer.state.attempt_number + 1
        message = f"{instance.removeprefix(UNDO)!r} has no undo in the definition that is registered today"
        answer.give_up(instance, number, message, undo="failed")
        undone(answer)


def error_details(failure: MissionFailure) -> dict[str, Any]:
    """Return what is recorded of a failure: what there is to say."""
    details: dict[str, Any] = {
        "message": failure.message,
        "code": failure.code,
        "type": failure.type,
        "traceback": failure.traceback,
    }
    if failure.undo_failed:
        details["undo_failed"] = list(failure.undo_failed)
    return {key: value for key, value in details.items() if value is not None}
