"""W16: missions on Temporal against workflows that are written for it by hand, on the same dev server."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING
from uuid import uuid4

from mission_control.core import Commander

from .figures import OURS, Line
from .missions import PAYLOAD, go, linear, signalled
from .plan import Plan, Rounds, alternate
from .temporal_server import dev_server, missing
from .w1_throughput import IN_FLIGHT, STEPS

if TYPE_CHECKING:
    from temporalio.client import Client

BY_HAND = "by hand"
_OURS_QUEUE, _BY_HAND_QUEUE = "ours", "by-hand"
_DURABILITY = "dev server, in memory"
_LINEAR, _SIGNALLED = linear(STEPS), signalled()

_FIGURES = (
    ("rate", f"on Temporal: a start and {STEPS} steps, {IN_FLIGHT} in flight", "missions/s", ">= 0.8"),
    ("p50", "on Temporal: signal sent to mission completed, one step after the wait: p50", "ms", "<= 1.2"),
    ("events", f"on Temporal: events in the history of a start and {STEPS} steps", "events", ""),
)


async def measure(plan: Plan) -> list[Line]:
    """Measure both in turns. Caller and worker of either are in this process, the server in another one."""
    if (reason := missing()) is not None:
        print(f"W16 is left out: {reason}", file=sys.stderr)
        return []
    from mission_control.temporal import create_temporal_commander, create_temporal_worker

    from . import w16_by_hand

    definitions = (_LINEAR, _SIGNALLED)
    async with (
        dev_server() as client,
        create_temporal_worker(client, definitions=definitions, task_queue=_OURS_QUEUE),
        create_temporal_commander(client, definitions=definitions, task_queue=_OURS_QUEUE) as commander,
        w16_by_hand.worker(client, _BY_HAND_QUEUE),
    ):
        contenders = {OURS: _ours(plan, client, commander), BY_HAND: _by_hand(plan, client)}
        return _lines(await alternate(plan.rounds, contenders))


def _missions(plan: Plan) -> int:
    return plan.size(400, 100)


def _parked(plan: Plan) -> int:
    return plan.size(100, 30)


def _ours(plan: Plan, client: Client, commander: Commander) -> Callable[[], Awaitable[Mapping[str, float]]]:
    async def run() -> str:
        return (await commander.start(_LINEAR, PAYLOAD)).mission_id

    async def turn() -> Mapping[str, float]:
        rate, last = await _burst(run, _missions(plan))
        parked = [await commander.start(_SIGNALLED, PAYLOAD) for _ in range(_parked(plan))]
        times: list[float] = []
        for handle in parked:
            begun = time.perf_counter()
            await handle.signal(go, PAYLOAD)
            times.append(time.perf_counter() - begun)
        return {"rate": rate, "p50": median(times) * 1e3, "events": await _events(client, last)}

    return turn


def _by_hand(plan: Plan, client: Client) -> Callable[[], Awaitable[Mapping[str, float]]]:
    from .w16_by_hand import Linear, Signalled

    async def run() -> str:
        workflow_id = str(uuid4())
        await client.execute_workflow(Linear.run, args=[PAYLOAD, STEPS], id=workflow_id, task_queue=_BY_HAND_QUEUE)
        return workflow_id

    async def park() -> str:
        workflow_id = str(uuid4())
        handle = await client.start_workflow(Signalled.run, PAYLOAD, id=workflow_id, task_queue=_BY_HAND_QUEUE)
        while not await handle.query(Signalled.is_waiting):
            await asyncio.sleep(0.01)
        return workflow_id

    async def turn() -> Mapping[str, float]:
        rate, last = await _burst(run, _missions(plan))
        parked = [client.get_workflow_handle_for(Signalled.run, await park()) for _ in range(_parked(plan))]
        times: list[float] = []
        for handle in parked:
            begun = time.perf_counter()
            await handle.execute_update(Signalled.go, PAYLOAD)  # pyright: ignore[reportUnknownMemberType]
            times.append(time.perf_counter() - begun)
        return {"rate": rate, "p50": median(times) * 1e3, "events": await _events(client, last)}

    return turn


async def _burst(run: Callable[[], Awaitable[str]], missions: int) -> tuple[float, str]:
    """Run missions from start to end, 100 at a time; return how many there were in a second, and the id of one."""
    left = iter(range(missions))
    last = ""

    async def caller() -> None:
        nonlocal last
        for _ in left:
            last = await run()

    begun = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))
    return missions / (time.perf_counter() - begun), last


async def _events(client: Client, workflow_id: str) -> int:
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    return len(history.events)


def _lines(rounds: Rounds) -> list[Line]:
    return [
        Line(
            workload="W16",
            what=what,
            subject=name,
            unit=unit,
            values=[outcome[key] for outcome in rounds[name]],
            ratios=_ratios(rounds, key) if name == OURS else (),
            target=target if name == OURS else "",
            durability=_DURABILITY,
        )
        for key, what, unit, target in _FIGURES
        for name in (OURS, BY_HAND)
    ]


def _ratios(rounds: Rounds, key: str) -> Sequence[float]:
    return [ours[key] / other[key] for ours, other in zip(rounds[OURS], rounds[BY_HAND], strict=True)]
