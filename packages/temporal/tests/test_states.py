"""What a worker remembers of missions, where what it decided has come to nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import attrs

from mission_control.core import HistoryRecord, m
from mission_control.core.machine import Start, State, Succeed, decide
from mission_control.temporal.live import LIVE
from mission_control.temporal.states import States

NOW = datetime(2026, 1, 1, tzinfo=UTC)
job = m.define("job").start(input=int, run=lambda ctx: None).need_to("go", int).end()


@attrs.define(eq=False)
class Live:
    """A mission that this process has in memory."""

    history: Sequence[HistoryRecord]
    chain: Mapping[str, int]


async def test_decision_that_another_worker_made_anew_is_not_remembered() -> None:
    """A process that was held up goes on from what counts, although it decided the same by itself before."""
    begun = decide(job, State(mission_id="mission"), (Start("job", 1, None),), NOW, 1)
    lost, kept = (
        decide(job, begun.state, (Succeed("start", 1, None),), NOW + timedelta(seconds=late), 1) for late in (1, 60)
    )
    states = States(cast("Any", None))  # all is in memory
    first = LIVE["run"] = Live(begun.records, {"0": begun.state.version})
    assert await states.at("mission", "run", begun.state.version, "0") == begun.state
    states.decided("run", "1-lost", lost.state)
    assert await states.at("mission", "run", lost.state.version, "1-lost") == lost.state

    history = (*begun.records, *kept.records)
    second = LIVE["run"] = Live(history, {"0": begun.state.version, "1-kept": kept.state.version})

    assert first is not second  # and both are there, for as long as this function is
    assert await states.at("mission", "run", kept.state.version, "1-kept") == kept.state
