"""Temporal's dev server, started once a session, and a namespace of it for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from temporalio.client import Client

from temporal_opener import dev_server, new_namespace


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a dev server, in memory, on loopback alone."""
    with dev_server() as address:
        yield address


@pytest.fixture
async def namespace(server: str) -> Client:
    """A client of a namespace that no other test uses."""
    return await new_namespace(server)
