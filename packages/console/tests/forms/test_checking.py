"""What is wrong with a value is said before its owner is asked, in the words that core has for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import given, settings

from mission_control.console.forms import Issue, check
from mission_control.core import MissionValidationError
from mission_control.core.payloads import payload_type

from . import shapes
from .shapes import SLOW, schema_of


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": "integer"}, "x", "expected an integer, found 'x'"),
        ({"type": "integer"}, 1.0, "expected an integer, found 1.0"),
        ({"type": ["integer", "null"]}, True, "expected an integer or null, found true"),
        ({"type": "object"}, [1], "expected an object, found a list of 1"),
        ({"type": "array"}, {}, "expected a list, found an object"),
        ({"type": "string"}, None, "expected text, found null"),
        ({"type": "boolean"}, "x" * 100, f"expected true or false, found {repr('x' * 100)[:57]}..."),
        ({"enum": ["a", 1]}, "b", "expected one of 'a', 1, found 'b'"),
        ({"const": "a"}, "b", "expected 'a', found 'b'"),
        ({"minimum": 1}, 0, "expected 1 or more, found 0"),
        ({"maximum": 1}, 2, "expected 1 or less, found 2"),
        ({"exclusiveMinimum": 1}, 1, "expected more than 1, found 1"),
        ({"exclusiveMaximum": 1}, 1, "expected less than 1, found 1"),
        ({"multipleOf": 2}, 1, "expected a multiple of 2, found 1"),
        ({"minLength": 1}, "", "expected 1 character or more, found 0"),
        ({"maxLength": 2}, "abc", "expected 2 characters or less, found 3"),
        ({"minItems": 2}, [], "expected 2 items or more, found 0"),
        ({"maxItems": 1}, [1, 2], "expected 1 item or less, found 2"),
        ({"uniqueItems": True}, [1, 1], "expected items that are all different"),
        ({"pattern": "^a$"}, "b", "expected text of the form ^a$, found 'b'"),
        ({"not": {}}, 1, "does not fit its schema"),
    ],
)
def test_a_message_says_what_was_expected_and_what_was_found(schema: Any, value: Any, message: str) -> None:
    """For each thing that a schema can ask for."""
    assert check(schema, value) == [Issue("$", message)]


@pytest.mark.parametrize(
    ("declared", "good", "bad"),
    [
        (date, "2026-01-31", ["2026-02-30", "20260131", "x"]),
        (datetime, "2026-01-31T09:30Z", ["2026-01-31T09:30", "2026-02-30T09:30Z", "x"]),
        (time, "09:30", ["9:30", "24:30"]),
        (UUID, "018f6d5e-0c4b-7cc3-9d2a-5e0b6f1a2c3d", ["018f6d5e0c4b7cc39d2a5e0b6f1a2c3d"]),
    ],
)
def test_texts_of_a_form_are_as_strict_as_core(declared: Any, good: str, bad: list[str]) -> None:
    """One issue says what is wrong with each."""
    schema = schema_of(declared)

    assert check(schema, good) == []
    for text in bad:
        (issue,) = check(schema, text)
        assert issue.path == "$"
        assert issue.message.endswith(f"found {text!r}")


def test_a_format_is_checked_where_there_is_no_pattern() -> None:
    """As pydantic describes its dates; what is no text is for the type to say."""
    assert check({"format": "date"}, "x") == [Issue("$", "expected a date, as 2026-01-31, found 'x'")]
    assert check({"format": "time"}, 5) == []


def test_each_field_is_told_by_its_path() -> None:
    """What is missing, what nobody knows, and what is within lists."""
    value: dict[str, Any] = {
        "customer": {"email": "a", "odd name": 1},
        "lines": [{}],
        "pair": ["x"],
        "grid": [[1, "x"]],
    }

    assert {issue.path: issue.message for issue in check(schema_of(shapes.Order), value)} == {
        "$.customer['odd name']": "is not known",
        "$.lines[0].sku": "is missing",
        "$.pair[0]": "expected an integer, found 'x'",
        "$.grid[0][1]": "expected an integer, found 'x'",
    }


def test_of_a_union_the_member_counts_that_a_value_is_most_like() -> None:
    """By its tag, by its kind, and for what is like none by all of them."""
    schema = schema_of(shapes.Email | shapes.Letter | None)

    assert check(schema, {"kind": "letter", "street": "a"}) == [Issue("$.house", "is missing")]
    assert check(schema, {"kind": "email"}) == [Issue("$.to", "is missing")]
    assert check(schema, 5) == [Issue("$", "expected an object or null, found 5")]
    assert check(schema_of(Literal["auto"] | float), "x") == [Issue("$", "expected 'auto' or a number, found 'x'")]
    assert check(schema_of(int | None), "x") == [Issue("$", "expected an integer or null, found 'x'")]


@pytest.mark.parametrize(
    "schema",
    [None, {"type": 5}, {"$ref": "#/$defs/gone"}, {"$ref": "https://example.com/x"}, {"pattern": "("}, {"$ref": "#"}],
)
def test_a_schema_that_cannot_be_used_finds_nothing(schema: Any) -> None:
    """The owner's check decides; nothing is fetched."""
    assert check(schema, "x") == []


def test_no_end_of_issues_is_told() -> None:
    """A hundred are enough to begin with."""
    assert len(check({"items": {"type": "integer"}}, ["x"] * 1_000)) == 100


@pytest.mark.parametrize("declared", shapes.TYPES, ids=repr)
def test_what_core_takes_has_no_issues(declared: Any) -> None:
    """Nobody is kept from sending what would be taken."""
    payload, schema = payload_type(declared, subject="it"), schema_of(declared)
    values: Any = shapes.described(schema or {}, schema or {}) | shapes.ANYTHING

    @settings(max_examples=25, deadline=None, database=None, suppress_health_check=SLOW)
    @given(values)
    def agree(value: Any) -> None:
        try:
            payload.validate(value, event_name="it", subject="it")
        except MissionValidationError:
            return
        assert check(schema, value) == []

    agree()


def test_what_may_have_other_fields_has_no_issue_with_them() -> None:
    """Those that a pattern describes are known."""
    checker: Callable[[Any], list[Issue]] = lambda value: check(  # noqa: E731 - the step under test
        {"patternProperties": {"^x": {}}, "additionalProperties": False}, value
    )

    assert checker({"x1": 1}) == []
    assert checker({"x1": 1, "y": 2}) == [Issue("$.y", "is not known")]
