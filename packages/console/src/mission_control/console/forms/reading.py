"""What was filled in as a value: each field's text read by its kind, and what cannot be read told at its field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from attrs import evolve

from .fields import Field, fields_of
from .issue import Issue
from .kinds import is_list
from .naming import Steps, name_of, steps_of
from .said import said

Texts: TypeAlias = Mapping[str, Any]
"""What was entered, by the names of the fields: a text each, or several where a form sent a name more than once."""

MISSING = "is missing"


def value_of(schema: Mapping[str, Any] | None, texts: Texts) -> tuple[Any, list[Issue]]:
    """Return the value that was filled in, and an issue for each field whose text cannot be read, or is missing.

    What is optional and was left empty is left out; what is required and may be null is null then. Items of a list may
    have any numbers; blank ones are left out where they end it, or could not be a value. Issues, and what is found
    wrong with the value, number the items that are left: as `tidy` does for the texts. An object or a list may also be
    given as JSON under its own name.
    """
    entry = _Entry(texts)
    value = entry.read(fields_of(schema))
    return (None if value is _LEFT_OUT else value), entry.issues


def tidy(schema: Mapping[str, Any] | None, texts: Texts) -> dict[str, str]:
    """Return the texts with the items of lists numbered without gaps, as `value_of` numbers them."""
    entry = _Entry(texts)
    entry.read(fields_of(schema))
    return entry.tidied


_LEFT_OUT: Any = object()
"""What a field is read as that was left empty, or cannot be read."""


class _Entry:
    """What was entered, while it is read."""

    def __init__(self, texts: Texts) -> None:
        self._texts = _named(texts)
        self._items = _items_in(self._texts)
        self.issues: list[Issue] = []
        self.tidied: dict[str, str] = {}

    def read(self, field: Field, source: Steps | None = None) -> Any:
        """Return the value of a field, entered under the name of the steps `source`, which items may have others of."""
        given = field.steps if source is None else source
        if field.kind == "list":
            self._spread(given)
        text = self._last(given)
        if text is not None:
            self.tidied[field.name] = text
        if text is not None and not _is_blank(field, text):
            return self._leaf(field, text)
        if field.is_group:
            return self._list(field, given) if field.kind == "list" else self._object(field, given)
        return self._empty(field)

    def _spread(self, given: Steps) -> None:
        """Take a name that was sent more than once as the items of its list."""
        texts = self._texts.get(name_of(given), [])
        if len(texts) > 1:
            self._texts.update({name_of((*given, index)): [text] for index, text in enumerate(texts)})
            self._items[name_of(given)] = set(range(len(texts)))
            del self._texts[name_of(given)]

    def _leaf(self, field: Field, text: str) -> Any:
        try:
            return said(field, text)
        except ValueError as error:
            self.issues.append(Issue(field.path, str(error)))
            return _LEFT_OUT

    def _empty(self, field: Field) -> Any:
        if not field.is_required:
            return _LEFT_OUT
        if len(field.values) == 1 and not field.is_nullable:
            return field.values[0]
        if not field.is_nullable:
            self.issues.append(Issue(field.path, MISSING))
            return _LEFT_OUT
        return None

    def _object(self, field: Field, given: Steps) -> Any:
        """Return an object, or a tuple, whose fields are numbered."""
        is_tuple = field.kind == "object" and isinstance(field.children[0].steps[-1], int)
        if not self._is_filled(field, given) and (field.is_nullable or not field.is_required):
            return None if field.is_required else _LEFT_OUT
        found: dict[Any, Any] = {}
        for child in self._children(field, given):
            value = self.read(child, (*given, child.steps[-1]))
            if value is not _LEFT_OUT:
                found[child.steps[-1]] = value
        return list(found.values()) if is_tuple else found

    def _children(self, field: Field, given: Steps) -> Iterator[Field]:
        """Yield the fields of an object: of one of several classes those that the class has that was chosen."""
        if not field.variants:
            yield from field.children
            return
        chooser, *rest = field.children
        yield chooser
        chosen = self._last((*given, chooser.steps[-1]))
        for variant in (one for one in field.variants if chosen in one.choices):
            for child in rest:
                name = child.steps[-1]
                if name in variant.names:
                    yield evolve(child, is_required=name in variant.required)
                elif self._is_filled(child, (*given, name)):
                    self.issues.append(Issue(child.path, f"is not for {chosen}"))

    def _list(self, field: Field, given: Steps) -> Any:
        form, items = field.children[0], list[Any]()
        for index in self._places(form, given):
            value = self.read(field.item(len(items)), (*given, index))
            items.append(None if value is _LEFT_OUT else value)
        if not items and (field.is_nullable or not field.is_required):
            return None if field.is_required else _LEFT_OUT
        return items

    def _places(self, form: Field, given: Steps) -> list[int]:
        """Return the numbers of the items that were entered, without the blank ones that end the list or are none."""
        places = sorted(self._items.get(name_of(given), ()))
        filled = [self._is_filled(form, (*given, index)) for index in places]
        while filled and not filled[-1]:
            filled.pop()
        return [index for index, is_filled in zip(places, filled, strict=False) if is_filled or form.is_nullable]

    def _is_filled(self, field: Field, given: Steps) -> bool:
        """True where anything was entered for the field, or in it."""
        text = self._last(given)
        if text is not None and not _is_blank(field, text):
            return True
        if field.kind == "list":
            inside = self._items.get(name_of(given), ())
            return any(self._is_filled(field.children[0], (*given, index)) for index in inside)
        return any(self._is_filled(child, (*given, child.steps[-1])) for child in field.children)

    def _last(self, given: Steps) -> str | None:
        texts = self._texts.get(name_of(given))
        return texts[-1] if texts else None


def _pairs(texts: Texts) -> Iterator[tuple[str, str]]:
    """Yield each name with its text, or with each of its texts; what is no text, as a file, is nothing."""
    several: Any = getattr(texts, "multi_items", None)
    for name, entered in texts.items() if several is None else several():
        for text in entered if is_list(entered) else [entered]:
            if isinstance(text, str):
                yield name, text


def _named(texts: Texts) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for name, text in _pairs(texts):
        named.setdefault(name, []).append(text)
    return named


def _items_in(names: Iterable[str]) -> dict[str, set[int]]:
    """Return the numbers of the items that there are names for, by the name of their list."""
    found: dict[str, set[int]] = {}
    for name in names:
        steps = steps_of(name) or ()
        for place, step in enumerate(steps):
            if isinstance(step, int):
                found.setdefault(name_of(steps[:place]), set()).add(step)
    return found


def _is_blank(field: Field, text: str) -> bool:
    return not text if field.kind in ("text", "long text") else not text.strip()
