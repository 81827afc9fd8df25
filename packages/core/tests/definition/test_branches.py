"""Branches and lists: keys against what is declared to be returned, and the type of an item."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from enum import Enum, Flag, IntEnum, StrEnum
from typing import TYPE_CHECKING, Annotated, Any, List, Literal, NewType  # noqa: UP035 - users may have it

import pytest
from typing_extensions import TypeAliasType

from mission_control.core import MissionContext, MissionDefinitionError, Reminder, m
from mission_control.core.definition import BranchNode, EachNode, SignalNode

if TYPE_CHECKING:
    from decimal import Decimal

PATH: Any = m.path()
SUBJECT = r"^branch 'n' of a path"


class Kind(Enum):
    OFFICE = "office"
    REMOTE = "remote"


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


class Tone(StrEnum):
    HIGH = "high"
    LOW = "low"


class Odd(Enum):
    otherwise = 1


class Right(Flag):
    READ = 1
    WRITE = 2


Place = TypeAliasType("Place", Literal["office", "remote"])
Named = NewType("Named", str)


def undeclared(ctx: MissionContext[Any]) -> Any:
    return "office"


del undeclared.__annotations__["return"]


def text(ctx: MissionContext[Any]) -> str:
    return "office"


def literal(ctx: MissionContext[Any]) -> Literal["office", "remote"]:
    return "office"


async def awaited(ctx: MissionContext[Any]) -> Literal["office", "remote"]:
    return "office"


def awaitable(ctx: MissionContext[Any]) -> Awaitable[Literal["office", "remote"]]:
    return awaited(ctx)


def annotated(ctx: MissionContext[Any]) -> Annotated[Place, "where"]:
    return "office"


def truth(ctx: MissionContext[Any]) -> bool:
    return True


def true(ctx: MissionContext[Any]) -> Literal[True]:
    return True


def kind(ctx: MissionContext[Any]) -> Kind:
    return Kind.OFFICE


def kind_literal(ctx: MissionContext[Any]) -> Literal[Kind.OFFICE, Kind.REMOTE]:
    return Kind.OFFICE


def size(ctx: MissionContext[Any]) -> Size:
    return Size.SMALL


def mixed(ctx: MissionContext[Any]) -> Literal["office", 5]:
    return 5


def right(ctx: MissionContext[Any]) -> Right:
    return Right.READ


def named(ctx: MissionContext[Any]) -> Named:
    return Named("office")


def perhaps(ctx: MissionContext[Any]) -> Literal["office"] | None:
    return None


def unimported(ctx: MissionContext[Any]) -> Decimal:
    raise NotImplementedError


def branch(choose: Callable[..., Any], *keys: Any, otherwise: bool = False) -> BranchNode:
    node = PATH.branch("n", choose, dict.fromkeys(keys, PATH), otherwise=PATH if otherwise else None).nodes[0]
    assert isinstance(node, BranchNode)
    return node


# Keys


@pytest.mark.parametrize("key", [5, None, ("a",), 1.0, b"a"], ids=repr)
def test_key_is_text_truth_or_a_member(key: Any) -> None:
    """Nothing else is a key."""
    with pytest.raises(MissionDefinitionError, match=rf"{SUBJECT}: expected keys that are str, bool or members of"):
        branch(undeclared, key)


@pytest.mark.parametrize(
    "keys", [("a", True), (True, "a"), (Kind.OFFICE, "remote"), (Kind.OFFICE, Tone.LOW), ("a", Tone.LOW)], ids=repr
)
def test_keys_are_of_one_kind(keys: tuple[Any, ...]) -> None:
    """A str is no member of a StrEnum."""
    with pytest.raises(MissionDefinitionError, match=rf"{SUBJECT}: its keys are of several kinds, .*; let all be str"):
        branch(undeclared, *keys, otherwise=True)


@pytest.mark.parametrize("key", ["", "a/b", "a[0]", "]", "undo:a", "a\n"], ids=ascii)
def test_key_is_part_of_instance_names(key: str) -> None:
    """Texts are restricted as names are, and so are the names of members; the error names the key."""
    with pytest.raises(MissionDefinitionError, match=rf"{SUBJECT}, key str "):
        branch(undeclared, key)
    if key:
        members: Any = {key: "a"}
        make: Any = Enum
        odd = make("odd", members)
        with pytest.raises(MissionDefinitionError, match=rf"{SUBJECT}, key "):
            branch(undeclared, odd("a"))


@pytest.mark.parametrize("key", ["otherwise", Odd.otherwise], ids=["str", "Enum"])
def test_no_key_is_called_otherwise(key: Any) -> None:
    """The path for all others is; the error says how that is given."""
    with pytest.raises(MissionDefinitionError, match=rf"{SUBJECT}, key .*give that with otherwise=, or choose another"):
        branch(undeclared, key)


class Text(str):
    """Texts that are equal to none."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def test_same_key_twice_is_refused() -> None:
    """Two keys of a mapping may be the same text all the same."""
    with pytest.raises(MissionDefinitionError, match=rf"{SUBJECT}: the key .* is there twice; name each path once"):
        PATH.branch("n", undeclared, {Text("a"): PATH, Text("a"): PATH})


def test_member_that_has_no_json_form_is_no_key() -> None:
    """What was chosen is recorded, so a member's value is one that can be."""
    odd: Any = Enum("odd", {"A": object()})

    with pytest.raises(MissionDefinitionError, match=rf"{SUBJECT}, its keys: "):
        branch(undeclared, *odd)


# Covering what is declared


@pytest.mark.parametrize("choose", [literal, awaited, awaitable, annotated], ids=lambda fn: fn.__name__)
def test_keys_cover_a_literal(choose: Any) -> None:
    """Exactly, or with an otherwise; awaitables, aliases and Annotated are looked through."""
    branch(choose, "office", "remote")
    branch(choose, "office", otherwise=True)
    branch(choose, "office", "remote", otherwise=True)

    with pytest.raises(
        MissionDefinitionError, match=rf"{SUBJECT}: there is no path for str 'remote', .*otherwise=m\.path\(\)"
    ):
        branch(choose, "office")


@pytest.mark.parametrize("otherwise", [True, False])
def test_key_that_is_never_chosen_is_refused(otherwise: bool) -> None:
    """A misspelt key is one; no checker finds it. The error lists what is returned."""
    with pytest.raises(
        MissionDefinitionError,
        match=rf"{SUBJECT}: there is a path for str 'ofice', .* return str 'office', str 'remote'; correct the key",
    ):
        branch(literal, "ofice", "remote", otherwise=otherwise)


COVERED: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "bool": (truth, (True, False)),
    "one bool": (true, (True,)),
    "Enum": (kind, (Kind.OFFICE, Kind.REMOTE)),
    "Literal of members": (kind_literal, (Kind.REMOTE, Kind.OFFICE)),
    "IntEnum": (size, (Size.SMALL, Size.LARGE)),
}


@pytest.mark.parametrize("case", COVERED)
def test_keys_cover_what_is_declared(case: str) -> None:
    """Truths and members are covered as texts are."""
    choose, keys = COVERED[case]
    branch(choose, *keys)
    branch(choose, keys[0], otherwise=True)

    if len(keys) > 1:
        with pytest.raises(MissionDefinitionError, match=f"{SUBJECT}: there is no path for"):
            branch(choose, keys[0])
    with pytest.raises(MissionDefinitionError, match=f"{SUBJECT}: there is a path for"):
        branch(choose, "office", otherwise=True)


def test_true_is_not_one() -> None:
    """Values are told apart as their JSON is."""

    def one(ctx: MissionContext[Any]) -> Literal[1]:
        return 1

    with pytest.raises(MissionDefinitionError, match=f"{SUBJECT}: there is a path for bool True"):
        branch(one, True)


def test_what_no_key_can_be_needs_an_otherwise() -> None:
    """A Literal may allow more than keys can say."""
    branch(mixed, "office", otherwise=True)

    with pytest.raises(MissionDefinitionError, match=f"{SUBJECT}: there is no path for int 5"):
        branch(mixed, "office")


@pytest.mark.parametrize("choose", [text, undeclared, named, perhaps], ids=lambda fn: fn.__name__)
def test_other_annotations_are_not_checked(choose: Any) -> None:
    """Only a Literal, an Enum or a bool says all that may be chosen."""
    branch(choose, "office")
    branch(choose, "elsewhere")


def test_flags_are_not_checked() -> None:
    """Their members are not all that they may be."""
    branch(right, Right.READ)


def test_annotation_of_what_decides_must_resolve() -> None:
    """As that of a step; the error names the construct."""
    with pytest.raises(MissionDefinitionError, match=rf"{SUBJECT}: the return annotation of 'unimported' does not"):
        branch(unimported, "office")
    with pytest.raises(MissionDefinitionError, match=r"^each 'n' of a path: the return annotation of 'unimported'"):
        PATH.each("n", unimported, PATH)


def test_types_may_be_local_to_the_caller() -> None:
    """What decides, reminds and undoes may name what is defined beside the definition."""

    class Near(Enum):
        HERE = "here"
        THERE = "there"

    def near(ctx: MissionContext[Any]) -> Near:
        raise NotImplementedError

    def all_near(ctx: MissionContext[Any]) -> list[Near]:
        raise NotImplementedError

    path: Any = (
        PATH.branch("b", near, {Near.HERE: PATH, Near.THERE: PATH})
        .each("e", all_near, PATH)
        .step("s", undeclared, undo=near)
        .need_to("n", int, reminder=Reminder(near, 5))
    )
    choice, each, step, wait = path.nodes

    assert isinstance(wait, SignalNode)
    assert wait.reminder is not None
    described = [choice.choose.output, each.item, step.undo.output, wait.reminder.work.output]
    assert [payload.description for payload in described] == ["Near"] * 4


# What is chosen

CHOICES: dict[str, tuple[Any, tuple[Any, ...], Any, Any, str]] = {
    "text": (text, ("office", "remote"), "remote", "remote", "remote"),
    "plain text": (undeclared, ("office", "remote"), "remote", "remote", "remote"),
    "truth": (truth, (True, False), False, False, "false"),
    "plain truth": (undeclared, (True, False), True, True, "true"),
    "member": (kind, tuple(Kind), Kind.REMOTE, "remote", "REMOTE"),
    "plain member": (undeclared, tuple(Kind), Kind.REMOTE, "remote", "REMOTE"),
    "number": (size, tuple(Size), Size.LARGE, 2, "LARGE"),
    "member declared as text": (text, tuple(Tone), Tone.LOW, "low", "LOW"),
}


@pytest.mark.parametrize("otherwise", [True, False])
@pytest.mark.parametrize("case", CHOICES)
def test_key_is_recorded_and_finds_its_path(case: str, otherwise: bool) -> None:
    """Recorded is the JSON form; the path is called as the key is, a member's as the member."""
    choose, keys, returned, recorded, called = CHOICES[case]
    node = branch(choose, *keys, otherwise=otherwise)

    stored = node.choose.recorded(returned, subject="step 'n'")

    assert stored == recorded
    assert type(stored) is type(recorded)
    assert node.chosen(stored) == (called, PATH)


@pytest.mark.parametrize("otherwise", [True, False])
def test_member_is_restored_where_nothing_is_declared(otherwise: bool) -> None:
    """The keys say which Enum was meant."""
    output = branch(undeclared, Size.SMALL, Size.LARGE, otherwise=otherwise).choose.output

    assert output.description == "Size"
    assert output.restore(output.normalise(Size.LARGE, subject="it"), subject="it") is Size.LARGE


def test_what_is_no_key_goes_otherwise() -> None:
    """Recorded is what was returned, and it comes back as that."""
    node = branch(undeclared, Kind.OFFICE, otherwise=True)

    for returned, recorded in [(None, None), ({"a": (1,)}, {"a": [1]}), (5, 5)]:
        stored = node.choose.recorded(returned, subject="step 'n'")
        assert stored == recorded
        assert node.chosen(stored) == ("otherwise", node.otherwise)
        assert node.choose.output.restore(stored, subject="it") == recorded


def test_path_of_a_key_that_is_gone_is_none() -> None:
    """A definition may have lost the path that was chosen under another one."""
    with pytest.raises(KeyError):
        branch(text, "office").chosen("remote")


# Items


def list_of_int(ctx: MissionContext[Any]) -> list[int]:
    return []


async def sequence_of_kind(ctx: MissionContext[Any]) -> Sequence[Kind]:
    return []


def tuple_of_text(ctx: MissionContext[Any]) -> tuple[str, ...]:
    return ()


def old_list(ctx: MissionContext[Any]) -> List[int]:  # noqa: UP006 - users may have it
    return []


def annotated_list(ctx: MissionContext[Any]) -> Annotated[list[int], "all"]:
    return []


def bare(kind: Any) -> Any:
    def items(ctx: MissionContext[Any]) -> Any:
        raise NotImplementedError

    items.__annotations__["return"] = kind
    return items


def anything(ctx: MissionContext[Any]) -> Any:
    return []


@pytest.mark.parametrize(
    ("items", "item"),
    [
        (list_of_int, "int"),
        (sequence_of_kind, "Kind"),
        (tuple_of_text, "str"),
        (old_list, "int"),
        (annotated_list, "int"),
        (bare(list), "any"),
        (bare(tuple), "any"),
        (bare(Sequence), "any"),
        (anything, "any"),
        (undeclared, "any"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_item_is_of_the_type_that_its_list_declares(items: Any, item: str) -> None:
    """Each is restored alone."""
    node = PATH.each("n", items, PATH).nodes[0]

    assert isinstance(node, EachNode)
    assert node.item.description == item


def set_of_text(ctx: MissionContext[Any]) -> set[str]:
    return set()


def pair(ctx: MissionContext[Any]) -> tuple[int, str]:
    return 1, ""


def iterable(ctx: MissionContext[Any]) -> Iterable[str]:
    return []


@pytest.mark.parametrize("items", [text, set_of_text, pair, kind], ids=lambda fn: fn.__name__)
def test_what_is_declared_to_be_no_list_is_refused(items: Any) -> None:
    """The error says what is understood."""
    with pytest.raises(MissionDefinitionError, match=r"^each 'n' of a path: .* is declared to return .*list\[str\]"):
        PATH.each("n", items, PATH)


def test_what_cannot_be_read_back_is_no_list_either() -> None:
    """An Iterable is no payload, whatever runs."""
    with pytest.raises(MissionDefinitionError, match=r"^each 'n' of a path: "):
        PATH.each("n", iterable, PATH)
