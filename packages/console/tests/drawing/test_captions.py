"""What is said of a node is short."""

from __future__ import annotations

import pytest

from mission_control.console.drawing.captions import caption, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.5, "0.5 s"),
        (59, "59 s"),
        (90, "1 min 30 s"),
        (3_600, "1 h"),
        (129_600, "1 d 12 h"),
        (90_061, "1 d 1 h"),
        (86_400 * 1_000, "1,000 d"),
        (1e300, "1e+300 s"),
        ("computed", "computed"),
        (True, "True"),
    ],
)
def test_a_duration_is_its_largest_units(seconds: object, text: str) -> None:
    """As a person would say it; what is none is shown as it is."""
    assert duration(seconds) == text


def test_a_node_says_what_it_does() -> None:
    """Its kind, and what of it is not as usual."""
    assert caption({"kind": "sleep", "name": "a", "duration": "computed"}) == "sleep, computed"
    assert (
        caption({"kind": "need_to", "name": "a", "schema": "any", "timeout": "computed"}) == "signal · within computed"
    )
    assert caption({"kind": "mission", "name": "a", "definition": "b", "wait": False}) == "mission b · not waited for"
    assert caption({"kind": "each", "name": "a", "max_failures": 3}) == "each · 3 may fail"
    assert caption({"kind": "start", "name": "start", "input": "any"}) == ""
