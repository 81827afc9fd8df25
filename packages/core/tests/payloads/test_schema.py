"""What a compiled schema accepts, stores and gives back, and the errors it raises."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import cattrs
import pytest
from attrs import Factory, define, field, frozen, validators
from hypothesis import given, settings
from hypothesis import strategies as st

from mission_control.core.errors import (
    MissionDefinitionError,
    MissionDefinitionMismatchError,
    MissionValidationError,
    PayloadError,
)
from mission_control.core.payloads.schema import PLAIN, PayloadType, payload_type, same_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda items: st.lists(items, max_size=4) | st.dictionaries(st.text(), items, max_size=4),
    max_leaves=12,
)


@define
class Line:
    sku: str
    count: int = 1


@define
class Request:
    email: str
    lines: list[Line] = Factory(list[Line])


@define
class Stamped:
    email: str
    token: str = Factory(lambda: uuid4().hex)


class Upper:
    def parse(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("expected\na text")  # noqa: TRY004 - any exception refuses
        return value.upper()


def compiled(schema: object) -> PayloadType:
    return payload_type(schema, subject="input of mission 'approval'")


def validated(schema: object, value: object) -> Any:
    return compiled(schema).validate(value, event_name="start", subject="input of mission 'approval'")


def issues(schema: object, value: object) -> tuple[str, ...]:
    with pytest.raises(MissionValidationError) as caught:
        validated(schema, value)
    return caught.value.issues


def restored(schema: object, value: Any) -> Any:
    return compiled(schema).restore(value, subject="input of mission 'approval'")


# --- the border ---------------------------------------------------------------------------


def test_an_instance_and_its_json_form_are_stored_alike() -> None:
    """A caller may send either; the mission cannot tell which it was."""
    sent = {"email": "a@b", "lines": [{"sku": "x", "count": 2}]}
    assert validated(Request, Request("a@b", [Line("x", 2)])) == validated(Request, sent) == sent


def test_an_instance_with_a_wrong_field_is_refused() -> None:
    """Attrs does not check types, so the border does."""
    assert issues(Line, Line(sku=5)) == ("$.sku: expected str, got int 5",)  # type: ignore[arg-type]  # the wrong program  # pyright: ignore[reportArgumentType]


def test_every_bad_field_has_an_issue_of_its_own_with_its_path() -> None:
    """One answer tells a caller everything that is wrong."""
    value = {"lines": [{"sku": "a"}, {"sku": 1, "colour": "red"}, 7], "e mail": 1}
    assert sorted(issues(Request, value)) == [
        "$.email: required field missing",
        "$.lines[1].colour: unknown field",
        "$.lines[1].sku: expected str, got int 1",
        "$.lines[2]: expected Line (an object), got int 7",
        "$['e mail']: unknown field",
    ]


def test_the_message_begins_with_the_subject_and_lists_the_issues() -> None:
    """The person who reads the message sees which value it is about."""
    with pytest.raises(MissionValidationError) as caught:
        validated(Request, {})
    assert str(caught.value) == ("input of mission 'approval' does not fit Request:\n  $.email: required field missing")
    assert caught.value.event_name == "start"


def test_defaults_are_stored_with_the_value() -> None:
    """A default that is drawn at random must read the same in every step."""
    stored = validated(Stamped, {"email": "a@b"})
    assert restored(Stamped, stored) == restored(Stamped, stored)


def test_a_default_that_does_not_fit_its_own_field_is_refused_at_the_border() -> None:
    """Otherwise the mission would be accepted, and could never be read back."""

    @define
    class Careless:
        count: int = None  # type: ignore[assignment]  # the mistake under test  # pyright: ignore[reportAssignmentType]

    assert issues(Careless, {}) == ("$.count: expected int, got None",)


def test_what_a_converter_makes_of_a_field_is_what_is_stored() -> None:
    """The stored value is the one that the typed value would be written as."""

    def lower(text: str) -> str:
        return text.lower()

    @define
    class Lowered:
        email: str = field(converter=lower)

    assert validated(Lowered, {"email": "A@B"}) == {"email": "a@b"}


def test_a_validator_of_attrs_names_the_field() -> None:
    """A rule of the class itself is reported like any other issue."""

    @define
    class Positive:
        n: int = field(validator=validators.gt(0))

    assert issues(Positive, {"n": 0}) == ("$: 'n' must be > 0: 0",)


def test_the_stored_value_is_shared_with_nobody() -> None:
    """A caller that goes on changing its own lists must not change a mission."""
    tags: dict[str, Any] = {"a": [1]}
    stored = validated(dict[str, Any], tags)
    tags["a"].append(2)
    assert stored == {"a": [1]}


def test_a_subclass_is_not_stored_as_its_base() -> None:
    """What the subclass adds would be lost silently."""

    @define
    class Priority(Line):
        level: int = 1

    assert issues(Line, Priority("x")) == (
        "$: expected Line (an object), got test_a_subclass_is_not_stored_as_its_base.<locals>.Priority",
    )


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError

    __str__ = __repr__


class Hostile:
    def parse(self, value: Any) -> Any:
        raise UnwrittenError


class UnwrittenError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("schema", "value", "issue"),
    [
        (Any, {"a": Unprintable()}, f"$.a: {__name__}.Unprintable has no JSON form"),
        (int, Unprintable(), "$: expected int, got Unprintable"),
        (Line, {"sku": "x", 10**4300: 1}, "$[a huge number]: unknown field"),
        (Line, {"sku": "x", "k" * 1_000: 1}, f"$['{'k' * 56}...]: unknown field"),
        (Hostile(), 5, "$: UnwrittenError"),
    ],
)
def test_a_hostile_value_is_an_issue_like_any_other(schema: object, value: object, issue: str) -> None:
    """No value can make its own report fail."""
    assert issues(schema, value) == (issue,)


class Raises:
    """A schema that raises what it is made with, from the second time on where it is told so."""

    def __init__(self, raised: BaseException, *, calls: int = 0) -> None:
        self.raised = raised
        self.calls = calls

    def parse(self, value: Any) -> Any:
        self.calls -= 1
        if self.calls < 0:
            raise self.raised
        return value


class Speechless(BaseException):
    """No Exception, such as what cancels a task or ends a test; it fails to say what it is."""

    def __str__(self) -> str:
        raise self


WAYS: list[tuple[Callable[[PayloadType], object], type[Exception] | None]] = [
    (lambda it: it.validate(5, event_name="start", subject="input"), MissionValidationError),
    (lambda it: it.normalise(5, subject="step 's'"), PayloadError),
    (lambda it: it.restore(5, subject="input"), MissionDefinitionMismatchError),
    (lambda it: it.reads(5), None),
    (lambda it: it.canonical(5), None),
]


@pytest.mark.parametrize(("way", "error"), WAYS)
@pytest.mark.parametrize("calls", [0, 1])
def test_whatever_user_code_raises_becomes_the_documented_error(
    way: Callable[[PayloadType], object], error: type[Exception] | None, calls: int
) -> None:
    """User code may raise what is no Exception, and its words may fail."""
    payload = compiled(Raises(Speechless(), calls=calls))
    if error is None or (calls and error is MissionDefinitionMismatchError):
        assert way(payload) in (False, True, 5)
    else:
        with pytest.raises(error, match="Speechless"):
            way(payload)


@pytest.mark.parametrize("way", [way for way, _ in WAYS])
@pytest.mark.parametrize("calls", [0, 1])
def test_what_ends_the_program_passes(way: Callable[[PayloadType], object], calls: int) -> None:
    """`KeyboardInterrupt` is nobody's validation error."""
    payload = compiled(Raises(KeyboardInterrupt(), calls=calls))
    if calls == 0 or way in (WAYS[0][0], WAYS[1][0]):
        with pytest.raises(KeyboardInterrupt):
            way(payload)


def test_what_ends_the_program_passes_from_an_error_s_words() -> None:
    """Also while a report is written."""

    class EndingError(Exception):
        def __str__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        validated(Raises(EndingError()), 5)


class Unnamed:
    """A schema that raises when it is looked at."""

    def __init__(self, raised: BaseException) -> None:
        self.raised = raised

    def __getattr__(self, name: str) -> Any:
        raise self.raised


def test_a_schema_that_cannot_be_looked_at_is_refused() -> None:
    """Whatever it raises, short of what ends the program."""
    with pytest.raises(MissionDefinitionError, match=r"Unnamed is no schema \(Speechless\)"):
        compiled(Unnamed(Speechless()))
    with pytest.raises(KeyboardInterrupt):
        compiled(Unnamed(KeyboardInterrupt()))


def test_a_value_that_raises_when_it_is_looked_at_is_for_parse_to_judge() -> None:
    """It has no JSON form, and `parse` may know it."""

    class Looked(Mapping[str, int]):
        def __init__(self, raised: BaseException) -> None:
            self.raised = raised

        def __getitem__(self, name: str) -> int:
            raise self.raised

        def __len__(self) -> int:
            raise self.raised

        def __iter__(self) -> Any:
            raise self.raised

    class Counting:
        def parse(self, value: Any) -> int:
            return 5

    assert validated(Counting(), Looked(Speechless())) == 5
    with pytest.raises(KeyboardInterrupt):
        validated(Counting(), Looked(KeyboardInterrupt()))


class Named(type):
    def __getattribute__(cls, name: str) -> Any:
        if name == "__qualname__":
            raise RuntimeError
        return super().__getattribute__(name)

    def __hash__(cls) -> int:
        raise RuntimeError


class Nameless(metaclass=Named):
    pass


def test_a_value_whose_class_has_no_name_is_an_issue() -> None:
    """Reporting asks no metaclass."""
    assert issues(list[int], [Nameless()]) == ("$[0]: expected int, got Nameless",)


def test_a_validator_s_words_may_fail() -> None:
    """The attribute that it hands over still gives the path."""

    def refuse(instance: object, attribute: Any, value: int) -> None:
        raise ValueError(Unprintable(), attribute)

    @define
    class Careful:
        n: int = field(validator=refuse)

    assert issues(Careful, {"n": 1}) == ("$.n: ValueError",)


def test_a_key_error_of_a_converter_is_not_a_missing_field() -> None:
    """Not even where its argument cannot be compared."""

    class Key:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError

        __hash__ = object.__hash__

    def look_up(n: int) -> int:
        raise KeyError(Key())

    @define
    class Looked:
        n: int = field(converter=look_up)

    (issue,) = issues(Looked, {"n": 1})
    assert issue != "$.n: required field missing"


def test_shown_values_are_cut() -> None:
    """A message stays readable, whatever was sent."""
    (issue,) = issues(int, "x" * 10_000_000)
    assert len(issue) < 100


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_a_deeply_nested_value_is_an_issue(depth: int) -> None:
    """Nothing that is sent may exhaust the stack."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    assert issues(Any, value) == ("$: nested too deeply, or contains itself",)


def test_a_value_that_contains_itself_is_an_issue() -> None:
    """A cycle has no JSON form."""
    value: list[Any] = []
    value.append(value)
    assert issues(list[Any], value) == ("$: nested too deeply, or contains itself",)


def test_a_lone_surrogate_survives() -> None:
    """Any str is accepted, since JSON text can carry it."""
    assert restored(str, validated(str, "\ud800")) == "\ud800"


# --- what user code returned --------------------------------------------------------------


def test_an_output_that_does_not_fit_names_step_path_and_type() -> None:
    """The author of a step finds the place without a debugger."""
    with pytest.raises(PayloadError) as caught:
        compiled(Request).normalise(
            {"email": "a", "lines": [{"sku": None}]}, subject="step 'send' of mission 'approval' (m-1)"
        )
    assert str(caught.value) == (
        "the output of step 'send' of mission 'approval' (m-1) does not fit Request:\n"
        "  $.lines[0].sku: expected str, got None"
    )


def test_an_output_of_an_undeclared_type_becomes_plain_json() -> None:
    """What a step without annotation returns reads the same before a restart and after."""
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    value = {"at": moment, "pair": (1, 2), "line": Line("x"), "tags": {"b", "a"}}
    assert PLAIN.normalise(value, subject="step") == {
        "at": "2024-01-01T00:00:00+00:00",
        "pair": [1, 2],
        "line": {"sku": "x", "count": 1},
        "tags": ["a", "b"],
    }


def test_an_output_without_json_form_is_refused_with_every_path() -> None:
    """`object()` cannot be read back by anyone."""
    with pytest.raises(PayloadError) as caught:
        PLAIN.normalise({"a": [1, {"b": object()}], 2: float("nan")}, subject="step 's'")
    assert str(caught.value) == (
        "the output of step 's' has no JSON form:\n"
        "  $.a[1].b: builtins.object has no JSON form\n"
        "  $[2]: a JSON object's names are str, got int 2"
    )


@given(JSON)
@settings(max_examples=60, deadline=None)
def test_plain_json_is_stored_as_it_is(value: Any) -> None:
    """For a value that is plain JSON already, storing changes nothing."""
    stored = PLAIN.normalise(value, subject="step")
    assert stored == value
    assert PLAIN.restore(stored, subject="step") == value


# --- what was stored ----------------------------------------------------------------------


def test_restoring_gives_the_declared_type() -> None:
    """Steps see their own classes."""
    assert restored(Request, {"email": "a", "lines": [{"sku": "x", "count": 2}]}) == Request("a", [Line("x", 2)])


def test_restoring_ignores_unknown_fields_and_applies_defaults() -> None:
    """A class may gain a field with a default and lose one while missions are in flight."""
    assert restored(Line, {"sku": "x", "gone": True}) == Line("x", 1)


def test_restoring_what_no_longer_fits_names_the_field_path() -> None:
    """A definition that changed its types finds out which value it cannot read."""
    with pytest.raises(MissionDefinitionMismatchError, match=r"\$\.lines\[0\]\.count: expected int, got str '1'"):
        restored(Request, {"email": "a", "lines": [{"sku": "x", "count": "1"}]})


@pytest.mark.parametrize("schema", [Any, dict[str, Any], dict[str, list[int]]])
def test_every_restored_value_is_fresh(schema: object) -> None:
    """A step may change what it was given; the next one must not see it."""
    stored: dict[str, Any] = {"a": [1]}
    restored(schema, stored)["a"].append(2)
    assert restored(schema, stored) == {"a": [1]}


@given(st.builds(Request, st.text(), st.lists(st.builds(Line, st.text(), st.integers()), max_size=3)))
@settings(max_examples=60, deadline=None)
def test_a_typed_value_survives_the_round_trip(value: Request) -> None:
    """What is restored equals what was stored, and is stored the same again."""
    stored = validated(Request, value)
    assert restored(Request, stored) == value
    assert validated(Request, restored(Request, stored)) == stored


# --- an object with parse -----------------------------------------------------------------


def test_a_parse_schema_decides_alone_and_its_result_is_stored() -> None:
    """What `parse` makes of the value is the value."""
    assert validated(Upper(), "a") == "A"


def test_a_stored_value_goes_through_parse_again() -> None:
    """A parse schema gives its typed value on every read."""

    class Wrapped:
        def parse(self, value: Any) -> Line:
            return value if isinstance(value, Line) else Line(**value)

    stored = validated(Wrapped(), Line("x"))
    assert stored == {"sku": "x", "count": 1}
    assert restored(Wrapped(), stored) == Line("x")


def test_what_parse_raises_is_an_issue_on_one_line() -> None:
    """Any exception refuses the value, in its own words."""
    assert issues(Upper(), 5) == ("$: expected a text",)


def test_what_cattrs_raises_in_parse_is_an_issue_for_each_item() -> None:
    """A parse that structures by cattrs lists everything that cattrs found."""

    class Numbers:
        def parse(self, value: Any) -> list[int]:
            return cattrs.structure(value, list[int])

    assert len(issues(Numbers(), ["a", 1, "b"])) == 2


def test_a_parse_that_refuses_its_own_json_is_found_at_the_border() -> None:
    """Otherwise the mission would be accepted, and could never be read back."""

    class Once:
        def parse(self, value: Any) -> dict[str, str]:
            return {"text": value.lower()}

    (issue,) = issues(Once(), "a")
    assert issue.startswith("$: parse refuses the JSON of its own result")


def test_a_value_without_json_form_is_handed_to_parse_as_it_is() -> None:
    """`parse` may accept objects that only it understands."""

    class Named:
        def parse(self, value: Any) -> str:
            return value if isinstance(value, str) else type(value).__name__

    assert validated(Named(), object()) == "object"


def test_a_class_with_parse_as_a_classmethod_is_a_schema() -> None:
    """The class itself answers `parse(value)`."""

    class Text:
        @classmethod
        def parse(cls, value: Any) -> str:
            return str(value)

    assert validated(Text, 5) == "5"


def test_an_attrs_class_with_parse_is_still_an_attrs_class() -> None:
    """A helper of that name does not take the class' fields away."""

    @define
    class Email:
        address: str

        @classmethod
        def parse(cls, text: str) -> "Email":
            return cls(text)

    assert validated(Email, {"address": "a@b"}) == {"address": "a@b"}


# --- definitions --------------------------------------------------------------------------


class _Unbound:
    def parse(self, value: Any) -> Any:
        return value


class _StrangeMeta(type):
    @property
    def __attrs_attrs__(cls) -> Any:
        raise RuntimeError("strange")


class _Strange(metaclass=_StrangeMeta):
    pass


class _Async:
    async def parse(self, value: Any) -> Any:
        return value


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("Request", "the schema is a text, str 'Request'; pass the type itself"),
        (5, "int 5, which is no type, has no JSON form"),
        (complex, "complex has no JSON form"),
        (list["Request"], "'Request' is only the text of a type"),
        ({"email": str}, "dict of 1, which is no type, has no JSON form"),
        (_Strange, "_Strange is no schema (strange)"),
        (_Unbound, "pass an instance of it"),
        (_Async(), "_Async.parse is async"),
    ],
)
def test_what_cannot_be_a_schema_is_refused_when_it_is_defined(schema: object, words: str) -> None:
    """A definition that could never run does not exist."""
    with pytest.raises(MissionDefinitionError) as caught:
        payload_type(schema, subject="signal 'go'")
    assert str(caught.value).startswith("signal 'go': ")
    assert words in str(caught.value)


def test_a_schema_that_cannot_be_hashed_compiles() -> None:
    """`Annotated` may carry anything."""
    from typing import Annotated

    assert validated(Annotated[int, []], 5) == 5


@pytest.mark.parametrize(
    ("schema", "name"),
    [(Request, "Request"), (list[str], "list[str]"), (int | None, "int | None"), (Any, "any"), (Upper(), "Upper")],
)
def test_a_schema_describes_itself(schema: object, name: str) -> None:
    """The static form of a definition shows it."""
    assert compiled(schema).description == name


def test_a_description_keeps_the_order_it_was_written_in() -> None:
    """`int | str` equals `str | int`, and still each definition is described as its author wrote it."""
    assert [compiled(int | str).description, compiled(str | int).description] == ["int | str", "str | int"]


def test_pydantic_is_not_imported() -> None:
    """Nobody pays for a library that they do not use."""
    program = "import sys, mission_control.core; assert 'pydantic' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


# --- comparing ----------------------------------------------------------------------------


@frozen
class Tagged:
    tags: set[str]
    size: float = 1.0
    at: datetime | None = None


def test_equal_inputs_have_no_differing_path() -> None:
    """Order in objects and sets, spelling of times and left out defaults make no difference."""
    one = {"tags": ["b", "a"], "size": 1, "at": "2024-01-01T00:00:00Z"}
    other = {"at": "2024-01-01T00:00:00+00:00", "tags": ["a", "b"]}
    assert same_json(compiled(Tagged), one, other) == []


def test_differing_inputs_name_the_paths_only() -> None:
    """The values may be private; the paths tell a caller what to look at."""
    one = {"email": "a", "lines": [{"sku": "x", "count": 1}]}
    other = {"email": "b", "lines": [{"sku": "x", "count": 2}]}
    assert same_json(compiled(Request), one, other) == ["$.email", "$.lines[0].count"]


@pytest.mark.parametrize(
    ("one", "other", "paths"),
    [(1, True, ["$"]), (1, 1.0, []), ([1], [1, 2], ["$"]), ({"a": 1}, {}, ["$.a"]), ({"a": None}, {"a": 0}, ["$.a"])],
)
def test_undeclared_values_are_compared_as_json(one: Any, other: Any, paths: list[str]) -> None:
    """True is not 1, and a missing field is not null."""
    assert same_json(PLAIN, one, other) == paths


def test_a_stored_value_that_no_longer_fits_is_compared_as_it_is() -> None:
    """Comparing never raises."""
    assert same_json(compiled(Line), {"sku": 1}, {"sku": "x", "count": 1}) == ["$.count", "$.sku"]


def test_a_compiled_schema_cannot_be_changed() -> None:
    """Definitions share compiled schemas."""
    with pytest.raises(AttributeError):
        compiled(int).description = "other"  # type: ignore[misc]  # the wrong program  # pyright: ignore[reportAttributeAccessIssue]
