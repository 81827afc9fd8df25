"""What is asked of missions on Temporal, from the process that starts them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.client import Client

from mission_control.client import create_blocking_client, create_commander_client
from mission_control.core import (
    Commander,
    CommanderClosedError,
    CommanderError,
    MissionAlreadyExistsError,
    MissionDefinitionError,
    MissionExecutionError,
    MissionFailedError,
    MissionNotFoundError,
    MissionNotRegisteredError,
    MissionSignalError,
    MissionStatus,
    MissionTerminalError,
    MissionValidationError,
    PersistenceError,
    ScheduleNotFoundError,
)
from mission_control.temporal import create_temporal_commander, create_temporal_worker

from .world import DEFINITIONS, LAMP, Order, at_work, family, listed, nap, order, paid


async def test_an_id_is_one_mission(namespace: Client) -> None:
    """Started again it is found, where it is the same; else it is said what differs."""
    async with at_work(namespace) as commander:
        await commander.start(order, LAMP, mission_id="o")
        again = await commander.start(order, LAMP, mission_id="o", if_exists="return")
        assert again.mission_id == "o"
        with pytest.raises(MissionAlreadyExistsError, match="differs in the input at"):
            await commander.start(order, Order("a desk", "DE"), mission_id="o", if_exists="return")
        with pytest.raises(MissionAlreadyExistsError, match="it is waiting"):
            await commander.start(order, LAMP, mission_id="o")


async def test_a_start_that_fails_says_why(namespace: Client) -> None:
    """The mission is there, and can be reopened once it would work."""
    async with at_work(namespace) as commander:
        with pytest.raises(MissionFailedError, match="KeyError: 'AT'"):
            await commander.start(order, Order("a lamp", "AT"), mission_id="o")
        handle = await commander.get_mission("o")
        assert handle is not None
        with pytest.raises(MissionFailedError):
            await handle.output()
        skipped = await commander.operations.skip_step("o", output="by hand")
        assert skipped.status is MissionStatus.WAITING
        await handle.signal(paid, 5)
        assert (await handle.result()).status is MissionStatus.COMPLETED
        types = [record.type.value for record in await handle.history()]
        assert types.count("mission-reopened") == 1
        with pytest.raises(MissionTerminalError, match="has completed"):
            await commander.operations.reopen_mission("o")


async def test_signals_are_checked_before_they_are_accepted(namespace: Client) -> None:
    """Nothing of a wrong one is in the workflow's history."""
    async with at_work(namespace) as commander:
        handle = await commander.start(order, LAMP, mission_id="o")
        events = len((await namespace.get_workflow_handle("o").fetch_history()).events)
        with pytest.raises(MissionValidationError, match="expected int"):
            await handle.signal("paid", "much")
        with pytest.raises(MissionSignalError, match="its definition has no signal of this name"):
            await handle.signal("sent", 1)
        assert len((await namespace.get_workflow_handle("o").fetch_history()).events) == events
        await handle.signal(paid, 5, key="k", by="Bob")
        await handle.result()
        await handle.signal(paid, 5, key="k")
        with pytest.raises(MissionSignalError, match="differs from what bears it"):
            await handle.signal(paid, 6, key="k")
        with pytest.raises(MissionSignalError, match="it is completed"):
            await handle.signal(paid, 6)


async def test_updates_and_queries(namespace: Client) -> None:
    """An update runs on a worker, a query here."""
    async with at_work(namespace) as commander:
        handle = await commander.start(order, LAMP, mission_id="o")
        assert await handle.update("note", "urgent", key="k") == "URGENT"
        assert await handle.update("note", "urgent", key="k") == "URGENT"
        assert await handle.query("item") == "a lamp"
        with pytest.raises(MissionExecutionError, match="it is bad"):
            await handle.update("note", "bad")
        with pytest.raises(MissionValidationError):
            await handle.update("note", 5)
        await handle.signal(paid, 5)
        await handle.result()
        assert await handle.update("note", "urgent", key="k") == "URGENT"
        with pytest.raises(MissionTerminalError):
            await handle.update("note", "late")


async def test_operators(namespace: Client) -> None:
    """Pause, wake, resume and cancel, each on record with who asked."""
    async with at_work(namespace) as commander:
        handle = await commander.start(nap, 4, mission_id="n")
        assert (await commander.operations.pause_mission("n", by="Bob")).paused
        assert not (await commander.operations.resume_mission("n")).paused
        await commander.operations.wake_mission("n")
        assert (await handle.result()).output == 4
        other = await commander.start(nap, 4, mission_id="other")
        assert (await other.cancel("no need")).status is MissionStatus.CANCELLED
        assert (await commander.cancel_mission("other")).status is MissionStatus.CANCELLED
        reopened = await commander.operations.reopen_mission("other")
        assert reopened.status is MissionStatus.WAITING
        with pytest.raises(MissionExecutionError, match="other"):
            await commander.operations.skip_step("other", output=1)


async def test_missions_are_found(namespace: Client) -> None:
    """By what visibility knows, and by what is looked for in what it returns."""
    async with at_work(namespace) as commander:
        await commander.start(order, LAMP, mission_id="o-1", labels={"shop": "it's"})
        await commander.start(nap, 1, mission_id="n-1")
        await commander.start(family, 1, mission_id="f-1")
        assert {one.mission_id for one in await listed(commander, 4)} == {"o-1", "n-1", "f-1", "f-1/kid"}
        queries: list[tuple[dict[str, Any], set[str]]] = [
            ({"labels": {"shop": "it's"}}, {"o-1"}),
            ({"mission_name": "nap"}, {"n-1", "f-1/kid"}),
            ({"parent_id": "f-1"}, {"f-1/kid"}),
            ({"id_prefix": "n-"}, {"n-1"}),
            ({"status": "completed"}, set()),
            ({"status": "waiting"}, {"o-1", "n-1", "f-1", "f-1/kid"}),
        ]
        for query, ids in queries:
            assert {one.mission_id for one in await listed(commander, len(ids), **query)} == ids
        first, *others = await listed(commander, 4)
        assert [one.mission_id for one in await commander.list_missions(after=first.mission_id)] == [
            one.mission_id for one in others
        ]
        assert len(await commander.list_missions(limit=2)) == 2
        waits = await commander.list_waits()
        assert [(one.mission_id, one.signal) for one in waits] == [("o-1", "paid")]
        assert waits[0].schema == {"type": "integer"}
        due = await commander.operations.list_due()
        assert {one.mission_id for one in due} == {"n-1", "f-1/kid"}
        assert len(await commander.list_scheduled(limit=1)) == 1
        statistics = await commander.operations.statistics()
        assert sum(one.count for one in statistics.missions) == 4
        assert statistics.due_within_hour == 0


async def test_what_a_storage_has_is_said_not_to_be_here(namespace: Client) -> None:
    """Each with what to do instead."""
    async with create_temporal_commander(namespace, definitions=DEFINITIONS, task_queue="idle") as commander:
        operations = commander.operations
        assert await commander.schedules.list() == []
        with pytest.raises(ScheduleNotFoundError, match="Temporal"):
            await commander.schedules.pause("nightly")
        with pytest.raises(CommanderError, match="copies a file"):
            await operations.backup("elsewhere.db")
        with pytest.raises(CommanderError, match="rows"):
            await operations.doctor()
        assert await operations.owner() is None
        assert await operations.change_token()
        assert await operations.standing("order") == []
        assert await commander.load_definition(order.fingerprint) == order.to_static()
        assert [one.name for one in await commander.list_definitions(mission_name="nap")] == ["nap"]
        assert (await operations.plan([order])) is not None


async def test_a_mission_moves_here_and_back(namespace: Client) -> None:
    """It is taken in paused, and goes on when it is resumed."""
    async with at_work(namespace) as commander:
        handle = await commander.start(order, LAMP, mission_id="o")
        form = await commander.operations.export_mission("o")
        taken_in = await commander.operations.import_mission(form, mission_id="p")
        assert taken_in.paused
        with pytest.raises(MissionAlreadyExistsError, match="another id"):
            await commander.operations.import_mission(form, mission_id="p")
        await commander.operations.resume_mission("p")
        other = await commander.get_mission("p")
        assert other is not None
        await other.signal(paid, 3)
        assert (await other.result()).status is MissionStatus.COMPLETED
        assert await handle.status() is MissionStatus.WAITING


async def test_nobody_has_an_unknown_id(namespace: Client) -> None:
    """Whatever it looks like."""
    async with at_work(namespace) as commander:
        for wanted in ("nobody", "\ud800"):
            assert await commander.get_mission(wanted) is None
            assert await commander.inspect_mission(wanted) is None
            with pytest.raises(MissionNotFoundError):
                await commander.cancel_mission(wanted)
        idle = commander.create_mission(order, mission_id="idle")
        assert await idle.status() is MissionStatus.IDLE
        assert (await idle.snapshot()).status is MissionStatus.IDLE
        with pytest.raises(MissionDefinitionError, match="1,000 bytes"):
            await commander.start(order, LAMP, mission_id="\N{GRINNING FACE}" * 255, wait=False)


async def test_a_mission_of_an_unknown_definition(namespace: Client) -> None:
    """It can be seen and cancelled, and says that it cannot be asked."""
    async with at_work(namespace) as commander:
        await commander.start(order, LAMP, mission_id="o")
        async with create_temporal_commander(namespace, task_queue="tests") as stranger:
            with pytest.raises(MissionNotRegisteredError, match="'order'"):
                await stranger.get_mission("o")
            assert await stranger.inspect_mission("o") is not None
            assert (await stranger.cancel_mission("o")).status is MissionStatus.CANCELLED


async def test_a_closed_commander_answers_nothing(namespace: Client) -> None:
    """Nor does it let those wait who asked before."""
    commander = create_temporal_commander(namespace, definitions=DEFINITIONS, task_queue="nobody")
    handle = await commander.start(order, LAMP, mission_id="o", wait=False)
    waiting = asyncio.create_task(handle.result())
    await asyncio.sleep(0.1)
    await commander.close()
    assert commander.closed
    with pytest.raises(CommanderClosedError):
        await waiting
    with pytest.raises(CommanderClosedError):
        await handle.snapshot()
    assert "closed" in repr(commander)


async def test_nothing_is_asked_for_a_commander_that_was_closed_meanwhile(namespace: Client) -> None:
    """At whatever turn of the loop that was: there is no worker that would ever answer."""
    async with create_temporal_commander(namespace, definitions=DEFINITIONS, task_queue="nobody") as commander:
        await commander.start(order, LAMP, mission_id="o", wait=False)
    for turns in range(8):
        commander = create_temporal_commander(namespace, definitions=DEFINITIONS, task_queue="nobody")
        mission = commander.create_mission(order, mission_id="o")
        signalling = asyncio.create_task(mission.signal(paid, 5))
        for _ in range(turns):
            await asyncio.sleep(0)
        await commander.close()
        done, _ = await asyncio.wait([signalling], timeout=10)
        assert done == {signalling}
        assert isinstance(signalling.exception(), CommanderClosedError)


@pytest.mark.parametrize("turns", range(8))
async def test_a_start_that_is_cancelled_at_once_is_over(namespace: Client, turns: int) -> None:
    """It hangs nobody, whether or not it had been sent."""
    commander = create_temporal_commander(namespace, definitions=DEFINITIONS, task_queue="nobody")
    await commander.wait_until_ready()
    starting = asyncio.create_task(commander.start(order, LAMP, mission_id="o"))
    for _ in range(turns):
        await asyncio.sleep(0)
    starting.cancel()
    done, _ = await asyncio.wait([starting], timeout=10)
    assert done == {starting}
    assert starting.cancelled()


async def test_a_server_that_is_not_there(server: str) -> None:
    """It is said that it could not be asked."""
    client = await Client.connect(server, namespace="none-of-this-name")
    commander = create_temporal_commander(client, definitions=DEFINITIONS, task_queue="tests")
    with pytest.raises(PersistenceError, match="namespace"):
        await commander.start(order, LAMP)


async def test_clients(namespace: Client, server: str) -> None:
    """Clients for applications ask a commander on Temporal as any other."""
    async with at_work(namespace) as commander:
        client = create_commander_client(commander=commander, by="Carol")
        await client.start_mission(order, LAMP, mission_id="o")

        async def connect() -> Commander:
            here = await Client.connect(server, namespace=namespace.namespace)
            return create_temporal_commander(here, definitions=DEFINITIONS, task_queue="tests")

        def block() -> str:
            with create_blocking_client(commander=connect, by="Dan") as blocking:
                handle = blocking.get_mission("o")
                assert handle is not None
                handle.signal(paid, 5)
                return handle.result().status.value

        assert await asyncio.to_thread(block) == "completed"
        inspection = await client.inspect_mission("o")
        assert inspection is not None
        assert [one.by for one in inspection.signals] == ["Dan"]


@pytest.mark.parametrize(
    "options",
    [
        {"client": None},
        {"task_queue": ""},
        {"task_queue": 5},
        {"create_mission_id": "mine"},
        {"definitions": 5},
    ],
)
async def test_what_is_no_commander_is_refused(namespace: Client, options: dict[str, Any]) -> None:
    """With what was expected."""
    given: dict[str, Any] = {"client": namespace, "task_queue": "tests", **options}
    with pytest.raises((TypeError, ValueError), match="expected"):
        create_temporal_commander(given.pop("client"), **given)


async def test_a_worker_runs_once(namespace: Client) -> None:
    """And says what is wrong with its options."""
    with pytest.raises(ValueError, match="max_concurrency"):
        create_temporal_worker(namespace, definitions=DEFINITIONS, task_queue="tests", max_concurrency=0)
    worker = create_temporal_worker(namespace, definitions=DEFINITIONS, task_queue="tests")
    worker.stop()
    await worker.run_until_stopped()
    await worker.settled()
    with pytest.raises(RuntimeError, match="create a new one"):
        async with worker:
            pass
