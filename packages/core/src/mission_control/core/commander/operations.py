"""What can be asked of missions, answered by the engine and by storage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import attrs

from ..definition import MissionDefinition, exact_text, flag, seconds
from ..engine import (
    Activity,
    Attempt,
    CancelOperation,
    Coalescer,
    Engine,
    Held,
    Operation,
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
    MissionCancelledError,
    MissionExecutionError,
    MissionFailedError,
    MissionSignalError,
    PersistenceError,
    StaleMissionError,
)
from ..history import Labels, MissionInspection, MissionSnapshot, MissionStatus, MissionSummary, OpenWait
from ..machine import State, inspect_history, load
from ..payloads import same_json
from ..schedules import StoredSchedule
from ..storage import LoadOutcome, PersistenceAdapter, ScheduleAction, WaitPlace
from .options import checked_if_exists, checked_start_at
from .port import Fires, Found
from .querying import answer_query, name_of
from .registry import Registry

_Read: TypeAlias = LoadOutcome | PersistenceError


class EmbeddedOperations:
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
        self._engine = engine
        self._adapter = adapter
        self._reads: Coalescer[str, asyncio.Future[_Read], LoadOutcome] = Coalescer(adapter.load, _settle, activity)
        self._runner = runner
        self._activity = activity
        self._registry = registry
        self._scheduler = scheduler

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
                self._check_same(definition, stored, existing, if_exists)
                return Found(mission_id, definition.name)
        if wait and state.status is MissionStatus.FAILED:
            raise self.failure(state.snapshot())
        return Found(mission_id, definition.name)

    async def _existing(self, mission_id: str) -> State | None:
        state = self._engine.state(mission_id)
        return state if state is not None else await self._load(mission_id)

    def _check_same(
        self, definition: MissionDefinition[Any], stored: Any, existing: State, if_exists: Literal["raise", "return"]
    ) -> None:
        differences: list[str] = []
        if existing.mission_name != definition.name:
            differences.append("the mission name")
        elif if_exists == "return":
            was = existing.events["start"].input
            differences += (f"the input at {path}" for path in same_json(definition.start.input, was, stored))
        if if_exists == "return" and not differences:
            return
        remedy = "choose another id" if differences else 'choose another id, or pass if_exists="return"'
        differing = f", and differs in {', '.join(differences)}" if differences else ""
        raise MissionAlreadyExistsError(
            f"mission {existing.mission_id!r} ({existing.mission_name}) exists already; it is {existing.status}"
            f"{differing}: {remedy}"
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

    async def _ask(self, mission_id: str, operation: CancelOperation | Held, requested: Requested | None = None) -> Any:
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
        attempt = self._attempt()
        if attempt is not None and attempt.flight.mission_id == mission_id:
            raise error(
                f"{attempt.name!r} of mission {mission_id!r} tried to {what} the mission itself while it runs, "
                f"which would wait for ever; return from it first"
            )

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

    async def list_missions(
        self,
        *,
        status: MissionStatus | None,
        mission_name: str | None,
        parent_id: str | None,
        limit: int,
        after: str | None,
    ) -> Sequence[MissionSummary]:
        """Return a page, in order of creation."""
        return await self._adapter.list_missions(
            status=status, mission_name=mission_name, parent_id=parent_id, limit=limit, after=after
        )

    async def list_scheduled(self, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        """Return a page of what waits for a timer or a retry, the earliest first."""
        return await self._adapter.list_scheduled(limit=limit, after=after)

    async def list_waits(
        self, *, signal: str | None, mission_name: str | None, limit: int, after: WaitPlace | None
    ) -> Sequence[OpenWait]:
        """Return a page of the open waits, with the schemas of the definitions that are registered."""
        page = await self._adapter.list_waits(signal=signal, mission_name=mission_name, limit=limit, after=after)
        return [attrs.evolve(wait, schema=self._schema(wait)) for wait in page]

    def _schema(self, wait: OpenWait) -> dict[str, Any] | None:
        definition = self._registry.definitions.get(wait.mission_name)
        payload = None if definition is None else definition.input_type(wait.event_name)
        return None if payload is None else payload.json_schema

    async def list_schedules(self) -> Sequence[tuple[StoredSchedule, MissionStatus | None]]:
        """Return all schedules that storage knows, by name, each with the status of its last mission."""
        return await self._adapter.list_schedules()

    async def load_definition(self, fingerprint: str) -> dict[str, Any] | None:
        """Return the static form of a definition that has run, or None."""
        return await self._adapter.load_definition(fingerprint)

    async def inspect(self, mission_id: str) -> MissionInspection | None:
        """Return all there is to see of a mission, or None where there is none."""
        (outcome,) = await self._adapter.load([mission_id])
        if isinstance(outcome, CorruptMissionError):
            raise outcome
        return None if outcome is None else inspect_history(mission_id, outcome)

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


def ended_error(snapshot: MissionSnapshot, cause: BaseException | None) -> CommanderError:
    """Return the error for a failed or cancelled mission; `cause` is what made it fail, where that is known."""
    assert snapshot.error is not None  # it ended without completing
    what = f"mission {snapshot.mission_id!r} ({snapshot.mission_name})"
    if snapshot.status is MissionStatus.CANCELLED:
        return MissionCancelledError(f"{what}: {snapshot.error}", snapshot=snapshot)
    failed = MissionFailedError(
        f"{what} failed at {snapshot.cursor!r} ({snapshot.error.code}): {snapshot.error}", snapshot=snapshot
    )
    failed.__cause__ = cause
    return failed


def _settle(answer: asyncio.Future[_Read], outcome: _Read) -> None:
    if not answer.done():
        answer.set_result(outcome)


def _future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()
