"""The JSON forms of classes: fields, defaults, generics, recursion."""

import dataclasses
from datetime import UTC, datetime
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    Generic,
    NamedTuple,
    NewType,
    NotRequired,
    Required,
    TypedDict,
    TypeVar,
)

import pytest
from attrs import Factory, define, field, frozen, make_class, validators
from pydantic import BaseModel, ConfigDict, RootModel, computed_field
from typing_extensions import TypeAliasType

from mission_control.core.errors import MissionDefinitionError, MissionValidationError
from mission_control.core.payloads.schema import payload_type

if TYPE_CHECKING:
    from uuid import UUID as Nowhere  # noqa: N811 - a name that is not there at run time

T = TypeVar("T")
UserId = NewType("UserId", int)
Maybe = TypeAliasType("Maybe", int | None)
Both = TypeAliasType("Both", tuple[T, T], type_params=(T,))


def stored(schema: object, value: object) -> Any:
    return payload_type(schema, subject="input").validate(value, event_name="start", subject="input")


def restored(schema: object, value: Any) -> Any:
    return payload_type(schema, subject="input").restore(value, subject="input")


def issues(schema: object, value: object) -> list[str]:
    with pytest.raises(MissionValidationError) as caught:
        stored(schema, value)
    return sorted(caught.value.issues)


@define
class Account:
    _secret: int
    owner: UserId = field(alias="held_by")
    limit: Annotated[int, "EUR"] = field(default=3, kw_only=True)
    opened: str = field(init=False, default="now")


@frozen
class Sealed:
    fixed: Final[int] = 3
    late: str = field(init=False, default="d")


@define
class Base:
    a: int


@define
class Derived(Base):
    b: str = "b"


@define
class Box(Generic[T]):
    item: T
    more: list[T] = Factory(list[T])


@define
class IntBox(Box[int]):
    label: str = ""


@define
class Tree:
    value: int
    children: "list[Tree]" = Factory(list["Tree"])


@define
class Link:
    next: "Link | None" = None


@define
class Growing(Generic[T]):
    item: T
    next: "Growing[list[T]] | None" = None


@dataclasses.dataclass
class Point:
    x: int
    near: "list[Point]" = dataclasses.field(default_factory=lambda: [])  # noqa: PIE807 - typed
    label: str = dataclasses.field(init=False, default="p")


class Pair(NamedTuple):
    a: int
    b: str = "x"


class Movie(TypedDict, total=False):
    title: Required[str]
    seen: datetime


class Sequel(Movie):
    part: int
    note: NotRequired[str]


class Customer(BaseModel):
    email: str
    since: datetime | None = None

    @computed_field
    def domain(self) -> str:
        return self.email.partition("@")[2]


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    n: int


class Names(RootModel[list[str]]):
    pass


@define
class Order:
    customer: Customer
    others: list[Customer] = Factory(list[Customer])


@dataclasses.dataclass
class Seeded:
    x: int
    seed: dataclasses.InitVar[int]


Loose: Any = make_class("Loose", ["anything"])


@define
class Settled:
    word: Final = "f"


class Choosy(BaseModel):
    n: int

    @classmethod
    def model_validate_json(cls, *_: Any, **__: Any) -> Any:
        raise ValueError("none of these")


MOMENT = datetime(2024, 1, 1, tzinfo=UTC)


FORMS: list[tuple[object, Any, Any]] = [
    (Account, Account(1, UserId(2)), {"_secret": 1, "owner": 2, "limit": 3, "opened": "now"}),
    (Sealed, Sealed(), {"fixed": 3, "late": "d"}),
    (Loose, Loose({"a": [1]}), {"anything": {"a": [1]}}),
    (Settled, Settled(), {"word": "f"}),
    (Derived, Derived(1), {"a": 1, "b": "b"}),
    (Box[int], Box(1, [2]), {"item": 1, "more": [2]}),
    (Box[Box[str]], Box(Box("x")), {"item": {"item": "x", "more": []}, "more": []}),
    (IntBox, IntBox(1), {"item": 1, "more": [], "label": ""}),
    (Tree, Tree(1, [Tree(2)]), {"value": 1, "children": [{"value": 2, "children": []}]}),
    (Link, Link(Link()), {"next": {"next": None}}),
    (Point, Point(1, [Point(2)]), {"x": 1, "near": [{"x": 2, "near": [], "label": "p"}], "label": "p"}),
    (Pair, Pair(1), [1, "x"]),
    (Movie, {"title": "m", "seen": MOMENT}, {"title": "m", "seen": "2024-01-01T00:00:00+00:00"}),
    (Sequel, {"title": "m", "part": 2}, {"title": "m", "part": 2}),
    (Customer, Customer(email="a@b", since=MOMENT), {"email": "a@b", "since": "2024-01-01T00:00:00Z"}),
    (Names, Names(["a"]), ["a"]),
    (
        Order,
        Order(Customer(email="a@b"), [Customer(email="c@d")]),
        {"customer": {"email": "a@b", "since": None}, "others": [{"email": "c@d", "since": None}]},
    ),
]


@pytest.mark.parametrize(("schema", "value", "form"), FORMS)
def test_a_class_reads_back_from_its_json_form(schema: object, value: Any, form: Any) -> None:
    """Typed and as JSON it is stored alike, and given back in its own type."""
    assert stored(schema, value) == stored(schema, form) == form
    assert restored(schema, form) == value


def test_a_field_that_init_does_not_take_is_kept() -> None:
    """What was set after construction is part of the value, frozen or not."""
    assert restored(Sealed, stored(Sealed, {"late": "z"})).late == "z"
    assert issues(Sealed, {"late": 5}) == ["$.late: expected str, got int 5"]


def test_rich_values_inside_an_object_take_the_form_of_their_field() -> None:
    """A dict may carry a datetime where the class declares one, and not where it declares a str."""
    assert stored(Movie, {"title": "m", "seen": MOMENT})["seen"] == MOMENT.isoformat()
    assert issues(Movie, {"title": MOMENT}) == ["$.title: expected str, got datetime"]


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (Account, {"secret": 1, "owner": 2}, ["$._secret: required field missing", "$.secret: unknown field"]),
        (Box[int], {"item": "x"}, ["$.item: expected int, got str 'x'"]),
        (IntBox, {"item": "x"}, ["$.item: expected int, got str 'x'"]),
        (Tree, {"value": 1, "children": [{"value": "x"}]}, ["$.children[0].value: expected int, got str 'x'"]),
        (Sequel, {}, ["$.part: required field missing", "$.title: required field missing"]),
        (Movie, {"title": 1, "x": 2}, ["$.title: expected str, got int 1", "$.x: unknown field"]),
        (Pair, [], ["$: expected Pair (a list of 1 to 2), got list of 0"]),
        (Pair, (1, "a"), ["$: expected Pair (a list of 1 to 2), got tuple of 2"]),
        (
            Order,
            {"customer": {"email": 1}, "others": [{"e": 1}]},
            [
                "$.customer.email: Input should be a valid string, got int 1",
                "$.others[0].e: unknown field",
                "$.others[0].email: required field missing",
            ],
        ),
        (Customer, Customer.model_construct(email=5), ["$.email: Input should be a valid string, got int 5"]),
        (Choosy, {"n": 1}, ["$: none of these"]),
        (Sealed, [], ["$: expected Sealed (an object), got list of 0"]),
        (Movie, [], ["$: expected Movie (an object), got list of 0"]),
        (Customer, {"email": object()}, ["$.email: builtins.object has no JSON form"]),
    ],
)
def test_a_bad_field_is_named_by_its_path(schema: object, value: object, expected: list[str]) -> None:
    """Whatever the class is made with, the issues read alike."""
    assert issues(schema, value) == expected


def test_a_validator_that_names_its_attribute_gives_the_exact_path() -> None:
    """Attrs hands over the attribute; the issue uses it."""

    @define
    class Loose:
        n: Any = field(validator=validators.instance_of(int))

    (issue,) = issues(Loose, {"n": "x"})
    assert issue.startswith("$.n: 'n' must be <class 'int'>")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (Base, {"a": 1, **{f"unknown_{n}": n for n in range(1_000)}}),
        (Movie, {"title": "m", **{f"unknown_{n}": n for n in range(1_000)}}),
        (Names, list(range(1_000))),
    ],
)
def test_no_more_than_a_hundred_issues_are_listed(schema: object, value: object) -> None:
    """Whatever the class is made with."""
    assert len(issues(schema, value)) == 100


def test_a_pydantic_class_that_allows_unknown_fields_keeps_them() -> None:
    """Pydantic classes validate by their own rules."""
    assert stored(Open, {"n": 1, "x": 2}) == {"n": 1, "x": 2}


def test_restoring_a_pydantic_class_ignores_unknown_fields() -> None:
    """A field that the class has lost does not strand a mission."""
    assert restored(Customer, {"email": "a@b", "gone": 1}) == Customer(email="a@b")


def test_restoring_ignores_unknown_fields_at_every_depth() -> None:
    """Also below lists, and in TypedDicts."""
    assert restored(Tree, {"value": 1, "children": [{"value": 2, "gone": 1}]}) == Tree(1, [Tree(2)])
    assert restored(Movie, {"title": "m", "gone": 1}) == {"title": "m"}


def test_a_recursive_class_may_be_as_deep_as_any_value() -> None:
    """The limit is the one of plain JSON, and deeper values are refused by name."""
    tree, link = Tree(0), Link()
    for _ in range(99):
        tree = Tree(0, [tree])
    for _ in range(100):
        link = Link(link)
    assert restored(Tree, stored(Tree, tree)) == tree
    assert restored(Link, stored(Link, link)) == link


@pytest.mark.parametrize("depth", [110, 300, 5_000])
def test_a_recursive_class_that_is_too_deep_is_an_issue(depth: int) -> None:
    """Neither instances nor objects may exhaust the stack."""
    tree = Tree(0)
    form: dict[str, Any] = {"value": 0, "children": []}
    for _ in range(depth):
        tree = Tree(0, [tree])
        form = {"value": 0, "children": [form]}
    for value in (tree, form):
        (issue,) = issues(Tree, value)
        assert "nested" in issue


def test_an_alias_is_the_type_that_it_names() -> None:
    """`type X = ...` and its older spelling are understood."""
    assert restored(Maybe, stored(Maybe, None)) is None
    assert issues(list[Maybe], ["x"]) == ["$[0]: expected int | None, got str 'x'"]


def test_a_generic_alias_is_the_type_that_it_names() -> None:
    """What the alias is given stands for its type variable."""
    assert restored(Both[int], stored(Both[int], (1, 2))) == (1, 2)
    assert issues(Both[int], (1, "x")) != []


def test_a_class_that_grows_without_end_is_refused() -> None:
    """A class that contains itself with ever new arguments is an error of the definition."""
    with pytest.raises(MissionDefinitionError, match=r"Growing\[int\] is nested too deeply"):
        payload_type(Growing[int], subject="input")


def test_a_local_class_whose_annotations_do_not_resolve_is_refused() -> None:
    """The error says which class, and what to do."""

    @define
    class Broken:
        x: "Nowhere"

    with pytest.raises(MissionDefinitionError, match=r"the annotations of .*Broken do not resolve"):
        payload_type(Broken, subject="input")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (Box, "Box.item: T is a type variable; say which type, as in Box"),
        (Box[complex], "Box.*item: complex has no JSON form"),
        (list[Box[Any] | Box[int]], "ambiguous"),
        (Seeded, "Seeded.seed is an InitVar, which is not kept; give it a default"),
    ],
)
def test_a_class_that_cannot_be_read_back_is_refused(schema: object, words: str) -> None:
    """The error names the field."""
    with pytest.raises(MissionDefinitionError, match=words):
        payload_type(schema, subject="input")
