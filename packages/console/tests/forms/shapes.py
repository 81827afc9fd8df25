"""Types of every kind that core has a JSON form for, and random values of the JSON Schemas that it makes of them."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID

from attrs import Factory, define
from hypothesis import HealthCheck
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from mission_control.core.payloads import payload_type


class Colour(Enum):
    RED = "red"
    TWO = 2


@define
class Line:
    sku: str
    count: int = 1


@define
class Tree:
    value: int
    children: list[Tree] = Factory(list["Tree"])


@define
class Email:
    kind: Literal["email"]
    to: str


@define
class Letter:
    kind: Literal["letter"]
    street: str
    house: int


@define
class Pages:
    kind: Literal["pages"]
    parts: list[Email | Pages]


@define
class Decision:
    approved: bool
    comment: str | None = None
    until: date | None = None
    send: Email | Letter | None = None


class Pair(NamedTuple):
    a: int
    b: str = "x"


class Movie(TypedDict):
    title: str
    seen: NotRequired[datetime]


class Address(BaseModel):
    city: str = Field(min_length=1, description="where it is")


class Customer(BaseModel):
    email: str
    age: int = Field(default=0, ge=0, le=150)
    address: Address | None = None


@dataclasses.dataclass
class Order:
    customer: Customer
    lines: list[Line]
    pair: Pair
    grid: list[list[int]]
    colour: Colour | None = None
    length: timedelta | None = None


TYPES: list[Any] = [
    bool,
    int,
    float,
    str,
    bytes,
    datetime,
    date,
    time,
    timedelta,
    UUID,
    Decimal,
    Colour,
    Literal["a", 1, True, None],
    int | None,
    Literal["auto"] | float,
    list[int],
    list[str | None],
    list[Any],
    tuple[int, str],
    set[int],
    dict[str, int],
    Line,
    Tree,
    list[Tree | None],
    Decision,
    Email | Letter | None,
    list[Letter | Email],
    Email | Letter | Pages,
    Pair,
    Movie,
    Customer,
    Order,
]
"""What forms are made of."""


def schema_of(declared: Any) -> Any:
    return payload_type(declared, subject="it").json_schema


SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example]

ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
ANYTHING = st.recursive(
    ATOMS,
    lambda items: st.lists(items, max_size=3) | st.dictionaries(st.text(max_size=3), items, max_size=3),
    max_leaves=4,
)


def described(schema: Any, root: Any, depth: int = 3) -> st.SearchStrategy[Any]:
    """Values that a schema describes."""
    if "$ref" in schema:
        return described(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, depth - 1)
    if "anyOf" in schema:
        return st.one_of([described(part, root, depth) for part in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    kind: Any = schema.get("type")
    if kind == "string" and "pattern" in schema:
        return st.from_regex(str(schema["pattern"]), fullmatch=True).filter(lambda it: it and not it.endswith("\n"))
    if kind == "array":
        places = [described(part, root, depth) for part in schema.get("prefixItems", ())]
        if places:
            return st.tuples(*places).map(list)
        return st.lists(described(schema.get("items", {}), root, depth), max_size=3) if depth > 0 else st.just([])
    if kind == "object":
        return _object(schema, root, depth)
    simple: dict[Any, st.SearchStrategy[Any]] = {
        "integer": st.integers(schema.get("minimum"), schema.get("maximum")),
        "number": st.floats(schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False),
        "string": st.text(min_size=1),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    return simple.get(kind, ANYTHING)


def _object(schema: Any, root: Any, depth: int) -> st.SearchStrategy[Any]:
    fields = {name: described(part, root, depth) for name, part in schema.get("properties", {}).items()}
    required = set(schema.get("required", ()))
    if fields:
        return st.fixed_dictionaries(
            {name: it for name, it in fields.items() if name in required},
            optional={name: it for name, it in fields.items() if name not in required},
        )
    return st.dictionaries(st.text(max_size=3), described(schema.get("additionalProperties") or {}, root, depth))
