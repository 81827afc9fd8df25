"""Who runs the missions, as a commander tells it of itself, and a client of whoever it is."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mission_control.client import create_blocking_client, create_commander_client
from mission_control.core import Owner, create_commander
from mission_control.runtime import create_commander_runtime
from storages import Forwarding

from .places import Place


class WithoutMailbox(Forwarding):
    """Storage that no other process can reach."""

    def mailbox(self) -> None:
        return None


def is_now(owner: Owner) -> bool:
    """Return whether this process, which listens, has owned the storage for a moment."""
    age = datetime.now(UTC) - owner.since
    is_young = timedelta(seconds=-1) < age < timedelta(minutes=5)
    return is_young and owner == Owner(pid=os.getpid(), since=owner.since, is_listening=True)


@pytest.fixture(params=["in memory", "a file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(None if request.param == "in memory" else tmp_path / "missions.db")


async def test_a_client_knows_who_runs_the_missions(place: Place) -> None:
    """Whoever that is at each time, and that nobody does."""
    async with create_commander_client(mailbox=place.mailbox()) as client:
        assert await client.operations.owner() is None
        for _ in range(2):
            async with place.owned():
                owner = await client.operations.owner()
                assert owner is not None
                assert is_now(owner)
            assert await client.operations.owner() is None


async def test_a_commander_is_the_owner(place: Place) -> None:
    """It tells when it took the storage, which does not change."""
    async with place.owned() as commander:
        owner = await commander.operations.owner()
        assert owner is not None
        assert is_now(owner)
        assert await commander.operations.owner() == owner


async def test_a_commander_without_mailbox_does_not_listen() -> None:
    """Nobody else can ask it for anything."""
    async with create_commander(persistence=WithoutMailbox(Place(None).storage())) as commander:
        owner = await commander.operations.owner()
    assert owner is not None
    assert (owner.pid, owner.is_listening) == (os.getpid(), False)


async def test_a_client_over_a_runtime_is_told_of_its_own_process() -> None:
    """The commander of the runtime is the owner."""
    async with create_commander_runtime() as runtime:
        owner = await create_commander_client(runtime=runtime).operations.owner()
    assert owner is not None
    assert is_now(owner)


def test_callers_that_wait_are_told(tmp_path: Path) -> None:
    """By a client over a runtime, and by one through a mailbox."""
    with create_blocking_client(mailbox=Place(tmp_path / "missions.db").mailbox()) as client:
        assert client.operations.owner() is None
    with create_blocking_client() as client:
        owner = client.operations.owner()
    assert owner is not None
    assert is_now(owner)
