"""The missions of a database that another process owns: asked for through its mailbox, and read from the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from datetime import datetime, timedelta
from typing import Any, Literal, cast

import attrs

from mission_control.core import (
    CommanderError,
    MissionDefinition,
    MissionInspection,
    MissionNotRegisteredError,
    MissionSnapshot,
    MissionStatus,
    SystemClock,
)
from mission_control.core.commander import (
    Found,
    Registry,
    answer_query,
    checked_if_exists,
    checked_start_at,
    ended_error,
    name_of,
    stored_output,
    stored_payload,
)
from mission_control.core.definition import exact_text, flag, is_a, seconds
from mission_control.core.engine import Threads, not_found
from mission_control.core.history import Labels
from mission_control.core.machine import State, check_carries, load
from mission_control.core.operations import read_form
from mission_control.core.payloads import PLAIN
from mission_control.core.storage import (
    Answer,
    CancelRequest,
    ChangeRequest,
    ImportRequest,
    Outbox,
    PurgeRequest,
    RepairRequest,
    Request,
    ScheduleAction,
    ScheduleRequest,
    SignalRequest,
    SkipRequest,
    StartRequest,
    UpdateRequest,
)

from .answers import Answers
from .ends import Ends, Known
from .outbox_reads import OutboxReads
from .patience import Patience


class MailboxPort(OutboxReads):
    """Answers what is asked of missions whose commander is in another process, or nowhere at the moment."""

    def __init__(self, outbox: Outbox, answers: Answers, registry: Registry, patience: Patience) -> None:
        super().__init__(outbox)
        self._answers = answers
        self._registry = registry
        self._patience = patience
        self._threads = Threads()
        self._now = SystemClock().now
        self._ends = Ends(outbox, answers)
        self._known: Known | None = None

    def of(self, known: Known) -> MailboxPort:
        """Return the same for a handle, which knows something of its mission."""
        port = copy(self)
        port._known = known
        return port

    async def close(self) -> None:
        """Finish what is being sent, and tell those who wait that the client is closed."""
        await self._answers.close()

    # Commanding

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
        """Start a mission, under an id of this process' choice where none is given."""
        name = self._name(definition)
        known = self._registry.definitions.get(name)
        if_exists = checked_if_exists(if_exists)
        mission_id = self._registry.mission_id(mission_id)
        due, wait = checked_start_at(start_at), flag(wait, subject="wait")
        schema = PLAIN if known is None else known.start.input
        subject = f"input of mission {mission_id!r} ({name})"
        request = StartRequest(
            mission_id=mission_id,
            mission_name=name,
            input=schema.validate(input, event_name="start", subject=subject),
            if_exists=if_exists,
            start_at=due,
            by=by,
            labels=labels,
        )
        if wait:
            await self._ask(request)
            return Found(mission_id, name)
        return Found(mission_id, name, await self._answers.post(request, is_awaited=False))

    def _name(self, definition: MissionDefinition[Any] | str) -> str:
        if is_a(definition, str):
            return str.__str__(definition)
        return self._registry.resolve(cast("MissionDefinition[Any]", definition)).name

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
        instance = name if at is None else f"{at}/{name}"
        assert self._known is not None  # a signal comes from a handle
        mission_name = self._known.mission_name
        subject = f"signal {instance!r} of mission {mission_id!r} ({mission_name})"
        stored = stored_payload(self._registry.definitions.get(mission_name), instance, payload, subject=subject)
        request = SignalRequest(mission_id=mission_id, name=name, payload=stored, at=at, key=key, by=by)
        if wait:
            await self._ask(request)
        else:
            await self._answers.post(request, is_awaited=False)

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
        """Run an update, and return what it returned: as its declared type, or plain where that is not known here."""
        limit = None if timeout is None else seconds(timeout, subject="an update's timeout")
        name = self._update_name(update, mission_id, mission_name)
        known = self._registry.definitions.get(mission_name)
        handler = None if known is None else known.updates.get(name)
        schema = PLAIN if handler is None else handler.schema
        subject = f"input of update {name!r} of mission {mission_id!r} ({mission_name})"
        stored = schema.validate(input, event_name=name, subject=subject)
        request = UpdateRequest(mission_id=mission_id, name=name, input=stored, timeout=limit, key=key, by=by)
        answer = await self._ask(request)
        output = PLAIN if handler is None else handler.output
        return output.restore(answer.value, subject=f"the output of update {name!r}")

    def _update_name(self, update: str | Callable[..., object], mission_id: str, mission_name: str) -> str:
        if is_a(update, str):
            return str.__str__(update)
        known = self._definition(mission_id, mission_name, "find the name of an update")
        code = {name: handler.run for name, handler in known.updates.items()}
        return name_of(update, code, "update", mission_id, mission_name)

    async def cancel(self, mission_id: str, reason: str | None, *, by: str | None) -> MissionSnapshot:
        """Cancel the mission and return its state."""
        if reason is not None:
            reason = exact_text(reason, subject="the reason of a cancellation")
        await self._ask(CancelRequest(mission_id=mission_id, reason=reason, by=by))
        return await self._state(mission_id)

    async def change_schedule(
        self, name: str, action: ScheduleAction, *, since: datetime | None, until: datetime | None, by: str | None
    ) -> list[str]:
        """Change a schedule, and return what its owner does: the ids of the missions that were asked for."""
        if action == "trigger" and since is None:
            since = self._now()  # asked again, it is the same mission
        answer = await self._ask(ScheduleRequest(name=name, action=action, since=since, until=until, by=by))
        return cast("list[str]", answer.value)

    # What operators ask

    @property
    def definitions(self) -> Mapping[str, MissionDefinition[Any]]:
        """The definitions that this process knows, by name."""
        return self._registry.definitions

    @property
    def clock(self) -> Callable[[], datetime]:
        """The clock of this process."""
        return self._now

    async def change(self, request: ChangeRequest) -> MissionSnapshot:
        """Change what becomes of a mission, and return its state as it is then."""
        if isinstance(request, SkipRequest):
            snapshot = await self.snapshot(request.mission_id, "unknown here")
            known = self.definitions.get(snapshot.mission_name)
            output = stored_output(known, snapshot, request.step, request.output)
            request = attrs.evolve(request, output=output)
        await self._ask(request)
        return await self._state(request.mission_id)

    async def import_mission(self, request: ImportRequest) -> MissionSnapshot:
        """Take in a mission, checked here and by the owner, and return its state."""
        subject = f"the form of mission {request.mission_id!r}"
        form = PLAIN.validate(request.form, event_name="import", subject=subject)
        read_form(form, mission_id=request.mission_id)
        await self._ask(attrs.evolve(request, form=form))
        return await self._state(request.mission_id)

    async def purge(self, request: PurgeRequest) -> int:
        """Delete up to so many missions, and return how many."""
        return cast("int", (await self._ask(request)).value)

    async def repair(self, request: RepairRequest) -> bool:
        """Let the owner rewrite what is stored beside a mission's history."""
        return cast("bool", (await self._ask(request)).value)

    async def _ask(self, request: Request) -> Answer:
        answer = await self._answers.ask(request, await self._patience.seconds(self._outbox))
        await self._answers.raise_error(answer, request.mission_id)
        return answer

    # The end

    async def ended(self, mission_id: str) -> MissionSnapshot:
        """Return the terminal state, when the mission has one. Raises what its start was refused with, where it was."""
        await self._ends.wait(mission_id, self._known)
        return await self._state(mission_id)

    def failure(self, snapshot: MissionSnapshot) -> CommanderError:
        """Return the error for a failed or cancelled mission; what caused it is known where it happened."""
        return ended_error(snapshot, None)

    # Looking

    async def query(self, mission_id: str, mission_name: str, query: str | Callable[..., object]) -> Any:
        """Run a query here, on the state in the file."""
        definition = self._definition(mission_id, mission_name, "run a query")
        name = name_of(query, definition.queries, "query", mission_id, mission_name)
        state = load(mission_id, (await self._seen(mission_id)).history)
        check_carries(definition, state)
        return await answer_query(definition, state, name, self._threads, self._now)

    def _definition(self, mission_id: str, mission_name: str, what: str) -> MissionDefinition[Any]:
        definition = self._registry.definitions.get(mission_name)
        if definition is None:
            listed = ", ".join(map(repr, self._registry.definitions)) or "none"
            raise MissionNotRegisteredError(
                f"mission {mission_id!r} is a {mission_name!r}, and to {what} its definition is needed here (given: "
                f"{listed}); pass it to the client, definitions=[...]"
            )
        return definition

    async def _state(self, mission_id: str) -> MissionSnapshot:
        return (await self._seen(mission_id)).snapshot

    async def _seen(self, mission_id: str) -> MissionInspection:
        inspection = await self._outbox.inspect(mission_id)
        if inspection is None:
            raise not_found(mission_id)
        return inspection

    async def find(self, mission_id: str) -> Found | None:
        """Find a mission, also one whose definition is not known here."""
        summary = await self._outbox.load_summary(mission_id)
        return None if summary is None else Found(mission_id, summary.mission_name)

    async def status(self, mission_id: str) -> MissionStatus:
        """Return the mission's status; `idle` where there is no such mission."""
        summary = await self._outbox.load_summary(mission_id)
        return MissionStatus.IDLE if summary is None else summary.status

    async def snapshot(self, mission_id: str, mission_name: str) -> MissionSnapshot:
        """Return the mission's state, an idle one where there is no such mission."""
        inspection = await self._outbox.inspect(mission_id)
        if inspection is None:
            return State(mission_id=mission_id, mission_name=mission_name).snapshot()
        return inspection.snapshot
