"""The onboarding example does what it shows, on a clock that the test moves."""

from collections.abc import Callable
from datetime import timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from mission_control.in_memory_commander import InMemoryCommander
from mission_control.testing import FakeClock

DAY = timedelta(days=1)


async def test_months_pass_as_they_are_meant_to(
    example: Path, fake_clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reminders come every three days until the contract is signed, and the survey comes back after a month."""
    spec = spec_from_file_location("onboarding", example)
    assert spec is not None
    assert spec.loader is not None
    onboarding = module_from_spec(spec)
    spec.loader.exec_module(onboarding)

    async def pass_days(days: int) -> None:
        await fake_clock.advance(days * DAY)

    async with InMemoryCommander(clock=fake_clock) as commander:
        await onboarding.play(commander, DAY, pass_days)

    shown = capsys.readouterr().out
    assert "Day  0: ada (onboarding): waiting for signal prepare/badge/badge-done, for signal prepare/contract" in shown
    assert "Day  7: ada (onboarding): waiting on timer survey[0] until 1970-02-07" in shown
    assert shown.count("Ada is asked to sign") == 2
    assert "ada (onboarding): completed; children: ada/payroll (completed)\n" in shown
    assert "bob (onboarding): cancelled at first-day: the mission was cancelled: has found something else\n" in shown


def test_days_are_as_short_as_one_says(run_example: Callable[..., str]) -> None:
    """It runs in real time, and undoes what was done for the one who leaves, the last thing first."""
    shown = run_example("--day", "0.04")

    undone = [line.split()[-1] for line in shown.splitlines() if "step-started" in line and "undo:" in line]
    assert len(undone) == 3
    assert shown.index("bob@example.com deleted") > shown.index("laptop wiped")
