"""What can be asked of missions on Temporal, answered by their workflows, and by what these have recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import attrs
from temporalio.client import (
    Client,
)

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
from mission_control.core.engine import Threads, current_attempt, not_found, not_registered
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
from mission_control.core.storage import (
    CancelRequest,
    ChangeRequest,
    ImportRequest,
    PurgeRequest,
    RepairRequest,
    ScheduleAction,
    SignalRequest,
    SkipRequest,
    UpdateRequest,
)

from .asking import Asking, sought_id
from .deciding import SLOTS, Decider
from .forms import record_forms
from .histories import read_state
from .names import CANCEL, CHANGE, SIGNAL, UPDATE
from .reads import TemporalReads
from .reopening import reopen

_LONGEST_ID = 1_000


class TemporalPort(TemporalReads):
    """The operations of the missions of one namespace; those that are started here go to one task queue."""

    def __init__(self, client: Client, registry: Registry, task_queue: str) -> None:
        super().__init__(client, registry.definitions, task_queue)
        self._registry = registry
        self._decider = Decider(registry.definitions)
        self._threads = Threads()
        self._mission_name = ""
        self._asking = Asking(client, task_queue)

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
        records = record_forms(decided.records)
        status: MissionStatus | None = decided.state.status
        if wait:
            status = await self._asking.begin_and_rest(decided.state, records)
        elif not await self._asking.begin(decided.state, records):
            status = None
        if status is None:
            check_same(definition, stored, await self.state(mission_id), if_exists)
        elif status is MissionStatus.FAILED:
            raise self.failure((await self.state(mission_id)).snapshot())
        return Found(mission_id, definition.name)

    async def import_mission(self, request: ImportRequest) -> MissionSnapshot:
        """Take in a mission, paused unless it has ended, and return its state."""
        from mission_control.core.operations import read_form

        form = read_form(request.form, mission_id=request.mission_id).paused(self.clock(), request.by)
        if await self._asking.begin(form.state, record_forms(form.records)):
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
        answer = await self._asking.request(SIGNAL, request, wait)
        if answer is None:
            _signal_again(definition, await self.state(mission_id), request, instance)
        elif wait and answer["line"] is not None:  # it went on in another run before it came to rest
            await self._asking.rested(mission_id, answer["line"])

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
        answer = await self._asking.request(UPDATE, request)
        value = (
            _update_of_ended(definition, await self.state(mission_id), request) if answer is None else answer["value"]
        )
        return handler.output.restore(value, subject=f"the output of update {name!r}")

    async def cancel(self, mission_id: str, reason: str | None, *, by: str | None) -> MissionSnapshot:
        """End the mission and return its state."""
        _refuse_itself(mission_id, "cancel", MissionExecutionError)
        if reason is not None:
            reason = exact_text(reason, subject="the reason of a cancellation")
        await self._asking.request(CANCEL, CancelRequest(mission_id=mission_id, reason=reason, by=by))
        return (await self.state(mission_id)).snapshot()

    async def change(self, request: ChangeRequest) -> MissionSnapshot:
        """Change what becomes of a mission, durably, and return its state."""
        _refuse_itself(request.mission_id, request.kind, MissionExecutionError)
        if isinstance(request, SkipRequest):
            snapshot = (await self.state(request.mission_id)).snapshot()
            known = self.definitions.get(snapshot.mission_name)
            request = attrs.evolve(request, output=stored_output(known, snapshot, request.step, request.output))
        if await self._asking.request(CHANGE, request) is not None:
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

    async def ended(self, mission_id: str) -> MissionSnapshot:
        """Wait for the mission's end and return its state."""
        _refuse_itself(mission_id, "wait for", MissionExecutionError)
        await self._asking.end(mission_id)
        return (await self.state(mission_id)).snapshot()

    def stop_asking(self) -> None:
        """Tell those who wait for an answer that the commander is closed."""
        self._asking.stop()

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
        state = await read_state(self._client, sought_id(mission_id))
        if state is None:
            raise not_found(mission_id)
        return state

    async def snapshot(self, mission_id: str, mission_name: str) -> MissionSnapshot:
        """Return the mission's durable state, an idle one where there is none."""
        state = await read_state(self._client, sought_id(mission_id))
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


def _checked_id(mission_id: str) -> str:
    """Return an id that a workflow can have."""
    if len(mission_id.encode("utf-8", "surrogatepass")) > _LONGEST_ID:
        raise MissionDefinitionError(f"a mission id: Temporal takes {_LONGEST_ID:,} bytes, found {found(mission_id)}")
    return mission_id
