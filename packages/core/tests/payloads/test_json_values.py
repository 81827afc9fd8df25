"""Plain JSON: text and copies."""

import dataclasses
from typing import Any

import pytest
from pydantic import BaseModel

from mission_control.core.payloads.issues import MisfitError
from mission_control.core.payloads.json_values import DEEPEST, checked_copy, copy_json, decode_json, encode_json, plain


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("value", [2**70, "\ud800", "ü", {"b": 1, "a": [None, True, 1.5]}])
def test_text_reads_back_exactly(value: Any) -> None:
    """Big integers and lone surrogates included."""
    assert decode_json(encode_json(value)) == value


def test_text_is_compact_ascii() -> None:
    """It can be stored in any encoding."""
    assert encode_json({"a": ["ü"]}) == '{"a":["\\u00fc"]}'


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_without_json_form_are_not_written(value: float) -> None:
    """Python's json would write tokens that nobody else reads."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_json(value)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "-Infinity"])
def test_tokens_that_are_not_json_are_not_read(text: str) -> None:
    """Rows that another program wrote are held to the same rule."""
    with pytest.raises(ValueError, match="is not JSON"):
        decode_json(text)


def test_a_copy_shares_nothing() -> None:
    """Changing a copy leaves the value as it was."""
    value: dict[str, Any] = {"a": [{"b": []}]}
    copy_json(value)["a"][0]["b"].append(1)
    assert value == {"a": [{"b": []}]}


def test_the_deepest_value_is_copied_and_written() -> None:
    """What is accepted can be stored."""
    value = plain(nested(DEEPEST))
    assert decode_json(encode_json(copy_json(value))) == nested(DEEPEST)


def test_one_level_more_is_refused() -> None:
    """The limit does not depend on how deep the stack is already."""
    with pytest.raises(MisfitError, match="nested more than 200 levels"):
        plain(nested(DEEPEST + 1))


def test_a_checked_copy_takes_no_typed_values() -> None:
    """What must be plain already is not encoded on the way."""
    with pytest.raises(MisfitError, match=r"\$\.a: builtins\.tuple has no JSON form"):
        checked_copy({"a": (1, 2)})


@dataclasses.dataclass
class Point:
    x: int


class Model(BaseModel):
    x: int


@pytest.mark.parametrize("value", [Point(1), Model(x=1)])
def test_a_record_that_nobody_declared_is_an_object(value: object) -> None:
    """Classes with fields have a JSON form of their own."""
    assert plain([value]) == [{"x": 1}]


def test_a_set_with_an_item_without_json_form_is_refused() -> None:
    """The item is named, although it cannot be put into order."""
    with pytest.raises(MisfitError, match=r"\$\[0\]: builtins\.object has no JSON form"):
        plain({object()})


def test_a_huge_integer_has_no_json_form() -> None:
    """Python refuses to write it as text."""
    with pytest.raises(MisfitError, match="more than 4300 digits"):
        plain([10**4300])
