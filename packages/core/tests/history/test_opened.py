"""What a mission has opened: it grows by one change at a time, and every version of it stays what it was."""

from __future__ import annotations

import copy
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mission_control.core import MissionFailure
from mission_control.core.history import Opened, PathStatus

ERROR = MissionFailure(message="no", at=datetime(2024, 2, 29, 12, tzinfo=UTC), code="STEP_FAILED")


def test_nothing_is_opened_at_first() -> None:
    """A linear mission has no construct, no path that began and none that ended."""
    opened = Opened()

    assert (opened.construct("all"), opened.begun("all"), opened.end("all/a")) == (None, 0, None)
    assert repr(opened) == "Opened({}, {})"


def test_construct_is_known_with_its_paths() -> None:
    """Of named paths the names are known, of items how many there are."""
    opened = Opened().with_construct("both", "parallel", ("a", "b"), 2).with_construct("items", "each", None, 3)

    assert opened.construct("both") == ("parallel", ("a", "b"), 2)
    assert opened.construct("items") == ("each", None, 3)


def test_paths_begin_in_order() -> None:
    """How many have begun says which."""
    opened = Opened().with_construct("items", "each", None, 3).with_begun("items")

    assert opened.begun("items") == 1
    assert opened.with_begun("items").begun("items") == 2


def test_end_of_a_path_is_known_by_its_text() -> None:
    """One that failed has its error, the others have none."""
    opened = (
        Opened().with_end("items[0]", "completed").with_end("items[1]", "failed", ERROR).with_end("both/a", "stopped")
    )

    assert opened.end("items[0]") == ("completed", None)
    assert opened.end("items[1]") == ("failed", ERROR)
    assert opened.end("both/a") == ("stopped", None)
    assert opened.end("items[2]") is None


def test_what_cannot_follow_is_refused_and_changes_nothing() -> None:
    """A construct opens once, no more of it begin than there are, and a path ends once."""
    opened = Opened().with_construct("items", "each", None, 1).with_begun("items").with_end("items[0]", "completed")
    before = repr(opened)

    with pytest.raises(ValueError, match="'items' has opened its paths before"):
        opened.with_construct("items", "each", None, 2)
    with pytest.raises(ValueError, match="'items' has no path or item that could begin"):
        opened.with_begun("items")
    with pytest.raises(ValueError, match="'nowhere' has no path or item that could begin"):
        opened.with_begun("nowhere")
    with pytest.raises(ValueError, match=r"path 'items\[0\]' has ended before"):
        opened.with_end("items[0]", "stopped")
    assert repr(opened) == before


def test_versions_may_branch() -> None:
    """Two that grow out of the same one know nothing of each other."""
    trunk = Opened().with_construct("all", "race", ("a", "b"), 2).with_begun("all").with_end("gone", "failed", ERROR)
    left = trunk.with_begun("all").with_end("all/a", "failed", ERROR).with_construct("left", "each", None, 0)
    right = trunk.with_end("all/a", "completed")

    assert (trunk.begun("all"), trunk.end("all/a"), trunk.construct("left")) == (1, None, None)
    assert (left.begun("all"), left.end("all/a"), left.construct("left")) == (2, ("failed", ERROR), ("each", None, 0))
    assert (right.begun("all"), right.end("all/a"), right.construct("left")) == (1, ("completed", None), None)
    assert trunk.end("gone") == left.end("gone") == right.end("gone") == ("failed", ERROR)


def test_versions_are_equal_by_what_they_see() -> None:
    """However they came to it: what was grown beside a version, and a deep copy, make no difference."""
    first = Opened().with_construct("all", "race", ("a", "b"), 2)
    same = Opened().with_construct("all", "race", ("a", "b"), 2)
    more = first.with_begun("all")

    assert first == same == copy.deepcopy(first)
    assert first != more != more.with_end("all/a", "completed")
    assert first != "all"


def test_thirty_thousand_items_cost_little_beside_their_texts() -> None:
    """An item that has ended keeps neither its error's absence nor its status in an object of its own."""
    texts = [f"items[{index}]" for index in range(30_000)]
    tracemalloc.start()
    opened = Opened().with_construct("items", "each", None, len(texts))
    for text in texts:
        opened = opened.with_begun("items").with_end(text, "completed")
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (opened.begun("items"), opened.end(texts[-1])) == (30_000, ("completed", None))
    assert taken / len(texts) < 130


def test_equal_constructs_share_their_names() -> None:
    """A parallel in an `each` of many items has its names once."""
    opened = Opened()
    for index in range(2):
        opened = opened.with_construct(f"items[{index}]/both", "parallel", tuple("ab"), 2)

    assert opened.construct("items[0]/both") is opened.construct("items[1]/both")


class Model:
    """The plain way: everything in dictionaries, copied for each version."""

    def __init__(self) -> None:
        self.constructs: dict[str, Any] = {}
        self.begun: dict[str, int] = {}
        self.ends: dict[str, Any] = {}


PLACES = st.sampled_from(["a", "b", "c"])
CHANGES = st.one_of(
    st.tuples(st.just("open"), PLACES, st.integers(0, 3)),
    st.tuples(st.just("begin"), PLACES, st.none()),
    st.tuples(st.just("end"), PLACES, st.sampled_from(["completed", "failed", "stopped"])),
)


def change(opened: Opened, model: Model, kind: str, place: str, detail: Any) -> tuple[Opened, Model] | None:
    """Return both after a change; None where it cannot be."""
    after = copy.deepcopy(model)
    if kind == "open" and place not in model.constructs:
        after.constructs[place] = ("each", None, detail)
        return opened.with_construct(place, "each", None, detail), after
    if kind == "begin" and place in model.constructs and model.begun.get(place, 0) < model.constructs[place][2]:
        after.begun[place] = model.begun.get(place, 0) + 1
        return opened.with_begun(place), after
    if kind == "end" and place not in model.ends:
        status: PathStatus = detail
        error = ERROR if status == "failed" else None
        after.ends[place] = (status, error)
        return opened.with_end(place, status, error), after
    return None


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1_000), CHANGES), max_size=60))
def test_every_version_is_what_it_was_made_as(growth: list[tuple[int, tuple[str, str, Any]]]) -> None:
    """Whichever version grows next, all of them go on to read as plain dictionaries of the same changes."""
    versions = [(Opened(), Model())]
    for index, (kind, place, detail) in growth:
        opened, model = versions[-1 - index % min(3, len(versions))]
        grown = change(opened, model, kind, place, detail)
        if grown is not None:
            versions.append(grown)

    for opened, model in versions:
        for place in "abc":
            assert opened.construct(place) == model.constructs.get(place)
            assert opened.begun(place) == model.begun.get(place, 0)
            assert opened.end(place) == model.ends.get(place)
