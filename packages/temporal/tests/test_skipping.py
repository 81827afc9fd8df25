"""A night passes in a moment, on a server that skips the time in which nothing happens."""

from __future__ import annotations

import asyncio
import shutil
from datetime import timedelta

from temporalio.testing import WorkflowEnvironment

from mission_control.core import MissionStatus

from .world import at_work, nap


async def test_a_sleep_of_hours_ends_at_its_time() -> None:
    """Not before it."""
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=shutil.which("temporal"),
        dev_server_extra_args=["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"],
    )
    async with environment, at_work(environment.client) as commander:
        handle = await commander.start(nap, 1, mission_id="n", wait=False)
        async with asyncio.timeout(20):
            assert (await handle.result()).status is MissionStatus.COMPLETED
        times = {record.type.value: record.at for record in await handle.history()}

    assert times["timer-fired"] - times["timer-scheduled"] >= timedelta(hours=8)
