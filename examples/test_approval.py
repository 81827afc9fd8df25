"""The approval example does what it shows."""

from collections.abc import Callable
from pathlib import Path


def test_the_approval_survives_the_kill_and_completes(run_example: Callable[..., str]) -> None:
    """The request of a killed process is shown, refused a bad approval, approved, and completed."""
    shown = run_example("--email", "you@example.com")

    killed, waiting, refused, done = shown.split("\n\n")
    assert "for you@example.com: the mission is waiting." in killed
    assert "exit status -9" in killed
    assert "waiting for signal receive-approval until" in waiting
    assert "$.approved_by: required field missing" in refused
    assert "$.aproved_by: unknown field" in refused
    assert "approval-1 (approval): completed" in done
    assert '"approved_by": "reviewer-1"' in done
    assert "timer-fired" in done


def test_the_approval_keeps_a_database_that_it_was_given(run_example: Callable[..., str], tmp_path: Path) -> None:
    """With `--database` the missions are left to look at."""
    run_example("--database", str(tmp_path / "kept.db"))

    assert (tmp_path / "kept.db").stat().st_size > 0
