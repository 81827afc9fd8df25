"""Frozen records that fill their slots themselves."""

from __future__ import annotations

import attrs
import pytest

from mission_control.core.frozen import fills_its_slots


@fills_its_slots
@attrs.frozen
class Point:
    """A record with all that the product's own have: what must be given, a default, a factory, and a keyword."""

    x: int
    y: int = 2
    tags: list[str] = attrs.field(factory=list[str])
    name: str | None = attrs.field(default=None, kw_only=True)


def test_record_takes_what_it_is_given_by_place_and_by_name() -> None:
    """It is made as attrs would make it."""
    point = Point(1, 3, ["a"], name="b")

    assert (point.x, point.y, point.tags, point.name) == (1, 3, ["a"], "b")
    assert attrs.evolve(point, x=4) == Point(4, 3, ["a"], name="b")


def test_record_has_defaults_and_a_factory_of_its_own() -> None:
    """What is left out is the default; what a factory makes is made for each."""
    assert (Point(1).y, Point(1).name) == (2, None)
    assert Point(1).tags == []
    assert Point(1).tags is not Point(1).tags


def test_record_that_lacks_something_is_refused() -> None:
    """The error says what is missing, and of which class."""
    with pytest.raises(TypeError, match=r"Point\.__init__\(\) missing 1 required positional argument: 'x'"):
        Point()  # type: ignore[call-arg]


def test_record_is_as_frozen_as_before() -> None:
    """Nothing of it can be changed afterwards."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Point(1).x = 2  # type: ignore[misc]
