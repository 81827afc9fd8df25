"""Names of fields lead back to where they are, whatever they are made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mission_control.console.forms.naming import name_of, path_of, split_assignment, steps_of

STEPS = st.lists(
    st.text() | st.sampled_from(["a", "n_1", "$", "é", "a]", "a=b", "['x']"]) | st.integers(0, 9999), max_size=4
)


@given(STEPS.map(tuple))
def test_a_name_says_its_steps(steps: tuple[str | int, ...]) -> None:
    """Names are reversible, and no two places share one."""
    assert steps_of(name_of(steps)) == steps


@given(STEPS.map(tuple), st.text())
def test_an_assignment_is_split_behind_its_name(steps: tuple[str | int, ...], value: str) -> None:
    """A name may have a `=` in quotes, and a value any."""
    assert split_assignment(f"{name_of(steps)}={value}") == (name_of(steps), value)


@pytest.mark.parametrize("text", ["", "a b", "a.", ".a.b.", "[1", "['a'", "['\\q']", "$x", "a[-1]", "[0]a"])
def test_what_is_no_name_has_no_steps(text: str) -> None:
    """Nor does anything go wrong with it."""
    assert steps_of(text) is None


def test_a_name_that_is_no_path_is_split_at_the_first_sign() -> None:
    """A person writes a field's own name without quotes."""
    assert split_assignment("odd name=5=6") == ("odd name", "5=6")
    assert split_assignment("no value") is None


def test_paths_are_those_of_cores_issues() -> None:
    """Also where they are cut."""
    assert path_of(("lines", 0, "odd name", "x" * 100)) == f"$.lines[0]['odd name'][{repr('x' * 60)[:57]}...]"
