"""The paths of a construct while an answer is made: opened, begun as there is room, ended, joined and stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from ..definition import EachNode, ForkNode
from ..history import HistoryType
from .lines import AnyLine, Fork, Line, bare
from .phases import Phase
from .places import construct_of, fold_limits, path_text

if TYPE_CHECKING:
    from .answer import Answer

_T = HistoryType

MOST_BEGUN = 1_000
"""How many items may begin, and how many timers fire, in one answer."""


def open_paths(answer: Answer, key: str, name: str, /, **details: Any) -> None:
    """Open the paths or items of a construct, and begin those that can begin."""
    answer.add(_T.PATHS_OPENED, name, **details)
    if not answer.line(key).fork.total:  # type: ignore[union-attr] # it has just been opened
        _join(answer, key)
    else:
        fill(answer, key)


def fill(answer: Answer, key: str) -> None:
    """Begin paths of the construct that a line stands on, in order, while it has room and there are slots."""
    while answer.opened < MOST_BEGUN:
        line = answer.line(key)
        fork = line.fork
        if fork is None or line.phase is not Phase.FORKED:
            return
        site = answer.site(line.cursor)
        node = site.node
        if isinstance(node, EachNode):
            fork = _as_limited(answer, line, fork, node.max_concurrency)
        if not fork.has_room:
            return
        text = path_text(answer.state, line.cursor or "", fork.begun)
        assert text is not None  # there is room
        assert isinstance(node, EachNode | ForkNode)  # nothing else has paths that live
        path = node.path if isinstance(node, EachNode) else node.paths[bare(text)]
        before = len(answer.added)
        answer.enter(text, f"{text}/", path.nodes, 0, "item" if isinstance(node, EachNode) else "path", site)
        if len(answer.added) == before:
            return  # it begins with a step, and there is no slot
        answer.opened += 1
        answer.drain(text)


def _as_limited(answer: Answer, line: AnyLine, fork: Fork, limit: int | None) -> Fork:
    """Return what is known of an `each` under the limit of today's definition, once there is a record to say it.

    Without one yet, an item that had room when it was decided last may begin.
    """
    if limit is not None and limit >= fork.total:
        limit = None
    if limit == fork.limit or not answer.added:
        return fork
    construct = line.cursor or ""
    answer.mark(limits={**answer.added[-1].details.get("limits", {}), construct: limit})
    fold_limits(answer.state, {construct: limit})
    return attrs.evolve(fork, limit=limit)


def complete(answer: Answer, path: str) -> None:
    """End a path behind its last node, and the construct with the last path, or the first of a race."""
    parent = _parent_of(answer, path)
    answer.add(_T.PATH_COMPLETED, path)
    fork = answer.line(parent).fork
    assert fork is not None  # a path has a construct
    if fork.kind == "race":
        stop(answer, live_in(answer, answer.line(parent).cursor or ""), "lost")
        _join(answer, parent, winner=bare(path))
    else:
        join_if_over(answer, parent)


def _parent_of(answer: Answer, path: str) -> str:
    """Return the key of the line that stands on the construct of a path, which may have no line of its own yet."""
    line = answer.state.line(path)
    if isinstance(line, Line):
        return line.parent
    around = construct_of(path).rpartition("/")[0]
    while around and answer.state.line(around) is None:
        around = around.rpartition("/")[0]
    return around


def join_if_over(answer: Answer, key: str) -> None:
    """Go on behind a construct all of whose paths have ended."""
    fork = answer.line(key).fork
    assert fork is not None  # it was opened
    if fork.begun == fork.total and not fork.live:
        _join(answer, key)
    else:
        answer.roomier += (key,)


def _join(answer: Answer, key: str, **details: Any) -> None:
    answer.add(_T.PATHS_JOINED, answer.line(key).cursor, **details)
    answer.joined += (key,)


def live_in(answer: Answer, construct: str) -> list[Line]:
    """Return the lines of a construct and of what is in them."""
    found: list[Line] = []
    places = [construct]
    while places:
        instance = places.pop()
        begun = 0 if answer.state.opened is None else answer.state.opened.begun(instance)
        for index in range(begun):
            line = answer.state.line(path_text(answer.state, instance, index) or "")
            if isinstance(line, Line):
                found.append(line)
                places.append(line.cursor or "")
        reminder = answer.state.line(instance)
        if isinstance(reminder, Line) and reminder.place == "reminder":
            found.append(reminder)
    return found


def stop(answer: Answer, lines: list[Line], reason: str) -> None:
    """Stop lines, the innermost and latest first: their attempts are interrupted, their waits are over."""
    lines = sorted(lines, key=lambda line: -line.number)
    answer.let_go_of(*lines)
    for line in lines:
        answer.interrupt(line, reason="cancelled" if reason == "cancelled" else "stopped")
        if line.place != "reminder":  # which ends with the wait that it reminds of
            answer.add(_T.PATH_STOPPED, line.path, reason=reason)
