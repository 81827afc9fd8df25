"""Commanders over every adapter, for the tests of what the program promises."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from mission_control.core import PersistenceAdapter
from mission_control.core.engine import attempt
from mission_control.testing import FakeClock
from storages import NewStorage, OpenCommander, memory_adapter_factory, new_storages, sqlite_adapter_factory


def pytest_collection_modifyitems() -> None:
    """Measure the coverage of the processes that test, and not of the processes that tests start and kill."""
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


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


@pytest.fixture(params=["memory", "sqlite"])
def new_storage(request: pytest.FixtureRequest, tmp_path: Path) -> NewStorage:
    """A function that gives an adapter on new storage each time."""
    return new_storages(request.param, tmp_path)


@pytest.fixture
async def open_commander(
    adapter_factory: Callable[[], PersistenceAdapter], fake_clock: FakeClock
) -> AsyncIterator[OpenCommander]:
    """Opens commanders on one storage and on `fake_clock`; the next call is the restart."""
    opener = OpenCommander(adapter_factory, fake_clock)
    yield opener
    await opener.close()
