"""The conformance suite over memory."""

import pytest

from mission_control.in_memory_commander import create_in_memory_persistence_adapter
from mission_control.testing.conformance import AdapterFactory, PersistenceAdapterContract


class TestInMemoryAdapter(PersistenceAdapterContract):
    """The in-memory adapter keeps every promise of the protocol."""

    @pytest.fixture
    def adapter_factory(self) -> AdapterFactory:
        adapter = create_in_memory_persistence_adapter()
        return lambda: adapter
