"""What was filled in is read by the kinds of its fields."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import pytest

from mission_control.console.forms import Issue, check, fields_of, tidy, value_of

from . import shapes
from .shapes import schema_of


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        (int, " -5 ", -5),
        (float, "2", 2),
        (float, "2.50", 2.5),
        (float, "1e3", 1000.0),
        (bool, "yes", True),
        (bool, "FALSE", False),
        (bool, "on", True),
        (str, " as it is ", " as it is "),
        (date, " 2026-01-31 ", "2026-01-31"),
        (time, "09:30", "09:30"),
        (datetime, "2026-01-31T09:30+01:00", "2026-01-31T09:30+01:00"),
        (datetime, "2026-01-31 09:30", "2026-01-31T09:30Z"),
        (datetime, "2026-01-31T09:30Z", "2026-01-31T09:30Z"),
        (timedelta, "90", 90),
        (timedelta, '"86400000000.000001"', "86400000000.000001"),
        (Literal["a", 2], "2", 2),
        (Any, '{"a": [1, null]}', {"a": [1, None]}),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (list[int], "[1, 2]", [1, 2]),
    ],
)
def test_a_text_is_read_by_the_kind_of_its_field(declared: Any, text: str, value: Any) -> None:
    """As what a person means by it, which core takes."""
    schema = schema_of(declared)

    assert value_of(schema, {"$": text}) == (value, [])
    assert check(schema, value) == []


@pytest.mark.parametrize(
    ("declared", "text", "message"),
    [
        (int, "x", "expected an integer, found 'x'"),
        (int, "1_000", "expected an integer, found '1_000'"),
        (int, "1" * 5_000, f"expected an integer, found {'1' * 5_000!r}"),
        (float, "1,5", "expected a number, found '1,5'"),
        (float, "nan", "expected a number, found 'nan'"),
        (float, "1e999", "expected a number, found '1e999'"),
        (bool, "maybe", "expected yes or no, found 'maybe'"),
        (date, "31.01.2026", "expected a date, as 2026-01-31, found '31.01.2026'"),
        (time, "half past nine", "expected a time, as 09:30, found 'half past nine'"),
        (datetime, "tomorrow", "expected a date and time, as 2026-01-31T09:30+01:00, found 'tomorrow'"),
        (Literal["a", "b"], "c", "expected one of 'a', 'b', found 'c'"),
        (Any, "{", "expected JSON, found '{'"),
        (Any, "[" * 100_000, f"expected JSON, found {'[' * 57 + '...'!r}"),
        (Any, "NaN", "expected JSON, found 'NaN'"),
        (list[int], "[1", "expected JSON, found '[1'"),
    ],
)
def test_what_cannot_be_read_is_told_at_its_field(declared: Any, text: str, message: str) -> None:
    """With what was expected and what was found."""
    assert value_of(schema_of(declared), {"$": text}) == (None, [Issue("$", message)])


def test_the_rest_is_read_beside_what_is_wrong() -> None:
    """All that is wrong is told at once."""
    texts = {"customer.email": "a@b", "lines[0].sku": "a", "lines[0].count": "many", "pair[0]": "x", "grid[0][0]": "1"}

    value, issues = value_of(schema_of(shapes.Order), texts)

    assert value == {"customer": {"email": "a@b"}, "lines": [{"sku": "a"}], "pair": [], "grid": [[1]]}
    assert issues == [
        Issue("$.lines[0].count", "expected an integer, found 'many'"),
        Issue("$.pair[0]", "expected an integer, found 'x'"),
    ]


def test_what_must_be_given_is_missing() -> None:
    """Whether its field was left empty or never sent."""
    assert value_of(schema_of(shapes.Line), {"sku": ""}) == ({}, [Issue("$.sku", "is missing")])
    assert value_of(schema_of(shapes.Line), {}) == ({}, [Issue("$.sku", "is missing")])


def test_what_may_be_left_out_is() -> None:
    """An object, too, when nothing in it was filled in."""
    texts = {"approved": "no", "comment": "", "until": " ", "send": ""}

    assert value_of(schema_of(shapes.Decision), texts) == ({"approved": False}, [])
    assert value_of(schema_of(shapes.Customer), {"email": "a", "address.city": ""}) == ({"email": "a"}, [])


def test_what_must_be_given_and_may_be_null_is_null() -> None:
    """For a single value, an object and a list."""
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": ["integer", "null"]},
            "b": {"anyOf": [{"type": "object", "properties": {"c": {"type": "integer"}}}, {"type": "null"}]},
            "d": {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]},
            "e": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["a", "b", "d", "e"],
    }

    assert value_of(schema, {}) == ({"a": None, "b": None, "d": None, "e": []}, [])


def test_what_can_be_one_thing_only_need_not_be_chosen() -> None:
    """As the tag of a class."""
    assert value_of(schema_of(shapes.Email), {"to": "a"}) == ({"kind": "email", "to": "a"}, [])


def test_an_object_is_of_the_class_that_was_chosen() -> None:
    """What that needs is missing, what others have is not for it."""
    schema = schema_of(shapes.Email | shapes.Letter)

    assert value_of(schema, {"kind": "email", "to": "a"}) == ({"kind": "email", "to": "a"}, [])
    assert value_of(schema, {"kind": "letter", "street": "a", "to": "b"}) == (
        {"kind": "letter", "street": "a"},
        [Issue("$.to", "is not for letter"), Issue("$.house", "is missing")],
    )
    assert value_of(schema, {"to": "a"}) == ({}, [Issue("$.kind", "is missing")])
    assert value_of(schema, {"kind": "fax"}) == (
        {},
        [Issue("$.kind", "expected one of 'email', 'letter', found 'fax'")],
    )


def test_items_are_numbered_anew_without_gaps_and_blank_ones() -> None:
    """Those that a page shows to be filled in, and those that a person took away."""
    texts = {
        "[2].sku": "a",
        "[2].count": "2",
        "[4].sku": "",
        "[7].sku": "b",
        "[8].sku": "",
        "[8].count": " ",
    }

    assert value_of(schema_of(list[shapes.Line]), texts) == ([{"sku": "a", "count": 2}, {"sku": "b"}], [])
    assert tidy(schema_of(list[shapes.Line]), texts) == {"[0].sku": "a", "[0].count": "2", "[1].sku": "b"}


def test_issues_are_at_the_items_as_they_are_numbered_anew() -> None:
    """So that they fit what `tidy` shows, and what an owner finds wrong with the value."""
    texts = {"[3].sku": "a", "[5].count": "x"}

    _, issues = value_of(schema_of(list[shapes.Line]), texts)

    assert [issue.path for issue in issues] == ["$[1].sku", "$[1].count"]


def test_an_item_that_may_be_null_keeps_its_place() -> None:
    """But where it ends the list."""
    assert value_of(schema_of(list[int | None]), {"[0]": "", "[1]": "1", "[2]": ""}) == ([None, 1], [])


def test_a_list_may_be_sent_under_its_own_name() -> None:
    """As forms send what was chosen several times, and as JSON."""
    schema = schema_of(list[int])

    assert value_of(schema, {"$": ["1", "2"]}) == ([1, 2], [])
    assert value_of(schema, {"$": "[3]"}) == ([3], [])


def test_the_last_of_several_texts_counts() -> None:
    """As with a hidden field before a box to tick; what is no text is nothing."""
    from starlette.datastructures import FormData, UploadFile

    sent = FormData([("$", "no"), ("$", "yes")])

    assert value_of(schema_of(bool), sent) == (True, [])
    assert value_of(schema_of(bool), {"$": UploadFile(file=None)}) == (None, [Issue("$", "is missing")])  # type: ignore[arg-type] # no file is read


def test_an_object_may_be_given_as_json() -> None:
    """Under its own name, for who has it so."""
    texts = {"approved": "yes", "send": '{"kind": "email", "to": "a"}'}

    assert value_of(schema_of(shapes.Decision), texts) == (
        {"approved": True, "send": {"kind": "email", "to": "a"}},
        [],
    )


def test_a_long_text_has_plain_line_ends() -> None:
    """Browsers send others."""
    schema = {"type": "string", "maxLength": 1_000}

    assert value_of(schema, {"$": "a\r\nb"}) == ("a\nb", [])


def test_a_form_of_nothing_is_a_json_field() -> None:
    """Where there is no schema."""
    assert value_of(None, {"$": "5"}) == (5, [])
    assert value_of(None, {}) == (None, [Issue("$", "is missing")])
    assert fields_of(None).name == "$"
