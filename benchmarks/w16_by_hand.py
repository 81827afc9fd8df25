"""The missions of W16 as somebody writes them for Temporal by hand: workflows, an activity, an update.

As fast as that goes: without the sandbox, which ours does without, too; with heartbeats only from what takes long; and
with an update that answers at the end, which on the dev server is quicker than a signal and waiting for the result.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from .missions import PAYLOAD, Payload

_EVER, _DEAD = timedelta(days=36_500), timedelta(seconds=3)


@activity.defn
async def work(payload: Payload) -> Payload:
    """Do nothing, as the steps of ours."""
    return PAYLOAD


async def _step(payload: Payload) -> Payload:
    return await workflow.execute_activity(work, payload, start_to_close_timeout=_EVER, heartbeat_timeout=_DEAD)


@workflow.defn
class Linear:
    """A start and some steps."""

    @workflow.run
    async def run(self, payload: Payload, steps: int) -> Payload:
        """Run them one after another."""
        for _ in range(1 + steps):
            payload = await _step(payload)
        return payload


@workflow.defn
class Signalled:
    """A start, a wait for somebody, and one step after it."""

    def __init__(self) -> None:
        self._is_waiting = False
        self._received: Payload | None = None
        self._has_ended = False

    @workflow.run
    async def run(self, payload: Payload) -> Payload:
        """Run the steps, and wait in between."""
        await _step(payload)
        self._is_waiting = True
        await workflow.wait_condition(lambda: self._received is not None)
        assert self._received is not None
        output = await _step(self._received)
        self._has_ended = True
        await workflow.wait_condition(workflow.all_handlers_finished)
        return output

    @workflow.update
    async def go(self, payload: Payload) -> None:
        """Let it go on, and answer when it has ended."""
        self._received = payload
        await workflow.wait_condition(lambda: self._has_ended)

    @workflow.query
    def is_waiting(self) -> bool:
        """Return whether the start has ended."""
        return self._is_waiting


def worker(client: Client, task_queue: str) -> Worker:
    """Return a worker for them."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[Linear, Signalled],
        activities=[work],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_activities=256,  # as many as ours runs
    )
