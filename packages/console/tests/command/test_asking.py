"""Questions to a person, field by field."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest
from click.testing import CliRunner

from mission_control.console.command.asking import ask_for

RATING: dict[str, Any] = {
    "type": "object",
    "properties": {
        "stars": {"type": "integer", "minimum": 1, "maximum": 5},
        "mood": {"enum": ["happy", "angry"], "default": "happy"},
        "comment": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
    },
    "required": ["stars", "mood"],
    "additionalProperties": False,
}


def asked(schema: dict[str, Any] | None, *answers: str) -> tuple[Any, str]:
    """Return what was entered, and what was asked."""

    @click.command()
    def command() -> None:
        click.echo(json.dumps(ask_for(schema)))

    result = CliRunner().invoke(command, input="".join(f"{answer}\n" for answer in answers))
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), result.stderr


def test_each_field_is_asked_for_in_turn() -> None:
    """With its choices, its limits and its default."""
    value, said = asked(RATING, "4", "", "")

    assert value == {"stars": 4, "mood": "happy"}
    assert "Stars (1 to 5): " in said
    assert "Mood (happy | angry) [happy]: " in said
    assert "Comment (may be empty): " in said


def test_what_does_not_fit_is_asked_for_again() -> None:
    """With what is wrong."""
    value, said = asked(RATING, "many", "9", "5", "sad", "angry", "so so")

    assert value == {"stars": 5, "mood": "angry", "comment": "so so"}
    assert "expected an integer, found 'many'" in said
    assert "expected 5 or less, found 9" in said
    assert said.count("Mood") == 2


def test_a_list_is_asked_for_item_by_item() -> None:
    """Until there are no more."""
    lines = {"type": "object", "properties": {"sku": {"type": "string"}, "n": {"type": "integer"}}, "required": ["sku"]}
    schema = {"type": "object", "properties": {"lines": {"type": "array", "items": lines}}, "required": ["lines"]}
    value, said = asked(schema, "y", "kettle", "2", "y", "cup", "", "n")

    assert value == {"lines": [{"sku": "kettle", "n": 2}, {"sku": "cup"}]}
    assert "Lines: an item?" in said
    assert "Lines: another item?" in said


def test_what_may_be_left_out_is_offered() -> None:
    """As a whole."""
    inner = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    schema = {"type": "object", "properties": {"address": inner}}

    assert asked(schema, "n")[0] == {}
    value, said = asked(schema, "y", "Berlin")
    assert value == {"address": {"city": "Berlin"}}
    assert "Address: fill it in?" in said


@pytest.mark.parametrize(
    ("schema", "answer", "value"),
    [
        (None, '{"a": 1}', {"a": 1}),
        ({"type": "string"}, "reception", "reception"),
        ({"type": "boolean", "default": True}, "", True),
        ({"type": "integer", "default": 3}, "", 3),
        ({"enum": [1, 2], "default": 2}, "", 2),
    ],
)
def test_a_payload_without_fields_is_asked_for_as_it_is(
    schema: dict[str, Any] | None, answer: str, value: object
) -> None:
    """By its kind, or as JSON."""
    assert asked(schema, answer)[0] == value
