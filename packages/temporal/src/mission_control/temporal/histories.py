"""What is recorded of a mission, read from the events of its workflow: without a worker, however it has ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.service import RPCError, RPCStatusCode

from mission_control.core import CorruptMissionError, PersistenceError
from mission_control.core.history import HistoryRecord
from mission_control.core.machine import State, load

from .forms import BEGINNING, CARRIED, Form, records_of
from .names import RUN_STEP
from .rows import MEMO


async def read_history(client: Client, mission_id: str, *, run_id: str | None = None) -> list[Form] | None:
    """Return the forms of a mission's records; None where there is no such mission.

    Raises `CorruptMissionError` where the workflow of that id is none of ours, or its batches are no chain, and
    `PersistenceError` where the server cannot be asked.
    """
    if not mission_id:  # it was looked for by what no id can be
        return None
    try:
        events = [event async for event in client.get_workflow_handle(mission_id, run_id=run_id).fetch_history_events()]
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise persistence_error(error) from error
    beginning, batches, named = await _read(mission_id, events, client.data_converter)
    if "from" in beginning and CARRIED not in batches:  # no worker has seen this run yet
        before = await read_history(client, mission_id, run_id=beginning["from"])
        own = beginning.get("batch")
        return None if before is None else before + ([] if own is None else own["records"])
    return list(chained(mission_id, batches, last_named(batches, named)))


def persistence_error(error: RPCError) -> PersistenceError:
    """Return what callers are told of a server that could not be asked."""
    return PersistenceError(f"Temporal could not be asked ({error.status.name}): {error.message}")


async def _read(
    mission_id: str, events: Iterable[HistoryEvent], converter: DataConverter
) -> tuple[Form, dict[str, Form], set[str]]:
    """Return what a workflow began with, the batches of its events by id, and the ids of those that are named."""
    beginning: Form = {}
    batches: dict[str, Form] = {}
    named: set[str] = set()
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            payloads = event.workflow_execution_started_event_attributes.input.payloads
            beginning = _beginning(mission_id, await converter.decode(payloads[:1]))
            if (batch := beginning.get("batch")) is not None:
                batches[BEGINNING] = batch
                named.add(BEGINNING)
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED:
            fields = event.workflow_properties_modified_event_attributes.upserted_memo.fields
            if MEMO in fields:
                (memo,) = await converter.decode([fields[MEMO]])
                named.add(memo["head"])
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled = event.activity_task_scheduled_event_attributes
            if scheduled.activity_type.name == RUN_STEP:
                (started,) = await converter.decode(scheduled.input.payloads[:1])
                named.add(started["after"])
        else:
            for value in await converter.decode(_results(event)):
                batch = _object(_object(value).get("batch"))
                if "id" in batch:
                    batches[batch["id"]] = batch
    return beginning, batches, named


def last_named(batches: Mapping[str, Form], named: set[str]) -> str:
    """Return the id of that batch which comes behind all others that are named.

    An attempt that is tried again on another worker names the one that it began behind once more, so it is not the
    event that comes last which says so, but the place in the chain.
    """
    places: dict[str, int] = {}
    for batch_id, batch in batches.items():  # none has come before the one that it is behind
        places[batch_id] = places.get(batch["after"], 0) + 1
    return max(named, key=lambda name: places.get(name, len(places) + 1), default=BEGINNING)


def _beginning(mission_id: str, arguments: list[Any]) -> Form:
    beginning = _object(arguments[0]) if arguments else {}
    if not beginning.keys() & {"batch", "from"}:
        raise CorruptMissionError(f"workflow {mission_id!r} is no mission: it was started by something else")
    return beginning


def _object(value: object) -> Form:
    """Return a JSON object, an empty one for anything else."""
    return cast("Form", value) if isinstance(value, dict) else {}


def _results(event: HistoryEvent) -> Sequence[Payload]:
    """Return what an activity returned, local or not."""
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
        return event.activity_task_completed_event_attributes.result.payloads
    if event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
        return event.marker_recorded_event_attributes.details["result"].payloads
    return ()


def chained(mission_id: str, batches: dict[str, Form], head: str) -> Iterator[Form]:
    """Yield the records of the chain that ends with a batch, from its beginning on."""
    chain: list[Form] = []
    at: str | None = head
    while at is not None:
        batch = batches.pop(at, None)
        if batch is None:
            raise CorruptMissionError(f"mission {mission_id!r}: its workflow's history has no batch {at!r}, or a loop")
        chain.append(batch)
        at = CARRIED if at == BEGINNING and CARRIED in batches else batch["after"]
    for batch in reversed(chain):
        yield from batch["records"]


async def read_state(client: Client, mission_id: str) -> State | None:
    """Return a mission's state; None where there is no such mission."""
    forms = await read_history(client, mission_id)
    return None if forms is None else load(mission_id, records_of(forms))


async def read_records(client: Client, mission_id: str) -> tuple[HistoryRecord, ...] | None:
    """Return a mission's records; None where there is no such mission."""
    forms = await read_history(client, mission_id)
    return None if forms is None else tuple(records_of(forms))
