"""Lets a mission that has ended go on: in a new run of its workflow, which takes over what the last one recorded."""

from __future__ import annotations

from datetime import datetime

import attrs
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from mission_control.core import MissionExecutionError
from mission_control.core.engine import not_found
from mission_control.core.machine import Reopen, Skip, State, decide, load

from .deciding import SLOTS, Decider
from .forms import BEGINNING, record_forms, records_of
from .histories import read_history
from .names import MISSION
from .rows import attributes_of, memo_of, typed


async def reopen(
    client: Client, decider: Decider, task_queue: str, mission_id: str, command: Reopen | Skip, now: datetime
) -> State:
    """Let a mission go on from its end, and return its state then. Raises what refuses that."""
    run_id = (await client.get_workflow_handle(mission_id).describe()).run_id
    forms = await read_history(client, mission_id, run_id=run_id)
    if forms is None:
        raise not_found(mission_id)
    history = tuple(records_of(forms))
    state = load(mission_id, history)
    definition = decider.registered(state)
    decided = decide(definition, state, (attrs.evolve(command, history=history),), now, SLOTS)
    try:
        await client.start_workflow(
            MISSION,
            {"from": run_id, "batch": {"after": None, "records": record_forms(decided.records)}},
            id=mission_id,
            task_queue=task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            memo=memo_of(decided.state, BEGINNING),
            search_attributes=typed(attributes_of(decided.state)),
        )
    except WorkflowAlreadyStartedError:
        raise MissionExecutionError(f"mission {mission_id!r} goes on already: somebody else has reopened it") from None
    return decided.state
