"""Classes that share how they are shown, compared and hashed: each does it as attrs would have made it."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest

from mission_control.core import MissionFailure, SignalWait
from mission_control.core.values import Shown, Value


@attrs.frozen
class Point(Value):
    """A value with all that a field may say of itself."""

    x: int
    name: str = attrs.field(default="P", eq=str.lower)
    secret: str = attrs.field(default="", repr=False)
    note: object = attrs.field(default=None, eq=False, repr=lambda note: f"<{note}>")


@attrs.frozen
class Further(Point):
    """A value with the fields of another, and one more."""

    y: int = 0


@attrs.define
class Chain(Shown):
    """Something that may change, and lead to itself."""

    after: Chain | None = None


@attrs.frozen(eq=False)
class Named(Shown):
    """Something that is nothing but itself."""

    name: str


def made_by_attrs(kind: type[Any]) -> type[Any]:
    """Return a class of the same fields for which attrs was told to make everything."""
    return attrs.frozen(eq=True, unsafe_hash=True, repr=True)(type(kind.__name__, (kind,), {}))


@pytest.mark.parametrize("kind", [Point, Further])
def test_value_is_shown_and_compared_as_attrs_does(kind: type[Any]) -> None:
    """Text, equality and hash say of any two values what those of attrs say."""
    given = [(1, "P", "", None), (1, "p", "", None), (1, "P", "s", None), (1, "P", "", "n"), (2, "P", "", None)]
    twin = made_by_attrs(kind)
    ours, theirs = [kind(*each) for each in given], [twin(*each) for each in given]

    assert [repr(each) for each in ours] == [repr(each) for each in theirs]
    assert [[a == b for a in ours] for b in ours] == [[a == b for a in theirs] for b in theirs]
    assert [[hash(a) == hash(b) for a in ours] for b in ours] == [[hash(a) == hash(b) for a in theirs] for b in theirs]


def test_value_equals_none_of_another_class() -> None:
    """Fields that are the same do not make two classes the same."""
    assert Point(1) != Further(1)
    assert Further(1) != Point(1)
    assert len({Point(1), Further(1), Point(1)}) == 2


def test_value_that_is_equal_to_nothing_is_not_equal_to_itself() -> None:
    """Fields are compared, and not looked at for being the same object."""
    nan = float("nan")

    assert Point(1, secret=nan) != Point(1, secret=nan)  # type: ignore[arg-type]


def test_code_is_shared() -> None:
    """Attrs has compiled nothing of its own."""
    assert Further.__repr__ is Named.__repr__ is Shown.__repr__
    assert (Further.__eq__, Further.__hash__) == (Value.__eq__, Value.__hash__)


def test_what_is_shown_leads_to_itself() -> None:
    """The text ends where it would begin again."""
    chain = Chain()
    chain.after = chain

    assert repr(chain) == "Chain(after=...)"


def test_only_values_are_compared_by_their_fields() -> None:
    """How others are compared is said where they are, as for any attrs class."""
    assert Chain() == Chain()
    assert Named("n") != Named("n")
    with pytest.raises(TypeError, match="unhashable"):
        hash(Chain())


def test_class_keeps_what_it_says_itself() -> None:
    """A method of the class, or of one that it is made from, is not replaced."""

    class Loud(MissionFailure):
        def __repr__(self) -> str:
            return "LOUD"

    @attrs.frozen
    class Louder(Loud):
        pass

    assert repr(Louder(message="m", at=None, code="c")) == "LOUD"  # type: ignore[arg-type]


def test_records_are_attrs_classes() -> None:
    """They are copied, pickled, changed and taken apart as such."""
    wait = SignalWait(event_name="paid", node_index=1)

    assert copy.deepcopy(wait) == wait == pickle.loads(pickle.dumps(wait))
    assert attrs.evolve(wait, node_index=2) == SignalWait(event_name="paid", node_index=2)
    assert attrs.asdict(wait) == {"kind": "signal", "event_name": "paid", "node_index": 1, "timeout_at": None}
    assert repr(wait) == "SignalWait(kind='signal', event_name='paid', node_index=1, timeout_at=None)"
