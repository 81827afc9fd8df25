"""The JSON Schema of a payload: what it accepts the border accepts, and what is stored it accepts."""

from __future__ import annotations

import dataclasses
import importlib
import subprocess
import sys
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from functools import partial
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, TypedDict, TypeVar, cast
from uuid import UUID

import pytest
from attrs import Factory, define, field, resolve_types
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, RootModel

from mission_control.core import MissionContext, Signal, m
from mission_control.core.payloads.schema import PLAIN, payload_type

# jsonschema says nothing of its types.
jsonschema: Any = importlib.import_module("jsonschema")

T = TypeVar("T")
UserId = NewType("UserId", int)


class Colour(Enum):
    RED = "red"
    TWO = 2


class Access(Flag):
    READ = 1
    WRITE = 2


class Sparse(Flag):
    FIRST = 1
    THIRD = 4


@define
class Line:
    sku: str
    count: int = 1
    late: str = field(init=False, default="d")


@define
class Box(Generic[T]):
    item: T


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
    to: str


@define
class Leaf:
    kind: Literal["leaf"]


@define
class Branch:
    kind: Literal["branch"]
    parts: list[Leaf | Branch]


class Pair(NamedTuple):
    a: int
    b: str = "x"


class Movie(TypedDict):
    title: str
    seen: NotRequired[datetime]


class Address(BaseModel):
    city: str = Field(min_length=1)


class Customer(BaseModel):
    email: str
    address: Address | None = None
    tags: set[str] = {"a", "b", "c"}


class Folder(BaseModel):
    name: str
    folders: list[Folder] = []


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    n: int


class Renamed(BaseModel):
    a: int = Field(validation_alias="A", serialization_alias="written")


class Names(RootModel[list[str]]):
    pass


@dataclasses.dataclass
class Order:
    customer: Customer
    lines: list[Line]
    folder: Folder | None = None


MOMENT = datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=5, minutes=30)))

TYPES: list[tuple[Any, list[Any]]] = [
    (None, [None]),
    (bool, [True]),
    (int, [2**70, -1]),
    (float, [1e300, -0.5, 3]),
    (str, ["", "\ud800"]),
    (bytes, [b"", b"\x00", b"\xff\xfe"]),
    (datetime, [MOMENT, datetime(1, 1, 1, tzinfo=UTC)]),
    (date, [date(2024, 2, 29), date(9999, 12, 31)]),
    (time, [time(1, 2), time(1, 2, 3, 4, tzinfo=UTC)]),
    (timedelta, [timedelta(seconds=1), timedelta(days=-1, microseconds=1), timedelta(days=10**6, microseconds=1)]),
    (UUID, [UUID(int=5)]),
    (Decimal, [Decimal("1.10"), Decimal("-1E+5"), Decimal(0)]),
    (Path, [Path("a/b")]),
    (Colour, [*Colour]),
    (Access, [Access.READ, Access.READ | Access.WRITE]),
    (Sparse, [Sparse.THIRD, Sparse.FIRST | Sparse.THIRD]),
    (Literal["a", 1, True, None], ["a", 1, True, None]),
    (Annotated[UserId, "id"], [5]),
    (int | None, [5, None]),
    (Literal["auto"] | float, ["auto", 1.5]),
    (list[int], [[], [1]]),
    (list[Any], [[{"a": None}]]),
    (Sequence[str], [["a"]]),
    (deque[int], [deque([1])]),
    (tuple[int, ...], [(1, 2)]),
    (tuple[int, str], [(1, "a")]),
    (tuple[()], [()]),
    (set[Any], [{1, 2.5}]),
    (frozenset[int], [frozenset({1})]),
    (dict[str, int], [{"a": 1}]),
    (dict[str, Any], [{"a": [1]}]),
    (dict[int, date], [{-5: date(2024, 2, 29)}]),
    (dict[UUID, int], [{UUID(int=5): 1}]),
    (dict[Colour, int], [{Colour.RED: 1, Colour.TWO: 2}]),
    (dict[Literal["a"], int], [{"a": 1}]),
    (OrderedDict[str, bool], [OrderedDict(a=True)]),
    (Counter[str], [Counter("aab")]),
    (Line, [Line("x", 2)]),
    (Box[Box[int]], [Box(Box(1))]),
    (Tree, [Tree(1, [Tree(2, [Tree(3)])])]),
    (list[Tree | None], [[None, Tree(1)]]),
    (Email | Letter | None, [Email("email", "a"), Letter("letter", "b"), None]),
    (Branch, [Branch("branch", [Leaf("leaf"), Branch("branch", [])])]),
    (Pair, [Pair(1), Pair(1, "a")]),
    (Movie, [{"title": "m"}, {"title": "m", "seen": MOMENT}]),
    (Customer, [Customer(email="a@b"), Customer(email="a@b", address=Address(city="x"))]),
    (Folder, [Folder(name="a", folders=[Folder(name="b")])]),
    (Open, [Open(n=1)]),
    (Renamed, [Renamed.model_validate({"A": 1})]),
    (Names, [Names(["a"])]),
    (Order, [Order(Customer(email="a@b"), [Line("x")], Folder(name="a"))]),
]


def schema_of(declared: Any) -> dict[str, Any]:
    schema = payload_type(declared, subject="input").json_schema
    assert schema is not None
    return schema


def validator(declared: Any) -> Any:
    """A validator that holds texts to their formats as well."""
    formats = jsonschema.FormatChecker(formats=())
    formats.checks("date", raises=ValueError)(partial(reads, date.fromisoformat))
    formats.checks("date-time", raises=ValueError)(partial(reads, datetime.fromisoformat))
    return jsonschema.Draft202012Validator(schema_of(declared), format_checker=formats)


def reads(read: Callable[[str], object], value: object) -> bool:
    return not isinstance(value, str) or bool(read(value))


def accepts(declared: Any, value: Any) -> Any:
    return payload_type(declared, subject="input").validate(value, event_name="start", subject="input")


@pytest.mark.parametrize(("declared", "values"), TYPES, ids=lambda it: repr(it)[:40].replace("\x00", "0"))
def test_what_is_stored_fits_the_schema(declared: Any, values: list[Any]) -> None:
    """The canonical JSON of a typed value is what the schema describes, and the schema itself is one."""
    jsonschema.Draft202012Validator.check_schema(schema_of(declared))
    for value in values:
        validator(declared).validate(accepts(declared, value))


ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
ANYTHING = st.recursive(
    # To a schema 1.0 is an integer, to the border it is not.
    ATOMS.filter(lambda it: not isinstance(it, float) or not it.is_integer()),
    lambda items: st.lists(items, max_size=3) | st.dictionaries(st.text(max_size=3), items, max_size=3),
    max_leaves=4,
)


def described(schema: Any, root: Any, depth: int = 3) -> st.SearchStrategy[Any]:
    """Values much like those that a schema describes, and some that are not."""
    return st.one_of(_described(schema, root, depth), _described(schema, root, depth), ANYTHING)


def _described(schema: Any, root: Any, depth: int) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return described(root["$defs"][name], root, depth - 1) if depth else ANYTHING
    if "anyOf" in schema:
        return st.one_of([described(part, root, depth) for part in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    kind: Any = schema.get("type")
    if isinstance(kind, list):
        return st.one_of([_described({"type": "number"}, root, depth), _described({"type": "string"}, root, depth)])
    if kind == "string" and "pattern" in schema:
        # To Python `$` stands before a last newline too.
        return st.from_regex(str(schema["pattern"]), fullmatch=True).filter(lambda it: not it.endswith("\n"))
    if kind == "array":
        places = [described(part, root, depth) for part in schema.get("prefixItems", ())]
        items = described(schema.get("items", {}), root, depth)
        return st.tuples(*places).map(list) if places else st.lists(items, max_size=3)
    if kind == "object":
        return _described_object(schema, root, depth)
    simple: dict[Any, st.SearchStrategy[Any]] = {
        "integer": st.integers(schema.get("minimum"), schema.get("maximum")),
        "number": st.floats(schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False),
        "string": st.text(),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    return simple.get(kind, ANYTHING)


def _described_object(schema: Any, root: Any, depth: int) -> st.SearchStrategy[Any]:
    fields = {name: described(part, root, depth) for name, part in schema.get("properties", {}).items()}
    required = set(schema.get("required", ()))
    declared = st.fixed_dictionaries(
        {name: it for name, it in fields.items() if name in required},
        optional={name: it for name, it in fields.items() if name not in required},
    )
    if fields:
        return declared
    names = _described({"type": "string", **schema.get("propertyNames", {})}, root, depth)
    return st.dictionaries(names, described(schema.get("additionalProperties") or {}, root, depth), max_size=3)


@pytest.mark.parametrize("declared", [declared for declared, _ in TYPES], ids=repr)
def test_what_the_schema_accepts_the_border_accepts(declared: Any) -> None:
    """Whoever checks a value with the schema before sending it is not refused."""
    check = validator(declared)
    schema = schema_of(declared)

    @settings(max_examples=25, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(described(schema, schema))
    def agree(value: Any) -> None:
        if check.is_valid(value):
            accepts(declared, value)

    agree()


def test_a_class_is_described_by_its_fields() -> None:
    """Names, types, what is required; a field that nobody declared is refused."""
    assert schema_of(Line) == {
        "title": "Line",
        "type": "object",
        "properties": {"sku": {"type": "string"}, "count": {"type": "integer"}, "late": {"type": "string"}},
        "required": ["sku"],
        "additionalProperties": False,
    }


def test_a_recursive_class_refers_to_itself() -> None:
    """By a name in `$defs`."""
    schema = schema_of(Tree)
    assert schema["$ref"] == "#/$defs/Tree"
    assert schema["$defs"]["Tree"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}


def test_a_class_that_is_met_often_is_described_once() -> None:
    """A schema does not grow with the ways to a class."""

    @define
    class Twice:
        one: Line
        two: Line

    assert schema_of(Twice)["properties"] == {"one": {"$ref": "#/$defs/Line"}, "two": {"$ref": "#/$defs/Line"}}
    assert schema_of(Twice)["$defs"] == {"Line": schema_of(Line)}


def test_classes_of_one_name_are_told_apart() -> None:
    """Each has its own place in `$defs`."""

    @define
    class Other:
        leaf: str
        next: Other | None = None

    Other.__qualname__ = "Tree"
    resolve_types(Other, localns={"Other": Other})
    schema = schema_of(GenericAlias(tuple, (Tree, Other)))
    assert sorted(schema["$defs"]) == ["Tree", "Tree_2"]


def test_a_pydantic_class_answers_for_itself() -> None:
    """In its validation mode, with the border's rule for unknown fields, and without its defaults."""
    schema = schema_of(list[Customer])
    customer, address = schema["$defs"]["Customer"], schema["$defs"]["Customer.Address"]
    assert schema["items"] == {"$ref": "#/$defs/Customer"}
    assert customer["properties"]["address"]["anyOf"][0] == {"$ref": "#/$defs/Customer.Address"}
    assert customer["additionalProperties"] is address["additionalProperties"] is False
    assert address["properties"]["city"]["minLength"] == 1
    assert "default" not in customer["properties"]["tags"]
    assert schema_of(Open)["additionalProperties"] is True


class Undescribed(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [cast("int", object())]})
    n: int


class Ending(BaseModel):
    n: int

    @classmethod
    def model_json_schema(cls, *_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt


class Percentage:
    def parse(self, value: Any) -> int:
        return int(value)


@pytest.mark.parametrize("declared", [Any, object, Percentage(), Undescribed])
def test_where_nothing_is_known_there_is_no_schema(declared: Any) -> None:
    """What is not declared, what decides by itself, and what cannot be described."""
    assert payload_type(declared, subject="input").json_schema is None
    assert PLAIN.json_schema is None


def test_what_ends_the_program_passes_from_a_schema() -> None:
    """Also while a class describes itself."""
    with pytest.raises(KeyboardInterrupt):
        payload_type(Ending, subject="input")


def test_a_schema_is_the_callers() -> None:
    """Changing it changes no definition."""
    payload = payload_type(Line, subject="input")
    schema_of(Line)["properties"].clear()
    schema = payload.json_schema
    assert schema is not None
    schema["properties"].clear()
    assert payload.json_schema == schema_of(Line) != schema


def change(ctx: MissionContext[Any], line: Line) -> list[int]:
    return [line.count]


def pack(ctx: MissionContext[Any]) -> Pair:
    return Pair(1)


def test_the_static_form_of_a_definition_carries_the_schemas() -> None:
    """Of what goes in and of what comes out, where there is one."""
    definition = (
        m.define("order")
        .update("change", Line, change)
        .start(input=Order, run=pack)
        .step("plain", lambda ctx: None)
        .need_to(Signal("pay", int))
        .need_to("say", Percentage())
        .end()
    )
    static = definition.to_static()
    (update,), (start, plain, pay, say, _) = static["updates"], static["nodes"]
    assert (update["json_schema"], update["output_json_schema"]) == (schema_of(Line), schema_of(list[int]))
    assert (start["json_schema"], start["output_json_schema"]) == (schema_of(Order), schema_of(Pair))
    assert pay["json_schema"] == {"type": "integer"}
    assert not {"json_schema", "output_json_schema"} & {*plain, *say}


FINGERPRINT = """
from pydantic import BaseModel
from mission_control.core import m

class Customer(BaseModel):
    tags: set[str] = {"a", "b", "c", "d"}

print(m.define("it").start(input=list[Customer], run=print).end().fingerprint)
"""


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    """Whatever a process draws at random, such as the order of a set that is a default."""
    printed = {
        subprocess.run(
            [sys.executable, "-c", FINGERPRINT], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(printed) == 1


def test_a_schema_keeps_the_order_it_was_written_in() -> None:
    """`int | str` equals `str | int`, and no definition depends on which of them was seen first."""
    one, other = schema_of(list[int | str]), schema_of(list[str | int])
    assert one["items"]["anyOf"] == list(reversed(other["items"]["anyOf"]))
    assert schema_of(Literal["a", "b"])["enum"] == list(reversed(schema_of(Literal["b", "a"])["enum"]))


def test_a_fingerprint_tells_what_a_type_looks_like() -> None:
    """A field that changes changes the definition, though its class keeps its name."""

    def fingerprint(kind: Any) -> str:
        made = define(type("Made", (), {"__annotations__": {"n": kind}}))
        return m.define("it").start(input=made, run=print).end().fingerprint

    assert fingerprint(int) == fingerprint(int) != fingerprint(str)
