"""Unions: how their members are told apart."""

from datetime import timedelta
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

import pytest
from attrs import define

from mission_control.core.errors import MissionDefinitionError, MissionValidationError
from mission_control.core.payloads.schema import payload_type


class Word(StrEnum):
    A = "a"


@define
class Card:
    number: str
    name: str = ""


@define
class Transfer:
    iban: str
    name: str = ""


@define
class Nothing:
    name: str = ""


@define
class Email:
    kind: Literal["email"]
    to: str


@define
class Letter:
    kind: Literal["letter"]
    to: str


@define
class Leaf:
    kind: Literal["leaf"]


@define
class Node:
    kind: Literal["node"]
    children: "list[Leaf | Node]"


def stored(schema: object, value: object) -> Any:
    return payload_type(schema, subject="input").validate(value, event_name="start", subject="input")


def restored(schema: object, value: Any) -> Any:
    return payload_type(schema, subject="input").restore(value, subject="input")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (Card | None, None),
        (Card | None, Card("1")),
        (Card | Transfer, Transfer("DE")),
        (Card | Transfer | Nothing, Nothing("x")),
        (Email | Letter, Letter("letter", "me")),
        (Leaf | Node, Node("node", [Leaf("leaf"), Node("node", [])])),
        (list[Card] | Card, [Card("1")]),
        (list[Card] | Card, Card("1")),
        (int | str, 1),
        (int | str, "1"),
        (int | float, 1),
        (int | float, 1.5),
        (Literal["auto"] | int, "auto"),
        (Literal["auto"] | str, "other"),
        (Literal[1] | float, 2.5),
        (Word | int, Word.A),
        (Word | Literal["b"], "b"),
        (UUID | int, UUID(int=1)),
        (set[int] | None, {2, 1}),
        (Any | None, {"a": 1}),
    ],
)
def test_each_member_reads_back_as_itself(schema: object, value: Any) -> None:
    """The JSON alone says which member it is."""
    again = restored(schema, stored(schema, value))
    assert (type(again), again) == (type(value), value)


@pytest.mark.parametrize(
    ("schema", "value", "issue"),
    [
        (int | str, True, "$: expected int | str, got bool True"),
        (Card | None, {"number": 5}, "$.number: expected str, got int 5"),
        (Card | Transfer, {"name": "x"}, "$: expected Card | Transfer, got dict of 1"),
        (Card | Transfer, {"iban": 1}, "$.iban: expected str, got int 1"),
        (Email | Letter, {"kind": "fax", "to": "x"}, "$: expected Email | Letter, got dict of 2"),
        (Email | Letter, {"kind": ["email"], "to": "x"}, "$: expected Email | Letter, got dict of 2"),
        (Email | Letter, {"to": "x"}, "$: expected Email | Letter, got dict of 1"),
        (Word | int, "z", "$: expected Word ('a'), got str 'z'"),
        (int | float, float("nan"), "$: expected finite float, got float nan"),
    ],
)
def test_a_value_that_fits_no_member_is_refused(schema: object, value: object, issue: str) -> None:
    """Where the member is known, the issue is about its field."""
    with pytest.raises(MissionValidationError) as caught:
        stored(schema, value)
    assert caught.value.issues == (issue,)


@pytest.mark.parametrize(
    "schema",
    [
        str | UUID,
        Word | str,
        Word | Literal["a"],
        timedelta | float,
        list[int] | set[int],
        dict[str, int] | Card,
        Nothing | Card | Nothing | dict[str, str],
    ],
)
def test_members_that_are_written_alike_are_refused_when_defined(schema: object) -> None:
    """A definition never has to guess what it stored."""
    with pytest.raises(MissionDefinitionError, match="cannot be told apart in JSON"):
        payload_type(schema, subject="input")


def test_the_error_about_classes_tells_the_remedy() -> None:
    """A Literal tag makes any classes distinct."""

    @define
    class Twin:
        number: str

    with pytest.raises(MissionDefinitionError, match="give each class a Literal field with values of its own"):
        payload_type(Card | Twin | Nothing, subject="input")
