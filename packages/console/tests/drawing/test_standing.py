"""The live missions of a definition are counted where they stand."""

from __future__ import annotations

from mission_control.console.drawing import Mark, standing
from mission_control.core import Standing
from mission_control.core.definition import fingerprint_of

from . import missions as flows

STATIC = flows.everything().to_static()


def at(cursor: str, count: int, fingerprint: str = fingerprint_of(STATIC)) -> Standing:
    return Standing(
        mission_name="everything", fingerprint=fingerprint, cursor=cursor, count=count, examples=(f"of {cursor}",)
    )


def test_missions_are_counted_at_their_nodes() -> None:
    """Those in several rounds of a node, and those that are being undone, at the node itself."""
    groups = [
        at("approve", 3),
        at("again[0]/turn", 1),
        at("again[7]/turn", 2),
        at("undo:prepare", 4),
        at("start_at", 5),
    ]

    assert standing(STATIC, groups) == {
        "approve": Mark(count=3, examples=("of approve",)),
        "again[]/turn": Mark(count=3, examples=("of again[0]/turn", "of again[7]/turn")),
        "prepare": Mark(count=4, examples=("of undo:prepare",)),
        "start": Mark(count=5, examples=("of start_at",)),
    }


def test_missions_of_other_definitions_are_not_counted() -> None:
    """Also those of one with the same name, as it was before."""
    assert standing(STATIC, [at("approve", 3, fingerprint="another")]) == {}
