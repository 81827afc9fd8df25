"""Commanders over every adapter, for the tests of what the program promises."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mission_control.adapter_sqlite import sqlite_mailbox
from mission_control.core import Mailbox, PersistenceAdapter
from mission_control.core.engine import attempt
from mission_control.core.storage.memory import InMemoryAdapter
from mission_control.in_memory_commander import in_memory_mailbox
from mission_control.testing import FakeClock
from not_on_temporal import why_not
from sending import Sender
from storages import NewStorage, OpenCommander, memory_adapter_factory, new_storages, sqlite_adapter_factory
from temporal_opener import ON_TEMPORAL, TemporalOpener, dev_server

collect_ignore = ["semantics/test_two_years.py"] if ON_TEMPORAL else []  # it asks for storages itself


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Measure the coverage of the processes that test, and not of the processes that tests start and kill."""
    for name in ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        os.environ.pop(name, None)
    if ON_TEMPORAL:
        shared = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
        held = [item for item in shared if runs_on_temporal(item)]
        left_out = {*shared} - {*held}
        config.hook.pytest_deselected(items=[*left_out])
        items[:] = [item for item in items if item not in left_out]
        for item in held:
            if (reason := why_not(getattr(item, "originalname", item.name), item.name)) is not None:
                item.add_marker(pytest.mark.skip(reason=reason))
            item.obj = _ending_in_time(item.obj)  # type: ignore[attr-defined]


def _ending_in_time(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Return a test that fails where it hangs: nobody moves the time of a server that is waited for in vain."""

    @functools.wraps(test)
    async def limited(*arguments: Any, **named: Any) -> None:
        await asyncio.wait_for(test(*arguments, **named), 30)

    return limited


OWN = frozenset({"fake_clock", "adapter_factory", "mailbox", "database_path", "new_storage"})
"""What tests ask for that look at a storage of ours, or move its time: none of them is about missions elsewhere."""


def runs_on_temporal(item: pytest.Item) -> bool:
    """Return whether a test is about missions that any commander may have."""
    names: frozenset[str] = frozenset(getattr(item, "fixturenames", ()))
    return "open_commander" in names and not names & OWN


@pytest.fixture
def young_heap() -> Iterator[None]:
    """Have the collector see only what the test makes, and not the million objects of the suite."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def endless_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a test hang where code that was stopped is given its grace, which would let it pass after a while."""
    monkeypatch.setattr(attempt, "GRACE", 3600.0)


@pytest.fixture
def database_path(tmp_path: Path) -> Path:
    """Where the database is, for the storage that has one."""
    return tmp_path / "missions.db"


@pytest.fixture(params=["memory", "sqlite"])
def adapter_factory(request: pytest.FixtureRequest, database_path: Path) -> Callable[[], PersistenceAdapter]:
    """A function that gives an adapter on one storage, again and again."""
    return memory_adapter_factory() if request.param == "memory" else sqlite_adapter_factory(database_path)


@pytest.fixture
def mailbox(adapter_factory: Callable[[], PersistenceAdapter], database_path: Path) -> Mailbox:
    """The mailbox of the storage of `open_commander`."""
    adapter = adapter_factory()
    return in_memory_mailbox(adapter) if isinstance(adapter, InMemoryAdapter) else sqlite_mailbox(database_path)


@pytest.fixture(params=["memory", "sqlite"])
def new_storage(request: pytest.FixtureRequest, tmp_path: Path) -> NewStorage:
    """A function that gives an adapter on new storage each time."""
    return new_storages(request.param, tmp_path)


@pytest.fixture(scope="module")  # a server's memory grows by some megabytes with each test
def dev_server_address() -> Iterator[str]:
    """Where Temporal's dev server is."""
    with dev_server() as address:
        yield address


if ON_TEMPORAL:

    @pytest.fixture
    async def open_commander(dev_server_address: str) -> AsyncIterator[TemporalOpener]:
        """Opens commanders on one namespace, each with a worker; the next call is the restart."""
        opener = TemporalOpener(dev_server_address)
        yield opener
        await opener.close()

else:

    @pytest.fixture
    async def open_commander(
        adapter_factory: Callable[[], PersistenceAdapter], fake_clock: FakeClock
    ) -> AsyncIterator[OpenCommander]:
        """Opens commanders on one storage and on `fake_clock`; the next call is the restart."""
        opener = OpenCommander(adapter_factory, fake_clock)
        yield opener
        await opener.close()


@pytest.fixture
async def open_sender(mailbox: Mailbox) -> AsyncIterator[Callable[[], Awaitable[Sender]]]:
    """Opens senders, each like a process of its own."""
    opened: list[Sender] = []

    async def open_one() -> Sender:
        opened.append(await Sender.of(mailbox))
        return opened[-1]

    yield open_one
    for sender in opened:
        await sender.outbox.close()


@pytest.fixture
async def sender(open_sender: Callable[[], Awaitable[Sender]]) -> Sender:
    """A process that sends."""
    return await open_sender()
