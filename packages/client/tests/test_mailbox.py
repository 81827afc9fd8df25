"""The client behind a mailbox: what is accepted without an owner, what is refused, and what those who wait get."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import sqlite_mailbox
from mission_control.client import CommanderClient, create_commander_client
from mission_control.client.mailbox_missions import MailboxMissions
from mission_control.client.patience import Patience
from mission_control.core import (
    CommanderClosedError,
    CommanderError,
    MissionAlreadyExistsError,
    MissionCancelledError,
    MissionContext,
    MissionDefinitionError,
    MissionExecutionError,
    MissionFailedError,
    MissionNotFoundError,
    MissionNotRegisteredError,
    MissionSignalError,
    MissionStatus,
    MissionTerminalError,
    MissionValidationError,
    NotAnsweredError,
    PersistenceError,
    Signal,
    m,
)
from mission_control.runtime import create_commander_runtime

from .missions import Approval, Order, approve, count, noted, order, rename, stepping
from .places import Place

PATIENCE = 20


@pytest.fixture(params=["in memory", "a file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(None if request.param == "in memory" else tmp_path / "missions.db")


@pytest.fixture
async def client(place: Place) -> AsyncIterator[CommanderClient]:
    async with create_commander_client(mailbox=place.mailbox(), definitions=[order]) as client:
        yield client


@pytest.fixture
async def stranger(place: Place) -> AsyncIterator[CommanderClient]:
    """A client that knows no definition."""
    async with create_commander_client(mailbox=place.mailbox()) as stranger:
        yield stranger


async def test_mission_is_started_commanded_and_awaited(place: Place, client: CommanderClient) -> None:
    """All that an application does, it does from beside the owner."""
    async with place.owned():
        mission = await client.start_mission(order, Order("tea"), mission_id="order-1")

        assert mission.mission_id == "order-1"
        assert await mission.status() is MissionStatus.WAITING
        assert await mission.query(count) == await mission.query("count") == 1
        assert await mission.update(rename, "ada") == await mission.update("rename", "ada", timeout=None) == "ADA"
        await mission.signal(approve, Approval(by="ada"))
        assert await mission.output() == "1 x tea, approved by ada"
        assert (await mission.result()).status is MissionStatus.COMPLETED
        assert (await mission.inspect()).signals[0].event_name == "approve"
        assert await client.list_refused() == []


async def test_what_is_accepted_without_an_owner_is_done_by_the_next(place: Place, client: CommanderClient) -> None:
    """Nothing has to be sent again, and nothing that waits has to be told."""
    started = await client.start_mission(order, Order("tea"), mission_id="order-1", wait=False)
    await started.signal(approve, Approval(by="ada"), wait=False)
    output = asyncio.create_task(started.output())
    assert await client.get_mission("order-1") is None
    assert await client.list_missions() == []

    async with place.owned():
        assert await asyncio.wait_for(output, PATIENCE) == "1 x tea, approved by ada"

    found = await client.get_mission("order-1")
    assert found is not None
    assert await found.output() == "1 x tea, approved by ada"
    assert (await found.snapshot()).status is MissionStatus.COMPLETED


async def test_nobody_answers_in_time(place: Place, client: CommanderClient) -> None:
    """The error says what becomes of the request, which is applied all the same; asking again is safe."""
    hasty = create_commander_client(mailbox=place.mailbox(), definitions=[order], answer_timeout=0.01)
    with pytest.raises(NotAnsweredError, match=r"is durable.*when a process owns the database") as caught:
        await hasty.start_mission(order, Order("tea"), mission_id="order-1")
    await hasty.close()

    assert isinstance(caught.value, TimeoutError)
    assert caught.value.code == "NOT_ANSWERED"
    assert caught.value.request_id
    assert not caught.value.has_owner
    async with place.owned():
        again = await client.start_mission(order, Order("tea"), mission_id="order-1", if_exists="return")
        assert await again.status() is MissionStatus.WAITING
        assert len(await client.list_missions()) == 1


async def test_who_need_not_wait_without_an_owner(place: Place) -> None:
    """A client may be told at once that a request is accepted, and still wait for an owner that is there."""
    impatient = create_commander_client(
        mailbox=place.mailbox(), definitions=[order], answer_timeout=PATIENCE, unowned_timeout=0
    )
    async with impatient as client:
        with pytest.raises(NotAnsweredError, match="when a process owns the database, and none does now"):
            await client.start_mission(order, Order("tea"), mission_id="order-1")
        async with place.owned():
            mission = await client.start_mission(order, Order("tea"), mission_id="order-2")
            assert await mission.status() is MissionStatus.WAITING


async def test_owner_that_is_slow_has_applied_it(place: Place) -> None:
    """A step that takes longer than the caller waits goes on, and the error says so."""
    let_go = asyncio.Event()

    async def wait(ctx: MissionContext[str]) -> None:
        await let_go.wait()

    async with (
        place.owned(stepping(wait)),
        create_commander_client(mailbox=place.mailbox(), answer_timeout=0.3) as client,
    ):
        with pytest.raises(NotAnsweredError, match="was applied, and what it set in motion goes on") as caught:
            await client.start_mission("stepping", "x", mission_id="m-1")
        assert caught.value.has_owner
        let_go.set()
        mission = await client.get_mission("m-1")
        assert mission is not None
        assert (await mission.result()).status is MissionStatus.COMPLETED


async def test_cancelled_await_withdraws_nothing(place: Place, client: CommanderClient) -> None:
    """Who stops waiting has asked all the same."""
    async with place.owned():
        mission = await client.start_mission(order, Order("tea"))
    asking = asyncio.create_task(mission.signal(approve, Approval(by="ada")))
    await asyncio.sleep(0)
    while not asking.cancelled():
        asking.cancel()
        await asyncio.wait([asking])

    async with place.owned():
        assert (await asyncio.wait_for(mission.result(), PATIENCE)).status is MissionStatus.COMPLETED


async def test_bad_input_fails_before_anything_is_sent(client: CommanderClient, place: Place) -> None:
    """With the definition at hand nobody has to be asked, and no owner needs to be there."""
    with pytest.raises(MissionValidationError) as caught:
        await client.start_mission(order, {"itme": "tea"}, mission_id="order-1")
    assert caught.value.event_name == "start"
    async with place.owned():
        mission = await client.start_mission(order, Order("tea"), mission_id="order-1")
    with pytest.raises(MissionValidationError, match=r"\$\.by: expected str, got int 5") as caught:
        await mission.signal("approve", {"by": 5})
    assert caught.value.event_name == "approve"
    with pytest.raises(MissionValidationError, match="expected str"):
        await mission.update("rename", 5)
    with pytest.raises(MissionExecutionError, match="ask by name for one of those that it has: 'rename'"):
        await mission.update(lambda ctx, name: name, "ada")
    with pytest.raises(ValueError, match="if_exists"):
        await client.start_mission(order, Order("tea"), if_exists="replace")  # type: ignore[call-overload] # wrong on purpose
    with pytest.raises(MissionDefinitionError, match="a mission id"):
        await client.start_mission(order, Order("tea"), mission_id="")

    async with place.owned():
        assert (await client.cancel_mission("order-1")).status is MissionStatus.CANCELLED
        assert await client.list_refused() == []


async def test_what_cannot_be_checked_here_is_checked_by_the_owner(place: Place, stranger: CommanderClient) -> None:
    """Without a definition a value is sent in its JSON form, typed or not, and the owner says what is wrong with it."""
    async with place.owned():
        mission = await stranger.start_mission("order", Order("tea"), mission_id="order-1")
        with pytest.raises(MissionValidationError, match=r"\$\.by: expected str, got int 5") as caught:
            await mission.signal("approve", {"by": 5})
        assert (caught.value.event_name, len(caught.value.issues)) == ("approve", 1)
        with pytest.raises(MissionValidationError, match="has no JSON form"):
            await mission.signal("approve", object())
        with pytest.raises(MissionNotRegisteredError, match="'oder'"):
            await stranger.start_mission("oder", {})
        assert await mission.update("rename", "ada") == "ADA"
        with pytest.raises(MissionNotRegisteredError, match="definitions="):
            await mission.query("count")
        with pytest.raises(MissionNotRegisteredError, match="to find the name of an update"):
            await mission.update(rename, "ada")
        await mission.signal(approve, Approval(by="ada"))
        assert await mission.output() == "1 x tea, approved by ada"


async def test_handle_of_a_refused_start_raises_the_refusal(
    place: Place, client: CommanderClient, stranger: CommanderClient
) -> None:
    """Nobody waited for its answer, and whoever wants the end of the mission gets it: also where another has the id."""
    first = await client.start_mission(order, Order("tea"), mission_id="order-1", wait=False)
    second = await client.start_mission(order, Order("milk"), mission_id="order-1", if_exists="return", wait=False)
    unknown = await client.start_mission("oder", {}, mission_id="order-2", wait=False)
    malformed = await stranger.start_mission("order", {"item": 5}, mission_id="order-3", wait=False)
    waiting = asyncio.create_task(second.result())

    async with place.owned():
        for _ in range(2):
            with pytest.raises(MissionAlreadyExistsError, match=r"the input at \$\.item"):
                await second.output()
            with pytest.raises(MissionNotRegisteredError):
                await unknown.result()
            with pytest.raises(MissionValidationError) as caught:
                await malformed.wait_for_completion()
            assert caught.value.event_name == "start"
        with pytest.raises(MissionAlreadyExistsError):
            await waiting
        await first.signal(approve, Approval(by="ada"))
        assert (await first.result()).status is MissionStatus.COMPLETED

        refused = await client.list_refused()
        assert sorted((one.kind, one.mission_id, one.name, one.code) for one in refused) == [
            ("start", "order-1", "order", "MISSION_ALREADY_EXISTS"),
            ("start", "order-2", "oder", "MISSION_NOT_REGISTERED"),
            ("start", "order-3", "order", "MISSION_VALIDATION_ERROR"),
        ]
        assert any("expected str, got int 5" in one.message for one in refused)
        assert all(one.requested_at <= one.refused_at for one in refused)
        assert sorted((one.refused_at for one in refused), reverse=True) == [one.refused_at for one in refused]
        assert await client.list_refused(limit=1, after=refused[1].request_id) == refused[2:]


async def test_ends_are_told_as_by_a_runtime(place: Place, client: CommanderClient) -> None:
    """Failures and cancellations are raised with the state of the mission."""

    def fail(ctx: MissionContext[str]) -> None:
        raise ValueError("no tea")

    async with place.owned(order, stepping(fail)):
        with pytest.raises(MissionFailedError, match="ValueError: no tea") as caught:
            await client.start_mission("stepping", "x", mission_id="m-1")
        assert caught.value.failure.message == "no tea"
        failed = await client.start_mission("stepping", "x", wait=False)
        with pytest.raises(MissionFailedError, match="no tea"):
            await failed.wait_for_completion()
        assert (await failed.result()).status is MissionStatus.FAILED
        cancelled = await client.start_mission(order, Order("tea"), mission_id="order-1")
        waiting = asyncio.create_task(cancelled.output())
        assert (await cancelled.cancel("no tea")).status is MissionStatus.CANCELLED
        with pytest.raises(MissionCancelledError, match="no tea") as caught_too:
            await waiting
        assert caught_too.value.snapshot == await cancelled.result()
        with pytest.raises(MissionTerminalError):
            await cancelled.update("rename", "ada")


async def test_missions_that_are_not_there(place: Place, client: CommanderClient) -> None:
    """As over a runtime, nothing is kept for a mission that may come."""
    started = await client.start_mission("oder", {}, mission_id="order-1", wait=False)
    async with place.owned():
        with pytest.raises(MissionNotFoundError):
            await client.cancel_mission("order-9")
        with pytest.raises(MissionSignalError, match="came too early"):
            await started.signal("approve", {"by": "ada"})
        with pytest.raises(MissionExecutionError, match="nothing to update"):
            await started.update("rename", "ada")
        assert await started.status() is MissionStatus.IDLE
        assert (await started.snapshot()).status is MissionStatus.IDLE
        assert await started.history() == ()
        assert await client.get_mission("order-1") is None
        assert await client.inspect_mission("order-1") is None


async def test_query_runs_here_on_what_the_file_says(place: Place) -> None:
    """No owner is needed; what its code raises, and a name that is unknown, are as over a runtime."""

    def broken(ctx: MissionContext[str]) -> None:
        raise ValueError("no tea")

    async def awaited(ctx: MissionContext[str]) -> str:
        return ctx.input

    asked = (
        m.define("asked")
        .query("broken", broken)
        .query("awaited", awaited)
        .start(input=str, run=lambda ctx: None)
        .need_to("go", str)
        .end()
    )
    async with place.owned(asked), create_commander_client(mailbox=place.mailbox(), definitions=[asked]) as client:
        mission = await client.start_mission(asked, "x")
        assert await mission.query(awaited) == "x"
    async with create_commander_client(mailbox=place.mailbox(), definitions=[asked]) as client:
        found = await client.get_mission(mission.mission_id)
        assert found is not None
        assert await found.query("awaited") == "x"
        with pytest.raises(MissionExecutionError, match="failed: ValueError: no tea") as caught:
            await found.query("broken")
        assert isinstance(caught.value.__cause__, ValueError)
        with pytest.raises(MissionExecutionError, match="has no query 'borken'"):
            await found.query("borken")


async def test_query_needs_a_mission(client: CommanderClient) -> None:
    """Whose start is in the mailbox still, is none."""
    mission = await client.start_mission(order, Order("tea"), wait=False)
    with pytest.raises(MissionExecutionError, match="nothing to query"):
        await mission.query(count)


async def test_definition_that_ran_is_read_from_the_file(place: Place) -> None:
    """As a reader has it, whoever ran it."""
    async with place.owned(), create_commander_client(mailbox=place.mailbox()) as client:
        await client.start_mission("order", {"item": "tea"})
    missions = MailboxMissions(place.mailbox(), [], Patience.checked(30, None), None)
    assert await missions.load_definition(order.fingerprint) == order.to_static()
    await missions.close()


async def test_order_of_one_client_is_kept(place: Place, client: CommanderClient) -> None:
    """Early signals are kept in the order in which they were accepted, however many are sent at once."""
    tick = Signal("tick", int)
    start = m.define("ticking").start(input=str, run=lambda ctx: None)
    ticking = start.need_to("go", str).need_to("stop", str).need_to(tick, early=True).end()
    mission = await client.start_mission(ticking, "x", wait=False)
    await asyncio.gather(*(mission.signal(tick, number, wait=False) for number in range(50)))

    async with place.owned(ticking):
        await mission.signal("go", "x")
        inspection = await mission.inspect()

    assert [signal.payload for signal in inspection.signals if signal.event_name.endswith("tick")] == list(range(50))


async def test_who_asks_is_noted(place: Place) -> None:
    """In all that the client and its handles command, unless a call names somebody else."""
    async with place.owned(), create_commander_client(mailbox=place.mailbox(), by="web") as client:
        mission = await client.start_mission("order", {"item": "tea"}, mission_id="order-1")
        await mission.update("rename", "ada")
        await mission.signal("approve", {"by": "ada"}, by="ada")
        await client.start_mission("order", {"item": "tea"}, mission_id="order-2", by="ops")
        found = await client.get_mission("order-2")
        assert found is not None
        await found.cancel()

        assert noted(await client.inspect_mission("order-1")) == ["web", "web", "ada"]
        assert noted(await client.inspect_mission("order-2")) == ["ops", "web"]


async def test_payload_is_checked_by_the_waits_that_it_may_be_for(place: Place) -> None:
    """Where a name alone does not tell which wait is meant, what one of them takes is sent; a place tells."""
    number, text = m.path().need_to("go", int), m.path().need_to("go", str)
    forked = m.define("forked").start(input=str, run=lambda ctx: None).parallel("all", {"n": number, "t": text}).end()
    async with place.owned(forked), create_commander_client(mailbox=place.mailbox(), definitions=[forked]) as client:
        mission = await client.start_mission(forked, "x")
        with pytest.raises(MissionValidationError, match="expected int, got bool"):
            await mission.signal("go", True)
        with pytest.raises(MissionSignalError, match="2 open waits"):
            await mission.signal("go", "text")
        with pytest.raises(MissionValidationError, match="expected int, got str"):
            await mission.signal("go", "text", at="all/n")
        with pytest.raises(MissionSignalError, match="does not wait for signal 'all/x/go'"):
            await mission.signal("go", "text", at="all/x")
        await mission.signal("go", "text", at="all/t")
        await mission.signal("all/n/go", 5)
        assert (await mission.result()).status is MissionStatus.COMPLETED


async def test_missions_are_listed(place: Place, client: CommanderClient) -> None:
    """What is listed comes from the file, with an owner or without."""
    async with place.owned():
        for number in range(3):
            await client.start_mission(order, Order("tea"), mission_id=f"order-{number}")
        await client.cancel_mission("order-1")

    assert [mission.mission_id for mission in await client.list_waiting_missions()] == ["order-0", "order-2"]
    assert [mission.mission_id async for mission in client.iter_missions()] == ["order-0", "order-1", "order-2"]
    assert await client.list_scheduled_missions() == []
    waits = await client.list_waits(signal=approve, mission_name="order")
    assert [wait.mission_id for wait in waits] == ["order-0", "order-2"]
    assert waits[0].schema is not None


# Its life


async def test_closed_client_raises(place: Place) -> None:
    """Whoever waits is told, and may ask again whether or not it was sent; a second close does nothing."""
    client = create_commander_client(mailbox=place.mailbox(), definitions=[order])
    mission = await client.start_mission(order, Order("tea"), mission_id="order-1", wait=False)
    approving = mission.signal(approve, Approval(by="ada"), key="click-1")
    waiting = [asyncio.create_task(approving), asyncio.create_task(mission.output())]
    await asyncio.sleep(0)

    await client.close()
    await client.close()

    for task in waiting:
        with pytest.raises(CommanderClosedError, match="create a new one"):
            await task
    with pytest.raises(CommanderClosedError):
        await mission.status()
    async with place.owned(), create_commander_client(mailbox=place.mailbox()) as other:
        again = await other.start_mission("order", {"item": "tea"}, mission_id="order-1", if_exists="return")
        await again.signal("approve", {"by": "ada"}, key="click-1")
        assert await again.output() == "1 x tea, approved by ada"


async def test_storage_that_cannot_be_read_is_told_to_all_who_wait(tmp_path: Path) -> None:
    """What becomes of their requests is unknown then."""
    async with create_commander_client(mailbox=sqlite_mailbox(tmp_path / "missions.db")) as client:
        mission = await client.start_mission("order", {}, wait=False)
        waiting = asyncio.create_task(mission.output())
        await mission.signal("approve", {}, wait=False)
        (tmp_path / "missions.db").write_text("this is no database " * 100)
        with pytest.raises(PersistenceError, match=r"missions\.db"):
            await mission.signal("approve", {})
        with pytest.raises(PersistenceError, match=r"missions\.db"):
            await waiting


async def test_mailbox_that_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    """By the next operation; a client that has opened nothing closes all the same."""
    folder = tmp_path / "later"
    client = create_commander_client(mailbox=sqlite_mailbox(folder / "missions.db"))
    with pytest.raises(PersistenceError, match="later"):
        await client.list_missions()
    folder.mkdir()
    assert await client.list_missions() == []
    await client.close()

    lost = create_commander_client(mailbox=sqlite_mailbox(tmp_path / "lost" / "missions.db"))
    with pytest.raises(PersistenceError):
        await lost.list_missions()
    await lost.close()


async def test_unused_client_closes(place: Place) -> None:
    """What was never opened leaves nothing behind."""
    client = create_commander_client(mailbox=place.mailbox())
    await client.close()
    with pytest.raises(CommanderClosedError):
        await client.list_missions()


def test_client_belongs_to_its_loop(place: Place) -> None:
    """It may be made outside of any, and is that one's in which it is used first."""
    client = create_commander_client(mailbox=place.mailbox())
    with asyncio.Runner() as runner, asyncio.Runner() as other:
        assert runner.run(client.list_missions()) == []
        with pytest.raises(RuntimeError, match="another event loop"):
            other.run(client.list_missions())
        with pytest.raises(RuntimeError, match="another event loop"):
            other.run(client.close())
        runner.run(client.close())


async def test_client_needs_one_of_runtime_and_mailbox(place: Place) -> None:
    """Neither, both, and what is none of them are refused with an error that says what to pass."""
    async with create_commander_runtime() as runtime:
        with pytest.raises(TypeError, match="either a runtime or a mailbox"):
            create_commander_client(runtime=runtime, mailbox=place.mailbox())
        with pytest.raises(TypeError, match="definitions: a runtime has its own"):
            create_commander_client(runtime=runtime, definitions=[order])
        async with create_commander_client(runtime=runtime) as client:
            with pytest.raises(CommanderError, match="make a client with mailbox="):
                await client.list_refused()
        assert await client.list_missions() == []
    with pytest.raises(TypeError, match="or a mailbox instead, found None"):
        create_commander_client()
    with pytest.raises(TypeError, match="expected a Mailbox, as sqlite_mailbox"):
        create_commander_client(mailbox="missions.db")  # type: ignore[arg-type] # wrong on purpose
    with pytest.raises(TypeError, match="definitions"):
        create_commander_client(mailbox=place.mailbox(), definitions=order)  # type: ignore[arg-type] # wrong on purpose
    with pytest.raises(MissionDefinitionError, match="answer_timeout"):
        create_commander_client(mailbox=place.mailbox(), answer_timeout=-1)
    with pytest.raises(MissionDefinitionError, match="unowned_timeout"):
        create_commander_client(mailbox=place.mailbox(), unowned_timeout=-1)
    with pytest.raises(MissionDefinitionError, match="by"):
        create_commander_client(mailbox=place.mailbox(), by="")
