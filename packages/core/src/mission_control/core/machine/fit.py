"""Whether a mission can go on under today's definition, and what is stored of it be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ..definition import ForkNode, MissionDefinition, Site, with_article
from ..errors import MissionDefinitionMismatchError
from ..history import UNDO, EventRecord
from ..payloads import PLAIN, PayloadType
from .ahead import early_waits
from .lines import AnyLine, is_roomy
from .phases import Phase, Place
from .places import construct_of
from .state import State


def check_carries(definition: MissionDefinition[Any], state: State) -> None:
    """Raise `MissionDefinitionMismatchError` unless the mission has ended, or `definition` can carry and read it."""
    if not state.is_terminal:
        check_fit(definition, state)
        check_payloads(definition, state)


def check_fit(definition: MissionDefinition[Any], state: State) -> None:
    """Raise `MissionDefinitionMismatchError` unless each live line of the mission can go on under `definition`.

    The node that it stands on must be there under its name and kind at its place, and no node ahead of it in its line
    may bear the name of one that the mission has passed.
    """
    misfit = find_misfit(definition, state)
    if misfit is not None:
        raise MissionDefinitionMismatchError(
            f"mission {state.mission_id!r} cannot go on under the definition {definition.name!r} as it is registered: "
            f"{misfit.problem}. The mission stays as it is; {misfit.remedy}, or cancel the mission"
        )


class Misfit(NamedTuple):
    """Why a definition cannot carry a mission on, and what would help beside cancelling that."""

    problem: str
    remedy: str = "register a definition in which that node stands where it stood"


def find_misfit(definition: MissionDefinition[Any], state: State) -> Misfit | None:
    """Return why not each live line of a mission can go on under `definition`, as `check_fit` says; None where it can.

    Of the state it takes where the lines stand, and the names that they have passed.
    """
    if state.is_undoing:
        return None  # what has no undo any more counts as not undone
    return next((misfit for line in state.every_line() for misfit in _misfits(definition, state, line)), None)


def standing_at(
    instance: str, place: Place, passed: Iterable[tuple[str, EventRecord | None]], *, mission_id: str, mission_name: str
) -> State:
    """Return as much as `find_misfit` asks for of a mission of one line: where that stands, and what it has passed."""
    state = State(mission_id=mission_id, mission_name=mission_name, phase=Phase.READY)
    state.cursor, state.place = instance, place
    for name, entry in passed:
        state.events = state.events.with_entry(name, entry)
    return state


def _misfits(definition: MissionDefinition[Any], state: State, line: AnyLine) -> Iterator[Misfit]:
    name = line.cursor or ""
    if line.place == "reminder":
        return  # it stands where its wait does
    site = None if name.startswith(UNDO) else definition.site(name)
    if site is not None and site.node.kind == line.place:
        yield from _misfits_from(state, line, name, site)
    else:
        found = "has no node of that name" if site is None else f"has {with_article(site.node.kind)} of that name"
        hint = _ODD if site is None and line is state and _is_odd(name) else ""
        yield Misfit(f"it stands on the {line.place} {name!r}, and the definition {found}{hint}")


def _misfits_from(state: State, line: AnyLine, name: str, site: Site) -> Iterator[Misfit]:
    """What is ahead of a line on its node, and around that, has to be what the mission knows it as."""
    if isinstance(site.node, ForkNode) and is_roomy(line):
        yield from _missing_paths(state, name, site.node)
    yield from _passed_ahead(state, name, site)
    while site.around is not None:
        place, is_line = name.rpartition("/")[0], site.role in ("path", "item")
        name, site = construct_of(place), site.around
        yield from _other_construct(state, name, place, site.node.kind)
        if not is_line:  # the line goes on behind the construct, and not another one
            yield from _passed_ahead(state, name, site)


_ODD = f" (names bear no '/', '[' or ']' any more, and do not begin with {UNDO!r})"


def _is_odd(name: str) -> bool:
    return any(character in name for character in "/[]") or name.startswith(UNDO)


def _passed_ahead(state: State, name: str, site: Site) -> Iterator[Misfit]:
    prefix = name[: name.rfind("/") + 1]
    for node in site.nodes[site.index + 1 :]:
        ahead = prefix + node.name
        if node.kind != "end" and (state.events.has_passed(ahead) or state.events.has_passed(f"{ahead}[0]")):
            yield Misfit(
                f"the node {ahead!r} lies ahead, and the mission has passed that name",
                "register a definition in which the node ahead has another name",
            )


def _other_construct(state: State, name: str, place: str, kind: str) -> Iterator[Misfit]:
    """A construct that the node is inside of has to be of the kind that the mission knows it as."""
    was = _known_kind(state, name, place)
    if was != kind:
        yield Misfit(
            f"it stands inside of {name!r}, which was {with_article(was)}, and is {with_article(kind)} there",
            "register a definition in which that construct is of the kind that it was",
        )


def _known_kind(state: State, construct: str, place: str) -> str:
    """Return what kind of construct has a place, which its records tell: what it decided, or that it opened paths."""
    known = None if state.opened is None else state.opened.construct(construct)
    if known is not None:
        return known[0]
    if place.endswith("]"):
        return "repeat"
    if state.events.find(construct) is not None:
        return "branch"
    return "repeat" if state.events.has_passed(f"{construct}[0]") else "need_to"


def _missing_paths(state: State, name: str, node: ForkNode) -> Iterator[Misfit]:
    """What was opened and has not begun has to be there: it will."""
    known = None if state.opened is None else state.opened.construct(name)
    begun = 0 if state.opened is None else state.opened.begun(name)
    for path in known[1][begun:] if known is not None and known[1] is not None else ():
        if path not in node.paths:
            yield Misfit(
                f"the path {path!r} of {name!r} has yet to begin, and is not there",
                "register a definition in which that path is there",
            )


def check_payloads(definition: MissionDefinition[Any], state: State) -> None:
    """Raise `MissionDefinitionMismatchError`, naming event and field, where a payload does not fit its type."""
    for name, event in state.events.entries():
        given = definition.input_type(name)
        if given is not None and event.input is not None:
            _check(given, event.input, state, "the input of", name)
        returned = definition.output_type(name)
        if returned is not None and name not in (state.cursor, state.ending.stood_at):
            _check(returned, event.output, state, "the output of", name)
    if state.kept is not None:
        signals = state.kept.signals()
        waits = {name: early_waits(definition, state, name) for name in {signal.name for signal in signals}}
        for signal in signals:
            for wait in waits[signal.name]:
                _check(wait.schema, signal.payload, state, "the signal kept for", signal.name)


def _check(declared: PayloadType, stored: Any, state: State, what: str, name: str) -> None:
    if declared is not PLAIN and not declared.reads(stored):
        declared.restore(stored, subject=f"{what} {name!r} of mission {state.mission_id!r} ({state.mission_name})")
