"""The client for asyncio applications."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from mission_control.client import CommanderClient, create_commander_client
from mission_control.core import (
    MissionAlreadyExistsError,
    MissionDefinitionError,
    MissionSignalError,
    MissionStatus,
    MissionValidationError,
)
from mission_control.runtime import create_commander_runtime
from mission_control.testing import FakeClock

from .missions import Approval, Order, approve, count, noted, order, rename


@pytest.fixture
async def client(fake_clock: FakeClock) -> AsyncIterator[CommanderClient]:
    async with create_commander_runtime(definitions=[order], clock=fake_clock) as runtime:
        yield create_commander_client(runtime=runtime)


async def test_mission_is_started_commanded_and_awaited(client: CommanderClient) -> None:
    """An application needs the client and its handles, and nothing else."""
    mission = await client.start_mission(order, Order("tea"), mission_id="order-1")

    assert mission.mission_id == "order-1"
    assert await mission.query(count) == 1
    assert await mission.update(rename, "ada") == "ADA"
    await mission.signal(approve, Approval(by="ada"))
    assert await mission.output() == "1 x tea, approved by ada"
    assert (await mission.result()).status == MissionStatus.COMPLETED
    assert (await mission.inspect()).signals[0].event_name == "approve"


async def test_mission_is_found_again(client: CommanderClient) -> None:
    """A handle can be had by id, at any time."""
    await client.start_mission("order", {"item": "tea"}, mission_id="order-1")

    mission = await client.get_mission("order-1")

    assert mission is not None
    await mission.signal("approve", {"by": "ada"})
    assert (await mission.result()).status == MissionStatus.COMPLETED
    assert await client.get_mission("order-2") is None


async def test_start_takes_what_the_commander_takes(client: CommanderClient, fake_clock: FakeClock) -> None:
    """Options of `Commander.start` are passed on, and its errors raised."""
    later = fake_clock.now() + timedelta(hours=1)
    await client.start_mission(order, Order("tea"), mission_id="order-1", start_at=later, wait=False)

    again = await client.start_mission(order, Order("tea"), mission_id="order-1", if_exists="return")

    assert again.mission_id == "order-1"
    assert [mission.mission_id for mission in await client.list_scheduled_missions()] == ["order-1"]
    with pytest.raises(MissionAlreadyExistsError):
        await client.start_mission(order, Order("tea"), mission_id="order-1")
    with pytest.raises(MissionValidationError):
        await client.start_mission(order, {"itme": "tea"})


async def test_missions_are_listed(client: CommanderClient, fake_clock: FakeClock) -> None:
    """All missions, those that wait, and those that wait for a time can be listed page by page."""
    for number in range(3):
        await client.start_mission(order, Order("tea"), mission_id=f"order-{number}")
    done = await client.get_mission("order-1")
    assert done is not None
    await done.signal(approve, Approval(by="ada"))
    later = fake_clock.now() + timedelta(hours=1)
    await client.start_mission(order, Order("tea"), mission_id="order-3", start_at=later)

    async def ids(**options: object) -> list[str]:
        return [mission.mission_id for mission in await client.list_missions(**options)]  # type: ignore[arg-type] # options are what is tested

    assert await ids() == ["order-0", "order-1", "order-2", "order-3"]
    assert await ids(status=MissionStatus.COMPLETED) == ["order-1"]
    assert await ids(mission_name="order", limit=1, after="order-1") == ["order-2"]
    assert [mission.mission_id for mission in await client.list_waiting_missions(limit=2)] == ["order-0", "order-2"]
    assert [mission.mission_id for mission in await client.list_scheduled_missions()] == ["order-3"]
    waits = await client.list_waits(signal=approve, mission_name="order", limit=2)
    assert [wait async for wait in client.iter_waits()][:2] == waits
    assert [wait.mission_id for wait in waits] == ["order-0", "order-2"]


async def test_mission_is_cancelled_and_inspected_by_id(client: CommanderClient) -> None:
    """Cancelling and inspecting need no handle."""
    await client.start_mission(order, Order("tea"), mission_id="order-1")

    snapshot = await client.cancel_mission("order-1", "changed my mind")
    inspection = await client.inspect_mission("order-1")

    assert snapshot.status == MissionStatus.CANCELLED
    assert inspection is not None
    assert inspection.snapshot == snapshot
    assert await client.inspect_mission("order-2") is None


async def test_repeats_under_a_key_change_nothing(client: CommanderClient) -> None:
    """A handle of the client takes keys, as the commander's do."""
    mission = await client.start_mission(order, Order("tea"), mission_id="order-1")
    for _ in range(2):
        assert await mission.update(rename, "ada", key="u-1") == "ADA"
    for _ in range(2):
        await mission.signal(approve, Approval(by="ada"), key="click-81")

    with pytest.raises(MissionSignalError, match=r"the payload at \$\.by"):
        await mission.signal(approve, Approval(by="bob"), key="click-81")


async def test_client_notes_who_it_asks_for(fake_clock: FakeClock) -> None:
    """In all that it and its handles command, unless a call names somebody else."""
    async with create_commander_runtime(definitions=[order], clock=fake_clock) as runtime:
        client = create_commander_client(runtime=runtime, by="web")
        mission = await client.start_mission(order, Order("tea"), mission_id="order-1")
        await mission.update(rename, "ada")
        await mission.signal(approve, Approval(by="ada"), by="ada")
        await client.start_mission("order", {"item": "tea"}, mission_id="order-2", by="ops")
        found = await client.get_mission("order-2")
        assert found is not None
        await found.cancel()
        await client.start_mission(order, Order("tea"), mission_id="order-3", by="ops")
        await client.cancel_mission("order-3")
        unnamed = await create_commander_client(runtime=runtime).start_mission(order, Order("tea"))

        assert noted(await client.inspect_mission("order-1")) == ["web", "web", "ada"]
        assert noted(await client.inspect_mission("order-2")) == ["ops", "web"]
        assert noted(await client.inspect_mission("order-3")) == ["ops", "web"]
        assert noted(await unnamed.inspect()) == []


async def test_client_refuses_a_note_that_cannot_be_one(fake_clock: FakeClock) -> None:
    """As soon as it is made."""
    runtime = create_commander_runtime(definitions=[order], clock=fake_clock)

    with pytest.raises(MissionDefinitionError, match=r"^by: expected 1 to 255 characters, found 0"):
        create_commander_client(runtime=runtime, by="")
