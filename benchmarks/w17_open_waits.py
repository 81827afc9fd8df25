"""W17: a mission whose items each wait for a signal with a deadline: what one costs among many, against among few."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from mission_control.core import Commander, MissionContext, MissionDefinition, m

from .figures import OURS, Line
from .missions import PAYLOAD, Payload, go, open_commander, work
from .plan import Contender, Plan, alternate

_FEW, _MANY = "few", "many"
_FIRES = 30
"""Items whose deadline passes while it is watched: the last ones."""
_AHEAD, _APART = timedelta(seconds=1), timedelta(milliseconds=20)


class _Items:
    """The mission, and how late it runs what follows a deadline."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.late: list[float] = []
        self.all_late = asyncio.Event()
        self._due: dict[int, datetime] = {}

    def definition(self) -> MissionDefinition[Payload]:
        """Return a mission of so many items that wait."""
        late = m.path().step("late", self._fired)
        item = m.path().need_to(go, timeout=self._deadline, on_timeout=late).step("work", work)
        return m.define(f"items-{self.count}").start(input=Payload, run=work).each("items", self._listed, item).end()

    def begin(self) -> None:
        """Forget what an earlier mission measured."""
        self.late.clear()
        self.all_late.clear()

    def _listed(self, ctx: MissionContext[Payload]) -> list[int]:
        return list(range(self.count))

    async def _deadline(self, ctx: MissionContext[Payload]) -> datetime:
        index = ctx.index or 0
        place = index - (self.count - _FIRES)
        if place < 0:
            return ctx.now() + timedelta(hours=1)
        self._due[index] = ctx.now() + _AHEAD + place * _APART
        return self._due[index]

    async def _fired(self, ctx: MissionContext[Payload]) -> Payload:
        self.late.append((datetime.now(UTC) - self._due[ctx.index or 0]).total_seconds() * 1e3)
        if len(self.late) == _FIRES:
            self.all_late.set()
        return PAYLOAD


async def measure(plan: Plan) -> list[Line]:
    """Measure both missions in turns."""
    counts = {_FEW: 100, _MANY: plan.size(10_000, 2_000)}
    missions = {name: _Items(count) for name, count in counts.items()}
    with plan.folder() as folder:
        definitions = {name: items.definition() for name, items in missions.items()}
        async with open_commander(Path(folder) / "ours.db", *definitions.values()) as commander:
            contenders = {name: _turn(commander, definitions[name], items) for name, items in missions.items()}
            rounds = await alternate(plan.rounds, contenders)
    lines: list[Line] = []
    for key, what in (("signal", "a signal to one of the items, one step after it"), ("late", "a deadline's firing")):
        for name, count in counts.items():
            values = [outcome[key] for outcome in rounds[name]]
            base = [outcome[key] for outcome in rounds[_FEW]]
            is_many = name == _MANY
            lines.append(
                Line(
                    workload="W17",
                    what=f"{what}, among {count:,}: p50",
                    subject=OURS,
                    unit="ms",
                    values=values,
                    ratios=[one / other for one, other in zip(values, base, strict=True)] if is_many else (),
                    target="<= 1.5" if is_many else "",
                )
            )
    return lines


def _turn(commander: Commander, definition: MissionDefinition[Payload], items: _Items) -> Contender:
    async def turn() -> Mapping[str, float]:
        items.begin()
        mission = await commander.start(definition, PAYLOAD)
        times: list[float] = []
        for index in range(_FIRES):
            begun = time.perf_counter()
            await mission.signal(go, PAYLOAD, at=f"items[{index}]")
            times.append(time.perf_counter() - begun)
        await items.all_late.wait()
        await commander.settled()
        await mission.cancel()
        return {"signal": median(times) * 1e3, "late": median(items.late)}

    return turn
