"""The example of nightly reports does what it shows, and its nights are those of the library's own calendar."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from itertools import takewhile
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from mission_control.adapter_sqlite import SQLiteCommander
from mission_control.testing import FakeClock


@pytest.fixture
def nightly_report(example: Path) -> ModuleType:
    """The program as a module."""
    spec = spec_from_file_location("nightly_report", example)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def nights(example: ModuleType) -> list[datetime]:
    """Return the slots of the year, as one iterator of the library gives them."""
    slots = CronSim("0 2 * * *", example.BEGINS.astimezone(ZoneInfo("Europe/Berlin")))
    return list(takewhile(lambda slot: slot <= example.ENDS, (slot.astimezone(UTC) for slot in slots)))


@pytest.mark.parametrize("hours", [0, 6, 24 * 7])
async def test_each_night_has_its_report_or_is_on_record(
    nightly_report: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], hours: int
) -> None:
    """Each exactly once where `catch_up` is long enough, or passed over because the outage was longer."""
    database, catch_up = tmp_path / "missions.db", timedelta(hours=hours)
    schedule = nightly_report.define_schedule(catch_up)

    await nightly_report.play(database, schedule)

    clock = FakeClock(nightly_report.ENDS)
    async with SQLiteCommander(database_path=database, schedules=[schedule], clock=clock) as commander:
        missions = [mission async for mission in commander.iter_missions()]
        (summary,) = await commander.schedules.list()
    outages = ((nightly_report.KILLED, nightly_report.BACK), (nightly_report.CLOSED, nightly_report.REOPENED))
    missed = [
        slot
        for begins, ends in outages
        for slot in nights(nightly_report)
        if begins < slot <= ends and ends - slot > catch_up
    ]
    assert len(missed) == {0: 5, 6: 3, 24 * 7: 0}[hours]
    assert [mission.slot for mission in missions] == [slot for slot in nights(nightly_report) if slot not in missed]
    assert {mission.status for mission in missions} == {"completed"}
    assert [slot for slot in missed if not any(one.first <= slot <= one.last for one in summary.passed_over)] == []
    assert sum(one.count for one in summary.passed_over) == len(missed)
    assert {one.reason for one in summary.passed_over} <= {"missed"}
    assert f"{365 - len(missed)} reports" in capsys.readouterr().out


def test_it_shows_what_was_late_and_what_was_missed(run_example: Callable[..., str]) -> None:
    """The night in which the clocks go forward is late by three hours, and three days of July never come."""
    shown = run_example()

    assert shown == (
        "362 reports, the first and the last of them\n"
        "  nightly-report@2026-01-02T01:00:00Z: the figures of 2026-01-01, sent by Berlin's clocks at UTC+0100\n"
        "  nightly-report@2027-01-01T01:00:00Z: the figures of 2026-12-31, sent by Berlin's clocks at UTC+0100\n"
        "late by 3:00:00: nightly-report@2026-03-29T01:00:00Z\n"
        "late by 6:00:00: nightly-report@2026-07-14T00:00:00Z\n"
        "3 missed: from 2026-07-11 00:00:00+00:00 to 2026-07-13 00:00:00+00:00\n"
        "next: 2027-01-02 01:00:00+00:00\n"
    )
