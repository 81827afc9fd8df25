"""The conformance suite over SQLite files."""

from pathlib import Path

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.testing.conformance import AdapterFactory, PersistenceAdapterContract


class TestSQLiteAdapter(PersistenceAdapterContract):
    """The SQLite adapter keeps every promise of the protocol."""

    @pytest.fixture
    def adapter_factory(self, tmp_path: Path) -> AdapterFactory:
        return lambda: create_sqlite_persistence_adapter(tmp_path / "missions.db")
