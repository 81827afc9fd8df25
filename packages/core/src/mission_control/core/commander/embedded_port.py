"""What can be asked of missions, answered by the engine and by storage."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

from ..definition import MissionDefinition, exact_text, flag, seconds
from ..engine import (
    Activity,
    Attempt,
    CancelOperation,
    ChangeOperation,
    Coalescer,
    Engine,
    Held,
    Operation,
    Order,
    Requested,
    Runner,
    SignalOperation,
    UpdateOperation,
    current_attempt,
    not_found,
    not_registered,
)
from ..errors import (
    CommanderError,
    CorruptMissionError,
    MissionAlreadyExistsError,
    MissionExecutionError,
    MissionSignalError,
    PersistenceError,
    StaleMissionError,
)
from ..history import Labels, MissionSnapshot, MissionStatus, Owner, is_recoverable
from ..machine import State, load
from ..storage import (
    ChangeRequest,
    ImportRequest,
    LoadOutcome,
    PersistenceAdapter,
    PurgeRequest,
    RepairRequest,
    ScheduleAction,
)
from .embedded_reads import EmbeddedReads
from .options import checked_if_exists, checked_start_at
from .port import Fires, Found
from .querying import answer_query, name_of
from .registry import Registry
from .shared import check_same, command_of, ended_error, refuse_itself

_Read: TypeAlias = LoadOutcome | PersistenceError


class EmbeddedPort(EmbeddedReads):
    """The operations of the missions of one commander that is open."""

    def __init__(
        self,
        *,
        engine: Engine,
        adapter: PersistenceAdapter,
        runner: Runner,
        activity: Activity,
        registry: Registry,
        scheduler: Fires,
    ) -> None:
        super().__init__(adapter, registry)
        self._engine = engine
        self._reads: Coalescer[str, asyncio.Future[_Read], LoadOutcome] = Coalescer(adapter.load, _settle, activity)
        self._runner = runner
        self._activity = activity
        self._scheduler = scheduler
        self._since = datetime.now(UTC)
        self.is_listening: bool = False
        """True while it is asked by other processes, too."""

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
        requested: Requested | None = None,
    ) -> Found:
        """Start a mission, or find that the one that is there is the same."""
        definition = self._registry.resolve(definition)
        if_exists = checked_if_exists(if_exists)
        mission_id = self._registry.mission_id(mission_id)
        due, wait = checked_start_at(start_at), flag(wait, subject="wait")
        subject = f"input of mission {mission_id!r} ({definition.name})"
        stored = definition.start.input.validate(input, event_name="start", subject=subject)
        while True:
            operation = Operation(_future())
            operation.requested = requested
            known = self._engine.start(definition, mission_id, stored, due, operation, wait=wait, by=by, labels=labels)
            try:
                if known is None:
                    state: State = await self._answered(operation)
                    break
                await self._engine.known(known)
                existing = await self._existing(mission_id)
            except StaleMissionError:
                existing = await self._existing(mission_id)
            if existing is not None:
                check_same(definition, stored, existing, if_exists)
                return Found(mission_id, definition.name)
        if wait and state.status is MissionStatus.FAILED:
            raise self.failure(state.snapshot())
        return Found(mission_id, definition.name)

    async def _existing(self, mission_id: str) -> State | None:
        state = self._engine.state(mission_id)
        return state if state is not None else await self._load(mission_id)

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
        requested: Requested | None = None,
    ) -> None:
        """Deliver a signal to the wait of that name, at a place where one is given."""
        self._refuse_itself(mission_id, f"signal {name!r} to", MissionSignalError)
        await self._ask(mission_id, SignalOperation(_future(), name, payload, wait, at, key, by), requested)

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
        """Run an update and return what it returned, as its declared type."""
        definition = self._registry.definitions[mission_name]  # a handle is given only to a mission of a known one
        code = {name: handler.run for name, handler in definition.updates.items()}
        name = name_of(update, code, "update", mission_id, mission_name)
        value = await self.plain_update(mission_id, name, input, timeout, key=key, by=by)
        return definition.updates[name].output.restore(value, subject=f"the output of update {name!r}")

    async def plain_update(
        self,
        mission_id: str,
        name: str,
        input: object,
        timeout: timedelta | float | None,
        *,
        key: str | None,
        by: str | None,
        requested: Requested | None = None,
    ) -> Any:
        """Run an update of that name and return what it returned, as JSON."""
        self._refuse_itself(mission_id, "update", MissionExecutionError)
        limit = None if timeout is None else seconds(timeout, subject="an update's timeout")
        return await self._ask(mission_id, UpdateOperation(_future(), name, input, limit, key, by), requested)

    async def cancel(
        self, mission_id: str, reason: str | None, *, by: str | None, requested: Requested | None = None
    ) -> MissionSnapshot:
        """End the mission and return its state."""
        self._refuse_itself(mission_id, "cancel", MissionExecutionError)
        if reason is not None:
            reason = exact_text(reason, subject="the reason of a cancellation")
        state: State = await self._ask(mission_id, CancelOperation(_future(), reason, by), requested)
        return state.snapshot()

    async def change(self, request: ChangeRequest, requested: Requested | None = None) -> MissionSnapshot:
        """Change what becomes of a mission, durably, and return its state."""
        self._refuse_itself(request.mission_id, request.kind, MissionExecutionError)
        operation = ChangeOperation(_future(), command_of(request))
        state: State = await self._ask(request.mission_id, operation, requested)
        return state.snapshot()

    async def import_mission(self, request: ImportRequest, requested: Requested | None = None) -> MissionSnapshot:
        """Take in a mission, paused unless it has ended, and return its state."""
        from ..operations import read_form  # what else is there is not needed to run missions

        form = read_form(request.form, mission_id=request.mission_id)
        taken_in = form.paused(self._runner.clock.now(), request.by)
        while True:
            operation = Operation(_future())
            operation.requested = requested
            known = self._engine.take_in(taken_in.state, taken_in.records, taken_in.definitions, operation)
            try:
                if known is None:
                    state: State = await self._answered(operation)
                    return state.snapshot()
                await self._engine.known(known)
            except StaleMissionError:
                pass
            existing = await self._existing(request.mission_id)
            if existing is not None:
                raise MissionAlreadyExistsError(
                    f"mission {existing.mission_id!r} ({existing.mission_name}) exists already; it is "
                    f"{existing.status}: take in the other one under another id, mission_id=..."
                )

    async def change_schedule(
        self, name: str, action: ScheduleAction, *, since: datetime | None, until: datetime | None, by: str | None
    ) -> list[str]:
        """Have a schedule changed by what fires it. Raises `ScheduleNotFoundError`."""
        return await self._scheduler.change(name, action, since=since, until=until, by=by)

    async def ended(self, mission_id: str) -> MissionSnapshot:
        """Wait for the mission's end and return its state."""
        self._refuse_itself(mission_id, "wait for", MissionExecutionError)
        operation = Operation(_future())
        self._engine.await_end(mission_id, operation)
        try:
            state = await self.state(mission_id) if (await self.status(mission_id)).is_terminal else None
            # Storage can be a commit ahead of the memory, which has not yet been told that its commit is durable.
            if state is None or not state.status.is_terminal:
                if (attempt := self._attempt()) is not None:
                    self._engine.stand_by(attempt, mission_id)
                state = await self._answered(operation)
        finally:
            operation.answer.cancel()
        return state.snapshot()

    async def _ask(self, mission_id: str, operation: Order | Held, requested: Requested | None = None) -> Any:
        operation.requested = requested
        self._engine.submit(mission_id, operation)
        return await self._answered(operation)

    async def _answered(self, operation: Operation) -> Any:
        """Wait for the answer; user code is at rest and lends its slot meanwhile."""
        attempt = self._attempt()
        return await (operation.answer if attempt is None else attempt.lending(operation))

    def _attempt(self) -> Attempt[Any] | None:
        """Return the attempt of one of our missions whose code is asking, if that is who asks."""
        attempt = current_attempt.get()
        if attempt is None or attempt.is_over or attempt.runner is not self._runner:
            return None
        return attempt

    def _refuse_itself(self, mission_id: str, what: str, error: type[CommanderError]) -> None:
        refuse_itself(self._attempt(), mission_id, what, error)

    # What operators ask

    @property
    def definitions(self) -> Mapping[str, MissionDefinition[Any]]:
        """The definitions that are registered, by name."""
        return self._registry.definitions

    @property
    def clock(self) -> Callable[[], datetime]:
        """The clock of the commander."""
        return self._runner.clock.now

    async def owner(self) -> Owner:
        """Return this process, which has had the storage since this was made."""
        return Owner(pid=os.getpid(), since=self._since, is_listening=self.is_listening)

    async def purge(self, request: PurgeRequest, requested: Requested | None = None) -> int:
        """Delete up to so many missions, durably, and return how many; fewer where there are no more."""
        with self._activity:
            return await self._adapter.purge(
                request.ended_before,
                statuses=request.statuses,
                mission_name=request.mission_name,
                limit=request.limit,
                request_id=None if requested is None else requested.request_id,
            )

    async def repair(self, request: RepairRequest) -> bool:
        """Rewrite what is stored beside a mission's history; False where there was nothing to rewrite.

        A commit that comes in between has written all of it anew, or it is looked at once more. A mission that has not
        ended goes on from there: what wakes missions goes by what is stored beside their histories.
        """
        from ..operations import right_rows  # programs that run missions need none of it

        while found := await self._adapter.audit(limit=1, mission_id=request.mission_id):
            rows = right_rows(found[0])
            if rows is None:
                break
            if await self._adapter.rewrite(rows):
                if is_recoverable(rows.summary) and self._engine.obstacle(rows.summary) is None:
                    self._engine.wake(rows.summary, lambda summary, problem: None, has_slot=False)
                return True
        return False

    # Looking

    async def query(self, mission_id: str, mission_name: str, query: str | Callable[..., object]) -> Any:
        """Run a query on the last durable state."""
        definition = self._registry.definitions[mission_name]  # a handle is given only to a mission of a known one
        name = name_of(query, definition.queries, "query", mission_id, mission_name)
        state = await self.state(mission_id)
        problem = self._engine.problem(definition, state)
        if problem is not None:
            raise problem
        with self._activity:
            return await answer_query(definition, state, name, self._runner.threads, self._runner.clock.now)

    async def state(self, mission_id: str) -> State:
        """Return the mission's durable state. Raises `MissionNotFoundError`."""
        state = await self._existing(mission_id)
        if state is None:
            raise not_found(mission_id)
        return state

    async def _load(self, mission_id: str) -> State | None:
        answer: asyncio.Future[_Read] = asyncio.get_running_loop().create_future()
        self._reads.submit(mission_id, answer)
        outcome = await answer
        if isinstance(outcome, CorruptMissionError | PersistenceError):
            raise outcome
        return None if outcome is None else load(mission_id, outcome)

    async def snapshot(self, mission_id: str, mission_name: str) -> MissionSnapshot:
        """Return the mission's durable state, an idle one where there is none."""
        state = await self._existing(mission_id)
        return (state or State(mission_id=mission_id, mission_name=mission_name)).snapshot()

    async def drained(self) -> None:
        """Return when nothing is being read any more."""
        await self._reads.drained()

    async def find(self, mission_id: str) -> Found | None:
        """Find a mission. Raises `MissionNotRegisteredError` where its definition is not known."""
        state = self._engine.state(mission_id)
        summary = await self._adapter.load_summary(mission_id) if state is None else state
        if summary is None:
            return None
        if summary.mission_name not in self._registry.definitions:
            raise not_registered(mission_id, summary.mission_name, self._registry.definitions)
        return Found(mission_id, summary.mission_name)

    async def status(self, mission_id: str) -> MissionStatus:
        """Return where the mission is in its life."""
        return await mission_status(self._engine, self._adapter, mission_id)

    def failure(self, snapshot: MissionSnapshot) -> CommanderError:
        """Return the error for a failed or cancelled mission, with what caused it where that is known here."""
        return ended_error(snapshot, self._engine.cause(snapshot.mission_id))


async def mission_status(engine: Engine, adapter: PersistenceAdapter, mission_id: str) -> MissionStatus:
    """Return where a mission is in its life; `idle` where there is none."""
    known = engine.state(mission_id)
    if known is not None:
        return known.status
    summary = await adapter.load_summary(mission_id)
    return MissionStatus.IDLE if summary is None else summary.status


def _settle(answer: asyncio.Future[_Read], outcome: _Read) -> None:
    if not answer.done():
        answer.set_result(outcome)


def _future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()
