"""What follows what code has decided: a branch, the items, another round, a time, a child's input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..definition import BranchNode, ChildNode, EachNode, RepeatNode, SignalNode
from ..history import HistoryType, MissionFailure
from .answer import Answer, NewChild
from .endings import fail
from .paths import open_paths

_T = HistoryType


def _chosen(answer: Answer, key: str, name: str, output: Any) -> None:
    site = answer.site(name)
    assert isinstance(site.node, BranchNode)  # `check_fit` has seen to it
    text, path = site.node.chosen(output)
    answer.enter_path(key, f"{name}/{text}", path, "branch", site)


def _listed(answer: Answer, key: str, name: str, output: Any) -> None:
    node = answer.site(name).node
    assert isinstance(node, EachNode)  # `check_fit` has seen to it
    limit = {}
    if node.max_concurrency is not None and node.max_concurrency < len(output):
        limit = {"limit": node.max_concurrency}
    open_paths(answer, key, name, kind="each", count=len(output), **limit)


def _judged(answer: Answer, key: str, name: str, is_over: bool) -> None:
    site = answer.site(name)
    node = site.node
    assert isinstance(node, RepeatNode)  # `check_fit` has seen to it
    repeat, _, index = name[:-1].rpartition("[")
    if is_over:
        answer.go_on(key)
    elif node.max_rounds is not None and int(index) + 1 >= node.max_rounds:
        _exhausted(answer, key, repeat, node)
    elif node.every is None or answer.sleep(name, site.index, node.every):
        next_round(answer, key, name)


def _exhausted(answer: Answer, key: str, repeat: str, node: RepeatNode) -> None:
    if node.on_exhausted is not None:
        answer.enter_path(key, f"{repeat}/exhausted", node.on_exhausted, "exhausted", answer.site(repeat))
        return
    message = f"{repeat!r} was not over after {node.max_rounds} rounds"
    fail(answer, key, repeat, MissionFailure(message=message, at=answer.now, code="ROUNDS_EXHAUSTED"))


def next_round(answer: Answer, key: str, name: str) -> None:
    """Begin the round behind the one whose decision is at `name`."""
    site = answer.site(name)
    assert isinstance(site.node, RepeatNode)  # `check_fit` has seen to it
    repeat, _, index = name[:-1].rpartition("[")
    answer.enter_path(key, f"{repeat}[{int(index) + 1}]", site.node.path, "round", site)


def _computed_sleep(answer: Answer, key: str, name: str, output: Any) -> None:
    if answer.sleep(name, answer.site(name).index, output):
        answer.go_on(key)


def _computed_wait(answer: Answer, key: str, name: str, output: Any) -> None:
    site = answer.site(name)
    assert isinstance(site.node, SignalNode)  # `check_fit` has seen to it
    if answer.wait(name, site.index, site.node, output):
        answer.go_on(key)


def _child_input(answer: Answer, key: str, name: str, output: Any) -> None:
    site = answer.site(name)
    node = site.node
    assert isinstance(node, ChildNode)  # `check_fit` has seen to it
    state = answer.state
    child = f"{state.mission_id}/{name}"
    if state.past is not None and child in state.past.children:
        answer.awaited += (child,) * node.wait
    else:
        new = NewChild(child, state.mission_id, node.definition, output, node.wait, state.origin.labels)
        answer.children += (new,)
    if node.wait:
        answer.add(_T.CHILD_STARTED, name, id=child, node_index=site.index)
    else:
        answer.add(_T.CHILD_STARTED, name, id=child, wait=False)
        answer.go_on(key)


CHOICES: dict[str, Callable[[Answer, str, str, Any], None]] = {
    "branch": _chosen,
    "each": _listed,
    "repeat": _judged,
    "sleep": _computed_sleep,
    "need_to": _computed_wait,
    "mission": _child_input,
}
"""By the place of the decision. Each takes the key of its line, its instance, and what was returned."""
