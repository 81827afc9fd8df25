"""What code of a mission asks for, found: the instances of nodes, or an error that says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from ..errors import MissionExecutionError, NonRetryableError
from ..payloads import code_name
from .constructs import EachNode
from .definition import MissionDefinition
from .recorded import Recorded, has_only_begun
from .scope import Spot, Spots
from .standing import ON_THE_MAIN_LINE, Standing, instances, number
from .work import UserCode, is_same_code

_LISTED = 20


class _Asked(NamedTuple):
    """How errors name what is asked for, the method that asks for it, and the one that asks for all of it."""

    what: str
    method: str
    for_all: str


_OUTPUT = _Asked("output of", "output", "outputs")
_SIGNAL = _Asked("signal", "received", "all_received")
_RESULTS = _Asked("construct", "results", "")


class MissingEventError(MissionExecutionError, NonRetryableError):
    """User code asked for what its mission does not have; trying again would not help."""


class Lookup:
    """Finds what some code of a mission asks for, from where that code stands.

    A name with a `/` or `[` in it is a whole instance name, and is that very one. What is there for each item or round
    of others than the code stands in is found as its template, under which nothing is recorded.
    """

    __slots__ = ("_definition", "_state", "_step_name", "_where")

    def __init__(self, definition: MissionDefinition[Any], state: Recorded, step_name: str, where: Standing) -> None:
        self._definition = definition
        self._state = state
        self._step_name = step_name
        self._where = where

    def output(self, step: str | UserCode) -> str:
        """Return the instance whose output is asked for. Raises `MissingEventError` where it could be several."""
        if isinstance(step, str):
            return self._found(step, self._definition.scope.outputs, self._has_event, _OUTPUT)
        return self._only(self._where.near(self._of_code(step)), step, _OUTPUT)

    def signal(self, name: str) -> str:
        """Return the instance of a signal. Raises `MissingEventError` where it could be several."""
        return self._found(name, self._definition.scope.signals, self._has_event, _SIGNAL)

    def construct(self, name: str) -> str:
        """Return the instance of what opens paths. Raises `MissingEventError` where it is none, or could be several."""
        found = self._found(name, self._definition.scope.constructs, self._has_opened, _RESULTS)
        if "[]" in found:
            raise self._for_each(found, name, _RESULTS)
        if not self._has_opened(found):
            site, constructs = self._definition.site(found), self._definition.scope.constructs
            if site is None or site.node.name not in constructs:
                raise self._missing(
                    f"no results of {name!r}; those that have results in its definition, each, parallel and race, "
                    f"are: {_listed(constructs)}"
                )
        return found

    def outputs(self, step: str | UserCode) -> Iterator[tuple[str, str]]:
        """Yield all instances that have an output so far, each with its template.

        Raises `MissingEventError` where no node is asked for.
        """
        if isinstance(step, str):
            return self._recorded(self._known(step, self._definition.scope.outputs, _OUTPUT))
        return self._recorded(self._of_code(step))

    def signals(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield all instances of a signal that was received so far, each with its template.

        Raises `MissingEventError` where there is none of that name.
        """
        return self._recorded(self._known(name, self._definition.scope.signals, _SIGNAL))

    def item(self, items: str | UserCode) -> tuple[EachNode, str, int]:
        """Return an `each` around the code, its instance, and the number of the item that the code stands in.

        Raises `MissingEventError` where the code stands in no item of what is asked for.
        """
        for construct, place in self._where.own.items():
            site = self._definition.site(construct)
            node = None if site is None else site.node
            if isinstance(node, EachNode) and (
                items in (node.name, construct) if isinstance(items, str) else is_same_code(node.items.run, items)
            ):
                return node, construct, number(place)
        raise self._missing(
            f"no item of {_named(items)} where this code stands, which is in: {_listed(self._where.own.values())}; "
            f"ask in the path of that each, and for all items with ctx.output"
        )

    def has_output(self, instance: str) -> bool:
        """False where what is recorded is only what went in: a signal's, or that of what runs now."""
        if has_only_begun(self._state, self._step_name, instance):
            return False
        definition = self._definition
        return definition.output_type(instance) is not None or definition.input_type(instance) is None

    def is_signal(self, instance: str) -> bool:
        """True where what is recorded came from outside."""
        return self._definition.output_type(instance) is None

    def no_output(self, step: str | UserCode, instance: str) -> MissingEventError:
        """Return the error that says what outputs there are instead."""
        if "[]" in instance:
            return self._for_each(instance, step, _OUTPUT)
        return self._nothing(instance, self._definition.scope.outputs, _OUTPUT, self.has_output)

    def no_signal(self, name: str, instance: str) -> MissingEventError:
        """Return the error that says what signals there are instead."""
        if "[]" in instance:
            return self._for_each(instance, name, _SIGNAL)
        return self._nothing(instance, self._definition.scope.signals, _SIGNAL, self.is_signal)

    def _has_event(self, instance: str) -> bool:
        return self._state.events.find(instance) is not None

    def _has_opened(self, instance: str) -> bool:
        opened = self._state.opened
        return opened is not None and opened.construct(instance) is not None

    def _found(self, name: str, known: Mapping[str, Spots], is_there: Callable[[str], bool], asked: _Asked) -> str:
        """Return the instance that a name means where the code stands; what the definition has no more counts too."""
        if "/" in name or "[" in name or (self._where is ON_THE_MAIN_LINE and is_there(name)):
            return name
        spots = known.get(name)
        for place, line in zip(self._where.places, self._where.lines, strict=True):
            if spots is not None and line in spots.near:
                return self._only(spots.near[line], name, asked)
            instance = f"{place}/{name}" if place else name
            if is_there(instance) and self._definition.site(instance) is None:
                return instance
        return name if spots is None else self._only(spots.all, name, asked)

    def _only(self, spots: list[Spot], asked_for: str | UserCode, asked: _Asked) -> str:
        if len(spots) == 1:
            return self._where.instance(spots[0]) or spots[0].template
        is_at = "is at" if isinstance(asked_for, str) else "serves"
        one = self._where.instance(spots[0]) or _first(spots[0].template)
        raise self._missing(
            f"more than one {asked.what} {_named(asked_for)}, which {is_at} {_both(spots)}: ask by name, as in "
            f"ctx.{asked.method}({one!r})"
        )

    def _of_code(self, step: UserCode) -> Spots:
        spots = self._definition.scope.of_code(step)
        if spots is None:
            raise self._missing(f"no step that runs {code_name(step)}; it has {self._has(self.has_output)}")
        return spots

    def _known(self, name: str, known: Mapping[str, Spots], asked: _Asked) -> Spots:
        if name not in known:
            raise self._missing(f"no {asked.what} {name!r}; its definition has: {_listed(known)}")
        return known[name]

    def _recorded(self, spots: Spots) -> Iterator[tuple[str, str]]:
        sites = self._definition.sites
        for spot in spots.all:
            for instance in instances(spot, self._where, self._state, sites):
                if self._has_event(instance) and (instance != "start" or self.has_output(instance)):
                    yield instance, spot.template

    def _for_each(self, template: str, asked_for: str | UserCode, asked: _Asked) -> MissingEventError:
        what = _named(asked_for)
        one = f"ctx.{asked.method}({_first(template)!r}) has that of one"
        remedy = f"ctx.{asked.for_all}({what}) has all of them, {one}" if asked.for_all else one
        return self._missing(
            f"one {asked.what} {what} for each item or round, at {template!r}, and this code stands in none of them: "
            f"{remedy}"
        )

    def _nothing(
        self, instance: str, known: Mapping[str, Spots], asked: _Asked, is_one: Callable[[str], bool]
    ) -> MissingEventError:
        """Say what the mission has instead, and, of a name that its definition does not know, what that knows."""
        is_known = instance in known or self._definition.site(instance) is not None
        hint = "" if is_known else f"; its definition has none of this name, it has: {_listed(known)}"
        return self._missing(f"no {asked.what} {instance!r}; it has {self._has(is_one)}{hint}")

    def _has(self, is_one: Callable[[str], bool]) -> str:
        return _listed(filter(is_one, self._state.events))

    def _missing(self, what: str) -> MissingEventError:
        return MissingEventError(f"mission {self._state.mission_id!r} ({self._state.mission_name}) has {what}")


def _named(asked_for: str | UserCode) -> str:
    return repr(asked_for) if isinstance(asked_for, str) else code_name(asked_for)


def _both(spots: list[Spot]) -> str:
    shown = [repr(spot.template) for spot in spots[:_LISTED]]
    if len(spots) > _LISTED:
        shown.append(f"{len(spots) - _LISTED} others")
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def _first(template: str) -> str:
    """Return the instance of a template in the first of all items and rounds."""
    return template.replace("[]", "[0]")


def _listed(names: Iterable[str]) -> str:
    shown = [repr(name) for name in islice(names, _LISTED + 1)]
    return ", ".join(shown if len(shown) <= _LISTED else [*shown[:_LISTED], "..."]) or "none"
