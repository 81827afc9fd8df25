"""The missions that a worker decides for, as its activities see them: states of their own, on the worker's event loop.

A state and the versions before it share what they are made of, so those of the workflow, which is folded on a thread of
its own, are not touched here. What a decision led to is remembered under the id of its batch: mostly the next question
is about just that, and nothing is folded again.
"""

from __future__ import annotations

from collections import OrderedDict

import attrs
from temporalio.client import Client

from mission_control.core import HistoryRecord
from mission_control.core.machine import State, fold, load

from .forms import Form, records_of
from .live import LIVE
from .names import RECORDS

_MOST = 1_000
"""How many missions are remembered."""


@attrs.define
class _Known:
    """What is known of one run: the state behind a batch, and where the last decision may have led to.

    Either may have come to nothing, where the workflow's task was lost with it: it counts if the chain has its batch.
    """

    batch_id: str
    state: State
    decided_id: str = ""
    decided: State | None = None


class States:
    """Remembers missions by the runs of their workflows."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def at(self, mission_id: str, run_id: str, version: int, batch_id: str) -> State:
        """Return a mission as it was at a version, behind the batch of that id."""
        known = self._known.get(run_id)
        if known is not None and known.decided is not None and known.decided_id == batch_id:
            state = known.decided
        elif known is not None and known.batch_id == batch_id:
            state = known.state
        else:
            if known is not None and known.state.version > version:
                known = None
            records = await self._records(mission_id, run_id, known, version, batch_id)
            if known is not None and records[0].seq == known.state.version + 1:
                state = fold(known.state, records)
            else:
                state = load(mission_id, records)
        self._keep(run_id, _Known(batch_id, state))
        return state

    def decided(self, run_id: str, batch_id: str, state: State) -> None:
        """Remember what a decision led to, which counts once the mission goes on from its batch."""
        known = self._known.get(run_id)
        if known is not None:
            known.decided_id, known.decided = batch_id, state

    def _keep(self, run_id: str, known: _Known) -> None:
        self._known[run_id] = known
        self._known.move_to_end(run_id)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)

    async def _records(
        self, mission_id: str, run_id: str, known: _Known | None, version: int, batch_id: str
    ) -> list[HistoryRecord]:
        """Return the records behind what is known, or all where that did not count, from whoever folds the mission.

        That is this process, or the worker that has its workflow. A process that was held up for long may have it
        still while another one has gone on with it.
        """
        after, known_id = (0, None) if known is None else (known.state.version, known.batch_id)
        live = LIVE.get(run_id)
        if live is not None and live.chain.get(batch_id) == version:
            if known_id is not None and live.chain.get(known_id) != after:
                after = 0
            return list(live.history[after:version])
        handle = self._client.get_workflow_handle(mission_id, run_id=run_id)
        forms: list[Form] = await handle.query(RECORDS, args=[after, known_id], result_type=list)
        while (reached := forms[-1]["seq"]) < version:
            forms += await handle.query(RECORDS, args=[reached, None], result_type=list)
        return [record for record in records_of(forms) if record.seq <= version]
