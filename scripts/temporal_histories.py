"""Store the histories of missions of every construct for later releases to replay: `temporal_histories.py VERSION`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from importlib import import_module

from temporalio.client import Client, WorkflowHistory

from workspace import ROOT

TESTS = ROOT / "packages/temporal/tests"


async def store(version: str) -> None:
    """Run the missions against a dev server, and write the histories of their workflows."""
    from temporal_opener import dev_server, new_namespace

    folder = TESTS / "replaying" / "histories" / version
    folder.mkdir(parents=True, exist_ok=True)
    bring_to_ends: Callable[[Client], AsyncIterator[tuple[str, WorkflowHistory]]]
    bring_to_ends = import_module("replaying.missions").bring_to_ends
    with dev_server() as address:
        async for name, history in bring_to_ends(await new_namespace(address)):
            (folder / f"{name}.json").write_text(history.to_json() + "\n", "utf-8")
            print(f"{name}: {len(history.events)} events")


if __name__ == "__main__":
    sys.path[:0] = [str(TESTS), str(ROOT / "tests-integration")]
    asyncio.run(store(sys.argv[1]))
