"""What a person fills in for a payload: the form of its schema, what was entered, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from mission_control.core import OpenWait

from ..forms import Field, Issue, check, fields_of, tidy, value_of
from .guards import Form

PREFIX: Final = "v:"
"""What the names of a payload's fields begin with, so that they are not taken for those of the page."""
MORE: Final = "more"
"""The field that asks for one more item of the list that it names."""
_MOST_BLANK = 200


@attrs.frozen(kw_only=True)
class Entry:
    """A form for a payload, with what was entered by the names of its fields, and issues by their paths."""

    field: Field
    texts: Mapping[str, str] = attrs.field(factory=dict[str, str])
    issues: tuple[Issue, ...] = ()
    more: str = ""
    wait: OpenWait | None = None

    @classmethod
    def empty(cls, schema: Mapping[str, Any] | None) -> Entry:
        """Return the form of a schema, with nothing entered."""
        return cls(field=fields_of(schema))

    @classmethod
    def blank(cls, wait: OpenWait) -> Entry:
        """Return the empty form for the answer to a wait."""
        return cls.empty(wait.schema).of(wait)

    def of(self, wait: OpenWait) -> Entry:
        """Return the entry as the answer to a wait."""
        return attrs.evolve(self, wait=wait)

    def with_issues(self, issues: Iterable[Issue]) -> Entry:
        """Return the entry with what else was found wrong."""
        return attrs.evolve(self, issues=(*self.issues, *issues))

    def issues_at(self, field: Field) -> list[str]:
        """Return what is wrong with a field."""
        return [issue.message for issue in self.issues if issue.path == field.path]

    @property
    def other_issues(self) -> list[str]:
        """What is wrong where the form has no field."""
        paths = set(_paths(self.field, self))
        return [f"{issue.path}: {issue.message}" for issue in self.issues if issue.path not in paths]

    def is_first_wrong(self, field: Field) -> bool:
        """True for the field that the first issue is about."""
        return bool(self.issues) and self.issues[0].path == field.path

    def text(self, field: Field) -> str:
        """Return what was entered in a field."""
        return self.texts.get(field.name, "")

    def items(self, field: Field) -> list[Field]:
        """Return the fields of a list's items: of those that were entered, and of one more where that is asked for."""
        count = 0
        while count < _MOST_BLANK and self._has_texts_of(field.item(count)):
            count += 1
        fewest = 1 if field.is_required and not field.is_nullable else 0
        return [field.item(index) for index in range(max(fewest, count + (self.more == field.name)))]

    def _has_texts_of(self, field: Field) -> bool:
        begin = field.name
        return any(name.startswith(begin) for name in self.texts)


def _paths(field: Field, entry: Entry) -> list[str]:
    children = entry.items(field) if field.kind == "list" else field.children
    return [field.path, *(path for child in children for path in _paths(child, entry))]


def entered(schema: Mapping[str, Any] | None, form: Form) -> tuple[Any, Entry]:
    """Return the value that was filled in, and the entry with what was entered and cannot be read."""
    texts: dict[str, list[str]] = {}
    for name, text in form.fields:
        if name.startswith(PREFIX):
            texts.setdefault(name.removeprefix(PREFIX), []).append(text)
    value, issues = value_of(schema, texts)
    issues = issues or check(schema, value)
    entry = Entry(field=fields_of(schema), texts=tidy(schema, texts), issues=tuple(issues), more=form.get(MORE))
    return value, entry
