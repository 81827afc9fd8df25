"""A value becomes the texts that it would be read from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings

from mission_control.console.forms import Field, fields_of, texts_of, value_of
from mission_control.core.payloads import payload_type

from . import shapes
from .shapes import SLOW, schema_of


def left(field: Field, value: Any) -> Any:
    """What is left of a value when nothing is left empty: null, empty lists and objects, where they may be left out.

    Items that end a list and are null go as well.
    """
    if field.kind == "list" and value is not None:
        items = [left(field.children[0], item) for item in value]
        while items and items[-1] is None:
            items.pop()
        return items
    if field.kind != "object" or value is None:
        return value
    if isinstance(field.children[0].steps[-1], int):
        return [left(child, inner) for child, inner in zip(field.children, value, strict=False)]
    known: dict[Any, Any] = {child.steps[-1]: child for child in field.children}
    found = {name: left(known[name], inner) for name, inner in value.items()}
    required = {name for name, child in known.items() if child.is_required}
    for variant in field.variants:
        if value.get(variant.tag) in variant.choices:
            required = set(variant.required)
    return {name: inner for name, inner in found.items() if name in required or inner not in (None, [], {})}


@pytest.mark.parametrize("declared", shapes.TYPES, ids=repr)
def test_a_value_comes_back(declared: Any) -> None:
    """Whatever is entered can be shown again, as it was."""
    schema, payload = schema_of(declared), payload_type(declared, subject="it")

    @settings(max_examples=15, deadline=None, database=None, suppress_health_check=SLOW)
    @given(shapes.described(schema or {}, schema or {}))
    def comes_back(value: Any) -> None:
        assume(payload.reads(value))  # 0000-01-01 has the form of a date, and is none
        form = fields_of(schema)
        read, issues = value_of(schema, texts_of(schema, value))
        assert issues == []
        assert read == left(form, value)

    comes_back()


def test_what_does_not_fit_its_form_is_json() -> None:
    """Under the name of what is around it, from which it is read as it was."""
    schema = schema_of(shapes.Order)
    value: dict[str, Any] = {
        "customer": {"email": "a", "more": 1},
        "lines": [{"sku": 5}],
        "pair": {},
        "grid": [[1], 2, ["x"]],
    }

    texts = texts_of(schema, value)

    assert texts == {
        "customer": '{"email": "a", "more": 1}',
        "lines[0]": '{"sku": 5}',
        "pair": "{}",
        "grid[0][0]": "1",
        "grid[1]": "2",
        "grid[2]": '["x"]',
    }
    assert value_of(schema, texts) == (value, [])


@pytest.mark.parametrize(("declared", "value"), [(int, True), (float, None), (bool, 1), (str, 5), (shapes.Colour, 2.0)])
def test_a_value_of_another_kind_is_json(declared: Any, value: Any) -> None:
    """It is shown, although its field would not give it back."""
    assert list(texts_of(schema_of(declared), value)) == ["$"]


def test_a_default_may_be_anything() -> None:
    """A form only shows it."""
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer", "default": []}}}

    assert texts_of(schema, {"a": 1}) == {"a": "1"}


def test_texts_can_be_sent() -> None:
    """A lone surrogate is written as its escape."""
    texts = texts_of(None, {"a": "\udce9"}) | texts_of(schema_of(shapes.Line), {"sku": "\udce9"})

    assert texts == {"$": '{"a": "\\udce9"}', "sku": "\\udce9"}
    assert value_of(None, {"$": texts["$"]}) == ({"a": "\udce9"}, [])
