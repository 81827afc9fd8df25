"""Fields can be given one by one in a command."""

from __future__ import annotations

import pytest

from mission_control.console.forms import read_assignments, value_of

from . import shapes
from .shapes import schema_of


def test_assignments_are_the_texts_of_a_form() -> None:
    """Names are those of the fields; a value may have any sign."""
    given = ["approved=yes", "comment=a=b", "send.kind=email"]

    assert read_assignments(given, schema_of(shapes.Decision)) == {
        "approved": "yes",
        "comment": "a=b",
        "send.kind": "email",
    }


def test_items_are_given_by_number_or_one_after_another() -> None:
    """A list's own name adds an item, unless it is given as JSON."""
    schema = schema_of(list[str])

    assert read_assignments(["$=a", "$=b"], schema) == {"[0]": "a", "[1]": "b"}
    assert read_assignments(['$=["a"]'], schema) == {"$": '["a"]'}
    assert read_assignments(["[4]=a"], schema) == {"[4]": "a"}
    assert read_assignments(["lines[2].sku=a"], schema_of(shapes.Order)) == {"lines[2].sku": "a"}


def test_an_odd_name_needs_no_quotes() -> None:
    """But may have them."""
    schema = {"type": "object", "properties": {"odd name": {"type": "integer"}}}

    assert value_of(schema, read_assignments(["odd name=5"], schema)) == ({"odd name": 5}, [])
    assert read_assignments(["['odd name']=5"], schema) == {"['odd name']": "5"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["x=1"], "there is no field 'x'; the fields are: sku, count"),
        (["sku.x=1"], "there is no field 'sku.x'; the fields are: sku, count"),
        (["[0]=1"], r"there is no field '\[0\]'; the fields are: sku, count"),
        (["sku"], "expected name=value, found 'sku'; the fields are: sku, count"),
        (["sku=a", "sku=b"], "the field sku is given twice"),
    ],
)
def test_what_is_no_field_is_told_with_those_that_there_are(given: list[str], message: str) -> None:
    """A person sees what could be meant."""
    with pytest.raises(ValueError, match=f"^{message}$"):
        read_assignments(given, schema_of(shapes.Line))


def test_the_fields_of_lists_are_named_by_their_first_item() -> None:
    """What is within a list is a field, too."""
    with pytest.raises(ValueError, match=r"lines\[0\]\.sku, lines\[0\]\.count"):
        read_assignments(["lines.sku=1"], schema_of(shapes.Order))
