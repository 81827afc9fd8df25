"""Several workers beside one another and after one another, with the same definitions and with others."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
from temporalio.client import Client

from mission_control.core import Commander, MissionDefinitionMismatchError, MissionStatus

from .harness import Workers, at_rest, check, check_replays, ended, interruptions
from .program import frail, held, line, other, short

MISSIONS = 30


async def test_thirty_missions_outlive_one_of_two_workers(
    workers: Workers, commander: Commander, namespace: Client, tmp_path: Path
) -> None:
    """Each ends, on the worker that is left, and no step that completed runs again."""
    workers.let_go()
    first, second = await workers.start(), await workers.start()
    ids = [f"line-{number}" for number in range(MISSIONS)]
    for mission_id in ids:
        await commander.start(line, str(tmp_path), mission_id=mission_id, wait=False)
    await workers.until(lambda: {first.pid, second.pid} <= {one.process for one in workers.ledger})

    await workers.kill(first)
    inspections = await asyncio.gather(*(ended(commander, mission_id) for mission_id in ids))

    for inspection in inspections:
        assert inspection.snapshot.status is MissionStatus.COMPLETED, inspection
        assert {reason for _, reason in interruptions(inspection)} <= {"process ended"}, inspection
        check(workers, inspection)
    await check_replays(namespace, *ids)


async def test_worker_that_comes_back_changes_nothing(
    workers: Workers, commander: Commander, namespace: Client, tmp_path: Path
) -> None:
    """A process that stands still counts as ended; what its steps return afterwards is not looked at."""
    workers.let_go()
    both = [await workers.start(), await workers.start()]
    ids = [f"{name}-{number}" for name in ("each", "repeat", "race") for number in range(5)]
    for mission_id in ids:
        await commander.start(mission_id.split("-")[0], str(tmp_path), mission_id=mission_id, wait=False)
    await workers.until(lambda: bool(workers.ledger))
    (busy,) = [one for one in both if one.pid == workers.ledger[0].process]

    busy.send_signal(signal.SIGSTOP)
    await asyncio.sleep(5)  # its attempts are given up on after 3 s
    busy.send_signal(signal.SIGCONT)
    inspections = await asyncio.gather(*(ended(commander, mission_id) for mission_id in ids))

    for inspection in inspections:
        assert inspection.snapshot.status is MissionStatus.COMPLETED, inspection
        check(workers, inspection)
    await check_replays(namespace, *ids)


async def test_worker_that_is_stopped_leaves_its_step_to_the_next(
    workers: Workers, commander: Commander, namespace: Client, tmp_path: Path
) -> None:
    """A clean stop is on record as that, and does not count: this step would not outlive the end of two processes."""
    await commander.start(frail, str(tmp_path), mission_id="frail", wait=False)
    for stops in (1, 2):
        worker = await workers.start()
        await workers.until(lambda stops=stops: workers.begun("frail")["held"] == stops)  # type: ignore[misc]
        await workers.stop(worker)

    workers.let_go()
    await workers.start()
    inspection = await ended(commander, "frail")

    assert inspection.snapshot.status is MissionStatus.COMPLETED, inspection
    assert interruptions(inspection) == [("held", "closed")] * 2
    check(workers, inspection)
    await check_replays(namespace, "frail")


async def test_step_that_is_appended_runs_in_missions_that_are_parked(
    workers: Workers, commander: Commander, namespace: Client, tmp_path: Path
) -> None:
    """The next worker has a longer definition, and the mission goes on by that."""
    first = await workers.start()
    mission = await commander.start(short, str(tmp_path), mission_id="parked")
    await workers.kill(first)
    await workers.start("long")

    await mission.signal("go", "now")

    inspection = await ended(commander, "parked")
    assert [attempt.step_name for attempt in inspection.step_attempts] == ["start", "first", "then", "more"]
    check(workers, inspection)
    await check_replays(namespace, "parked")


async def test_mission_whose_node_was_removed_stays_parked(
    workers: Workers, commander: Commander, namespace: Client, tmp_path: Path
) -> None:
    """A worker whose definition does not fit leaves it alone, and refuses its signals, until one comes whose does."""
    first = await workers.start()
    mission = await commander.start(short, str(tmp_path), mission_id="parked")
    await commander.start(held, str(tmp_path), mission_id="held", wait=False)
    await workers.until(lambda: workers.begun("held")["held"] == 1)
    await workers.kill(first)
    misfit = await workers.start("moved")
    with pytest.raises(MissionDefinitionMismatchError, match="stands on the need_to 'go'"):
        await mission.signal("go", "now")
    await workers.until(lambda: "stands on the step 'held'" in workers.log)
    await workers.stop(misfit)

    workers.let_go()
    await workers.start()
    await mission.signal("go", "now")
    parked, stood = await ended(commander, "parked"), await ended(commander, "held")

    assert interruptions(parked) == []
    assert interruptions(stood) == [("held", "process ended")]
    for inspection in (parked, stood):
        assert inspection.snapshot.status is MissionStatus.COMPLETED, inspection
        check(workers, inspection)
    await check_replays(namespace, "parked", "held")


async def test_worker_without_the_definition_leaves_missions_to_one_that_has_it(
    workers: Workers, commander: Commander, namespace: Client, tmp_path: Path
) -> None:
    """Alone it runs its own, and cancels; missions of others wait, and go on beside it when the right one comes."""
    workers.let_go()
    await workers.start("other")
    unwanted = await commander.start(line, str(tmp_path), mission_id="unwanted", wait=False)
    await commander.start(line, str(tmp_path), mission_id="early", wait=False)
    await commander.start(other, str(tmp_path), mission_id="other")
    assert (await unwanted.cancel("not needed")).status is MissionStatus.CANCELLED
    assert workers.begun("early").total() == workers.begun("unwanted").total() == 0

    await workers.start()
    await commander.start(line, str(tmp_path), mission_id="beside", wait=False)

    ids = ["early", "beside"]
    for inspection in await asyncio.gather(*(ended(commander, mission_id) for mission_id in ids)):
        assert inspection.snapshot.status is MissionStatus.COMPLETED, inspection
        assert interruptions(inspection) == []
        check(workers, inspection)
    await check_replays(namespace, "unwanted", "other", *ids)


async def test_mission_that_was_parked_by_a_worker_can_be_cancelled_by_another(
    workers: Workers, commander: Commander, namespace: Client, tmp_path: Path
) -> None:
    """Cancelling asks for no definition."""
    first = await workers.start()
    mission = await commander.start(short, str(tmp_path), mission_id="parked", wait=False)
    await at_rest(mission)
    await workers.kill(first)
    await workers.start("other")

    assert (await mission.cancel("not needed")).status is MissionStatus.CANCELLED

    check(workers, await ended(commander, "parked"))
    await check_replays(namespace, "parked")
