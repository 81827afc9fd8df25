"""Temporal's dev server, started once a module, and a namespace of it for each test.

These tests are collected where the environment variable MISSIONS_ON is "temporal": `hatch run temporal:test` sets it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from temporalio.client import Client

from temporal_opener import ON_TEMPORAL, dev_server, new_namespace

collect_ignore_glob = [] if ON_TEMPORAL else ["*"]


@pytest.fixture(scope="module")  # its memory grows by some megabytes with each test
def server() -> Iterator[str]:
    """The address of a dev server, in memory, on loopback alone."""
    with dev_server() as address:
        yield address


@pytest.fixture
async def namespace(server: str) -> Client:
    """A client of a namespace that no other test uses."""
    return await new_namespace(server)
