"""The package as others import it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

from mission_control import adapter_sqlite


def test_the_version_is_the_distributions() -> None:
    """`__version__` is what pip installed."""
    assert adapter_sqlite.__version__ == version("mission-control-adapter-sqlite")


def test_other_names_are_unknown() -> None:
    """A name that the package does not have is an ordinary AttributeError."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = getattr(adapter_sqlite, "nothing")  # noqa: B009  # a checker knows that there is none


def test_importing_does_not_import_sqlite_utils() -> None:
    """The migration library is slow to import, and waits until it is needed."""
    program = "import sys, mission_control.adapter_sqlite; sys.exit('sqlite_utils' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
