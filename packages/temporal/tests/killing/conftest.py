"""Worker processes and a commander on the namespace of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from mission_control.core import Commander
from mission_control.temporal import create_temporal_commander

from .harness import Workers
from .program import QUEUE, SETS


@pytest.fixture
async def workers(namespace: Client, tmp_path: Path) -> AsyncIterator[Workers]:
    """Worker processes, which end with the test."""
    workers = Workers(namespace, tmp_path)
    yield workers
    await workers.close()


@pytest.fixture
async def commander(namespace: Client) -> AsyncIterator[Commander]:
    """A commander that knows all definitions, and runs no step."""
    async with create_temporal_commander(namespace, definitions=SETS["all"], task_queue=QUEUE) as commander:
        yield commander
