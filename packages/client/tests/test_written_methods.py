"""The methods that are written from core's: each of them, of each client, asks what it says."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from mission_control.client import (
    BlockingCommanderClient,
    BlockingMissionHandle,
    BlockingOperations,
    BlockingSchedules,
    CommanderClient,
    create_blocking_client,
    create_commander_client,
)
from mission_control.core import (
    CommanderClosedError,
    MissionFailedError,
    MissionNotFoundError,
    MissionStatus,
    Operations,
    Schedule,
    ScheduleNotFoundError,
    Schedules,
)
from mission_control.runtime import create_commander_runtime

from .missions import Approval, Order, approve, noted, order, stepping


@pytest.fixture
def client() -> Iterator[BlockingCommanderClient]:
    with create_blocking_client(definitions=[order]) as client:
        yield client


@pytest.fixture
async def async_client() -> AsyncIterator[CommanderClient]:
    async with create_commander_runtime(definitions=[order]) as runtime:
        yield create_commander_client(runtime=runtime)


def methods_of(kind: type) -> list[str]:
    return [name for name in dir(kind) if not name.startswith("_")]


def test_clients_have_the_methods_of_the_contract_and_no_others() -> None:
    """What core has beyond them is held back, until somebody decides otherwise."""
    both = [
        *("cancel_mission", "close", "get_mission", "get_summary", "inspect_mission", "iter_missions"),
        *("iter_waits", "list_definitions", "list_missions", "list_refused", "list_scheduled_missions"),
        *("list_waiting_missions", "list_waits", "load_definition", "operations", "schedules", "start_mission"),
    ]

    assert methods_of(CommanderClient) == methods_of(BlockingCommanderClient) == both
    assert methods_of(BlockingSchedules) == methods_of(Schedules) == ["backfill", "list", "pause", "resume", "trigger"]
    assert (
        methods_of(BlockingOperations)
        == methods_of(Operations)
        == [
            *("backup", "change_token", "doctor", "export_mission", "import_mission", "list_due", "owner"),
            *("pause_mission", "plan", "purge_missions", "reopen_mission", "resume_mission", "skip_step"),
            *("standing", "statistics", "wake_mission"),
        ]
    )
    assert methods_of(BlockingMissionHandle) == [
        *("cancel", "history", "inspect", "mission_id", "mission_name", "output", "query", "result", "signal"),
        *("snapshot", "status", "update", "wait_for_completion"),
    ]


def test_blocking_handle_says_how_its_mission_is(client: BlockingCommanderClient) -> None:
    """Name, status, snapshot and history are there without an inspection."""
    mission = client.start_mission(order, Order("tea"), mission_id="order-1")

    assert mission.mission_name == "order"
    assert mission.status() is MissionStatus.WAITING
    assert mission.snapshot().cursor == "approve"
    assert mission.history() == mission.inspect().history
    mission.signal(approve, Approval(by="ada"))
    assert mission.wait_for_completion().status is MissionStatus.COMPLETED


def test_blocking_handle_raises_for_a_mission_that_failed(client: BlockingCommanderClient) -> None:
    """`wait_for_completion` tells a failure from an end that is fine, and `result` does not."""

    def fail(ctx: object) -> None:
        raise ValueError("no tea")

    mission = client.start_mission(stepping(fail), "x", wait=False)

    with pytest.raises(MissionFailedError, match="no tea"):
        mission.wait_for_completion()
    assert mission.result().status is MissionStatus.FAILED


def test_blocking_client_iterates_over_all_missions(client: BlockingCommanderClient) -> None:
    """However many there are, each comes once, in order of creation, and those alone that are asked for."""
    quick = stepping(lambda ctx: "done")
    created = [client.start_mission(quick, "x", wait=False).mission_id for _ in range(205)]
    client.start_mission(order, Order("tea"), mission_id="order-1")

    assert [mission.mission_id for mission in client.iter_missions(mission_name="stepping")] == created
    assert [mission.mission_id for mission in client.iter_missions(status=MissionStatus.WAITING)] == ["order-1"]


def test_iteration_that_is_given_up_ends_with_its_client() -> None:
    """A caller may stop at the first mission, and close the client with more of them to come."""
    with create_blocking_client() as client:
        quick = stepping(lambda ctx: "done")
        for _ in range(101):
            client.start_mission(quick, "x", wait=False)
        next(client.iter_missions())
        under_way = client.iter_missions()
        next(under_way)

    with pytest.raises(CommanderClosedError, match="create a new one"):
        list(under_way)


async def test_async_client_iterates_over_all_missions(async_client: CommanderClient) -> None:
    """It is the commander's own iteration."""
    for number in range(3):
        await async_client.start_mission(order, Order("tea"), mission_id=f"order-{number}")

    found = [mission.mission_id async for mission in async_client.iter_missions(mission_name="order")]

    assert found == ["order-0", "order-1", "order-2"]


def test_blocking_schedules_ask_as_those_of_the_commander_do(client: BlockingCommanderClient) -> None:
    """Each method without `await`, with the arguments and the errors that it has there; closed with their client."""
    schedules = client.schedules
    since = datetime(2026, 11, 1, tzinfo=UTC)

    for name in methods_of(BlockingSchedules):
        assert inspect.signature(getattr(BlockingSchedules, name)) == inspect.signature(getattr(Schedules, name))
    for change in (schedules.pause, schedules.resume, schedules.trigger):
        with pytest.raises(ScheduleNotFoundError, match="'nightly'"):
            change("nightly")
    with pytest.raises(ScheduleNotFoundError, match="'nightly'"):
        schedules.backfill("nightly", since=since, until=since + timedelta(days=1))
    client.close()
    with pytest.raises(CommanderClosedError):
        schedules.pause("nightly")


def test_blocking_client_fires_and_shows_its_schedules() -> None:
    """It takes them as a runtime does; what they start belongs to its missions."""
    yearly = Schedule("yearly", stepping(lambda ctx: "done"), input="x", cron="0 0 1 1 *")
    since = datetime(2024, 1, 1, tzinfo=UTC)
    with create_blocking_client(schedules=[yearly]) as client:
        triggered = client.schedules.trigger("yearly")
        backfilled = client.schedules.backfill("yearly", since=since, until=since + timedelta(days=367))
        client.schedules.pause("yearly")
        (paused,) = client.schedules.list()
        client.schedules.resume("yearly")
        (resumed,) = client.schedules.list()

        assert backfilled == ["yearly@2024-01-01T00:00:00Z", "yearly@2025-01-01T00:00:00Z"]
        assert [mission.mission_id for mission in client.iter_missions()] == [triggered, *backfilled]
        assert (paused.status, resumed.status) == ("paused", "active")


async def test_async_client_has_the_schedules_of_its_commander(async_client: CommanderClient) -> None:
    """What is unknown there is unknown here."""
    with pytest.raises(ScheduleNotFoundError, match="'nightly'"):
        await async_client.schedules.trigger("nightly")


def test_blocking_operations_ask_as_those_of_the_commander_do(client: BlockingCommanderClient) -> None:
    """Each method without `await`, with the arguments and the errors that it has there; closed with their client."""
    operations = client.operations

    for name in methods_of(BlockingOperations):
        assert inspect.signature(getattr(BlockingOperations, name)) == inspect.signature(getattr(Operations, name))
    for change in (
        operations.pause_mission,
        operations.resume_mission,
        operations.wake_mission,
        operations.reopen_mission,
        partial(operations.skip_step, output="tea"),
    ):
        with pytest.raises(MissionNotFoundError, match="'order-1'"):
            change("order-1")
    client.close()
    with pytest.raises(CommanderClosedError):
        operations.pause_mission("order-1")


def test_blocking_operations_note_who_asks() -> None:
    """As the client says, or each call."""
    with create_blocking_client(definitions=[order], by="night shift") as client:
        client.start_mission(order, Order("tea"), mission_id="order-1")
        client.operations.pause_mission("order-1")
        client.operations.resume_mission("order-1", by="ada")

        assert noted(client.inspect_mission("order-1")) == ["night shift", "night shift", "ada"]


async def test_async_client_has_the_operations_of_its_commander(async_client: CommanderClient) -> None:
    """What is done by them is done there."""
    mission = await async_client.start_mission(order, Order("tea"), mission_id="order-1")

    assert isinstance(async_client.operations, Operations)
    assert (await async_client.operations.pause_mission("order-1")).paused
    assert (await mission.snapshot()).paused
