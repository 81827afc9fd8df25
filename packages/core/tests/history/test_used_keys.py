"""The keys that a mission has used: they grow by one at a time, and every version of them stays what it was."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest

from mission_control.core import HistoryRecord, HistoryType
from mission_control.core.history import UsedKeys

NOW = datetime(2024, 2, 29, 12, tzinfo=UTC)


def record(seq: int, payload: object = 5) -> HistoryRecord:
    return HistoryRecord(seq=seq, type=HistoryType.SIGNAL_RECEIVED, at=NOW, details={"payload": payload})


def test_key_leads_to_the_record_that_bears_it() -> None:
    """One that was not used leads nowhere."""
    used = UsedKeys().with_key("a", record(1)).with_key("b", record(2))

    assert (used.find("a"), used.find("b"), used.find("c")) == (record(1), record(2), None)
    assert repr(used) == f"UsedKeys({ {'a': record(1), 'b': record(2)}!r})"


def test_version_does_not_see_what_came_after_it() -> None:
    """Neither what was added to it, nor what was added to another version of the same one."""
    first = UsedKeys().with_key("a", record(1))
    second, other = first.with_key("b", record(2)), first.with_key("b", record(3)).with_key("c", record(4))

    assert first.find("b") is None
    assert second.find("b") == record(2)
    assert second.find("c") is None
    assert other.find("b") == record(3)
    assert other.find("a") == record(1)


def test_key_is_used_once() -> None:
    """A second record under it is a contradiction, and the keys stay what they were."""
    used = UsedKeys().with_key("a", record(1))

    with pytest.raises(ValueError, match="'a' is used already"):
        used.with_key("a", record(2))

    assert used.find("a") == record(1)


def test_versions_are_equal_by_what_they_see() -> None:
    """However they came to it."""
    first = UsedKeys().with_key("a", record(1))
    grown = first.with_key("b", record(2))

    assert first == UsedKeys().with_key("a", record(1))
    assert first != grown
    assert copy.copy(first) == first
    assert first != {"a": record(1)}


def test_weight_is_that_of_what_is_kept() -> None:
    """Keys count towards what missions in memory may take, with the payloads that they are compared with."""
    light, heavy = UsedKeys().with_key("a", record(1)), UsedKeys().with_key("a", record(1, "a" * 10_000))

    assert UsedKeys().weight == 0 < light.weight
    assert heavy.weight > light.weight + 9_000
