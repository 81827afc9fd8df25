"""The package as others import it."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from mission_control import in_memory_commander


def test_the_version_is_the_distributions() -> None:
    """`__version__` is what pip installed."""
    assert in_memory_commander.__version__ == version("mission-control-in-memory-commander")


def test_other_names_are_unknown() -> None:
    """A name that the package does not have is an ordinary AttributeError."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = getattr(in_memory_commander, "nothing")  # noqa: B009  # a checker knows that there is none
