"""Where the live missions of a definition stand, counted."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from mission_control.core import Standing
from mission_control.core.definition import fingerprint_of, template
from mission_control.core.history import START_AT, UNDO

from .flow import Static
from .marks import Mark

_MOST_EXAMPLES = 5


def standing(static: Static, groups: Iterable[Standing]) -> dict[str, Mark]:
    """Return how many missions stand at each node of the main line, by template, of those that ran under this form.

    `groups` are what `ReadPort.list_standing` gives, of all definitions or of this one.
    """
    fingerprint = fingerprint_of(static)
    marks: dict[str, Mark] = {}
    for group in groups:
        if group.fingerprint == fingerprint:
            cursor = group.cursor.removeprefix(UNDO)
            place = "start" if cursor == START_AT else template(cursor)
            before = marks.get(place, Mark())
            examples = (*before.examples, *group.examples)[:_MOST_EXAMPLES]
            marks[place] = attrs.evolve(before, count=before.count + group.count, examples=examples)
    return marks
