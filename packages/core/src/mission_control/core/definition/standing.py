"""Where code of a mission stands, and what it sees from there: the nearest around it, and the only one elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from ..history import UNDO
from ..values import Shown
from .recorded import Recorded
from .scope import Spot, Spots
from .sites import Site, template

_LOST = ("failed", "stopped")


@attrs.frozen(eq=False)
class Standing(Shown):
    """The places around some code, innermost first and the main line, "", last; `lines` are their templates.

    `own` has, for each `each`, `repeat` or reminder around it, the text of the item, round or reminder.
    """

    places: tuple[str, ...]
    lines: tuple[str, ...]
    own: Mapping[str, str]

    @property
    def index(self) -> int | None:
        """The number of the innermost item, round or reminder; None outside."""
        place = next(iter(self.own.values()), None)
        return None if place is None else number(place)

    def near(self, spots: Spots) -> list[Spot]:
        """Return those in the innermost line that has any; all of them where no line around the code has."""
        return next((spots.near[line] for line in self.lines if line in spots.near), spots.all)

    def instance(self, spot: Spot) -> str | None:
        """Return the one instance of a spot in the items and rounds that the code stands in.

        None where it is in one of others too.
        """
        text = before = ""
        for place in spot.places:
            text += place[len(before) :]
            before = place
            if place.endswith("[]"):
                own = self.own.get(text.removesuffix("[]"))
                if own is None:
                    return None
                text = own
        return text + spot.template[len(before) :]


def number(place: str) -> int:
    """Return the number of an item, round or reminder."""
    return int(place[place.rindex("[") + 1 : -1])


ON_THE_MAIN_LINE = Standing(("",), ("",), {})


def standing(instance: str) -> Standing:
    """Return where the code of an instance stands: an undo where its step does, an `until` in the round that it ends.

    A text of it that is no place, as what has only a branch's name, does no harm: nothing is there.
    """
    if "/" not in instance and instance[-1:] != "]":
        return ON_THE_MAIN_LINE
    name = instance.removeprefix(UNDO)
    places = [name] if name.endswith("]") else []
    while name:
        name = name.rpartition("/")[0]
        places.append(name)
    own = {place[: place.rindex("[")]: place for place in places if place.endswith("]")}
    return Standing(tuple(places), tuple(map(template, places)), own)


def instances(spot: Spot, where: Standing, state: Recorded, sites: Mapping[str, Site]) -> list[str]:
    """Return all instances of a spot that there may be so far, within the items and rounds that the code stands in.

    They are in order; those in paths and items that failed or were stopped are left out.
    """
    texts, before = [""], ""
    for place in spot.places:
        added, is_repeated = place[len(before) :], place.endswith("[]")
        if is_repeated:
            around = [text + added.removesuffix("[]") for text in texts]
            texts = [one for text in around for one in _repeated(text, place, where, state, sites)]
        else:
            texts = [text + added for text in texts]
        texts = [text for text in texts if text in where.places or not _is_lost(text, state)]
        before = place
    return [text + spot.template[len(before) :] for text in texts]


def _repeated(construct: str, place: str, where: Standing, state: Recorded, sites: Mapping[str, Site]) -> Iterator[str]:
    """Yield the items or rounds of a construct: the one around the code, or all that have begun."""
    own = where.own.get(construct)
    if own is not None:
        yield own
    elif sites[place.removesuffix("[]")].node.kind == "each":
        begun = 0 if state.opened is None else state.opened.begun(construct)
        yield from (f"{construct}[{index}]" for index in range(begun))
    else:
        yield from _rounds(construct, state)


def _rounds(construct: str, state: Recorded) -> Iterator[str]:
    """Yield the rounds that are over, which the record of their verdict tells, and the one that may be under way."""
    index, is_over = 0, True
    while is_over:
        text = f"{construct}[{index}]"
        yield text
        index, is_over = index + 1, state.events.find(text) is not None


def _is_lost(path: str, state: Recorded) -> bool:
    end = None if state.opened is None else state.opened.end(path)
    return end is not None and end[0] in _LOST
