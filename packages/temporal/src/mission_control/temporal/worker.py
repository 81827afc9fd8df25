"""Workers: any number of processes that run the steps of missions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, cast

import attrs
from temporalio import workflow
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    HandleUpdateInput,
    Interceptor,
    StartActivityInput,
    UnsandboxedWorkflowRunner,
    Worker,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from mission_control.core import MissionControlError, MissionDefinition, MissionNotRegisteredError
from mission_control.core.commander import Registry
from mission_control.core.definition import is_a, new_mission_id
from mission_control.core.payloads import found
from mission_control.core.storage import AnsweredError, SignalRequest, read_request
from mission_control.runtime import stop_signals

from .activities import Activities
from .converting import client_of_missions
from .deciding import Decider
from .names import SIGNAL
from .registering import register_attributes
from .running import HEARTBEAT, Running
from .workflow import MissionWorkflow

STICKY = timedelta(seconds=1)
"""How long the next task of a mission waits for the worker that has it in memory, before any worker takes it."""


class TemporalWorker:
    """Runs the missions of one task queue, beside any number of others. Made by `create_temporal_worker`.

    A context manager: at work inside. When it is left the steps that run are stopped, and another worker runs them
    again; a step has 5 s to end.
    """

    def __init__(self, client: Client, decider: Decider, task_queue: str, max_concurrency: int) -> None:
        self._client = client
        self._decider = decider
        self._task_queue = task_queue
        self._max_concurrency = max_concurrency
        self._running: Running | None = None
        self._worker: Worker | None = None
        self._must_stop = asyncio.Event()

    async def __aenter__(self) -> Self:
        if self._worker is not None:
            raise RuntimeError("this worker was started before; create a new one")
        from importlib.metadata import version

        await register_attributes(self._client)
        self._running = Running(self._max_concurrency)
        self._worker = Worker(
            self._client,
            build_id=f"mission-control-{version('mission-control-temporal')}",  # or it hashes every module, for seconds
            task_queue=self._task_queue,
            workflows=[MissionWorkflow],
            activities=Activities(self._client, self._decider, self._running).all,
            interceptors=[_Knowing(self._decider)],
            workflow_runner=UnsandboxedWorkflowRunner(),  # no code of users runs in the workflow
            max_concurrent_activities=self._max_concurrency,
            sticky_queue_schedule_to_start_timeout=STICKY,
            max_heartbeat_throttle_interval=timedelta(seconds=HEARTBEAT),
            default_heartbeat_throttle_interval=timedelta(seconds=HEARTBEAT),
        )
        await self._worker.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        assert self._worker is not None  # it was entered
        assert self._running is not None
        await self._worker.__aexit__(kind, error, trace)
        self._running.close()

    def stop(self) -> None:
        """Have `run_until_stopped` return."""
        self._must_stop.set()

    async def run_until_stopped(self) -> None:
        """Work until SIGINT or SIGTERM, or until `stop` is called; then stop what runs, and return."""
        with stop_signals(self._must_stop.set):
            async with self:
                await self._must_stop.wait()

    async def settled(self) -> None:
        """Return at a moment when this worker runs no user code."""
        while self._running is not None and self._running.runner.running:
            await asyncio.sleep(0.05)


def create_temporal_worker(
    client: Client, *, definitions: Iterable[MissionDefinition[Any]], task_queue: str, max_concurrency: int = 256
) -> TemporalWorker:
    """Return a worker that runs the missions of a task queue, as far as they are of these definitions.

    Args:
        client: A client of the Temporal namespace that has the missions.
        definitions: What it can run. Missions of others are left to other workers of the task queue.
        task_queue: Whose missions it runs.
        max_concurrency: How many steps it runs at once.

    Raises `ValueError` for a number or a text that is none, `TypeError` for what is no definition.
    """
    if type(max_concurrency) is not int or max_concurrency < 1:
        raise ValueError(f"max_concurrency: expected an int of 1 or more, found {found(max_concurrency)}")
    registry = Registry(new_mission_id)
    registry.register_all(definitions)
    return TemporalWorker(
        checked_client(client), Decider(registry.definitions), checked_queue(task_queue), max_concurrency
    )


async def run_temporal_worker(
    client: Client, *, definitions: Iterable[MissionDefinition[Any]], task_queue: str, max_concurrency: int = 256
) -> None:
    """Run the missions of a task queue in this process until SIGINT or SIGTERM: see `create_temporal_worker`."""
    worker = create_temporal_worker(
        client, definitions=definitions, task_queue=task_queue, max_concurrency=max_concurrency
    )
    await worker.run_until_stopped()


def checked_client(client: Client) -> Client:
    """Return a client of Temporal's, for missions. Raises `TypeError` for what is none."""
    if not is_a(client, Client):
        raise TypeError(f"client: expected a temporalio.client.Client, found {found(client)}")
    return client_of_missions(client)


def checked_queue(task_queue: str) -> str:
    """Return the name of a task queue. Raises `ValueError` for what is none."""
    if not is_a(task_queue, str) or not task_queue:
        raise ValueError(f"task_queue: expected the name of one, found {found(task_queue)}")
    return task_queue


class _Knowing(Interceptor):
    """Does for missions here what takes their definitions: workflows have none.

    It refuses signals that do not fit before they are accepted, so that nothing of them is in the history. And what
    this worker cannot run it leaves to the task queue, where otherwise it would take it back at once, again and again.
    """

    def __init__(self, decider: Decider) -> None:
        self._decider = decider

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """Return what sees updates of missions before they are accepted, and activities before they are begun."""
        decider = self._decider

        class Leaves(WorkflowOutboundInterceptor):
            def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
                mission = cast("MissionWorkflow", workflow.instance())
                input.disable_eager_execution |= not decider.can_carry(mission.state)
                return super().start_activity(input)

        class Checks(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(Leaves(outbound))

            def handle_update_validator(self, input: HandleUpdateInput) -> None:
                mission = cast("MissionWorkflow", workflow.instance())
                if input.update != SIGNAL or not mission.is_settled:
                    return  # it is checked when it is its turn
                request = read_request(input.args[0])
                assert isinstance(request, SignalRequest)
                try:
                    decider.signal(mission.state, request)
                except MissionNotRegisteredError:
                    return  # another worker may know it
                except (MissionControlError, ValueError, TypeError) as error:
                    form = attrs.asdict(AnsweredError.of(error))
                    raise ApplicationError(str(error), form, type=form["code"], non_retryable=True) from None

        return Checks
