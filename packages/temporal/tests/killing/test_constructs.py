"""A worker is killed with missions in every construct; the next one brings each of them to its end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from temporalio.client import Client

from mission_control.core import Commander, HistoryType, MissionExecutionError, MissionInspection, MissionStatus

from .harness import Workers, at_rest, check, check_replays, ended, interruptions
from .program import CONSTRUCTS, updated

ENDED = "process ended"

KILLED = {
    "start": ["start"],
    "step": ["held"],
    "thread": ["held"],
    "wait": [],
    "sleep": [],
    "deadline": ["never/timeout/held"],
    "reminder": ["go/reminder[0]"],
    "parallel": ["all/async/held", "all/thread/held"],
    "race": ["first/held/held"],
    "choice": ["kind"],
    "branch": ["kind/left/held"],
    "each": ["items[0]/held", "items[1]/held", "items[2]/held"],
    "repeat": ["rounds[0]/held"],
    "parent": [],
    "parent/child": ["held"],
    "undo": ["undo:done"],
    "cancel": ["undo:done"],
}
"""What of each mission runs when the worker is killed."""

ENDS = {"undo": MissionStatus.FAILED, "cancel": MissionStatus.CANCELLED}
SIGNALLED = ("wait", "parallel", "reminder")


async def test_mission_goes_on_from_every_construct(
    workers: Workers, commander: Commander, namespace: Client, tmp_path: Path
) -> None:
    """Each completed step ran once; what was killed is on record as that, and ran again."""
    first = await workers.start()
    for definition in CONSTRUCTS[:-1]:
        await commander.start(definition, str(tmp_path), mission_id=definition.name, wait=False)
    cancelled = asyncio.create_task(cancel(commander))
    expected = {(mission_id, instance) for mission_id, instances in KILLED.items() for instance in instances}
    await workers.until(lambda: held(workers) >= expected and workers.begun("wait").total() == 1)
    await commander.start("sleep", str(tmp_path), mission_id="sleep")  # it returns when that sleeps

    await workers.kill(first)
    workers.let_go()
    await workers.start()
    await workers.until(lambda: workers.begun("reminder")["go/reminder[0]"] == 2)  # which the signal would stop
    for mission_id in SIGNALLED:
        handle = await commander.get_mission(mission_id)
        assert handle is not None
        await handle.signal("go", "now")

    inspections = {mission_id: await ended(commander, mission_id) for mission_id in KILLED}
    await cancelled
    for mission_id, inspection in inspections.items():
        assert inspection.snapshot.status is ENDS.get(mission_id, MissionStatus.COMPLETED), inspection
        assert sorted(interruptions(inspection)) == [(instance, ENDED) for instance in KILLED[mission_id]], inspection
        check(workers, inspection)
        check_ran_again(inspection)
    await check_replays(namespace, *inspections)


async def cancel(commander: Commander) -> None:
    handle = await commander.get_mission("cancel")
    assert handle is not None
    await at_rest(handle)
    await handle.cancel("not needed")


def held(workers: Workers) -> set[tuple[str, str]]:
    """Return the steps that run."""
    running: set[tuple[str, str]] = set()
    for one in workers.ledger:
        (running.add if one.what == "began" else running.discard)((one.mission_id, one.instance))
    return running


def check_ran_again(inspection: MissionInspection) -> None:
    """What was interrupted succeeded with its second attempt."""
    for instance, _ in interruptions(inspection):
        numbers = [one.attempt_number for one in inspection.step_attempts if one.step_name == instance]
        assert numbers == [1, 2], inspection
        last = [it for it in inspection.history if it.event_name == instance and it.attempt_number == 2][-1]
        assert last.type is HistoryType.STEP_SUCCEEDED, inspection


async def test_update_whose_process_ends_has_changed_nothing(
    workers: Workers, commander: Commander, namespace: Client, tmp_path: Path
) -> None:
    """Its caller is told, and may ask again."""
    first = await workers.start()
    mission = await commander.start(updated, str(tmp_path), mission_id="updated")
    asked = asyncio.create_task(mission.update("more", 1))
    await workers.until(lambda: workers.begun("updated")["more"] == 1)

    await workers.kill(first)
    workers.let_go()
    await workers.start()
    with pytest.raises(MissionExecutionError, match="nothing was recorded: the process that ran it has ended"):
        await asked

    assert await mission.update("more", 1) == 2
    await mission.signal("go", "now")
    inspection = await ended(commander, "updated")
    assert interruptions(inspection) == []
    assert [record.type for record in inspection.history].count(HistoryType.MISSION_UPDATE) == 1
    await check_replays(namespace, "updated")
