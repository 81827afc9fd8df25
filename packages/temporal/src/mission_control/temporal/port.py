"""What can be asked of missions on Temporal, answered by their workflows, and by what these have recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

import attrs
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from mission_control.core import (
    CommanderError,
    MissionAlreadyExistsError,
    MissionDefinition,
    MissionDefinitionError,
    MissionExecutionError,
    MissionSignalError,
    MissionSnapshot,
    MissionStatus,
    MissionValidationError,
    PersistenceError,
    ScheduleNotFoundError,
)
from mission_control.core.commander import (
    Found,
    Registry,
    answer_query,
    check_same,
    checked_if_exists,
    checked_start_at,
    command_of,
    ended_error,
    name_of,
    refuse_itself,
    stored_output,
    stored_payload,
)
from mission_control.core.definition import exact_text, flag, seconds
from mission_control.core.engine import Threads, closed, current_attempt, not_found, not_registered
from mission_control.core.history import Labels
from mission_control.core.machine import (
    Reopen,
    Skip,
    Start,
    State,
    check_carries,
    check_repeat,
    check_update,
    decide,
    find_use,
    refused_signal,
)
from mission_control.core.payloads import found
from mission_control.core.readable import encodable
from mission_control.core.storage import (
    AnsweredError,
    CancelRequest,
    ChangeRequest,
    ImportRequest,
    PurgeRequest,
    RepairRequest,
    Request,
    ScheduleAction,
    SignalRequest,
    SkipRequest,
    UpdateRequest,
    request_form,
)

from .deciding import SLOTS, Decider, size_of, too_long
from .forms import BEGINNING, MOST_BYTES, Form, record_forms
from .histories import read_state
from .names import CANCEL, CHANGE, MISSION, REST, SIGNAL, UPDATE
from .reads import TemporalReads, persistence_error
from .reopening import reopen
from .rows import attributes_of, memo_of, typed

_LONGEST_ID = 1_000
_FIRST_LOOK, _LAST_LOOK = 0.1, 2.0
"""Seconds between looks at whether a mission has been started that is waited for."""

T = TypeVar("T")


class TemporalPort(TemporalReads):
    """The operations of the missions of one namespace; those that are started here go to one task queue."""

    def __init__(self, client: Client, registry: Registry, task_queue: str) -> None:
        super().__init__(client, registry.definitions, task_queue)
        self._registry = registry
        self._decider = Decider(registry.definitions)
        self._threads = Threads()
        self._mission_name = ""
        self._asking: set[asyncio.Task[Any]] = set()
        """What callers wait for; those of all handles."""

    def of(self, mission_name: str) -> TemporalPort:
        """Return the same for a handle, which knows the name of its mission."""
        port = copy(self)
        port._mission_name = mission_name
        return port

    # Starting

    async def start(
        self,
        definition: MissionDefinition[Any] | str,
        input: object,
        *,
        mission_id: str | None,
        if_exists: Literal["raise", "return"],
        start_at: datetime | None,
        wait: bool,
        by: str | None,
        labels: Labels,
    ) -> Found:
        """Start a mission, or find that the one that is there is the same."""
        definition = self._registry.resolve(definition)
        if_exists = checked_if_exists(if_exists)
        mission_id = _checked_id(self._registry.mission_id(mission_id))
        due, wait = checked_start_at(start_at), flag(wait, subject="wait")
        subject = f"input of mission {mission_id!r} ({definition.name})"
        stored = definition.start.input.validate(input, event_name="start", subject=subject)
        command = Start(definition.name, stored, due, by=by, labels=labels)
        decided = decide(definition, State(mission_id=mission_id), (command,), self.clock(), SLOTS)
        begin = self._begin_and_rest if wait else self._begin
        if not await begin(decided.state, record_forms(decided.records)):
            existing = await self.state(mission_id)
            check_same(definition, stored, existing, if_exists)
        return Found(mission_id, definition.name)

    async def _begin(self, state: State, records: list[Form]) -> bool:
        """Start a mission's workflow; False where its id is in use."""
        try:
            await self._client.start_workflow(MISSION, **self._beginning(state, records))
        except WorkflowAlreadyStartedError:
            return False
        except RPCError as error:
            raise persistence_error(error) from error
        return True

    async def _begin_and_rest(self, state: State, records: list[Form]) -> bool:
        """Start a mission's workflow and wait until it waits or has ended, in one request; False as above.

        Raises `MissionFailedError`.
        """
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            MISSION, **self._beginning(state, records)
        )
        asked = self._client.execute_update_with_start_workflow(  # pyright: ignore[reportUnknownMemberType]
            REST, None, start_workflow_operation=start, result_type=dict[str, Any]
        )
        try:
            answer = await _answered(self._while_open(asked))
        except BaseException as error:
            with suppress(Exception, asyncio.CancelledError):
                await start.workflow_handle()  # has been told the same, and complains where nobody asks it
            if isinstance(error, WorkflowAlreadyStartedError):
                return False
            raise
        if answer is None or "moved" in answer:
            answer = await self._rested(state.mission_id, None)
        if answer is None or answer["status"] == MissionStatus.FAILED:
            snapshot = (await self.state(state.mission_id)).snapshot()
            if snapshot.status is MissionStatus.FAILED:
                raise self.failure(snapshot)
        return True

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

    async def import_mission(self, request: ImportRequest) -> MissionSnapshot:
        """Take in a mission, paused unless it has ended, and return its state."""
        from mission_control.core.operations import read_form

        form = read_form(request.form, mission_id=request.mission_id).paused(self.clock(), request.by)
        if await self._begin(form.state, record_forms(form.records)):
            return form.state.snapshot()
        existing = await self.state(request.mission_id)
        raise MissionAlreadyExistsError(
            f"mission {existing.mission_id!r} ({existing.mission_name}) exists already; it is {existing.status}: "
            f"take in the other one under another id, mission_id=..."
        )

    # Commanding

    async def signal(
        self,
        mission_id: str,
        name: str,
        payload: object,
        *,
        at: str | None,
        key: str | None,
        by: str | None,
        wait: bool,
    ) -> None:
        """Deliver a signal to the wait of that name, at a place where one is given."""
        _refuse_itself(mission_id, f"signal {name!r} to", MissionSignalError)
        instance = name if at is None else f"{at}/{name}"
        definition = self.definitions.get(self._mission_name)
        subject = f"signal {instance!r} of mission {mission_id!r} ({self._mission_name})"
        request = SignalRequest(mission_id=mission_id, name=name, payload=payload, at=at, key=key, by=by)
        try:
            stored = stored_payload(definition, instance, payload, subject=subject)
        except MissionValidationError:
            if key is None or find_use(state := await self.state(mission_id), key) is None:
                raise
            _signal_again(definition, state, request, instance)  # it was taken, in a form that does not fit today
            return
        request = attrs.evolve(request, payload=stored)
        answer = await self._ask(SIGNAL, request, wait)
        if answer is None:
            _signal_again(definition, await self.state(mission_id), request, instance)
        elif wait and answer["line"] is not None:  # it went on in another run before it came to rest
            await self._rested(mission_id, answer["line"])

    async def update(
        self,
        mission_id: str,
        mission_name: str,
        update: str | Callable[..., object],
        input: object,
        timeout: timedelta | float | None,
        *,
        key: str | None,
        by: str | None,
    ) -> Any:
        """Run an update on a worker and return what it returned, as its declared type."""
        _refuse_itself(mission_id, "update", MissionExecutionError)
        limit = None if timeout is None else seconds(timeout, subject="an update's timeout")
        definition = self.definitions[mission_name]  # a handle is given only to a mission of a known one
        code = {name: handler.run for name, handler in definition.updates.items()}
        name = name_of(update, code, "update", mission_id, mission_name)
        handler = definition.updates[name]
        subject = f"input of update {name!r} of mission {mission_id!r} ({mission_name})"
        stored = handler.schema.validate(input, event_name=name, subject=subject)
        request = UpdateRequest(mission_id=mission_id, name=name, input=stored, timeout=limit, key=key, by=by)
        answer = await self._ask(UPDATE, request)
        value = (
            _update_of_ended(definition, await self.state(mission_id), request) if answer is None else answer["value"]
        )
        return handler.output.restore(value, subject=f"the output of update {name!r}")

    async def cancel(self, mission_id: str, reason: str | None, *, by: str | None) -> MissionSnapshot:
        """End the mission and return its state."""
        _refuse_itself(mission_id, "cancel", MissionExecutionError)
        if reason is not None:
            reason = exact_text(reason, subject="the reason of a cancellation")
        await self._ask(CANCEL, CancelRequest(mission_id=mission_id, reason=reason, by=by))
        return (await self.state(mission_id)).snapshot()

    async def change(self, request: ChangeRequest) -> MissionSnapshot:
        """Change what becomes of a mission, durably, and return its state."""
        _refuse_itself(request.mission_id, request.kind, MissionExecutionError)
        if isinstance(request, SkipRequest):
            snapshot = (await self.state(request.mission_id)).snapshot()
            known = self.definitions.get(snapshot.mission_name)
            request = attrs.evolve(request, output=stored_output(known, snapshot, request.step, request.output))
        if await self._ask(CHANGE, request) is not None:
            return (await self.state(request.mission_id)).snapshot()
        state, command = await self.state(request.mission_id), command_of(request)
        if isinstance(command, Reopen | Skip):
            return (await self._reopened(request.mission_id, command)).snapshot()
        decided = decide(self.definitions.get(state.mission_name), state, (command,), self.clock(), SLOTS)
        return decided.state.snapshot()  # of one that has ended, where that is not refused

    async def _reopened(self, mission_id: str, command: Reopen | Skip) -> State:
        return await reopen(self._client, self._decider, self._task_queue, mission_id, command, self.clock())

    async def change_schedule(
        self, name: str, action: ScheduleAction, *, since: datetime | None, until: datetime | None, by: str | None
    ) -> list[str]:
        """Raise `ScheduleNotFoundError`: schedules fire under a commander that has a storage."""
        raise ScheduleNotFoundError(
            f"there is no schedule {name!r}: what starts missions on Temporal by the calendar is a program, or Temporal"
        )

    async def purge(self, request: PurgeRequest) -> int:
        """Raise `CommanderError`: the namespace's retention deletes what has ended."""
        raise CommanderError(
            "missions on Temporal are deleted by their namespace, once they have ended for its retention"
        )

    async def repair(self, request: RepairRequest) -> bool:
        """Return False: nothing is stored beside histories."""
        return False

    async def _ask(self, update: str, request: Request, *more: object) -> Form | None:
        """Return what a mission answers, or None where it has ended, or is not there. Raises what it refuses."""
        form = request_form(request)
        _check_size(f"what is sent to mission {request.mission_id!r}", form)
        handle = self._client.get_workflow_handle(_sought_id(request.mission_id))
        while True:
            asked = handle.execute_update(update, args=[form, *more], result_type=dict[str, Any])  # pyright: ignore[reportUnknownMemberType]
            answer = await _answered(self._while_open(asked))
            if answer is None or "moved" not in answer:
                break
        if answer is not None and (error := answer.get("error")) is not None:
            raise _error_of(error)
        return answer

    async def _rested(self, mission_id: str, line: str | None) -> Form | None:
        """Return what the mission answers when a line of it, or all of it, next waits; None where it has ended."""
        handle = self._client.get_workflow_handle(mission_id)
        while True:
            answer = await _answered(self._while_open(handle.execute_update(REST, line, result_type=dict[str, Any])))  # pyright: ignore[reportUnknownMemberType]
            if answer is None or "moved" not in answer:
                return answer

    async def _while_open(self, asked: Coroutine[Any, Any, T]) -> T:
        """Wait for an answer. Raises `CommanderClosedError` where the commander is closed first."""
        task = asyncio.create_task(_cancellable(asked))
        self._asking.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if self._registry.is_closed and task.cancelled():
                raise closed() from None
            raise
        finally:
            task.cancel()
            self._asking.discard(task)

    def stop_asking(self) -> None:
        """Tell those who wait for an answer that the commander is closed."""
        for task in self._asking:
            task.cancel()

    async def ended(self, mission_id: str) -> MissionSnapshot:
        """Wait for the mission's end and return its state."""
        _refuse_itself(mission_id, "wait for", MissionExecutionError)
        await self._while_open(self._end(_sought_id(mission_id)))
        return (await self.state(mission_id)).snapshot()

    async def _end(self, mission_id: str) -> None:
        """Return when a mission has ended, which may be started only now."""
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

    # Looking

    @property
    def definitions(self) -> Mapping[str, MissionDefinition[Any]]:
        """The definitions that are registered, by name."""
        return self._registry.definitions

    @property
    def clock(self) -> Callable[[], datetime]:
        """The clock of this process."""
        return lambda: datetime.now(UTC)

    async def query(self, mission_id: str, mission_name: str, query: str | Callable[..., object]) -> Any:
        """Run a query here, on the last durable state."""
        definition = self.definitions[mission_name]  # a handle is given only to a mission of a known one
        name = name_of(query, definition.queries, "query", mission_id, mission_name)
        state = await self.state(mission_id)
        check_carries(definition, state)
        return await answer_query(definition, state, name, self._threads, self.clock)

    async def state(self, mission_id: str) -> State:
        """Return the mission's durable state. Raises `MissionNotFoundError`."""
        try:
            state = await read_state(self._client, _sought_id(mission_id))
        except RPCError as error:
            raise persistence_error(error) from error
        if state is None:
            raise not_found(mission_id)
        return state

    async def snapshot(self, mission_id: str, mission_name: str) -> MissionSnapshot:
        """Return the mission's durable state, an idle one where there is none."""
        state = await read_state(self._client, _sought_id(mission_id))
        return (state or State(mission_id=mission_id, mission_name=mission_name)).snapshot()

    async def find(self, mission_id: str) -> Found | None:
        """Find a mission. Raises `MissionNotRegisteredError` where its definition is not known."""
        row = await self.load_summary(mission_id)
        if row is None:
            return None
        if row.mission_name not in self.definitions:
            raise not_registered(mission_id, row.mission_name, self.definitions)
        return Found(mission_id, row.mission_name)

    async def status(self, mission_id: str) -> MissionStatus:
        """Return where the mission is in its life."""
        row = await self.load_summary(mission_id)
        return MissionStatus.IDLE if row is None else row.status

    def failure(self, snapshot: MissionSnapshot) -> CommanderError:
        """Return the error for a failed or cancelled mission; what raised it was in another process, most likely."""
        return ended_error(snapshot, None)


def _refuse_itself(mission_id: str, what: str, error: type[CommanderError]) -> None:
    attempt = current_attempt.get()
    refuse_itself(None if attempt is None or attempt.is_over else attempt, mission_id, what, error)


def _signal_again(
    definition: MissionDefinition[Any] | None, state: State, request: SignalRequest, instance: str
) -> None:
    """Return where the signal has come before, under its key. Raises what refuses it."""
    record = find_use(state, request.key)
    if record is None:
        raise refused_signal(definition, state, instance)
    check_repeat(definition, state, record, "signal", instance, request.payload)


def _update_of_ended(definition: MissionDefinition[Any], state: State, request: UpdateRequest) -> Any:
    """Return what the same update returned before, under its key. Raises what refuses it."""
    record = find_use(state, request.key)
    if record is None:
        check_update(state)
        raise MissionExecutionError(f"mission {state.mission_id!r} has ended meanwhile")
    check_repeat(definition, state, record, "update", request.name, request.input)
    return record.details["output"]


async def _cancellable(asked: Coroutine[Any, Any, T]) -> T:
    """Return an answer. Raises `CancelledError` as whoever cancels expects, `asyncio.timeout` above all."""
    try:
        return await asked
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        if isinstance(error.__cause__, asyncio.CancelledError):
            raise error.__cause__ from None
        raise PersistenceError("the mission could not be asked in time") from error


async def _answered(asked: Awaitable[Form]) -> Form | None:
    """Return an answer, or None where the workflow has ended, or is not there."""
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
        raise persistence_error(error) from error


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


def _checked_id(mission_id: str) -> str:
    """Return an id that a workflow can have."""
    if len(mission_id.encode("utf-8", "surrogatepass")) > _LONGEST_ID:
        raise MissionDefinitionError(f"a mission id: Temporal takes {_LONGEST_ID:,} bytes, found {found(mission_id)}")
    return mission_id


def _sought_id(mission_id: str) -> str:
    """Return an id to ask for. Raises `MissionNotFoundError` for one that no workflow can have."""
    if not mission_id or encodable(mission_id) != mission_id:
        raise not_found(mission_id)
    return mission_id
