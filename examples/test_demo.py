"""The demonstration fills a database with missions in every state."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import open_mission_reader
from mission_control.core import MissionStatus, MissionSummary, OpenWait


@pytest.fixture(scope="module")
def database(run_example: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that it fills."""
    path = tmp_path_factory.mktemp("demo") / "missions.db"
    shown = run_example("--fill-only", "--missions", "200", "--db", str(path))
    assert f"look at them: mission-control --db {path} status" in shown.splitlines()
    return path


@pytest.fixture
async def missions(database: Path) -> list[MissionSummary]:
    async with open_mission_reader(database) as reader:
        return [mission async for mission in reader.iter_missions()]


async def test_missions_are_in_every_state(missions: list[MissionSummary]) -> None:
    """Ended in each way, waiting for each kind of thing, running and paused."""
    assert {mission.status for mission in missions} == set(MissionStatus) - {MissionStatus.IDLE}
    assert {wait.kind for mission in missions if (wait := mission.next_wait) is not None} == {
        "signal",
        "timer",
        "retry",
    }
    assert any(mission.paused for mission in missions)
    assert {mission.mission_name for mission in missions} == {
        *("agent", "approval", "onboarding", "order", "payroll", "reminder", "report", "stocktaking")
    }


async def test_missions_have_labels_parents_and_schedules(missions: list[MissionSummary]) -> None:
    """And began on several days."""
    assert any(mission.parent_id is not None for mission in missions)
    assert any(mission.schedule == "nightly-report" for mission in missions)
    assert {"region", "customer"} <= {name for mission in missions for name in mission.labels}
    assert len({mission.created_at.date() for mission in missions if mission.created_at is not None}) > 5


async def test_missions_fail_for_several_reasons(missions: list[MissionSummary]) -> None:
    """At several nodes."""
    failed = [mission for mission in missions if mission.status is MissionStatus.FAILED]

    assert len({(mission.cursor, mission.error and mission.error.message) for mission in failed}) >= 3


async def test_items_are_under_way(database: Path, missions: list[MissionSummary]) -> None:
    """Some of them are counted, and others are not."""
    (mission, *_) = [mission for mission in missions if mission.mission_name == "stocktaking"]
    async with open_mission_reader(database) as reader:
        inspection = await reader.inspect_mission(mission.mission_id)

    assert inspection is not None
    assert any(record.type == "path-completed" for record in inspection.history)
    assert inspection.snapshot.positions


async def test_people_are_waited_for(database: Path) -> None:
    """For several signals, some of them with a deadline."""
    async with open_mission_reader(database) as reader:
        waits: list[OpenWait] = [wait async for wait in reader.iter_waits()]

    assert {"approval", "payment-received", "receive-approval", "signed"} <= {wait.signal for wait in waits}
    assert {wait.timeout_at is None for wait in waits} == {True, False}


def test_a_file_that_is_there_is_left_alone(run_example: Callable[..., str], database: Path) -> None:
    """Nobody's missions are mixed with these."""
    import subprocess

    before = database.read_bytes()
    with pytest.raises(subprocess.CalledProcessError):
        run_example("--fill-only", "--db", str(database))

    assert database.read_bytes() == before
