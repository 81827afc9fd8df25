"""The contract, passed by the adapter in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from mission_control.core.storage.memory import InMemoryAdapter
from mission_control.testing import PersistenceAdapterContract
from mission_control.testing.conformance import AdapterFactory

from .jsonl_adapter import JsonLinesAdapter


class TestInMemoryAdapter(PersistenceAdapterContract):
    """Storage in memory keeps every promise."""

    @pytest.fixture
    def adapter_factory(self) -> AdapterFactory:
        """Return the one object in which the storage lives."""
        adapter = InMemoryAdapter()
        return lambda: adapter


class TestJsonLinesAdapter(PersistenceAdapterContract):
    """An adapter that a third party wrote from the docstrings keeps them too."""

    @pytest.fixture
    def adapter_factory(self, tmp_path: Path) -> AdapterFactory:
        """Return a function that gives each owner an object of its own over one file."""
        return lambda: JsonLinesAdapter(tmp_path / "missions.jsonl")
