"""Labels: a mapping that nobody changes, and that is a value."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import attrs
import pytest

from mission_control.core import MissionStatus, MissionSummary
from mission_control.core.history import NO_LABELS, Labels, labels_of


def labelled(**labels: str) -> MissionSummary:
    return MissionSummary(
        mission_id="x",
        mission_name="it",
        status=MissionStatus.RUNNING,
        cursor=None,
        waiting=None,
        error=None,
        created_at=None,
        updated_at=None,
        labels=labels,
    )


def test_labels_are_a_mapping() -> None:
    """They are read as a dictionary is, and equal to one, in any order."""
    labels = Labels({"a": "b", "c": "d"})

    assert (labels["a"], labels.get("b"), list(labels), len(labels)) == ("b", None, ["a", "c"], 2)
    assert labels == {"c": "d", "a": "b"} == dict(labels)
    assert labels != {"a": "b"}
    assert repr(labels) == "{'a': 'b', 'c': 'd'}"


def test_labels_cannot_be_changed() -> None:
    """Neither by themselves nor through what they were made of."""
    given = {"a": "b"}
    summary = labelled(**given)
    given["a"] = "c"
    changeable: Any = summary.labels

    with pytest.raises(TypeError):
        changeable["a"] = "c"
    assert summary.labels == {"a": "b"}


def test_missions_without_labels_share_what_they_have() -> None:
    """It is one and the same for all."""
    assert labelled().labels is attrs.evolve(labelled()).labels is labels_of({}) is NO_LABELS


def test_rows_with_labels_are_values() -> None:
    """Equal rows have one hash, whatever the order of their labels; other labels make another row."""
    rows = {labelled(a="b", c="d"), labelled(c="d", a="b"), labelled(a="b"), labelled()}

    assert len(rows) == 3


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_rows_with_labels_can_be_pickled_copied_and_written(protocol: int) -> None:
    """As all records can."""
    row = labelled(a="b")

    assert pickle.loads(pickle.dumps(row, protocol)) == copy.copy(row) == copy.deepcopy(row) == row
    assert json.loads(json.dumps(row.to_dict()))["labels"] == {"a": "b"}
