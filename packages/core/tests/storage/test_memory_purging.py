"""What storage in memory remembers of missions that were deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mission_control.core.storage.memory_purging import Purged

NOW = datetime(2024, 2, 29, tzinfo=UTC)
DAY = timedelta(days=1)


def test_places_are_forgotten_after_a_day() -> None:
    """Not before, and not that of a mission that was deleted again meanwhile; memory does not grow for ever."""
    purged = Purged()
    for number, mission_id in enumerate(("old", "again", "young")):
        purged.add(mission_id, number, NOW, NOW + number * timedelta(hours=1))
    purged.add("again", 7, NOW, NOW + DAY)
    assert [purged.number(one) for one in ("old", "again", "young")] == [0, 7, 2]

    purged.add("last", 8, NOW + DAY, NOW + DAY + timedelta(hours=2))

    assert [purged.number(one) for one in ("old", "again", "young", "last")] == [None, 7, 2, 8]
    assert (purged.ended_at("old"), purged.ended_at("last")) == (None, NOW + DAY)
