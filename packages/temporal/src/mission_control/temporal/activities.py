"""What workers do for missions: run user code, and decide what becomes of it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import attrs
from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError

from mission_control.core import (
    MissionContext,
    MissionControlError,
    MissionExecutionError,
    MissionFailure,
    MissionNotRegisteredError,
    MissionStatus,
)
from mission_control.core.engine import Outcome, attempt_outcome, returned_by_update, unknown_name
from mission_control.core.history import parse_iso
from mission_control.core.machine import (
    ChildEnded,
    Fail,
    Interrupt,
    Reopen,
    State,
    Update,
    check_carries,
    check_repeat,
    check_update,
    find_use,
)
from mission_control.core.storage import AnsweredError, UpdateRequest, read_request

from .deciding import Decider, ElsewhereError, size_of, too_long
from .forms import CARRIED, MOST_BYTES, Form, command_form, end_of_child, outcome_form
from .histories import read_history, read_state
from .names import CARRY, DECIDE, END_OF_CHILD, LASTS, RUN_STEP, RUN_UPDATE
from .reopening import reopen
from .running import Running
from .states import States
from .telling import tell

LASTING = 1.0
"""After how many seconds lists show that a step runs."""


class Activities:
    """The activities of one worker."""

    def __init__(self, client: Client, decider: Decider, running: Running) -> None:
        self._client = client
        self._decider = decider
        self._running = running
        self._states = States(client)
        self._before: tuple[str, list[Form]] | None = None
        """The run whose records are being taken over, and these."""

    @property
    def all(self) -> list[Callable[..., Any]]:
        """All of them."""
        return [
            self.run_step,
            self.run_update,
            self.decide,
            self.end_of_child,
            self.carry,
        ]

    # User code

    @activity.defn(name=RUN_STEP)
    async def run_step(self, form: Form) -> Form:
        """Run an attempt that is on record, and return how it ended and what that leads to."""
        instance, number = form["instance"], form["number"]
        state = await self._state(form["version"], form["after"])
        try:
            definition = self._decider.carrying(state)
        except ElsewhereError as error:
            return {"elsewhere": str(error)}
        try:
            work = definition.work(instance)
        except LookupError:  # what was to be undone, or reminded of: today's definition says what becomes of that
            return {"outcome": command_form(Interrupt(instance, number, "closed"))}
        context: MissionContext[Any] = MissionContext(definition, state, instance, number, self._running.now)
        async with self._showing(form):
            attempt = await self._running.run(state, work, work, instance, number, context)
        now = self._running.now()
        return self._ended(state, attempt_outcome(attempt, work, now), now, _unique(form["id"]), form["after"])

    @asynccontextmanager
    async def _showing(self, form: Form) -> AsyncGenerator[None]:
        """Have lists show that an attempt runs, once it has run for a while."""
        task = None if form["is_shown"] else asyncio.create_task(self._show_soon())
        try:
            yield
        finally:
            if task is not None:
                task.cancel()

    async def _show_soon(self) -> None:
        await asyncio.sleep(LASTING)
        with suppress(RPCError):  # the mission has ended, or somebody else shows it
            await self._client.get_workflow_handle(_mission_id(), run_id=_run_id()).signal(LASTS)

    def _ended(self, state: State, outcome: Outcome, now: datetime, batch_id: str, after: str) -> Form:
        """Return the form of an outcome; on a single line with the batch that it is, unless the mission goes on first.

        Beside live paths it most likely does.
        """
        if state.lines is not None:
            size = size_of(command_form(outcome))
            if size > MOST_BYTES:
                outcome = too_large(outcome, size, now)
            return {"outcome": outcome_form(outcome, None)}
        try:
            batch, decided = self._decider.batch(state, (outcome,), now)
        except (ElsewhereError, MissionControlError):
            return {"outcome": outcome_form(outcome, None)}
        if batch is None:
            return {"outcome": outcome_form(outcome, None)}
        size = size_of(batch)
        if size > MOST_BYTES:
            return self._ended(state, too_large(outcome, size, now), now, batch_id, after)
        self._has_decided(state, batch, decided, batch_id)
        return _chained({"outcome": outcome_form(outcome, batch), "batch": batch}, batch_id, after)

    @activity.defn(name=RUN_UPDATE)
    async def run_update(self, form: Form, version: int, batch_id: str, after: str) -> Form:
        """Run an update, and return its output and what is recorded of it, or what it is refused with."""
        state, batch_id = await self._state(version, after), _unique(batch_id)
        request = read_request(form)
        assert isinstance(request, UpdateRequest)
        try:
            return await self._updated(state, request, batch_id, after)
        except MissionNotRegisteredError as error:
            return {"elsewhere": str(error)}
        except (MissionControlError, ValueError, TypeError) as error:
            return {"error": attrs.asdict(AnsweredError.of(error))}

    async def _updated(self, state: State, request: UpdateRequest, batch_id: str, after: str) -> Form:
        definition, record = self._decider.definitions.get(state.mission_name), find_use(state, request.key)
        if record is not None:
            check_repeat(definition, state, record, "update", request.name, request.input)
            return {"value": record.details["output"]}
        check_update(state)
        definition = self._decider.registered(state)
        check_carries(definition, state)
        if request.name not in definition.updates:
            raise unknown_name("update", request.name, definition.updates, state.mission_id, state.mission_name)
        handler = definition.updates[request.name]
        subject = f"input of update {request.name!r} of mission {state.mission_id!r} ({state.mission_name})"
        stored = handler.schema.validate(request.input, event_name=request.name, subject=subject)
        typed = handler.schema.restore(stored, subject=subject)
        context: MissionContext[Any] = MissionContext(definition, state, request.name, 1, self._running.now)
        attempt = await self._running.run(state, handler, request, request.name, None, context, typed)
        value = returned_by_update(state, request.name, handler, attempt)
        command = Update(request.name, stored, value, request.key, request.by)
        batch, decided = self._decider.batch(state, (command,), self._running.now())
        assert batch is not None  # it is recorded, or refused
        size = size_of(batch)
        if size > MOST_BYTES:
            raise MissionExecutionError(too_long(f"what update {request.name!r} returned", size))
        self._has_decided(state, batch, decided, batch_id)
        return _chained({"value": value, "batch": batch}, batch_id, after)

    # Deciding

    @activity.defn(name=DECIDE)
    async def decide(self, form: Form) -> Form:
        """Answer what is asked of a mission: on the worker that has its workflow, or on another one."""
        state = await self._state(form["version"], form["after"])
        return self._answer(state, form["ask"], form["now"], _unique(form["id"]), form["after"])

    # Other missions and other runs

    @activity.defn(name=END_OF_CHILD)
    async def end_of_child(self, child: str, parent_id: str, seq: int) -> Form | None:
        """Return the command that tells of the end of a child; None where it goes on, and will tell by itself.

        One that is not there any more counts as cancelled, and one that is somebody else's as failed. One that failed
        before its parent, which was reopened, waited for it again by the record `seq` is reopened for that.
        """
        state = await read_state(self._client, child)
        if state is None:
            return command_form(ChildEnded(child, MissionStatus.CANCELLED, None, None))
        if state.origin.parent_id != parent_id:
            message = f"the id of the child mission, {child!r}, is taken by another mission; give that one another id"
            failure = MissionFailure(message=message, at=self._running.now(), code="CHILD_FAILED")
            return command_form(ChildEnded(child, MissionStatus.FAILED, None, failure))
        if not state.is_terminal:
            return None
        end = end_of_child(state)
        if seq and end.status is not MissionStatus.COMPLETED and end.reopened_for != seq:
            queue, command = activity.info().task_queue, Reopen(parent_seq=seq)
            await reopen(self._client, self._decider, queue, child, command, self._running.now())
            return None
        return command_form(end)

    @activity.defn(name=CARRY)
    async def carry(self, run_id: str, batch_id: str, after: str | None, begun: int) -> Form:
        """Return records of the run before this one, as many as go into one event."""
        if self._before is None or self._before[0] != run_id:  # it is read once for all portions
            read = await read_history(self._client, _mission_id(), run_id=run_id)
            assert read is not None  # a run goes on from one that was
            self._before = run_id, read
        _, records = self._before
        portion: list[Form] = []
        size = 0
        for form in records[begun:]:
            size += size_of(form)
            if portion and size > MOST_BYTES:
                return {"batch": {"id": batch_id, "after": after, "records": portion}}
            portion.append(form)
        self._before = None
        return {"batch": {"id": CARRIED, "after": after, "records": portion}}

    async def _state(self, version: int, after: str) -> State:
        return await self._states.at(_mission_id(), _run_id(), version, after)

    def _answer(self, state: State, ask: Form, now: str, batch_id: str, after: str) -> Form:
        answer, decided = self._decider.answer(state, ask, parse_iso(now))
        if decided is not None:
            self._has_decided(state, answer["batch"], decided, batch_id)
        return _chained(answer, batch_id, after)

    def _has_decided(self, state: State, batch: Form, decided: State, batch_id: str) -> None:
        self._states.decided(_run_id(), batch_id, decided)
        tell(state, batch, decided)


def _unique(batch_id: str) -> str:
    """Return an id that no other decision has: the same is asked twice where the answer to the first time was lost."""
    return f"{batch_id}-{secrets.token_hex(4)}"


def _chained(answer: Form, batch_id: str, after: str) -> Form:
    """Return an answer whose batch, where it has one, has its place in the chain."""
    batch = answer.get("batch")
    return answer if batch is None else {**answer, "batch": {"id": batch_id, "after": after, **batch}}


def _run_id() -> str:
    run_id = activity.info().workflow_run_id
    assert run_id is not None  # workflows alone begin these activities
    return run_id


def _mission_id() -> str:
    mission_id = activity.info().workflow_id
    assert mission_id is not None
    return mission_id


def too_large(outcome: Outcome, size: int, now: datetime) -> Fail:
    """Return the failure of an attempt whose outcome is more than Temporal takes."""
    message = too_long(f"what step {outcome.instance!r} leads to", size)
    failure = MissionFailure(message=message, at=now, code="MISSION_PAYLOAD_ERROR")
    return Fail(outcome.instance, outcome.number, failure, is_retryable=False, delay=None, chance=0.0)
