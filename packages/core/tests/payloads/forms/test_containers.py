"""The JSON forms of collections."""

import math
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

import pytest

from mission_control.core.errors import MissionDefinitionError, MissionValidationError
from mission_control.core.payloads.schema import payload_type

IDENTITY = UUID(int=5)


class Colour(Enum):
    RED = "red"
    TWO = 2


def stored(schema: object, value: object) -> Any:
    return payload_type(schema, subject="input").validate(value, event_name="start", subject="input")


def restored(schema: object, value: Any) -> Any:
    return payload_type(schema, subject="input").restore(value, subject="input")


def issues(schema: object, value: object) -> tuple[str, ...]:
    with pytest.raises(MissionValidationError) as caught:
        stored(schema, value)
    return caught.value.issues


@pytest.mark.parametrize(
    ("schema", "value", "form"),
    [
        (list[Any], [1, "a"], [1, "a"]),
        (list[int], [1], [1]),
        (tuple[Any, ...], (1, "a"), [1, "a"]),
        (tuple[int, ...], (1, 2), [1, 2]),
        (tuple[int, str], (1, "a"), [1, "a"]),
        (tuple[()], (), []),
        (set[int], {3, 1, 2}, [1, 2, 3]),
        (frozenset[str], frozenset("ba"), ["a", "b"]),
        (AbstractSet[int], frozenset({1}), [1]),
        (Sequence[int], [1], [1]),
        (deque[int], deque([1]), [1]),
        (dict[str, Any], {"a": [1]}, {"a": [1]}),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (dict[int, str], {1: "a"}, {"1": "a"}),
        (dict[float, str], {1.5: "a"}, {"1.5": "a"}),
        (dict[UUID, int], {IDENTITY: 1}, {str(IDENTITY): 1}),
        (dict[Colour, int], {Colour.RED: 1, Colour.TWO: 2}, {"red": 1, "2": 2}),
        (dict[Literal["a", "b"], int], {"a": 1}, {"a": 1}),
        (Mapping[str, int], {"a": 1}, {"a": 1}),
        (OrderedDict[str, int], OrderedDict([("a", 1)]), {"a": 1}),
        (Counter[str], Counter("aab"), {"a": 2, "b": 1}),
        (defaultdict[str, list[int]], defaultdict(list, {"a": [1]}), {"a": [1]}),
    ],
)
def test_a_collection_reads_back_from_its_json_form(schema: object, value: Any, form: Any) -> None:
    """Typed and as JSON it is stored alike, and given back in its own type."""
    assert stored(schema, value) == stored(schema, form) == form
    assert restored(schema, form) == value
    assert type(restored(schema, form)) is type(value)


def test_a_collection_without_item_types_holds_plain_json() -> None:
    """A bare `list` or `dict` declares no more than that."""
    assert stored(tuple, (1, (2,))) == [1, [2]]
    assert restored(tuple, [1, [2]]) == (1, [2])
    assert restored(dict, stored(dict, {"a": (1,)})) == {"a": [1]}
    assert restored(list, stored(list, [{1}])) == [[1]]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (list[int], "abc"),
        (list[str], "abc"),
        (list[int], (1,)),
        (list[int], {"a": 1}),
        (tuple[int, str], [1]),
        (tuple[int, str], [1, "a", 2]),
        (set[int], frozenset({1})),
        (dict[str, int], [("a", 1)]),
    ],
)
def test_another_shape_is_refused(schema: object, value: object) -> None:
    """A text is no list of letters, and a list of pairs no mapping."""
    assert issues(schema, value)[0].startswith("$: expected ")


@pytest.mark.parametrize(
    "value", [{"01": "a"}, {"x": "a"}, {True: "a"}, {1.5: "a"}, {None: "a"}, {10**4300: "a"}, {1: "a", "1": "b"}]
)
def test_a_key_that_is_not_the_text_of_its_type_is_refused(value: object) -> None:
    """Two keys must never become one."""
    assert len(issues(dict[int, str], value)) == 1


@pytest.mark.parametrize(
    ("schema", "value"), [(dict[float, int], {math.nan: 1}), (dict[str, int], {1: 1}), (Any, {1: 1})]
)
def test_a_key_without_text_is_refused(schema: object, value: object) -> None:
    """Keys that are not str are accepted only where they are declared."""
    assert len(issues(schema, value)) == 1


@pytest.mark.parametrize("key", [bool, None, tuple[int, int], int | str])
def test_keys_that_names_cannot_carry_are_refused_when_defined(key: Any) -> None:
    """A definition says at once that its keys have no text."""
    with pytest.raises(MissionDefinitionError, match="which the names of an object cannot carry"):
        payload_type(dict[key, int], subject="input")


def test_keys_that_are_read_alike_are_refused() -> None:
    """Two spellings of a moment are one key."""
    value = {"2024-01-01T00:00:00Z": 1, "2024-01-01T01:00:00+01:00": 2}
    assert issues(dict[datetime, int], value) == ("$: two keys that are read alike",)


class Alike(Enum):
    NUMBER = 1
    TEXT = "1"


def test_keys_that_are_written_alike_are_refused_when_defined() -> None:
    """Two keys must not become one name."""
    with pytest.raises(MissionDefinitionError, match="keys that are written alike"):
        payload_type(dict[Alike, int], subject="input")


def test_a_name_that_is_none_of_the_choices_is_refused() -> None:
    """The keys of a mapping by an Enum are its values."""
    (issue,) = issues(dict[Colour, int], {"blue": 1})
    assert "expected Colour as a name, got str 'blue'" in issue


def test_every_bad_place_of_a_tuple_is_named() -> None:
    """A tuple of several types has an issue for each place that does not fit."""
    assert issues(tuple[int, str, int], ("a", "b", "c")) == (
        "$[0]: expected int, got str 'a'",
        "$[2]: expected int, got str 'c'",
    )


def test_the_items_of_a_set_are_stored_once() -> None:
    """A list that names an item twice is the same set."""
    assert stored(set[int], [2, 2, 1]) == [1, 2]


def test_a_set_of_items_that_cannot_be_hashed_is_an_issue() -> None:
    """Python cannot hold it, so it is not accepted."""
    assert issues(set[Any], [[1]]) == ("$: unhashable type: 'list'",)


def test_a_read_only_mapping_stands_for_an_object() -> None:
    """Any Mapping may be sent where an object is expected."""
    assert stored(dict[str, int], MappingProxyType({"a": 1})) == {"a": 1}


def test_a_defaultdict_keeps_its_default() -> None:
    """It behaves as the declared type would."""
    assert restored(defaultdict[str, list[int]], {})["new"] == []


def test_no_more_than_a_hundred_issues_are_listed() -> None:
    """A list of a million wrong items is refused at once."""
    assert len(issues(list[int], ["x"] * 1_000_000)) == 100
    assert len(issues(dict[str, int], {str(n): "x" for n in range(1_000)})) == 100
