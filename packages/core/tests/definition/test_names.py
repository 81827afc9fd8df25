"""What may be looked for under a name or an id."""

from __future__ import annotations

import pytest

from mission_control.core.definition import sought, sought_id


def test_a_name_that_nothing_can_bear_is_empty() -> None:
    """Names of definitions have 255 characters at most, and no half of a surrogate pair."""
    assert sought("x" * 255, subject="a name") == "x" * 255
    assert sought("x" * 256, subject="a name") == sought("a\ud800", subject="a name") == ""


def test_an_id_is_as_long_as_that_of_a_child() -> None:
    """The id of a child is its parent's and the place of its node, of any length."""
    long = "/".join(["x" * 255] * 40)
    assert sought_id(long, subject="an id") == long
    assert sought_id("a\ud800", subject="an id") == ""


def test_what_is_no_text_is_no_id() -> None:
    """The error names what was given."""
    with pytest.raises(TypeError, match="an id: expected a str, found int 7"):
        sought_id(7, subject="an id")
