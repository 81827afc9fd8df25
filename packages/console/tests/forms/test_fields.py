"""A JSON Schema becomes a tree of fields, each with the control that fits."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import pytest
from attrs import define
from hypothesis import given, settings
from hypothesis import strategies as st

from mission_control.console.forms import Field, fields_of, value_of

from . import shapes
from .shapes import schema_of


def every(field: Field) -> list[Field]:
    return [field, *(inner for child in field.children for inner in every(child))]


def field(declared: Any, name: str) -> Field:
    return next(one for one in every(fields_of(schema_of(declared))) if one.name == name)


@define
class Everything:
    text: int
    comment: str
    n: int
    x: float
    ok: bool
    day: date
    moment: datetime
    hour: time
    span: timedelta
    colour: shapes.Colour
    line: shapes.Line
    lines: list[shapes.Line]
    pair: tuple[int, str]
    free: dict[str, int]
    either: int | str


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("$", "object"),
        ("text", "integer"),
        ("comment", "long text"),
        ("n", "integer"),
        ("x", "number"),
        ("ok", "boolean"),
        ("day", "date"),
        ("moment", "datetime"),
        ("hour", "time"),
        ("span", "number"),
        ("colour", "choice"),
        ("line", "object"),
        ("line.sku", "text"),
        ("lines", "list"),
        ("lines[0]", "object"),
        ("lines[0].count", "integer"),
        ("pair", "object"),
        ("pair[1]", "text"),
        ("free", "json"),
        ("either", "json"),
    ],
)
def test_each_kind_of_value_has_its_control(name: str, kind: str) -> None:
    """What people type, choose, or have to give as JSON."""
    assert field(Everything, name).kind == kind


def test_a_field_has_the_path_of_cores_issues() -> None:
    """So that what an owner finds wrong is shown where it was entered."""
    form = fields_of({"type": "object", "properties": {"odd name": {"type": "array", "items": {"type": "string"}}}})

    assert [one.path for one in every(form)] == ["$", "$['odd name']", "$['odd name'][0]"]
    assert [one.name for one in every(form)] == ["$", "['odd name']", "['odd name'][0]"]


def test_a_list_has_a_form_for_each_item() -> None:
    """The form of the first item is that of the others under their own numbers."""
    lines = field(Everything, "lines")

    assert [one.name for one in every(lines.item(7))] == ["lines[7]", "lines[7].sku", "lines[7].count"]
    assert lines.item(7).children[0].path == "$.lines[7].sku"
    assert lines.item(0) == lines.children[0]


def test_what_may_be_null_and_what_must_be_given_is_told() -> None:
    """A person sees what has to be filled in."""
    assert (field(shapes.Decision, "approved").is_required, field(shapes.Decision, "approved").is_nullable) == (
        True,
        False,
    )
    assert (field(shapes.Decision, "comment").is_required, field(shapes.Decision, "comment").is_nullable) == (
        False,
        True,
    )


def test_a_class_that_contains_itself_ends_in_json() -> None:
    """The tree is as deep as what is not known yet."""
    assert [(one.name, one.kind) for one in every(fields_of(schema_of(shapes.Tree)))] == [
        ("$", "object"),
        ("value", "integer"),
        ("children", "list"),
        ("children[0]", "json"),
    ]


def test_without_a_schema_there_is_one_field() -> None:
    """Anything may be given, as JSON."""
    assert fields_of(None) == Field(steps=(), label="Value", kind="json", is_required=True)
    assert not fields_of(None).is_group


@pytest.mark.parametrize("schema", [{"type": "null"}, {"anyOf": [{"type": "null"}]}, {"type": ["null"]}])
def test_nothing_is_a_value_too(schema: dict[str, Any]) -> None:
    """What can only be null has a field that may be left empty."""
    assert fields_of(schema).is_nullable
    assert value_of(schema, {}) == (None, [])


def test_choices_are_told_apart_as_text() -> None:
    """Where two values would be written alike, all are written as JSON."""
    assert field(Literal["a", 1, True, None], "$").choices == ("a", "1", "true")
    assert field(Literal["1", 1], "$").choices == ('"1"', "1")
    assert field(Literal["a"] | Literal["b"] | None, "$").choices == ("a", "b")


def test_what_is_said_of_a_field_is_its_help() -> None:
    """Its description, and how much or how long it may be."""
    assert field(shapes.Customer, "age").help == "0 to 150"
    assert field(shapes.Customer, "address.city").help == "where it is; 1 or more characters"
    assert field(Everything, "free").help == "a JSON object"
    assert field(bytes, "$").help == "base64"
    assert field(Everything, "either").help == "an integer or text, as JSON"
    assert field(Any, "$").help == ""
    limits = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 5}
    assert fields_of(limits).help == "more than 0; less than 5"
    assert fields_of({"type": "string", "maxLength": 500}).help == "up to 500 characters"
    assert fields_of({"type": "string", "maxLength": 500}).kind == "long text"


def test_objects_of_several_classes_have_one_form() -> None:
    """The first field chooses the class; each other says which ones it is for."""
    send = field(shapes.Decision, "send")

    assert [(one.name, one.kind, one.is_required, one.help) for one in every(send)] == [
        ("send", "object", False, ""),
        ("send.kind", "choice", True, ""),
        ("send.to", "text", False, "for email"),
        ("send.street", "text", False, "for letter"),
        ("send.house", "integer", False, "for letter"),
    ]
    assert send.children[0].choices == ("email", "letter")


@pytest.mark.parametrize(
    "other",
    [
        {"kind": {"const": "a"}},
        {"kind": {"type": "string"}},
        {"kind": {"const": "b"}, "n": {"type": "string"}},
        {"n": {"type": "integer"}},
        {"kind": 5},
    ],
)
def test_classes_that_cannot_be_told_apart_are_json(other: dict[str, Any]) -> None:
    """Nor can those be entered in one form that have different fields of one name."""
    one = {"type": "object", "properties": {"kind": {"const": "a"}, "n": {"type": "integer"}}, "required": ["kind"]}
    two = {"type": "object", "properties": other, "required": list(other)}

    assert fields_of({"anyOf": [one, two]}).kind == "json"
    assert fields_of({"anyOf": [one, {"type": "object", "properties": {"kind": {"const": "b"}}}]}).kind == "json"
    assert fields_of({"anyOf": [one, {"type": "integer"}]}).kind == "json"


def test_labels_are_words() -> None:
    """A field's name as a person would write it, an item's by its number, the whole by its title."""
    form = fields_of(
        {"title": "Approval", "type": "object", "properties": {"approved_by": {"type": "string"}, "_": {}}}
    )

    assert [one.label for one in every(form)] == ["Approval", "Approved by", "_"]
    assert field(list[int], "[0]").label == "1"


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/gone"},
        {"$ref": "https://example.com/schema"},
        {"$ref": 5},
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}]},
        {"allOf": [5]},
        {"anyOf": [5]},
        {"type": "object"},
        {"type": "object", "properties": {}},
        {"type": "array"},
        {"type": "array", "items": False},
        {"type": ["string", "integer"]},
        {"type": {"no": "kind"}},
        {"enum": []},
        {"type": "strange"},
    ],
)
def test_what_no_form_can_follow_is_json(schema: dict[str, Any]) -> None:
    """Also what is no schema at all."""
    assert fields_of(schema).kind == "json"


def test_what_schemas_say_in_other_ways_is_understood() -> None:
    """As other tools write them: a single `allOf`, several types, a reference with a description, a default."""
    inner = {"$defs": {"n/a": {"type": "integer"}}}
    referring = {"allOf": [{"$ref": "#/$defs/n~1a"}], "description": "how many", "default": 3, **inner}
    assert (fields_of(referring).kind, fields_of(referring).help, fields_of(referring).default) == (
        "integer",
        "how many",
        3,
    )
    assert fields_of({"type": ["string", "null"]}).is_nullable
    assert fields_of({"oneOf": [{"type": "null"}, {"const": None}]}).is_nullable
    assert fields_of({"type": "object", "properties": {"a": True}}).children[0].kind == "json"


def test_a_form_has_an_end() -> None:
    """Also where each class has several of the next, or lists are within lists."""
    wide: dict[str, Any] = {
        f"d{depth}": {"type": "object", "properties": {name: {"$ref": f"#/$defs/d{depth + 1}"} for name in "abcd"}}
        for depth in range(30)
    }
    deep: dict[str, Any] = {"type": "integer"}
    for _ in range(200):
        deep = {"type": "array", "items": deep}
    chain = {"$defs": {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(500)}, "$ref": "#/$defs/d0"}

    assert len(every(fields_of({"$defs": wide, "$ref": "#/$defs/d0"}))) < 3_000
    assert len(every(fields_of(deep))) < 20
    assert fields_of(chain).kind == "json"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["object", "array", "#", "#/$defs/a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "properties",
                    "items",
                    "anyOf",
                    "allOf",
                    "$ref",
                    "enum",
                    "const",
                    "required",
                    "prefixItems",
                    "$defs",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None, database=None)
@given(st.dictionaries(st.sampled_from(["type", "properties", "items", "anyOf", "$ref", "enum", "$defs"]), JSON))
def test_any_json_makes_a_form(schema: dict[str, Any]) -> None:
    """Whatever a file has for a schema, there is a form, and each of its names is there once."""
    names = [one.name for one in every(fields_of(schema))]

    assert len(set(names)) == len(names)
