"""What a list is asked for in its address, and how the address of the next page says it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import attrs

from mission_control.core import MissionStatus

from ..reading import Selection, Times

PAGE = 50
"""How many lines a page of a list has."""

_STATUSES = {status.value: status for status in MissionStatus}


@attrs.frozen(kw_only=True)
class Asked:
    """A filter as an address says it: the selection, what was entered, and what of that cannot be read."""

    selection: Selection
    fields: tuple[tuple[str, str], ...]
    errors: dict[str, str]

    def entered(self, name: str) -> str:
        """Return what was entered in a field."""
        return next((value for key, value in self.fields if key == name), "")


FILTERS = ("status", "name", "error", "since", "until", "id", "waiting", "label", "schedule", "parent")
"""The fields of a filter, as addresses name them."""


def asked(pairs: Iterable[tuple[str, str]], times: Times) -> Asked:
    """Return the filter that an address, or a form, holds."""
    fields = tuple((key, value.strip()) for key, value in pairs if key in FILTERS and value.strip())
    errors: dict[str, str] = {}
    values = dict(reversed(fields))  # the first of a name counts
    selection = Selection(
        statuses=_statuses([value for key, value in fields if key == "status"], errors),
        mission_name=values.get("name"),
        error=values.get("error"),
        since=_instant(values, "since", times, errors),
        until=_instant(values, "until", times, errors),
        id_prefix=values.get("id"),
        waiting_for=values.get("waiting"),
        labels=_labels([value for key, value in fields if key == "label"], errors),
        schedule=values.get("schedule"),
        parent_id=values.get("parent"),
    )
    return Asked(selection=selection, fields=fields, errors=errors)


def _statuses(given: list[str], errors: dict[str, str]) -> tuple[MissionStatus, ...]:
    for one in given:
        if one not in _STATUSES:
            errors["status"] = f"expected one of {', '.join(_STATUSES)}, found {one!r}"
    return tuple(dict.fromkeys(_STATUSES[one] for one in given if one in _STATUSES))


def _instant(values: dict[str, str], name: str, times: Times, errors: dict[str, str]) -> datetime | None:
    if name not in values:
        return None
    try:
        return times.read(values[name])
    except ValueError as error:
        errors[name] = str(error)
        return None


def _labels(given: list[str], errors: dict[str, str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for one in given:
        name, separator, value = one.partition("=")
        if not (name and separator and value):
            errors["label"] = f"expected a label such as employee=e-17, found {one!r}"
        labels[name] = value
    return {} if "label" in errors else labels
