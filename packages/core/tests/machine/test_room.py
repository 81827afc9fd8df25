"""What the room of the rules gives to others, and when it comes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mission_control.core import machine


def test_actions_come_on_first_use() -> None:
    """A program that leaves its missions to the engine does not import what only other shells ask for."""
    program = (
        "import sys, mission_control.core.machine as machine; name = 'mission_control.core.machine.actions';"
        "assert name not in sys.modules; machine.next_actions; assert name in sys.modules"
    )

    subprocess.run([sys.executable, "-c", program], check=True)


def test_room_has_every_name_that_it_exports_and_no_other() -> None:
    """Names that come on first use are found like all others."""
    assert all(hasattr(machine, name) for name in machine.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        machine.nothing  # type: ignore[attr-defined] # noqa: B018
