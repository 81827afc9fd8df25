"""The names of types in messages and static forms."""

from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Literal, NewType, Optional, TypeVar

import pytest

from mission_control.core.payloads.type_names import type_name


class Colour(Enum):
    RED = "red"


class Outer:
    class Inner:
        pass


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (Any, "any"),
        (object, "any"),
        (None, "None"),
        (int, "int"),
        (Outer.Inner, "Outer.Inner"),
        (list[str], "list[str]"),
        (dict[str, list[int]], "dict[str, list[int]]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (tuple[()], "tuple[()]"),
        (int | None, "int | None"),
        (Optional[int], "int | None"),  # noqa: UP045 - the older spelling is the case
        (Literal["a", 1, Colour.RED], "Literal['a', 1, Colour.RED]"),
        (Annotated[int, "EUR"], "int"),
        (NewType("UserId", int), "UserId"),
        (TypeVar("T"), "T"),
        (Callable[[int], str], "Callable[[int], str]"),
        ("Request", "'Request'"),
    ],
)
def test_a_type_is_named_as_it_is_written(annotation: object, name: str) -> None:
    """Without modules and addresses, so the same in every process."""
    assert type_name(annotation) == name


def test_a_local_class_is_named_without_its_function() -> None:
    """Where a class was defined is no part of its name."""

    class Local:
        pass

    assert type_name(Local) == "Local"
