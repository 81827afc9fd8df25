"""Lists of missions on Temporal, and what is read of one."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.client import Client

from mission_control import temporal
from mission_control.client import create_commander_client
from mission_control.console.reading import read_agenda, read_overview
from mission_control.core import CorruptMissionError, MissionContext, MissionFailedError, MissionStatus, Signal, m
from mission_control.temporal.histories import chained

from .world import DEFINITIONS, LAMP, Order, at_work, doze, listed, nap, order

ready = Signal("ready", int)


async def many(ctx: MissionContext[int]) -> list[int]:
    return list(range(ctx.input))


wide = m.define("wide").start(input=int, run=doze).each("all", many, m.path().need_to(ready)).end()


async def test_more_waits_than_a_row_holds_are_read_from_the_history(namespace: Client) -> None:
    """And counted all the same in a listing of them."""
    async with at_work(namespace, *DEFINITIONS, wide) as commander:
        await commander.start(wide, 12, mission_id="w")
        await commander.start(order, LAMP, mission_id="o")
        await listed(commander, 2)
        assert len(await commander.list_waits(signal="ready")) == 12
        assert len(await commander.list_waits(mission_name="order")) == 1
        first, *_ = waits = await commander.list_waits(limit=5)
        assert len(waits) == 5
        assert first not in await commander.list_waits(after=first)


async def test_the_console_reads_missions_on_temporal(namespace: Client) -> None:
    """Who runs them, how they are, and what comes."""
    async with at_work(namespace) as commander:
        client = create_commander_client(commander=commander)
        await commander.start(order, LAMP, mission_id="o")
        await commander.start(nap, 1, mission_id="n")
        with pytest.raises(MissionFailedError):
            await commander.start(order, Order("a lamp", "AT"), mission_id="failed")
        await listed(commander, 3)
        await listed(commander, 1, status=MissionStatus.FAILED)

        overview = await read_overview(client)
        agenda = await read_agenda(client, until=None, limit=10)

        assert overview.owner is not None
        assert (overview.count(), overview.count(MissionStatus.FAILED)) == (3, 1)
        assert [one.kind for one in overview.needs] == ["failed"]
        assert [(one.mission_id, one.kind) for one in agenda] == [("n", "sleep")]
        (failure,) = overview.statistics.failures
        assert (failure.code, failure.node) == ("STEP_FAILED", "invoice")
        due = await commander.operations.list_due()
        assert await commander.operations.list_due(after=due[0].mission_id) == []


@pytest.mark.parametrize("batches", [{}, {"b": {"after": "a", "records": []}}, {"b": {"after": "b", "records": []}}])
def test_batches_that_are_no_chain_are_said_to_be_none(batches: dict[str, Any]) -> None:
    """One is missing, or there is a loop."""
    with pytest.raises(CorruptMissionError, match="has no batch"):
        list(chained("o", batches, "b"))


def test_it_says_its_version() -> None:
    """And has nothing else of the kind."""
    assert temporal.__version__.count(".") == 2
    with pytest.raises(AttributeError):
        _ = temporal.nothing  # type: ignore[attr-defined]
