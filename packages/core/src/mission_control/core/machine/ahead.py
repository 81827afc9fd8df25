"""Which waits a signal is kept for that comes before them: those that take early signals and lie ahead.

A node lies ahead of a live line where that may yet come to it, or open a path that does: behind the node that it stands
on, in a branch not yet taken, in a round that may follow. A wait is named by its instance, or, for all of its rounds,
by its template: in that the number of a round is not said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..definition import MOST_ITEMS, EachNode, MissionDefinition, Node, RepeatNode, SignalNode, Site, template
from ..history import SignalWait
from .lines import AnyLine, Line, bare
from .places import construct_of, path_text
from .state import State

_ANY = "[]"
_NUMBER = re.compile(r"\[(0|[1-9][0-9]{0,17})\]")
_NAME_ENDS = re.compile(r"[/\[]")


def early_waits(definition: MissionDefinition[Any] | None, state: State, name: str) -> tuple[SignalNode, ...]:
    """Return the waits ahead that a signal is kept for; none where it is refused.

    The name is a bare one, which is for waits outside of every `each`, or that of a whole instance.
    """
    if definition is None or state.is_terminal or state.is_stopping or state.is_undoing:
        return ()
    if "/" in name:
        wait = early_wait(definition, name)
        return () if wait is None or not _may_begin(definition, state, name) else (wait,)
    return tuple(
        wait
        for text, wait in definition.early_waits.get(name, {}).items()
        if not definition.sites[text].is_in_item
        and any(_lies_ahead(definition, state, line, text) for line in _outside_items(state))
    )


def early_wait(definition: MissionDefinition[Any], instance: str) -> SignalNode | None:
    """Return the wait of an instance, where it is one that takes early signals."""
    return definition.early_waits.get(bare(instance), {}).get(template(instance))


def _may_begin(definition: MissionDefinition[Any], state: State, instance: str) -> bool:
    """True where the very instance may be yet to begin."""
    line = state.line_at(instance)
    if isinstance(line, Line) and line.place == "reminder":
        line = state.line(line.parent) or state
    return _has_numbers(definition, instance) and _lies_ahead(definition, state, line, instance)


def _has_numbers(definition: MissionDefinition[Any], instance: str) -> bool:
    """True where the items and rounds of an instance are written as they are, and there can be so many."""
    if len(_NUMBER.findall(instance)) != instance.count("["):
        return False
    places = instance.split("/")
    return all(
        int(place[place.index("[") + 1 : -1]) < _most(definition, "/".join(places[: index + 1]))
        for index, place in enumerate(places)
        if place.endswith("]")
    )


def _most(definition: MissionDefinition[Any], place: str) -> float:
    """Return how many items or rounds there can be."""
    site = definition.site(construct_of(place))
    if site is None or not isinstance(site.node, RepeatNode):
        return MOST_ITEMS
    return float("inf") if site.node.max_rounds is None else site.node.max_rounds


def _outside_items(state: State) -> Iterator[AnyLine]:
    """The main line and those that are live beside it, but for what is in an `each`."""
    lines: list[AnyLine] = [state]
    while lines:
        line = lines.pop()
        yield line
        if line.fork is not None and line.fork.kind != "each":
            paths = (path_text(state, line.cursor or "", index) for index in range(line.fork.begun))
            lines += (it for it in (state.line(path) for path in paths if path) if it is not None)


def _lies_ahead(definition: MissionDefinition[Any], state: State, line: AnyLine, wanted: str) -> bool:
    """True where the line may yet come to a wait, or open a path that does."""
    name, place = line.cursor or "", ""
    site = definition.site(name)
    if name.endswith("]"):  # it stands at the end of a round
        name, place = construct_of(name), name
    while site is not None:
        prefix = name[: name.rfind("/") + 1]
        if _ANY in wanted:
            prefix = template(prefix)
        if wanted.startswith(prefix):
            head = _NAME_ENDS.split(wanted[len(prefix) :], maxsplit=1)[0]
            there = definition.sites.get(template(prefix) + head)
            if there is not None and there.index > site.index:
                return True
            inside = wanted[len(prefix) + len(head) :]
            if there is site and (_follows(site.node, place, inside) if place else _opens(state, line, site, inside)):
                return True
        if site.around is None or site.role in ("path", "item"):
            return False  # the line around it goes on
        place = name.rpartition("/")[0]
        name, site = construct_of(place), site.around
    return False


def _opens(state: State, line: AnyLine, site: Site, inside: str) -> bool:
    """True where a line that stands on a node may yet come to a wait, which is the node, or `inside` of it."""
    if isinstance(line.waiting, SignalWait):
        return inside != "" and line.waiting.timeout_at is not None
    if line.fork is None:
        return True  # what the node decides is not known yet
    if isinstance(site.node, EachNode):
        return line.fork.begun <= int(inside[1 : inside.index("]")]) < line.fork.total
    later = (path_text(state, line.cursor or "", index) for index in range(line.fork.begun, line.fork.total))
    return f"{line.cursor}/{inside.split('/')[1]}" in later


def _follows(node: Node, place: str, inside: str) -> bool:
    """True where a line in a place of a node may come to another place of it: from a round to a later one."""
    if not isinstance(node, RepeatNode) or not place.endswith("]"):
        return False
    if inside.startswith("/"):
        return True  # rounds may be exhausted
    number, after = inside[1 : inside.index("]")], int(place[place.rindex("[") + 1 : -1]) + 1
    return int(number) >= after if number else node.max_rounds is None or after < node.max_rounds
