"""The client for programs without asyncio."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.client import BlockingCommanderClient, create_blocking_client
from mission_control.core import (
    CommanderClosedError,
    DatabaseInUseError,
    MissionContext,
    MissionDefinitionError,
    MissionExecutionError,
    MissionFailedError,
    MissionNotFoundError,
    MissionSignalError,
    MissionStatus,
)
from mission_control.core.storage.memory import InMemoryAdapter
from mission_control.runtime import RuntimeEvent

from .missions import Approval, Hold, Order, approve, count, noted, order, rename, stepping


@pytest.fixture
def client() -> Iterator[BlockingCommanderClient]:
    with create_blocking_client(definitions=[order]) as client:
        yield client


def background_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("mission-control test")]


def test_mission_is_started_commanded_and_awaited(client: BlockingCommanderClient) -> None:
    """A program without a loop does all that one with a loop does."""
    mission = client.start_mission(order, Order("tea"), mission_id="order-1")

    assert mission.mission_id == "order-1"
    assert mission.query(count) == mission.query("count") == 1
    assert mission.update(rename, "ada") == mission.update("rename", "ada", timeout=5) == "ADA"
    mission.signal(approve, Approval(by="ada"))
    assert mission.output() == "1 x tea, approved by ada"
    assert mission.result().status == MissionStatus.COMPLETED
    assert mission.inspect().signals[0].event_name == "approve"
    assert repr(mission) == "<BlockingMissionHandle 'order-1' (order)>"


def test_mission_is_found_listed_and_cancelled(client: BlockingCommanderClient) -> None:
    """Missions can be had by id and by list."""
    client.start_mission("order", {"item": "tea"}, mission_id="order-1", wait=False)
    mission = client.get_mission("order-1")
    assert mission is not None
    mission.cancel("no tea")
    client.start_mission(order, Order("tea"), mission_id="order-2")

    assert client.get_mission("order-3") is None
    assert client.inspect_mission("order-3") is None
    assert [found.mission_id for found in client.list_missions(mission_name="order")] == ["order-1", "order-2"]
    assert [found.mission_id for found in client.list_waiting_missions()] == ["order-2"]
    assert client.list_scheduled_missions() == []
    (wait,) = client.list_waits(mission_name="order")
    assert (wait.mission_id, wait.schema) == ("order-2", client.list_waits(signal=wait.signal)[0].schema)
    assert list(client.iter_waits()) == [wait]
    assert client.list_waits(after=wait) == []
    assert client.cancel_mission("order-2").status == MissionStatus.CANCELLED
    inspection = client.inspect_mission("order-1")
    assert inspection is not None
    assert inspection.snapshot.status == MissionStatus.CANCELLED


def test_result_gives_up_and_leaves_the_mission_running() -> None:
    """A time-out is the caller's alone."""
    hold = Hold()
    with create_blocking_client() as client:
        mission = client.start_mission(stepping(hold), "x", mission_id="held", wait=False)
        assert hold.begun.wait(20)

        with pytest.raises(TimeoutError, match=r"'held' has not ended within 0\.01 s"):
            mission.result(timeout=0.01)
        with pytest.raises(TimeoutError):
            mission.result(timedelta(0))

        hold.let_go.set()
        assert mission.result(timeout=20).output == "let go"


@pytest.mark.parametrize("timeout", [-1, float("nan"), "soon"])
def test_timeout_that_is_no_duration_is_refused(client: BlockingCommanderClient, timeout: float) -> None:
    """A time-out is a duration like any other."""
    mission = client.start_mission(order, Order("tea"))

    with pytest.raises(MissionDefinitionError, match="timeout"):
        mission.result(timeout=timeout)


def test_interrupted_caller_leaves_the_mission_running() -> None:
    """A KeyboardInterrupt while a caller waits stops nothing but the waiting."""
    hold = Hold()
    with create_blocking_client() as client:
        mission = client.start_mission(stepping(hold), "x", wait=False)
        assert hold.begun.wait(20)
        timer = threading.Timer(0.05, signal.pthread_kill, [threading.get_ident(), signal.SIGINT])
        timer.start()

        with pytest.raises(KeyboardInterrupt):
            mission.result()

        timer.join()
        hold.let_go.set()
        assert mission.result(timeout=20).status == MissionStatus.COMPLETED


def test_error_is_the_one_that_was_raised(client: BlockingCommanderClient) -> None:
    """An error has its cause, and its traceback shows both the caller and where it came from."""
    problem = ValueError("no tea")

    def fail(ctx: MissionContext[str]) -> None:
        raise problem

    with pytest.raises(MissionFailedError) as caught:
        client.start_mission(stepping(fail), "x")

    assert caught.value.__cause__ is problem
    text = "".join(traceback.format_exception(caught.value))
    assert "test_error_is_the_one_that_was_raised" in text
    assert "in fail" in text
    assert caught.value.snapshot.status == MissionStatus.FAILED


def test_errors_of_the_commander_are_raised(client: BlockingCommanderClient) -> None:
    """What the async methods raise, the blocking ones raise."""
    mission = client.start_mission(order, Order("tea"))

    with pytest.raises(MissionSignalError):
        mission.signal("reject", {})
    with pytest.raises(MissionNotFoundError):
        client.cancel_mission("order-9")
    with pytest.raises(MissionExecutionError):
        mission.query("price")


def test_many_threads_share_a_client(client: BlockingCommanderClient) -> None:
    """Calls from many threads run side by side, each with its own answer."""

    def run(number: int) -> str:
        mission = client.start_mission(order, Order("tea", count=number))
        mission.signal(approve, Approval(by="ada"))
        return str(mission.output())

    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(run, range(40)))

    assert outputs == [f"{number} x tea, approved by ada" for number in range(40)]


async def test_client_works_beside_a_running_loop(client: BlockingCommanderClient) -> None:
    """In a thread that runs a loop, as in a notebook, calls block that loop and work."""
    mission = client.start_mission(order, Order("tea"))
    await asyncio.sleep(0)

    mission.signal(approve, Approval(by="ada"))

    assert mission.result().status == MissionStatus.COMPLETED


def test_step_may_use_the_client() -> None:
    """A synchronous step starts another mission through the client, also where only one may run at once."""
    inner = stepping(lambda ctx: "inner", name="inner")
    clients: list[BlockingCommanderClient] = []

    def delegate(ctx: MissionContext[str]) -> str:
        return str(clients[0].start_mission(inner, "x").output())

    with create_blocking_client(max_concurrency=1) as client:
        clients.append(client)
        assert client.start_mission(stepping(delegate), "x").output() == "inner"


def test_step_that_waits_for_itself_gets_an_error() -> None:
    """A synchronous step that asks for its own mission's end through the client does not hang."""
    clients: list[BlockingCommanderClient] = []

    def ask(ctx: MissionContext[str]) -> str:
        mission = clients[0].get_mission(ctx.mission_id)
        assert mission is not None
        with pytest.raises(MissionExecutionError, match="itself"):
            mission.result()
        return "asked"

    with create_blocking_client() as client:
        clients.append(client)
        assert client.start_mission(stepping(ask), "x").output() == "asked"


def test_async_step_cannot_block_its_own_loop() -> None:
    """On the client's own loop a blocking call would wait for itself, so it is an error."""
    clients: list[BlockingCommanderClient] = []

    async def ask(ctx: MissionContext[str]) -> str:
        with pytest.raises(RuntimeError, match="plain function"):
            clients[0].list_missions()
        with pytest.raises(RuntimeError, match="plain function"):
            clients[0].close()
        return "asked"

    with create_blocking_client() as client:
        clients.append(client)
        assert client.start_mission(stepping(ask), "x").output() == "asked"


def test_step_cannot_close_its_client() -> None:
    """A synchronous step that closes the client that runs it gets an error, and the client stays open."""
    clients: list[BlockingCommanderClient] = []

    def close(ctx: MissionContext[str]) -> str:
        with pytest.raises(MissionExecutionError, match="its own commander"):
            clients[0].close()
        return "open"

    with create_blocking_client() as client:
        clients.append(client)
        assert client.start_mission(stepping(close), "x").output() == "open"
        assert len(client.list_missions()) == 1


def test_user_code_does_not_see_the_callers_context() -> None:
    """Steps run in the client's context, as they will after a restart, and not in that of a request."""
    request: ContextVar[str] = ContextVar("request", default="none")
    with create_blocking_client() as client:
        request.set("r-1")
        mission = client.start_mission(stepping(lambda ctx: request.get()), "x")

        assert mission.output() == "none"


def test_closed_client_refuses_everything() -> None:
    """After close every method raises, and the thread has ended; a second close does nothing."""
    client = create_blocking_client(definitions=[order], identity="test-closed")
    mission = client.start_mission(order, Order("tea"), mission_id="order-1")
    assert background_threads() == ["mission-control test-closed"]

    client.close()
    client.close()

    assert background_threads() == []
    calls: list[Callable[[], object]] = [
        lambda: client.start_mission(order, Order("tea")),
        lambda: client.get_mission("order-1"),
        lambda: client.list_missions(),
        lambda: mission.signal(approve, Approval(by="ada")),
        lambda: mission.result(timeout=1),
        lambda: mission.cancel(),
    ]
    for call in calls:
        with pytest.raises(CommanderClosedError, match="create a new one"):
            call()


def test_callers_that_wait_at_close_get_an_error() -> None:
    """A thread that waits for a mission's end is not left waiting."""
    client = create_blocking_client(definitions=[order])
    mission = client.start_mission(order, Order("tea"))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(mission.result)
        time.sleep(0.05)

        client.close()

        with pytest.raises(CommanderClosedError):
            waiting.result(timeout=20)


def test_many_threads_may_close_at_once() -> None:
    """Each of them returns when the client is closed."""
    client = create_blocking_client(identity="test-closers")

    with ThreadPoolExecutor(4) as pool:
        closings = [pool.submit(client.close) for _ in range(8)]

    assert [closing.result() for closing in closings] == [None] * 8

    assert background_threads() == []


def test_client_that_cannot_start_leaves_nothing_behind() -> None:
    """Where storage is in use the constructor raises, and its thread has ended."""
    storage = InMemoryAdapter()
    with create_blocking_client(persistence=storage), pytest.raises(DatabaseInUseError):
        create_blocking_client(persistence=storage, identity="test-refused")

    assert background_threads() == []


def test_runtime_is_reported(tmp_path: Path) -> None:
    """The client's runtime takes what a runtime takes, and resumes what an earlier one left."""
    events: list[RuntimeEvent] = []
    hold = Hold()
    database = tmp_path / "missions.db"
    with create_blocking_client(persistence=create_sqlite_persistence_adapter(database)) as client:
        client.start_mission(stepping(hold), "x", mission_id="held", wait=False)
        assert hold.begun.wait(20)
        threading.Timer(0.2, hold.let_go.set).start()

    with create_blocking_client(
        definitions=[stepping(lambda ctx: "again")],
        persistence=create_sqlite_persistence_adapter(database),
        identity="worker-1",
        on_event=events.append,
    ) as client:
        mission = client.get_mission("held")
        assert mission is not None
        assert mission.result(timeout=20).output in ("let go", "again")

    assert {event.identity for event in events} == {"worker-1"}
    assert events[-1].event == "runtime-stopped"


def test_repeats_under_a_key_change_nothing(client: BlockingCommanderClient) -> None:
    """Handles take keys here too."""
    mission = client.start_mission(order, Order("tea"), mission_id="order-1")
    for _ in range(2):
        assert mission.update(rename, "ada", key="u-1") == "ADA"
    for _ in range(2):
        mission.signal(approve, Approval(by="ada"), key="click-81")

    with pytest.raises(MissionSignalError, match=r"the payload at \$\.by"):
        mission.signal(approve, Approval(by="bob"), key="click-81")


def test_client_notes_who_it_asks_for() -> None:
    """In all that it and its handles command, unless a call names somebody else."""
    with create_blocking_client(definitions=[order], by="web") as client:
        mission = client.start_mission(order, Order("tea"), mission_id="order-1")
        mission.update(rename, "ada", by="ada")
        mission.signal(approve, Approval(by="ada"))
        client.start_mission(order, Order("tea"), mission_id="order-2", by="ops")
        client.cancel_mission("order-2")
        found = client.start_mission(order, Order("tea"), by="ops")
        found.cancel(by="ann")

        assert noted(client.inspect_mission("order-1")) == ["web", "ada", "web"]
        assert noted(client.inspect_mission("order-2")) == ["ops", "web"]
        assert noted(found.inspect()) == ["ops", "ann"]


def test_client_refuses_a_note_that_cannot_be_one() -> None:
    """As soon as it is made, and nothing of it is left behind."""
    with pytest.raises(MissionDefinitionError, match=r"^by: expected 1 to 255 characters, found 0"):
        create_blocking_client(definitions=[order], identity="test-refused", by="")

    assert background_threads() == []


def test_client_says_which_runtime_it_owns(client: BlockingCommanderClient) -> None:
    """The text of a client names its runtime, so that a log line tells one from another."""
    assert repr(client).startswith("<BlockingCommanderClient of <CommanderRuntime ")


def test_end_of_the_program_stops_the_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a client leaves for the interpreter's exit closes its commander, and `close` after it is still right."""
    at_exit: list[Callable[[], None]] = []
    monkeypatch.setattr("atexit.register", at_exit.append)
    client = create_blocking_client()
    (stop,) = at_exit

    stop()

    with pytest.raises(CommanderClosedError):
        client.list_missions()
    client.close()
