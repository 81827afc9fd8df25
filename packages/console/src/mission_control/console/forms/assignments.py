"""Fields given one by one in a command: `lines[0].n=3`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .fields import Field, fields_of
from .naming import Steps, name_of, split_assignment, steps_of


def read_assignments(assignments: Iterable[str], schema: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the texts of `name=value` assignments, as `value_of` takes them.

    A list's own name, given without an item's number, adds an item. Raises `ValueError` for what is no assignment, for
    a name that is given twice, and for one that the form does not have, naming those that it has.
    """
    form = fields_of(schema)
    texts: dict[str, str] = {}
    for assignment in assignments:
        split = split_assignment(assignment)
        if split is None:
            raise ValueError(f"expected name=value, found {assignment!r}; the fields are: {_listed(form)}")
        name = _known(form, *split, taken=texts)
        if name in texts:
            raise ValueError(f"the field {name} is given twice")
        texts[name] = split[1]
    return texts


def _known(form: Field, name: str, value: str, *, taken: Mapping[str, str]) -> str:
    steps = steps_of(name)
    field = None if steps is None else _find(form, steps)
    if field is None:  # a name that has to be quoted may be given as it is
        steps, field = (name,), _find(form, (name,))
    if field is None or steps is None:
        raise ValueError(f"there is no field {name!r}; the fields are: {_listed(form)}")
    if field.kind == "list" and not field.children[0].is_group and not value.lstrip().startswith("["):
        steps = (*steps, next(index for index in range(len(taken) + 1) if name_of((*steps, index)) not in taken))
    return name_of(steps)


def _find(form: Field, steps: Steps) -> Field | None:
    field = form
    for step in steps:
        if field.kind == "list" and isinstance(step, int):
            field = field.item(step)
            continue
        inner = next((child for child in field.children if child.steps[-1] == step), None)
        if inner is None or field.kind == "list":
            return None
        field = inner
    return field


def _listed(form: Field) -> str:
    return ", ".join(_names(form))


def _names(field: Field) -> Iterator[str]:
    if not field.is_group:
        yield field.name
    for child in field.children:
        yield from _names(child)
