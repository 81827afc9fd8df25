"""Records that are made by position, and what is copied."""

from __future__ import annotations

import attrs
import pytest

from mission_control.core.making import copier, maker


@attrs.frozen
class Named:
    """What other records begin with."""

    name: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class Point(Named):
    """A record with what the product's own have: inherited fields, defaults, a factory."""

    x: int
    y: int = 2
    tags: list[str] = attrs.field(factory=list[str])


@attrs.define
class Place:
    """What may change."""

    x: int
    tags: list[str]


make = maker(Point)


def test_record_is_made_from_a_value_for_each_field() -> None:
    """It is what the class itself would make, fields of its bases included."""
    assert make("a", 1, 3, ["b"]) == Point(1, 3, ["b"], name="a")
    assert attrs.evolve(make("a", 1, 3, []), x=4) == Point(4, 3, [], name="a")


@attrs.frozen
class Timer:
    """A record whose fields are called what the written function could call its own."""

    kind: str
    new: int


def test_fields_may_have_any_name() -> None:
    """Nothing that the function itself needs is hidden by a value."""
    assert maker(Timer)("timer", 1) == Timer("timer", 1)


def test_record_that_lacks_something_is_refused() -> None:
    """Nothing is filled in."""
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'tags'"):
        make("a", 1, 3)


def test_record_is_as_frozen_as_before() -> None:
    """Nothing of it can be changed afterwards."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        make("a", 1, 3, []).x = 2  # type: ignore[misc]


def test_copy_has_the_same_values_and_changes_by_itself() -> None:
    """What is changed in the copy is not changed in what it is a copy of."""
    place = Place(1, ["a"])
    copied = copier(Place)(place)
    copied.x = 2

    assert copied == Place(2, ["a"])
    assert place == Place(1, ["a"])
    assert copied.tags is place.tags
