"""The approval example does what it shows."""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).with_name("approval.py")


def test_approval_waits_over_the_deploy_and_completes(tmp_path: Path) -> None:
    """The request waits before and after the deploy, and the approval ends it."""
    command = [sys.executable, "-I", "-W", "error", str(EXAMPLE), str(tmp_path / "approval.db")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    before, after, header, *timeline = done.stdout.splitlines()

    assert (before, after) == ("before the deploy: waiting", "after the deploy: waiting")
    assert "completed" in header
    assert any("approve" in line and "grace@example.com" in line for line in timeline)
