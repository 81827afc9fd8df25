"""Whatever a mission is made of, with paths in paths, and wherever its process dies: its histories say it all (R3).

What the machine alone is held to is in `test_properties.py`, and in its room's tests. Here missions of every construct
are run by the engine, on both storages, and are asked and told things while they run.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crash.audit import missteps
from crash.families import disagreements_of_families
from lives import EPOCH, MISSION, MOST, Crash, Found, Lives, look, new_storage, open_waits
from mission_control.core import Commander, HistoryRecord, MissionDefinition, MissionStatus
from mission_control.core.engine import bell, families, recorder
from mission_control.testing import FakeClock
from random_flows import World, missions
from storages import OpenCommander

STORAGES = pytest.mark.parametrize("storage", ["memory", "sqlite"])

BOUNDED = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.fixture(scope="module", autouse=True)
def _impatience() -> Iterator[None]:
    """Storage that failed is tried again at once."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (bell, families, recorder):
            patch.setattr(module, "_FIRST_BACKOFF", 0.001)
        yield


def check(world: World, found: Found) -> None:
    """Check that all missions have ended, and that nothing has happened on the way that must not."""
    problems = [problem for inspection in found.values() for problem in missteps(inspection)]
    assert problems + list(disagreements_of_families(found)) == []
    on_record = {
        (mission_id, attempt.step_name, attempt.attempt_number)
        for mission_id, inspection in found.items()
        for attempt in inspection.step_attempts
    }
    assert {attempt: times for attempt, times in world.runs.items() if times > 1 or attempt not in on_record} == {}


def essence(history: Sequence[HistoryRecord]) -> list[tuple[Any, ...]]:
    """Return what happened and when, without what a crash adds: attempts that did not survive it, and their numbers."""
    kept: list[tuple[Any, ...]] = []
    running: set[str | None] = set()
    for record in history:
        name = record.event_name
        if record.type == "step-interrupted" and record.details["reason"] != "stopped":
            continue
        if record.type == "step-started":
            if name in running:
                continue  # the attempt before it was interrupted
            running.add(name)
        else:
            running.discard(name)
        details = {key: value for key, value in record.details.items() if key not in ("next", "kind", "definition")}
        kept.append((record.type.value, name, record.at, json.dumps(details, sort_keys=True)))
    return kept


seconds = st.one_of(st.none(), st.none(), st.none(), st.integers(0, 4 * 10**10).map(lambda micros: micros / 10**6))
deaths = st.lists(st.tuples(st.sampled_from([*range(1, 13), *range(13, 40, 3)]), st.booleans()), max_size=3)
faults = st.frozensets(st.integers(1, 30), max_size=4)


@STORAGES
@settings(BOUNDED, max_examples=20)
@given(mission=missions(is_apart=True), crashes=deaths, faults=faults, update_at=seconds, cancel_at=seconds)
def test_missions_whose_process_dies_come_to_the_end_of_those_that_nothing_interrupted(
    storage: str,
    mission: tuple[World, MissionDefinition[Any]],
    crashes: list[Crash],
    faults: frozenset[int],
    update_at: float | None,
    cancel_at: float | None,
) -> None:
    """Whatever they are made of: the same things happen at the same times, but for attempts that were cut off."""

    async def run(kind: str, crashes: Sequence[Crash], faults: frozenset[int]) -> Found:
        world, definition = mission
        with new_storage(kind) as adapters:
            opener = OpenCommander(adapters, FakeClock(EPOCH))
            lives = Lives(world, definition, opener, faults=faults, update_at=update_at, cancel_at=cancel_at)
            try:
                found = await lives.live(nothing, crashes)
            finally:
                await opener.close()
        check(world, found)
        return found

    expected = asyncio.run(run("memory", (), frozenset()))
    found = asyncio.run(run(storage, crashes, faults))
    assert {name: essence(one.history) for name, one in found.items()} == {
        name: essence(one.history) for name, one in expected.items()
    }


async def nothing(commander: Commander) -> None:
    """Leave the missions alone."""


@attrs.define
class Crowd:
    """Callers who ask for things while missions run, and note what they were promised."""

    lives: Lives
    script: Sequence[tuple[str, int]]
    asked: int = 0
    promised: list[str] = attrs.field(factory=list[str])
    ends: dict[str, MissionStatus] = attrs.field(factory=dict[str, MissionStatus])

    async def act(self, commander: Commander) -> None:
        """Do what is in the script, once for each process, with other payloads."""
        await self.lives.begin(commander)
        for what, number in self.script:
            if what == "let run":
                for _ in range(number):
                    await asyncio.sleep(0)
            elif what == "come to rest":
                await commander.settled()
            elif what == "let time pass":
                await self.lives.clock.advance(10.0**number / 100)
            else:
                await self._ask(commander, what, number)

    async def _ask(self, commander: Commander, what: str, number: int) -> None:
        found = await look(commander)
        mission = found[sorted(found)[number % len(found)]]
        waits = open_waits(mission)
        if what == "cancel":
            self.lives.call(self._cancel(commander, mission.snapshot.mission_id))
        elif what == "update":
            self.lives.call(self._update(commander, mission.snapshot.mission_id))
        elif what == "early":
            self._send_early(commander, mission.snapshot.mission_id, number)
        elif waits:
            place, _, name = waits[number % len(waits)].rpartition("/")
            at = place if what == "signal at" and place else None
            self.lives.call(self._signal(commander, mission.snapshot.mission_id, name, at))

    def _send_early(self, commander: Commander, mission_id: str, number: int) -> None:
        """Send a signal for a wait that may not have begun, or never will, by its name or its instance."""
        waits = self.lives.definition.early_waits
        texts = [text for found in waits.values() for text in found]
        names = [*waits, *(text.replace("[]", f"[{number % 3}]") for text in texts)]
        if names:
            self.lives.call(self._signal(commander, mission_id, names[number % len(names)], None))

    async def _signal(self, commander: Commander, mission_id: str, name: str, at: str | None) -> None:
        mission = await commander.get_mission(mission_id)
        assert mission is not None
        payload = self._payload()
        await mission.signal(name, payload, at=at, wait=False)
        self.promised.append(str(payload))

    async def _update(self, commander: Commander, mission_id: str) -> None:
        mission = await commander.get_mission(mission_id)
        assert mission is not None
        self.promised.append(await mission.update("note", str(self._payload())))

    async def _cancel(self, commander: Commander, mission_id: str) -> None:
        self.ends[mission_id] = (await commander.cancel_mission(mission_id)).status

    def _payload(self) -> int:
        self.asked += 1
        return 1_000 + self.asked

    def check(self, found: Found) -> None:
        """Check that what was promised has come about, once, and nothing was taken twice."""
        taken = Counter[str]()
        for mission in found.values():
            taken.update(str(signal.payload) for signal in mission.signals if signal.payload != 1)
            taken.update(record.details["input"] for record in mission.history if record.type == "mission-update")
        assert {payload: times for payload, times in taken.items() if times > 1} == {}
        assert set(self.promised) <= set(taken)
        assert {name: found[name].snapshot.status for name in self.ends} == self.ends


SIGNALS = ["signal at", "signal", "early"]
KINDS = ["let run"] * 4 + ["come to rest", "let time pass"] + SIGNALS * 2 + ["update", "cancel"]
scripts = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 9)), max_size=12)


@STORAGES
@settings(BOUNDED, max_examples=20)
@given(
    mission=missions(is_apart=False),
    script=scripts,
    crashes=deaths,
    faults=faults,
    is_hurried=st.booleans(),
    max_concurrency=st.sampled_from([1, 2, 3, MOST]),
)
def test_missions_that_are_asked_and_told_things_while_they_run_keep_every_promise(
    storage: str,
    mission: tuple[World, MissionDefinition[Any]],
    script: list[tuple[str, int]],
    crashes: list[Crash],
    faults: frozenset[int],
    is_hurried: bool,
    max_concurrency: int,
) -> None:
    """Signals, updates, cancellations and deaths at any moment: nothing is doubled, and nothing stranded."""
    world, definition = mission

    async def run() -> None:
        with new_storage(storage) as adapters:
            opener = OpenCommander(adapters, FakeClock(EPOCH))
            lives = Lives(world, definition, opener, [MISSION, "another"], faults, is_hurried, max_concurrency)
            crowd = Crowd(lives, script)
            try:
                found = await lives.live(crowd.act, crashes)
            finally:
                await opener.close()
        check(world, found)
        crowd.check(found)

    asyncio.run(run())
