"""A release goes on from what earlier ones recorded: their workflows' histories are replayed, to the same end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    Replayer,
    UnsandboxedWorkflowRunner,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from mission_control.temporal.workflow import MissionWorkflow

from .missions import DEFINITIONS, bring_to_ends

HISTORIES = sorted(Path(__file__).with_name("histories").glob("*/*.json"))


async def replay(history: WorkflowHistory) -> Any:
    """Return what a workflow returns when its history is replayed. Raises where it would do anything else."""
    returned: list[Any] = []

    class Returned(WorkflowInboundInterceptor):
        async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
            value = await super().execute_workflow(input)
            returned.append(value)
            return value

    class Watching(Interceptor):
        def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
            return Returned

    replayer = Replayer(
        workflows=[MissionWorkflow], workflow_runner=UnsandboxedWorkflowRunner(), interceptors=[Watching()]
    )
    await replayer.replay_workflow(history)
    (value,) = returned
    return value


def stored(path: Path) -> WorkflowHistory:
    """Return a history that is kept."""
    return WorkflowHistory.from_json(path.stem, path.read_text("utf-8"))


def recorded_result(history: WorkflowHistory) -> Any:
    """Return what the workflow returned when it ran."""
    (payload,) = history.events[-1].workflow_execution_completed_event_attributes.result.payloads
    return json.loads(payload.data)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
async def test_a_stored_history_is_replayed(path: Path) -> None:
    """To the batch that was the last one then."""
    history = stored(path)

    assert await replay(history) == recorded_result(history)


def test_there_are_histories_of_every_construct() -> None:
    """Of each release that there was."""
    releases = {path.parent.name for path in HISTORIES}
    expected = {definition.name for definition in DEFINITIONS} - {"child"} | {"parent_kid"}

    assert releases
    assert all({path.stem for path in HISTORIES if path.parent.name == release} >= expected for release in releases)


async def test_what_runs_today_is_replayed(namespace: Client) -> None:
    """Missions of every construct, which are what is stored for the next releases."""
    async for _, history in bring_to_ends(namespace):
        assert await replay(history) == recorded_result(history)
