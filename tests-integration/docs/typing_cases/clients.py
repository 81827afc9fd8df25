# pyright: strict
"""Programs that both checkers accept: the clients, and what stands behind a port of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, assert_type

from mission_control.adapter_sqlite import MissionReader
from mission_control.client import (
    BlockingCommanderClient,
    BlockingMissionHandle,
    BlockingOperations,
    BlockingSchedules,
    CommanderClient,
)
from mission_control.core import (
    Commander,
    DeployPlan,
    Finding,
    HistoryRecord,
    MissionHandle,
    MissionInspection,
    MissionSnapshot,
    MissionStatistics,
    MissionStatus,
    MissionSummary,
    OpenWait,
    Operations,
    Owner,
    Schedules,
    ScheduleSummary,
    Standing,
    StoredDefinition,
)
from mission_control.core.commander import MissionPort, MissionReads, Missions, ReadPort

from .missions import Approval, Request, add_note, approved, progress, rated, request


async def ask(client: CommanderClient, instant: datetime) -> None:
    mission = await client.start_mission(request, Request(email="ops@example.com"))
    assert_type(mission, MissionHandle[Request])
    assert_type(await client.start_mission(request, {"email": "ops@example.com"}, wait=False), MissionHandle[Request])
    assert_type(await client.start_mission("request", 5, if_exists="return", start_at=instant), MissionHandle[Any])
    assert_type(await client.start_mission(request, {}, labels={"employee": "e-17"}), MissionHandle[Request])
    assert_type(await client.get_mission("r-1"), MissionHandle[Any] | None)
    assert_type(await client.cancel_mission("r-1", "no more", by="ops"), MissionSnapshot)
    assert_type(await client.inspect_mission("r-1"), MissionInspection | None)
    assert_type(await client.get_summary("r-1"), MissionSummary | None)
    assert_type(await client.load_definition("fingerprint"), dict[str, Any] | None)
    assert_type(await client.list_definitions(mission_name="request"), list[StoredDefinition])
    assert_type(await client.list_missions(status=MissionStatus.FAILED), list[MissionSummary])
    assert_type(await client.list_waiting_missions(limit=5), list[MissionSummary])
    assert_type(await client.list_scheduled_missions(after="r-1"), list[MissionSummary])
    async for summary in client.iter_missions(mission_name="request"):
        assert_type(summary, MissionSummary)
    assert_type(await client.list_waits(signal=approved, limit=5), list[OpenWait])
    async for open_wait in client.iter_waits(signal="approved", mission_name="request"):
        assert_type(open_wait, OpenWait)
    assert_type(client.schedules, Schedules)
    assert_type(await client.schedules.list(), list[ScheduleSummary])
    assert_type(await client.schedules.trigger("nightly"), str)
    assert_type(await client.schedules.backfill("nightly", since=instant, until=instant), list[str])
    await client.schedules.pause("nightly")
    await client.schedules.resume("nightly")
    assert_type(await client.list_missions(status=list(MissionStatus), labels={"a": "b"}), list[MissionSummary])
    async for summary in client.iter_missions(
        status=[MissionStatus.FAILED], error="STEP_FAILED", since=instant, newest_first=True
    ):
        assert_type(summary, MissionSummary)
    await operate(client.operations, instant)


async def operate(operations: Operations, instant: datetime) -> None:
    assert_type(await operations.reopen_mission("r-1", step="send-email", by="ops"), MissionSnapshot)
    assert_type(await operations.pause_mission("r-1", by="ops"), MissionSnapshot)
    assert_type(await operations.resume_mission("r-1"), MissionSnapshot)
    assert_type(await operations.wake_mission("r-1", path="cooldown"), MissionSnapshot)
    assert_type(await operations.skip_step("r-1", output={"sent_to": "a"}, step="send-email"), MissionSnapshot)
    form = await operations.export_mission("r-1")
    assert_type(form, dict[str, Any])
    assert_type(await operations.import_mission(form, mission_id="r-2"), MissionSnapshot)
    assert_type(await operations.purge_missions(ended_before=instant, status=MissionStatus.FAILED), int)
    assert_type(await operations.purge_missions(ended_before=instant, status=[MissionStatus.FAILED], limit=5), int)
    assert_type(await operations.plan([request]), DeployPlan)
    assert_type(await operations.doctor(repair=True, progress=lambda done, total: None), list[Finding])
    assert_type(await operations.statistics(), MissionStatistics)
    assert_type(await operations.owner(), Owner | None)
    assert_type(await operations.standing("request", limit=5), list[Standing])
    assert_type(await operations.change_token(), str)
    assert_type(await operations.list_due(until=instant, limit=5, after="r-1"), list[MissionSummary])
    await operations.backup("backup.db")


def operate_and_wait(operations: BlockingOperations, instant: datetime) -> None:
    assert_type(operations.reopen_mission("r-1", step="send-email", by="ops"), MissionSnapshot)
    assert_type(operations.pause_mission("r-1", by="ops"), MissionSnapshot)
    assert_type(operations.resume_mission("r-1"), MissionSnapshot)
    assert_type(operations.wake_mission("r-1", path="cooldown"), MissionSnapshot)
    assert_type(operations.skip_step("r-1", output={"sent_to": "a"}, step="send-email"), MissionSnapshot)
    form = operations.export_mission("r-1")
    assert_type(form, dict[str, Any])
    assert_type(operations.import_mission(form, mission_id="r-2"), MissionSnapshot)
    assert_type(operations.purge_missions(ended_before=instant, status=[MissionStatus.FAILED], limit=5), int)
    assert_type(operations.plan([request]), DeployPlan)
    assert_type(operations.doctor(repair=True, progress=lambda done, total: None), list[Finding])
    assert_type(operations.statistics(), MissionStatistics)
    assert_type(operations.owner(), Owner | None)
    assert_type(operations.standing("request"), list[Standing])
    assert_type(operations.change_token(), str)
    assert_type(operations.list_due(until=instant), list[MissionSummary])
    operations.backup("backup.db")


def wait(client: BlockingCommanderClient, instant: datetime) -> None:
    mission = client.start_mission(request, Request(email="ops@example.com"))
    assert_type(mission, BlockingMissionHandle[Request])
    assert_type(client.start_mission(request, {"email": "ops@example.com"}), BlockingMissionHandle[Request])
    assert_type(client.start_mission("request", 5, if_exists="return", start_at=instant), BlockingMissionHandle[Any])
    assert_type(client.start_mission("request", 5, labels={"employee": "e-17"}), BlockingMissionHandle[Any])
    assert_type(client.get_mission("r-1"), BlockingMissionHandle[Any] | None)
    assert_type(client.cancel_mission("r-1", "no more"), MissionSnapshot)
    assert_type(client.inspect_mission("r-1"), MissionInspection | None)
    assert_type(client.get_summary("r-1"), MissionSummary | None)
    assert_type(client.load_definition("fingerprint"), dict[str, Any] | None)
    assert_type(client.list_definitions(), list[StoredDefinition])
    assert_type(client.list_missions(status=MissionStatus.FAILED), list[MissionSummary])
    assert_type(client.list_waiting_missions(limit=5), list[MissionSummary])
    assert_type(client.list_scheduled_missions(after="r-1"), list[MissionSummary])
    assert_type(client.iter_missions(mission_name="request"), Iterator[MissionSummary])
    assert_type(client.list_waits(signal="approved"), list[OpenWait])
    assert_type(client.iter_waits(signal=approved), Iterator[OpenWait])
    assert_type(client.schedules, BlockingSchedules)
    assert_type(client.schedules.list(), list[ScheduleSummary])
    assert_type(client.schedules.trigger("nightly"), str)
    assert_type(client.schedules.backfill("nightly", since=instant, until=instant), list[str])
    client.schedules.pause("nightly")
    assert_type(client.operations, BlockingOperations)
    assert_type(client.list_missions(status=list(MissionStatus), schedule="nightly"), list[MissionSummary])
    assert_type(client.iter_missions(id_prefix="r-", until=instant, newest_first=True), Iterator[MissionSummary])
    mission.signal(approved, Approval(by="reviewer-1"))
    mission.signal(approved, {"by": "reviewer-1"}, key="click-81", by="ops", wait=False)
    mission.signal(rated, 0.5)
    mission.signal("approved", {"by": "reviewer-1"})
    assert_type(mission.query(progress), int)
    assert_type(mission.query("progress"), Any)
    assert_type(mission.update(add_note, "a note", timeout=5, key="note-7", by="ops"), list[str])
    assert_type(mission.update("add-note", "a note", timeout=None), Any)
    assert_type(mission.mission_id, str)
    assert_type(mission.mission_name, str)
    assert_type(mission.cancel("no more"), MissionSnapshot)
    assert_type(mission.status(), MissionStatus)
    assert_type(mission.snapshot(), MissionSnapshot)
    assert_type(mission.inspect(), MissionInspection)
    assert_type(mission.history(), tuple[HistoryRecord, ...])
    assert_type(mission.result(timeout=5), MissionSnapshot)
    assert_type(mission.wait_for_completion(), MissionSnapshot)
    assert_type(mission.output(), Any)


# What can be asked is the same wherever the missions are


class Elsewhere(Missions):
    """The missions of another process: they take a port, and no more."""

    def __init__(self, port: MissionPort) -> None:
        self._answers = port

    async def _port(self) -> MissionPort:
        return self._answers


async def ask_elsewhere(port: MissionPort, commander: Commander, reader: MissionReader) -> None:
    reads: ReadPort = port
    assert_type(await reads.inspect("r-1"), MissionInspection | None)
    assert_type(await Elsewhere(port).start(request, Request(email="ops@example.com")), MissionHandle[Request])
    everywhere: list[Missions] = [Elsewhere(port), commander]
    readable: list[MissionReads] = [*everywhere, reader]
    assert_type(await readable[0].list_waiting(), list[MissionSummary])
