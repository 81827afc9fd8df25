"""What is more than Temporal takes is refused with words that help, and what is not goes through."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.client import Client

from mission_control.core import Commander, MissionExecutionError, MissionStatus

from .harness import Workers, check, check_replays, ended
from .program import heavier, heavy, line, oversized


async def test_output_of_three_megabytes_fails_the_mission(
    workers: Workers, commander: Commander, namespace: Client, tmp_path: Path
) -> None:
    """Its code ran once, and the failure says what to do."""
    await workers.start()
    await commander.start(oversized, str(tmp_path), mission_id="oversized", wait=False)

    inspection = await ended(commander, "oversized")

    error = inspection.snapshot.error
    assert inspection.snapshot.status is MissionStatus.FAILED
    assert error is not None
    assert error.code == "MISSION_PAYLOAD_ERROR"
    assert "step 'large'" in error.message
    assert "keep large data elsewhere, and hand on where it is" in error.message
    assert workers.begun("oversized")["large"] == 1
    check(workers, inspection)
    await check_replays(namespace, "oversized")


async def test_input_of_three_megabytes_is_refused(commander: Commander) -> None:
    """The caller is told what to do, and nothing is there afterwards."""
    with pytest.raises(MissionExecutionError, match=r"begins with has 3,\d+,\d+ bytes .* keep large data elsewhere"):
        await commander.start(line, "x" * 3_000_000, mission_id="large", wait=False)

    assert await commander.get_mission("large") is None


async def test_outputs_of_megabytes_are_read_after_the_end(
    workers: Workers, commander: Commander, namespace: Client, tmp_path: Path
) -> None:
    """One mission of 1.5 MB in all, and one of 6 MB, of which a worker is killed in the middle."""
    first = await workers.start()
    light = await commander.start(heavy, str(tmp_path), mission_id="heavy", wait=False)
    full = await commander.start(heavier, str(tmp_path), mission_id="heavier", wait=False)
    await workers.until(lambda: workers.begun("heavier")["three"] == 1)
    await workers.kill(first)
    last = await workers.start()

    inspections = [await ended(commander, "heavy"), await ended(commander, "heavier")]
    await workers.stop(last)

    assert await light.output() == "x" * 500_000
    assert await full.output() == "x" * 1_500_000
    for inspection in inspections:
        assert inspection.snapshot.status is MissionStatus.COMPLETED
        check(workers, inspection)
    await check_replays(namespace, "heavy", "heavier")
