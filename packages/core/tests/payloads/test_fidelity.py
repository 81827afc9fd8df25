"""Values that do not come back from their JSON form as they went in are refused at the border."""

import dataclasses
import math
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import PurePath, PureWindowsPath
from typing import Annotated, Any, Generic, NamedTuple, TypedDict, TypeVar, cast
from uuid import UUID

import pytest
from attrs import Factory, define, field, frozen
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    PrivateAttr,
    SecretStr,
    create_model,
    field_serializer,
    field_validator,
    model_serializer,
)

from mission_control.core.errors import MissionDefinitionError, MissionValidationError, PayloadError
from mission_control.core.payloads.schema import payload_type

SECRET = SecretStr("x")
T = TypeVar("T")
READ_BACK = "see to what validates, converts or serializes it: what it writes must be read back the same"


def stored(schema: object, value: object) -> Any:
    return payload_type(schema, subject="input").validate(value, event_name="start", subject="input")


def restored(schema: object, value: Any) -> Any:
    return payload_type(schema, subject="input").restore(value, subject="input")


def issues(schema: object, value: object) -> list[str]:
    with pytest.raises(MissionValidationError) as caught:
        stored(schema, value)
    return list(caught.value.issues)


class Login(BaseModel):
    user: str
    password: SecretStr


class Noted(BaseModel):
    n: int
    note: str | None = Field(default=None, exclude=True)


class Counted(BaseModel):
    n: int
    _calls: int = PrivateAttr(0)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)


class Doubled(BaseModel):
    n: int

    @field_validator("n")
    @classmethod
    def double(cls, n: int) -> int:
        return n * 2


class Day(BaseModel):
    at: datetime

    @field_serializer("at")
    def midnight(self, at: datetime) -> str:
        return f"{at.date()}T00:00:00Z"


class Animal(BaseModel):
    name: str


class Dog(Animal):
    tricks: list[str] = []


class Entity(BaseModel):
    """Equal by its id alone, as rows of a database are."""

    id: int
    note: str | None = Field(default=None, exclude=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entity) and other.id == self.id

    __hash__ = BaseModel.__hash__


class Entities(BaseModel):
    them: list[Entity]


class Cage(BaseModel, Generic[T]):
    content: T


class Cages(BaseModel):
    cage: Cage[int]


class Zoo(BaseModel):
    first: Animal
    others: list[Animal] = []
    cages: dict[str, Animal | None] = {}


def in_cents(amount: float) -> int:
    return round(amount * 100)


@define
class Charge:
    cents: int = field(converter=in_cents)


def doubled_to_the_limit(n: int) -> int:
    return min(n * 2, 100)


@define
class Capped:
    n: int = field(converter=doubled_to_the_limit)


@dataclasses.dataclass
class Growing:
    names: list[str]

    def __post_init__(self) -> None:
        self.names = [*self.names, "last"]


class Place(NamedTuple):
    floor: int


class Raised(Place):
    def __new__(cls, floor: int) -> "Raised":
        return super().__new__(cls, floor + 1)


class Doubling(type):
    """A metaclass that has its way with what its classes are made of."""

    def __call__(cls, n: int, **others: Any) -> Any:
        return super().__call__(n * 2, **others)


@define
class Made(metaclass=Doubling):
    n: int
    m: int = 0


@dataclasses.dataclass
class Written:
    n: int

    def __init__(self, n: int) -> None:
        self.n = n + 1


def bump(instance: Any, attribute: Any, value: int) -> None:
    object.__setattr__(instance, "n", value + 1)


@define
class Bumped:
    n: int = field(validator=bump)


class Renewed:
    def __new__(cls, n: int) -> Any:
        return super().__new__(cls)


@define(slots=False)
class Derived(Renewed):
    n: int


@define
class Shipment:
    zoo: Zoo
    sizes: set[int] = Factory(set[int])
    anything: Any = None


class Crate(TypedDict):
    zoo: Zoo


def used(model: Counted) -> Counted:
    model._calls = 5  # pyright: ignore[reportPrivateUsage] - what the model's own methods would do
    return model


class Lowered(BaseModel):
    by: dict[str, int] = {}
    names: list[str] = []
    kinds: set[str] = set()

    @field_serializer("by")
    def lower(self, by: dict[str, int]) -> dict[str, int]:
        return {name.lower(): n for name, n in by.items()}

    @field_serializer("names")
    def first(self, names: list[str]) -> list[str]:
        return names[:1]

    @field_serializer("kinds")
    def upper(self, kinds: set[str]) -> list[str]:
        return [kind.upper() for kind in kinds]


class Dated(BaseModel):
    when: Annotated[date | str, PlainSerializer(str), PlainValidator(lambda when: when)]


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    n: int

    @model_serializer(mode="wrap")
    def shed(self, write: Any) -> Any:
        return {"n": write(self)["n"]}


LOST: list[tuple[object, Any, list[str]]] = [
    (Login, Login(user="a", password=SECRET), [f"$.password: SecretStr comes back as another one; {READ_BACK}"]),
    (Login, {"user": "a", "password": "x"}, [f"$.password: SecretStr comes back as another one; {READ_BACK}"]),
    (Noted, Noted(n=1, note="x"), ["$.note: is excluded from the JSON form"]),
    (Noted, {"n": 1, "note": "x"}, ["$.note: is excluded from the JSON form"]),
    (Counted, used(Counted(n=1)), ["$._calls: is a private attribute, which has no JSON form"]),
    (Doubled, Doubled(n=1), [f"$.n: int 2 comes back as int 4; {READ_BACK}"]),
    (Doubled, {"n": 1}, ["$.n: int 2 comes back as int 4"]),
    (Day, Day(at=datetime(2024, 1, 2, 3, tzinfo=UTC)), ["$.at: datetime comes back as another one"]),
    (Charge, Charge(12.5), ["$.cents: int 1250 comes back as int 125000"]),
    (Charge, {"cents": 12}, ["$.cents: int 1200 comes back as int 120000"]),
    (list[Charge], [Charge(0), {"cents": 1}], ["$[1].cents: int 100 comes back as int 10000"]),
    (Capped, Capped(40), ["$.n: int 80 comes back as int 100"]),
    (Capped, {"n": 30}, ["$.n: int 60 comes back as int 100"]),
    (Raised, Raised(1), ["$[0]: int 2 comes back as int 3"]),
    (Raised, [1], ["$[0]: int 2 comes back as int 3"]),
    (list[Raised], [Raised(1)], ["$[0][0]: int 2 comes back as int 3"]),
    (Made, Made(1), ["$.n: int 2 comes back as int 4"]),
    (Made, {"n": 1}, ["$.n: int 2 comes back as int 4"]),
    (Written, Written(1), ["$.n: int 2 comes back as int 3"]),
    (Bumped, Bumped(1), ["$.n: int 2 comes back as int 3"]),
    (Growing, Growing(["a"]), ["$.names: list of 2 comes back as list of 3"]),
    (Entities, Entities(them=[Entity(id=1, note="x")]), ["$.them[0].note: is excluded"]),
    (Zoo, Zoo(first=Dog(name="a")), ["$.first: Dog comes back as Animal; declare Dog there"]),
    (
        Zoo,
        Zoo(first=Animal(name="a"), others=[Dog(name="b")], cages={"one": Dog(name="c"), "two": None}),
        ["$.others[0]: Dog comes back as Animal", "$.cages.one: Dog comes back as Animal"],
    ),
    (Zoo, {"first": Dog(name="a")}, ["$.first.tricks: unknown field"]),
    (Shipment, Shipment(Zoo(first=Dog(name="a"))), ["$.zoo.first: Dog comes back as Animal"]),
    (Shipment, {"zoo": Zoo(first=Dog(name="a"))}, ["$.zoo.first: Dog comes back as Animal"]),
    (Crate, {"zoo": Zoo(first=Dog(name="a"))}, ["$.zoo.first: Dog comes back as Animal"]),
    (Lowered, Lowered(by={"A": 1, "a": 2}), ["$.by: dict of 2 comes back as dict of 1"]),
    (Lowered, Lowered(by={"A": 1}), ["$.by: dict of 1 comes back as another one"]),
    (Lowered, Lowered(names=["a", "b"]), ["$.names: list of 2 comes back as list of 1"]),
    (Lowered, Lowered(kinds={"a"}), ["$.kinds[0]: str 'a' comes back as str 'A'"]),
    (Dated, Dated(when=date(2024, 1, 2)), ["$.when: date comes back as str '2024-01-02'"]),
    (Open, Open.model_validate({"n": 1, "other": 2}), ["$.other: is lost when it is read back"]),
]


@pytest.mark.parametrize(("schema", "value", "expected"), LOST)
def test_what_would_change_is_refused_by_its_path(schema: object, value: Any, expected: list[str]) -> None:
    """The error names each field that does not survive, and the remedy; nothing is stored."""
    found = issues(schema, value)
    assert len(found) == len(expected)
    assert [line for line, start in zip(found, expected, strict=True) if not line.startswith(start)] == []


class Silent:
    """A class that is compared by identity."""


class Unequal:
    def __eq__(self, other: object) -> bool:
        raise BaseException("never compare")  # noqa: TRY002 - whatever user code raises

    __hash__ = None  # type: ignore[assignment]  # as it is for a class with __eq__


class Ends:
    def __eq__(self, other: object) -> bool:
        raise KeyboardInterrupt

    __hash__ = None  # type: ignore[assignment]  # as above


class Held(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    held: Annotated[Any, PlainSerializer(lambda held: type(held).__name__), PlainValidator(lambda held: made(held))]


def made(held: Any) -> Any:
    kinds = {"Silent": Silent, "Unequal": Unequal, "Ends": Ends}
    return kinds[held]() if isinstance(held, str) else held


@define(eq=False)
class Plain:
    n: int


@frozen(eq=False)
class Fixed:
    n: int


class Fitted(BaseModel):
    ratio: Annotated[float, PlainSerializer(str), PlainValidator(float)] = math.nan
    point: tuple[int, str] = (1, "a")
    times: dict[str, Any] = {"at": date(2024, 1, 2), "pair": (1, 2), "dog": Dog(name="a")}
    kinds: set[str] = {"b", "a"}
    waits: dict[int, timedelta] = {1: timedelta(seconds=1)}
    bare: list = [date(2024, 1, 2)]  # type: ignore[type-arg]  # what declares nothing of its items  # pyright: ignore[reportMissingTypeArgument, reportUnknownVariableType]


SURVIVES: list[tuple[object, Any]] = [
    (Noted, Noted(n=1)),
    (Noted, {"n": 1}),
    (Counted, Counted(n=1)),
    (Doubled, Doubled(n=0)),
    (Charge, Charge(0)),
    (Place, Place(1)),
    (Derived, Derived(1)),
    (Capped, {"n": 50}),
    (Zoo, Zoo(first=Animal(name="a"), cages={"one": None})),
    (Shipment, Shipment(Zoo(first=Animal(name="a")), {2, 1}, Dog(name="b"))),
    (Shipment, {"zoo": {"first": {"name": "a"}}, "sizes": [2, 1, 1]}),
    (Entities, Entities(them=[Entity(id=1)])),
    (Cages, Cages.model_construct(cage=Cage(content=1))),
    (Held, Held(held=Silent())),
    (Held, Held(held=Unequal())),
    (Fitted, Fitted()),
    (list[Plain], [Plain(1)]),
    (tuple[set[Fixed], Noted], ({Fixed(1), Fixed(2)}, Noted(n=1))),
    (tuple[dict[int, str], Noted], ({1: "a"}, Noted(n=1))),
    (tuple[dict[int, str], Noted], [{"1": "a"}, {"n": 1}]),
    (tuple[date, Noted], ["2024-01-02", Noted(n=1)]),
]


@pytest.mark.parametrize(("schema", "value"), SURVIVES)
def test_what_survives_is_stored(schema: object, value: Any) -> None:
    """Defaults, classes without equality, and values that nothing is declared for are no losses."""
    form = stored(schema, value)
    assert stored(schema, restored(schema, form)) == form


def test_json_inside_a_typed_value_is_no_loss() -> None:
    """A model that was made without validation may hold JSON forms; they are read as their types."""
    model = Fitted.model_construct(point=[1, "a"], waits={"1": "PT1S"}, kinds=["a"])
    again = restored(Fitted, stored(Fitted, model))
    assert (again.point, again.waits, again.kinds) == ((1, "a"), {1: timedelta(seconds=1)}, {"a"})


def test_what_ends_the_program_does_so_from_a_comparison_too() -> None:
    """`KeyboardInterrupt` is nobody's validation error."""
    with pytest.raises(KeyboardInterrupt):
        stored(Held, Held(held=Ends()))


def test_an_output_that_does_not_survive_is_a_payload_error() -> None:
    """What a step returns is held to the same rule."""
    with pytest.raises(PayloadError, match=r"\$\.password: SecretStr comes back as another one"):
        payload_type(Login, subject="output").normalise(Login(user="a", password=SECRET), subject="step 'login'")


def test_a_secret_that_is_written_is_read_back() -> None:
    """The remedy works: a serializer that gives the value away."""

    class Revealed(BaseModel):
        password: SecretStr

        @field_serializer("password")
        def reveal(self, password: SecretStr) -> str:
            return password.get_secret_value()

    assert restored(Revealed, stored(Revealed, Revealed(password=SecretStr("x")))).password.get_secret_value() == "x"


@pytest.mark.parametrize(("parsed", "issue"), [(2, []), (1, ["$: int 10 comes back as int 100"])])
def test_parse_must_give_its_own_result_again(parsed: int, issue: list[str]) -> None:
    """A parse that counts twice is found at the border."""

    class Tens:
        def parse(self, value: Any) -> int:
            return cast("int", value * 10 if value < 20 else value)

    if not issue:
        assert stored(Tens(), parsed) == 20
    else:
        assert [line.partition(";")[0] for line in issues(Tens(), parsed)] == issue


class Nanoseconds(datetime):
    def __eq__(self, other: object) -> bool:
        return type(other) is Nanoseconds

    __hash__ = datetime.__hash__


class Picoseconds(timedelta):
    def __eq__(self, other: object) -> bool:
        return type(other) is Picoseconds

    __hash__ = timedelta.__hash__


class Marked(datetime):
    pass


class Longer(timedelta):
    pass


class Misspelt(UUID):
    def __str__(self) -> str:
        return "five"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (datetime, Nanoseconds(2024, 1, 2, tzinfo=UTC)),
        (timedelta, Picoseconds(1)),
        (PurePath, PureWindowsPath("a\\b")),
    ],
)
def test_a_subclass_that_says_more_than_its_text_is_refused(schema: object, value: object) -> None:
    """Such as a time in nanoseconds, which ISO text would cut."""
    (issue,) = issues(schema, value)
    assert "does not give back" in issue or "do not give back" in issue


@pytest.mark.parametrize(
    ("schema", "value", "form"),
    [
        (datetime, Marked(2024, 1, 2, tzinfo=UTC), "2024-01-02T00:00:00+00:00"),
        (timedelta, Longer(seconds=1), 1),
    ],
)
def test_a_subclass_that_equals_what_its_text_gives_is_stored(schema: object, value: object, form: object) -> None:
    """The base class says all there is."""
    assert stored(schema, value) == form


def test_a_subclass_that_writes_itself_otherwise_is_refused() -> None:
    """What it writes is not what its base class reads."""
    assert issues(UUID, Misspelt(int=5)) == ["$: expected UUID (text), got str 'five'"]


# --- names of pydantic fields -------------------------------------------------------------


class Renamed(BaseModel):
    a: int = Field(validation_alias="A", serialization_alias="written")
    b: int = Field(default=1, validation_alias=AliasChoices("B", AliasPath("nested", 0)))


class Nested(BaseModel):
    one: Renamed = Field(alias="One")


class Aliased(BaseModel):
    a: int = Field(alias="A")


class Chosen(BaseModel):
    a: int = Field(validation_alias=AliasChoices("a", "A"))


class Friendly(BaseModel):
    model_config = ConfigDict(validate_by_name=True)
    a: int = Field(validation_alias="A")
    b: int = Field(default=2, alias="B")


@dataclasses.dataclass
class Part:
    n: Annotated[int, Field(validation_alias="N")]


class Whole(BaseModel):
    parts: list[Part]


@pytest.mark.parametrize(
    ("schema", "value", "sent", "form"),
    [
        (Aliased, Aliased(A=1), {"A": 1}, {"A": 1}),
        (Chosen, Chosen(a=1), {"A": 1}, {"a": 1}),
        (Friendly, Friendly.model_validate({"A": 1}), {"A": 1}, {"a": 1, "B": 2}),
        (Renamed, Renamed.model_validate({"A": 1, "B": 2}), {"A": 1, "nested": [2]}, {"a": 1, "b": 2}),
        (Nested, Nested.model_validate({"One": {"A": 1}}), {"One": {"A": 1}}, {"one": {"a": 1, "b": 1}}),
        (Whole, Whole(parts=[Part(1)]), {"parts": [{"N": 1}]}, {"parts": [{"n": 1}]}),
    ],
)
def test_a_pydantic_class_is_read_by_what_it_is_written_with(schema: object, value: Any, sent: Any, form: Any) -> None:
    """By its aliases where it reads them, else by its fields' names; a caller sends what pydantic takes."""
    assert stored(schema, value) == stored(schema, sent) == form
    assert restored(schema, form) == value


def test_a_required_field_that_is_never_written_is_refused_when_defined() -> None:
    """No value of the class could be read back."""
    model = create_model("Hidden", note=(str, Field(exclude=True)))
    with pytest.raises(MissionDefinitionError, match="its field 'note' is required, and excluded from its JSON form"):
        payload_type(model, subject="input")


def test_aliases_that_pydantic_cannot_read_by_name_are_refused_when_defined() -> None:
    """An older pydantic has no way to read a field by its name."""

    class Old(BaseModel):
        a: int = Field(validation_alias="A")

        @classmethod
        def model_validate_json(cls, json_data: Any, *, strict: Any) -> Any:  # type: ignore[override]  # as it was  # pyright: ignore[reportIncompatibleMethodOverride]
            """Return what pydantic 2.10 would."""

    with pytest.raises(MissionDefinitionError, match=r"its field 'a' is written with an alias .*pydantic 2\.11"):
        payload_type(Old, subject="input")
