"""A step's result and a cancellation that race: what was applied is what everybody reads, whatever came first."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from mission_control.core import MissionContext, MissionDefinition, Signal, m
from mission_control.temporal import create_temporal_commander, create_temporal_worker
from mission_control.temporal.histories import read_history
from mission_control.temporal.names import RECORDS
from mission_control.temporal.workflow import MissionWorkflow

go = Signal("go", int)


async def brief(ctx: MissionContext[int]) -> int:
    await asyncio.sleep(ctx.input / 1000)
    return ctx.input


async def undo(ctx: MissionContext[int]) -> None:
    await asyncio.sleep(0)


def define() -> list[MissionDefinition[Any]]:
    linear = (
        m.define("linear")
        .start(input=int, run=brief, undo=undo)
        .step("next", brief, undo=undo)
        .step("last", brief)
        .end()
    )
    path = m.path().step("one", brief).step("two", brief, undo=undo)
    forked = (
        m.define("forked")
        .start(input=int, run=brief)
        .parallel("both", {"a": path, "b": path, "c": m.path().need_to(go, early=True).step("three", brief)})
        .race("first", {"a": m.path().step("one", brief), "b": m.path().sleep("nap", timedelta(seconds=0.02))})
        .end()
    )
    return [linear, forked]


async def test_what_is_read_is_what_was_applied(namespace: Client) -> None:
    """Of 40 missions that are cancelled, signalled and paused at random moments; and a replay applies the same."""
    chance = random.Random(7)
    definitions = define()

    async def trouble(commander: Any, number: int) -> None:
        definition = definitions[number % 2]
        handle = await commander.start(definition, chance.randrange(30), mission_id=f"m-{number}", wait=False)
        await asyncio.sleep(chance.random() / 3)
        for action in chance.sample(["cancel", "signal", "pause", "cancel"], 2):
            try:
                if action == "cancel":
                    await handle.cancel("too late?")
                elif action == "signal":
                    await handle.signal(go, number, wait=False)
                else:
                    await commander.operations.pause_mission(f"m-{number}")
                    await commander.operations.resume_mission(f"m-{number}")
            except Exception:
                await asyncio.sleep(0.01)
        await commander.cancel_mission(f"m-{number}")

    async with (
        create_temporal_worker(namespace, definitions=definitions, task_queue="tests"),
        create_temporal_commander(namespace, definitions=definitions, task_queue="tests") as commander,
    ):
        await asyncio.gather(*(trouble(commander, number) for number in range(40)))
        histories: list[WorkflowHistory] = []
        for number in range(40):
            handle = namespace.get_workflow_handle(f"m-{number}")
            histories.append(await handle.fetch_history())
            read = await read_history(namespace, f"m-{number}")
            assert read is not None
            assert await handle.query(RECORDS, 0) == read  # of a workflow that has ended: it was replayed for this
    replayer = Replayer(workflows=[MissionWorkflow], workflow_runner=UnsandboxedWorkflowRunner())
    async with replayer.workflow_replay_iterator(_each(histories)) as results:
        async for result in results:
            assert result.replay_failure is None


async def _each(histories: list[WorkflowHistory]) -> AsyncGenerator[WorkflowHistory]:
    for history in histories:
        yield history
