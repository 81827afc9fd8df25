"""The ledger: a mapping that grows, and whose every version stays what it was."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mission_control.core import EventRecord
from mission_control.core.history.ledger import Ledger


def entry(value: object) -> EventRecord:
    return EventRecord(output=value)


def test_empty_ledger_has_nothing() -> None:
    """A mission begins without events."""
    ledger = Ledger()

    assert dict(ledger) == {}
    assert len(ledger) == ledger.size == 0
    assert "a" not in ledger
    assert not ledger.has_passed("a")


def test_entries_are_found_by_name_in_order_of_first_appearance() -> None:
    """A later entry of the same name replaces the value and keeps the place."""
    ledger = Ledger().with_entry("b", entry(1)).with_entry("a", entry(2)).with_entry("b", entry(3))

    assert list(ledger.items()) == [("b", entry(3)), ("a", entry(2))]
    assert len(ledger) == 2
    assert repr(ledger) == f"Ledger({dict(ledger)!r})"


def test_name_without_entry_is_passed_and_absent() -> None:
    """A sleep leaves its name and nothing else."""
    ledger = Ledger().with_entry("nap", None)

    assert ledger.has_passed("nap")
    assert "nap" not in ledger
    assert (len(ledger), list(ledger), ledger.get("nap")) == (0, [], None)
    with pytest.raises(KeyError, match="nap"):
        _ = ledger["nap"]


def test_earlier_version_stays_as_it_was() -> None:
    """What was handed out does not change when the ledger grows, neither by new names nor by replaced ones."""
    first = Ledger().with_entry("a", entry(1))
    second = first.with_entry("b", entry(2)).with_entry("a", entry(3)).with_entry("c", None)

    assert dict(first) == {"a": entry(1)}
    assert not first.has_passed("b")
    assert not first.has_passed("c")
    assert dict(second) == {"a": entry(3), "b": entry(2)}


def test_versions_may_branch() -> None:
    """Two ledgers that grow out of the same one know nothing of each other."""
    trunk = Ledger().with_entry("a", entry(1))
    left = trunk.with_entry("b", entry("left"))
    right = trunk.with_entry("b", entry("right")).with_entry("c", entry("right"))

    assert dict(trunk) == {"a": entry(1)}
    assert dict(left) == {"a": entry(1), "b": entry("left")}
    assert dict(right) == {"a": entry(1), "b": entry("right"), "c": entry("right")}


def test_what_was_replaced_is_left_behind() -> None:
    """A mission whose one update runs for ever does not keep every value that it ever had."""
    ledger = Ledger()
    for number in range(10_000):
        ledger = ledger.with_entry("change", entry(number))

    assert dict(ledger) == {"change": entry(9_999)}
    assert ledger.size < 100


def test_weight_is_about_that_of_the_payloads() -> None:
    """Long texts weigh their length; what came before an entry is not weighed again."""
    ledger = Ledger().with_entry("a", EventRecord(input="x" * 1_000)).with_entry("b", entry({"n": ["y" * 500]}))

    assert 1_500 < ledger.weight(0) < 3_000
    assert 500 < ledger.weight(1) < 1_500
    assert ledger.weight(2) == 0


NAMES = st.sampled_from(["a", "b", "c", "d"])
GROWTH = st.lists(st.tuples(st.integers(0, 1_000), NAMES, st.none() | st.integers()), max_size=200)


@settings(deadline=None)
@given(GROWTH)
def test_every_version_is_the_mapping_that_it_was_made_as(growth: list[tuple[int, str, int | None]]) -> None:
    """Whichever version grows next, all of them go on to equal the plain dictionaries of the same entries."""
    versions: list[tuple[Ledger, dict[str, int | None]]] = [(Ledger(), {})]
    for index, name, value in growth:
        ledger, model = versions[-1 - index % min(3, len(versions))]
        grown = ledger.with_entry(name, None if value is None else entry(value))
        versions.append((grown, {**model, name: value}))

    for ledger, model in versions:
        kept = {name: entry(value) for name, value in model.items() if value is not None}
        assert list(ledger.items()) == list(kept.items())
        assert ledger.entries() == list(kept.items())
        assert {name: ledger.find(name) for name in "abcd"} == {name: kept.get(name) for name in "abcd"}
        assert len(ledger) == len(kept)
        assert {name for name in "abcd" if ledger.has_passed(name)} == set(model)


def test_copies_are_equal() -> None:
    """A ledger equals its deep copy, and any mapping of the same entries."""
    ledger = Ledger().with_entry("a", entry(1)).with_entry("nap", None)

    assert copy.deepcopy(ledger) == ledger == {"a": entry(1)}
