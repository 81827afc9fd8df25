"""How a line moves on when something of it is over: its code has returned, or its wait has ended by itself."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from ..definition import SignalNode, Work
from ..history import HistoryType, MissionFailure, SignalWait, iso
from .answer import Answer
from .choices import CHOICES, next_round
from .endings import fail, undone
from .lines import AnyLine, key_of
from .phases import Phase, Place

_T = HistoryType


def go_on_with(answer: Answer, key: str, place: Place, name: str, output: Any) -> None:
    """Let a line go on behind what has returned something."""
    if place == "step" or place == "start":
        answer.go_on(key)
    elif place == "undo":
        undone(answer)
    else:
        CHOICES[place](answer, key, name, output)


def work_of(answer: Answer, instance: str) -> Work | None:
    """Return what runs at an instance under today's definition; None where nothing does any more."""
    assert answer.definition is not None
    with suppress(LookupError):
        return answer.definition.work(instance)
    return None


def fire(answer: Answer, line: AnyLine, due: datetime, **details: Any) -> None:
    """Let the wait of a line end by itself, or before its time, as the details say."""
    assert line.waiting is not None
    name, key, phase, place = line.waiting.event_name, key_of(line), line.phase, line.place
    if isinstance(line.waiting, SignalWait):
        _time_out(answer, key, name, due)
        return
    answer.add(_T.TIMER_FIRED, name, **details)
    if phase is Phase.DELAYED:
        answer.add(_T.MISSION_STARTED)
    elif phase is Phase.SLEEPING:
        if place == "repeat":
            next_round(answer, key, name)
        else:
            answer.go_on(key)


def _time_out(answer: Answer, key: str, name: str, due: datetime) -> None:
    site = answer.site(name)
    node = site.node
    assert isinstance(node, SignalNode)  # `check_fit` has seen to it
    answer.stop_reminder(name)
    answer.add(_T.SIGNAL_TIMED_OUT, name)
    if node.on_timeout is not None:
        answer.enter_path(key, f"{name}/timeout", node.on_timeout, "timeout", site)
        return
    late = f"signal {name!r} did not come in time; it was waited for until {iso(due)}"
    message = node.timeout_message or late
    fail(answer, key, name, MissionFailure(message=message, at=answer.now, code="SIGNAL_TIMEOUT"))


def given(**details: str | None) -> dict[str, Any]:
    """Return what there is to say beside what is always said."""
    return {name: value for name, value in details.items() if value is not None}
