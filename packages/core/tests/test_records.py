"""Records: reading them back, and what is told from a summary."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from mission_control.core import (
    HistoryRecord,
    HistoryType,
    MissionStatus,
    MissionSummary,
    is_recoverable,
    is_waiting,
)
from mission_control.core.records import iso, parse_iso

NOW = datetime(2024, 2, 29, 12, tzinfo=UTC)
RECORD = HistoryRecord(seq=1, type=HistoryType.MISSION_CREATED, at=NOW, details={"name": "it"})


def test_record_is_read_back_from_its_form() -> None:
    """What `to_dict` writes, `from_dict` reads."""
    assert HistoryRecord.from_dict(RECORD.to_dict()) == RECORD


@pytest.mark.parametrize("details", [None, ["name"], "name"])
def test_record_whose_details_are_no_object_is_refused(details: Any) -> None:
    """Another program's row says what is wrong with it."""
    with pytest.raises(TypeError, match="details must be an object"):
        HistoryRecord.from_dict({**RECORD.to_dict(), "details": details})


def test_instant_with_another_offset_is_read_in_utc() -> None:
    """The same instant is the same record, wherever it was written."""
    elsewhere = NOW.astimezone(timezone(timedelta(hours=2)))

    assert parse_iso(iso(elsewhere)) == NOW
    assert parse_iso(iso(elsewhere)).tzinfo is UTC


def test_instant_without_an_offset_is_refused() -> None:
    """Nobody could know when that was."""
    with pytest.raises(ValueError, match="with its offset"):
        parse_iso("2024-02-29T12:00:00")


@pytest.mark.parametrize("status", MissionStatus)
def test_status_tells_what_is_left_to_do(status: MissionStatus) -> None:
    """A running or waiting mission has something left; of these only a waiting one waits."""
    summary = MissionSummary(
        mission_id="x",
        mission_name="it",
        status=status,
        cursor=None,
        waiting=None,
        error=None,
        created_at=NOW,
        updated_at=NOW,
    )

    assert is_waiting(summary) == (status == "waiting")
    assert is_recoverable(summary) == (status in ("running", "waiting"))
