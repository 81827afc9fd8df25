"""Asks the workflows of missions: what starts them, what is sent to them, and what they answer, errors too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from mission_control.core import (
    MissionExecutionError,
    MissionStatus,
    PersistenceError,
)
from mission_control.core.engine import closed, not_found
from mission_control.core.machine import State
from mission_control.core.readable import encodable
from mission_control.core.storage import (
    AnsweredError,
    Request,
    request_form,
)

from .deciding import size_of, too_long
from .forms import BEGINNING, MOST_BYTES, Form
from .histories import persistence_error, read_state
from .names import MISSION, REST
from .rows import attributes_of, memo_of, typed

_FIRST_LOOK, _LAST_LOOK = 0.1, 2.0
"""Seconds between looks at whether a mission has been started that is waited for."""

T = TypeVar("T")
Ask = Callable[[], Coroutine[Any, Any, T]]
"""What begins to ask: not a coroutine, which would complain where nobody comes to await it."""


class Asking:
    """Asks the workflows of one namespace, for as long as its commander is open; new ones go to one task queue."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue
        self._is_closed = False
        self._asking: set[asyncio.Task[Any]] = set()
        """What callers wait for."""

    async def begin(self, state: State, records: list[Form]) -> bool:
        """Start a mission's workflow; False where its id is in use."""
        try:
            await self._client.start_workflow(MISSION, **self._beginning(state, records))
        except WorkflowAlreadyStartedError:
            return False
        except RPCError as error:
            raise persistence_error(error) from error
        return True

    async def begin_and_rest(self, state: State, records: list[Form]) -> MissionStatus | None:
        """Start a mission's workflow and return its status when it waits or has ended, in one request.

        None where its id is in use.
        """
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            MISSION, **self._beginning(state, records)
        )
        ask: Ask[Form] = partial(
            self._client.execute_update_with_start_workflow,  # pyright: ignore[reportUnknownMemberType]
            REST,
            None,
            start_workflow_operation=start,
            result_type=dict[str, Any],
        )
        try:
            answer = await _answered(self._while_open(ask))
        except BaseException as error:
            with suppress(Exception, asyncio.CancelledError):
                async with asyncio.timeout(0):  # it has been told the same, or will never be told anything
                    await start.workflow_handle()  # which complains where nobody asks it
            if isinstance(error, WorkflowAlreadyStartedError):
                return None
            raise
        if answer is None or "moved" in answer:
            return await self.rested(state.mission_id, None)
        return MissionStatus(answer["status"])

    def _beginning(self, state: State, records: list[Form]) -> dict[str, Any]:
        """Return what a mission's workflow is started with."""
        beginning = {"batch": {"after": None, "records": records}}
        _check_size(f"what mission {state.mission_id!r} begins with", beginning)
        return {
            "arg": beginning,
            "id": state.mission_id,
            "task_queue": self._task_queue,
            "id_reuse_policy": WorkflowIDReusePolicy.REJECT_DUPLICATE,
            "id_conflict_policy": WorkflowIDConflictPolicy.FAIL,
            "memo": memo_of(state, BEGINNING),
            "search_attributes": typed(attributes_of(state)),
        }

    async def request(self, update: str, request: Request, *more: object) -> Form | None:
        """Return what a mission answers, or None where it has ended, or is not there. Raises what it refuses."""
        form = request_form(request)
        _check_size(f"what is sent to mission {request.mission_id!r}", form)
        handle = self._client.get_workflow_handle(sought_id(request.mission_id))
        answer = await self._asked_of(handle, update, [form, *more])
        if answer is not None and "over" in answer:
            await self.end(request.mission_id)
            return None
        if answer is not None and (error := answer.get("error")) is not None:
            raise _error_of(error)
        return answer

    async def rested(self, mission_id: str, line: str | None) -> MissionStatus:
        """Return a mission's status when a line of it, or all of it, next waits or has ended."""
        handle = self._client.get_workflow_handle(mission_id)
        answer = await self._asked_of(handle, REST, [line])
        if answer is not None:
            return MissionStatus(answer["status"])
        state = await read_state(self._client, mission_id)  # its workflow has ended
        if state is None:
            raise not_found(mission_id)
        return state.status

    async def _asked_of(self, handle: WorkflowHandle[Any, Any], update: str, arguments: list[Any]) -> Form | None:
        """Return what a workflow answers, or its next run where it moves to one before; None where it has ended."""
        ask: Ask[Form] = partial(
            handle.execute_update,  # pyright: ignore[reportUnknownMemberType]
            update,
            args=arguments,
            result_type=dict[str, Any],
        )
        answer: Form | None = {"moved": True}
        while answer is not None and "moved" in answer:
            answer = await _answered(self._while_open(ask))
        return answer

    async def _while_open(self, ask: Ask[T]) -> T:
        """Ask, and wait for an answer. Raises `CommanderClosedError` where the commander is closed first."""
        self._check_open()
        task = asyncio.create_task(_cancellable(ask))
        self._asking.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if self._is_closed and task.cancelled():
                raise closed() from None
            raise
        finally:
            task.cancel()
            self._asking.discard(task)

    def _check_open(self) -> None:
        if self._is_closed:
            raise closed()

    def stop(self) -> None:
        """Tell those who wait for an answer that the commander is closed."""
        self._is_closed = True
        for task in self._asking:
            task.cancel()

    async def end(self, mission_id: str) -> None:
        """Return when a mission has ended, which may be started only now."""
        await self._while_open(partial(self._ended, sought_id(mission_id)))

    async def _ended(self, mission_id: str) -> None:
        pause = _FIRST_LOOK
        while True:
            try:
                await self._client.get_workflow_handle(mission_id).result()
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise persistence_error(error) from error
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LAST_LOOK)
            except WorkflowFailureError as error:
                raise PersistenceError(
                    f"the workflow of mission {mission_id!r} was ended by other means than the mission's: {error.cause}"
                ) from error
            else:
                return


async def _cancellable(ask: Ask[T]) -> T:
    """Return an answer. Raises `CancelledError` as whoever cancels expects, `asyncio.timeout` above all."""
    try:
        return await ask()
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        if isinstance(error.__cause__, asyncio.CancelledError):
            raise error.__cause__ from None
        raise PersistenceError("the mission could not be asked in time") from error


async def _answered(asked: Awaitable[Form]) -> Form | None:
    """Return an answer; None where the workflow has ended, or is not there, "moved" where it is to be asked again."""
    try:
        return await asked
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        if isinstance(cause, ApplicationError) and cause.details:
            raise _error_of(cause.details[0]) from None
        if isinstance(cause, ApplicationError) and cause.type == "AcceptedUpdateCompletedWorkflow":
            return None
        raise PersistenceError(f"the mission could not be asked: {cause}") from error
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        if not _was_not_taken(error):
            raise persistence_error(error) from error
        await asyncio.sleep(_FIRST_LOOK)
        return {"moved": True}


def _was_not_taken(error: RPCError) -> bool:
    """Return whether the workflow's task came to nothing, as where it ends at that moment; so nothing was accepted."""
    return error.status is RPCStatusCode.FAILED_PRECONDITION and "workflow task failure" in error.message


def _error_of(form: Form) -> Exception:
    told = AnsweredError(
        code=form["code"],
        message=form["message"],
        event_name=form.get("event_name"),
        issues=tuple(form.get("issues") or ()),
    )
    return told.to_error()


def _check_size(what: str, form: Form) -> None:
    size = size_of(form)
    if size > MOST_BYTES:
        raise MissionExecutionError(too_long(what, size))


def sought_id(mission_id: str) -> str:
    """Return an id to ask for. Raises `MissionNotFoundError` for one that no workflow can have."""
    if not mission_id or encodable(mission_id) != mission_id:
        raise not_found(mission_id)
    return mission_id
