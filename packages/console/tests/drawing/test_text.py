"""Definitions are drawn as text for terminals."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from mission_control.console.drawing import END, Mark, PlaceState, text
from mission_control.core import MissionDefinition
from mission_control.core.definition import static_sites
from random_flows import World, missions

from . import missions as flows

STATIC = flows.everything().to_static()


def test_a_definition_is_a_line_for_each_node() -> None:
    """What is in a node is below it."""
    assert text(STATIC) == (
        "everything\n"
        "• start  (list[str])\n"
        "• prepare\n"
        "• approve  (signal · bool · within 7 d · with a reminder)\n"
        "  timeout:\n"
        "    • call\n"
        "• pause  (sleep 1 d)\n"
        "• both  (parallel)\n"
        "  a:\n"
        "    • one\n"
        "  b:\n"
        "    • two  (signal · int)\n"
        "• first  (race · the first wins)\n"
        "  quick:\n"
        "    • run\n"
        "  slow:\n"
        "    • crawl  (sleep 9 d)\n"
        "• way  (branch)\n"
        "  left:\n"
        "    • l\n"
        "  right: ()\n"
        "  otherwise:\n"
        "    • o\n"
        "• items  (each · 2 at a time · any may fail)\n"
        "  • item\n"
        "• again  (repeat · every 1 d · 5 rounds at most)\n"
        "  • turn\n"
        "  exhausted:\n"
        "    • call\n"
        "• child  (mission child)\n"
        "• flaky\n"
        "• end"
    )


MARKS = {
    "start": Mark(state=PlaceState.DONE),
    "prepare": Mark(state=PlaceState.DONE, undo=PlaceState.FAILED),
    "approve": Mark(state=PlaceState.WAITING, note="reminded once"),
    "approve/timeout/call": Mark(state=PlaceState.SKIPPED),
    "pause": Mark(state=PlaceState.STOPPED),
    "both": Mark(state=PlaceState.RUNNING),
    "both/a/one": Mark(state=PlaceState.FAILED),
    "flaky": Mark(state=PlaceState.AHEAD, count=1_234),
    END: Mark(state=PlaceState.AHEAD),
}


def test_each_state_has_its_sign() -> None:
    """With what is said of the node."""
    lines = text(STATIC, MARKS).splitlines()

    assert lines[1:10] == [
        "✓ start  (list[str])",
        "✓ prepare  (undo failed)",
        "… approve  (signal · bool · within 7 d · reminded once · with a reminder)",
        "  timeout:",
        "    ╌ call",
        "■ pause  (sleep 1 d)",
        "▶ both  (parallel)",
        "  a:",
        "    ✗ one",
    ]
    assert lines[-2:] == ["○ flaky  (1,234 here)", "○ end"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "no such encoding"])
def test_signs_can_be_shown_everywhere(encoding: str) -> None:
    """As ASCII, each another one, where the terminal knows no more."""
    lines = text(STATIC, MARKS, encoding=encoding)

    assert lines.isascii()
    assert [line.strip()[0] for line in lines.splitlines()[1:10] if not line.endswith(":")] == list("++~-#>!")


def test_names_can_be_written_out() -> None:
    """Also those that no encoding has."""
    static = {"name": "\udce9", "nodes": [{"kind": "step", "name": "\udce9"}]}

    assert text(static) == "\\udce9\n• \\udce9"


@settings(max_examples=50, deadline=None, database=None)
@given(missions(is_apart=False))
def test_any_definition_has_all_its_nodes(drawn: tuple[World, MissionDefinition[Any]]) -> None:
    """A line each."""
    static = drawn[1].to_static()

    signs = [line for line in text(static).splitlines()[1:] if line.strip().startswith("•")]
    assert len(signs) == len([name for name in static_sites(static) if not name.endswith("]")]) + 1
