"""The client for programs without asyncio, behind a mailbox."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, sqlite_mailbox
from mission_control.client import BlockingCommanderClient, create_blocking_client
from mission_control.core import (
    CommanderClosedError,
    CommanderError,
    MissionAlreadyExistsError,
    MissionStatus,
    MissionValidationError,
    NotAnsweredError,
    Schedule,
)

from .missions import Approval, Order, approve, count, order, rename


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "missions.db"


@pytest.fixture
def client(database: Path) -> Iterator[BlockingCommanderClient]:
    with create_blocking_client(mailbox=sqlite_mailbox(database), definitions=[order], by="flask") as client:
        yield client


@pytest.fixture
def owner(database: Path) -> Iterator[BlockingCommanderClient]:
    with create_blocking_client(definitions=[order], persistence=create_sqlite_persistence_adapter(database)) as owner:
        yield owner


def test_mission_is_started_commanded_and_awaited(
    owner: BlockingCommanderClient, client: BlockingCommanderClient
) -> None:
    """All that a program does, it does from beside the owner."""
    mission = client.start_mission(order, Order("tea"), mission_id="order-1")

    assert mission.query(count) == 1
    assert mission.update(rename, "ada") == "ADA"
    with pytest.raises(TimeoutError, match="'order-1' has not ended within"):
        mission.result(timeout=0.01)
    mission.signal(approve, Approval(by="ada"))
    assert mission.output() == "1 x tea, approved by ada"
    assert owner.list_missions() == client.list_missions()
    assert client.list_refused() == []


def test_many_threads_share_one(owner: BlockingCommanderClient, client: BlockingCommanderClient) -> None:
    """Each gets its own answers."""

    def run(number: int) -> str:
        mission = client.start_mission(order, Order("tea", number))
        mission.signal(approve, Approval(by=str(number)))
        return str(mission.output())

    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(run, range(24)))

    assert outputs == [f"{number} x tea, approved by {number}" for number in range(24)]


def test_refusals_are_raised_and_listed(owner: BlockingCommanderClient, client: BlockingCommanderClient) -> None:
    """At once where somebody waits, and from the handle or the list where nobody did."""
    client.start_mission(order, Order("tea"), mission_id="order-1")
    with pytest.raises(MissionAlreadyExistsError):
        client.start_mission(order, Order("milk"), mission_id="order-1")
    with pytest.raises(MissionValidationError):
        client.start_mission(order, {"item": 5})
    later = client.start_mission(order, Order("milk"), mission_id="order-1", wait=False)
    with pytest.raises(MissionAlreadyExistsError):
        later.output()

    assert [one.code for one in client.list_refused(limit=5)] == ["MISSION_ALREADY_EXISTS"] * 2
    with pytest.raises(CommanderError, match="make a client with mailbox="):
        owner.list_refused()


def test_nobody_answers(database: Path) -> None:
    """Without an owner the request is durable, and the error says so."""
    with (
        create_blocking_client(mailbox=sqlite_mailbox(database), answer_timeout=0.01) as client,
        pytest.raises(NotAnsweredError),
    ):
        client.start_mission("order", {"item": "tea"}, mission_id="order-1")
    with (
        create_blocking_client(definitions=[order], persistence=create_sqlite_persistence_adapter(database)),
        create_blocking_client(mailbox=sqlite_mailbox(database)) as client,
    ):
        assert client.start_mission("order", {"item": "tea"}, mission_id="order-1", if_exists="return").status() == (
            MissionStatus.WAITING
        )


def test_client_begins_nothing_before_its_first_use(database: Path) -> None:
    """It has no thread and has touched no file, so that a fork takes nothing from it; closed, it is closed."""
    before = threading.active_count()
    client = create_blocking_client(mailbox=sqlite_mailbox(database))

    assert threading.active_count() == before
    assert list(database.parent.iterdir()) == []
    assert repr(client).startswith("<BlockingCommanderClient of the missions behind ")
    client.close()
    client.close()
    with pytest.raises(CommanderClosedError):
        client.list_missions()
    assert threading.active_count() == before


def test_runtime_is_the_owners(database: Path) -> None:
    """What a runtime is made of has no place beside a mailbox."""
    mailbox = sqlite_mailbox(database)
    with pytest.raises(TypeError, match="pass definitions=, by= and the timeouts alone"):
        create_blocking_client(mailbox=mailbox, persistence=create_sqlite_persistence_adapter(database))
    with pytest.raises(TypeError, match="pass definitions=, by= and the timeouts alone"):
        create_blocking_client(mailbox=mailbox, max_concurrency=8)
    with pytest.raises(TypeError, match="pass definitions=, by= and the timeouts alone"):
        create_blocking_client(mailbox=mailbox, schedules=[Schedule("hourly", order, input=Order("tea"), every=3600)])
