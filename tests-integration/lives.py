"""The lives of a few missions: one process after another, whose storage fails, and which die at chosen commits."""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from flows import free_slots
from inbox import Told, told, waits_of
from mission_control.core import (
    Commander,
    HistoryRecord,
    MissionControlError,
    MissionDefinition,
    MissionInspection,
    MissionStatus,
    MissionSummary,
    PersistenceAdapter,
    PersistenceError,
    SignalWait,
)
from mission_control.core.machine import load
from mission_control.core.storage import CommitOutcome, MissionCommit
from mission_control.testing import FakeClock
from random_flows import World
from storages import Crashing, Forwarding, Kept, OpenCommander, memory_adapter_factory, sqlite_adapter_factory

EPOCH = datetime(2024, 2, 29, tzinfo=UTC)
MISSION = "mission"
MOST = 256
SECONDS = 60
"""Real seconds after which a run counts as one that hangs."""

Found: TypeAlias = dict[str, MissionInspection]
Crash: TypeAlias = tuple[int, bool]
"""At which commit, and whether that takes effect."""


@contextmanager
def new_storage(kind: str) -> Generator[Callable[[], PersistenceAdapter]]:
    """Give what opens an empty storage, again and again."""
    if kind == "memory":
        yield memory_adapter_factory()
        return
    with tempfile.TemporaryDirectory() as folder:
        yield sqlite_adapter_factory(Path(folder, "missions.db"))


async def look(commander: Commander) -> Found:
    """Return everything that is on record."""
    found = [await commander.inspect_mission(one.mission_id) async for one in commander.iter_missions()]
    return {one.snapshot.mission_id: one for one in found if one is not None}


@attrs.frozen(order=True)
class Answer:
    """What a mission is told, and when: the signal of an instance, or what stands for an update or a cancellation."""

    at: datetime
    mission_id: str
    what: str


async def rows_of(commander: Commander) -> dict[str, MissionSummary]:
    """Return what is listed of each mission."""
    return {row.mission_id: row async for row in commander.iter_missions()}


async def inbox_of(commander: Commander) -> list[Told]:
    """Return what is listed of open waits."""
    return [told(wait) async for wait in commander.iter_waits()]


def check_rows(found: Found, rows: dict[str, MissionSummary]) -> None:
    """Check that each history, through its JSON text, folds to what is listed of its mission."""
    for mission_id, row in rows.items():
        inspection = found[mission_id]
        state = load(mission_id, stored(inspection.history))
        assert state.summary() == row
        assert state.snapshot() == inspection.snapshot


def check_waits(found: Found, inbox: list[Told]) -> None:
    """Check that what is listed as an open wait is what the folded histories wait for."""
    assert inbox == sorted(wait for one in found.values() for wait in waits_of(one.snapshot.mission_id, one.history))


def stored(history: Sequence[HistoryRecord]) -> tuple[HistoryRecord, ...]:
    return tuple(HistoryRecord.from_dict(json.loads(json.dumps(record.to_dict(exact=True)))) for record in history)


class Faulty(Forwarding):
    """Storage some of whose commits fail, and which takes its time unless it is hurried."""

    def __init__(self, inner: PersistenceAdapter, faults: Collection[int], *, is_hurried: bool) -> None:
        super().__init__(inner)
        self.faults: Collection[int] = faults
        self._chance = None if is_hurried else random.Random(34)
        self._commits = 0

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        self._commits += 1
        number = self._commits
        await self._dawdle()
        if number in self.faults and number % 2:
            raise PersistenceError("it did not take effect")
        outcomes = await super().commit(batch)
        await self._dawdle()
        if number in self.faults:
            raise PersistenceError("it did take effect")
        return outcomes

    async def _dawdle(self) -> None:
        for _ in range(0 if self._chance is None else self._chance.randrange(6)):
            await asyncio.sleep(0)


@attrs.define
class Lives:
    """Missions of a definition, and whatever they begin, over as many processes as it takes."""

    world: World
    definition: MissionDefinition[Any]
    opener: OpenCommander
    names: Sequence[str] = (MISSION,)
    faults: frozenset[int] = frozenset()
    """The commits of each process that fail: odd ones before they take effect, even ones after."""
    is_hurried: bool = True
    max_concurrency: int = MOST
    update_at: float | None = None
    cancel_at: float | None = None
    _storage: Faulty = attrs.field(init=False)
    _calls: list[asyncio.Task[Any]] = attrs.field(factory=list[asyncio.Task[Any]])

    @property
    def clock(self) -> FakeClock:
        return self.opener.clock

    async def live(self, act: Callable[[Commander], Awaitable[None]], crashes: Sequence[Crash]) -> Found:
        """Let processes begin one after another which act and die, and one that brings all to their ends."""
        self.world.runs.clear()
        self.world.begin_process(())
        async with asyncio.timeout(SECONDS):
            for at, after in crashes:
                if not await self._live_and_die(act, at, after=after):
                    break
                reader = await self.opener()
                self.world.begin_process((name, one.history) for name, one in (await look(reader)).items())
            commander = await self._open()
            await act(commander)
            found = await self.see_to_the_end(commander)
            await self._hung_up()
            self._storage.faults = ()
            if self.max_concurrency < MOST:
                await free_slots(commander, self.max_concurrency)
            return found

    async def _open(self, wrap: Callable[[PersistenceAdapter], PersistenceAdapter] | None = None) -> Commander:
        def wrapped(inner: PersistenceAdapter) -> PersistenceAdapter:
            self._storage = Faulty(inner, self.faults, is_hurried=self.is_hurried)
            return self._storage if wrap is None else wrap(self._storage)

        return await self.opener([self.definition], wrap=wrapped, max_concurrency=self.max_concurrency)

    async def begin(self, commander: Commander) -> None:
        """Start the missions, unless an earlier process has."""
        for name in self.names:
            while await commander.get_mission(name) is None:
                with suppress(PersistenceError):
                    await commander.start(self.definition, 1, mission_id=name, if_exists="return", wait=False)

    async def _live_and_die(self, act: Callable[[Commander], Awaitable[None]], at: int, *, after: bool) -> bool:
        """Run a process until it dies at its commit `at`; False where all missions end before that."""
        storage = Kept(lambda inner: Crashing(inner, at, after=after))
        commander = await self._open(storage)

        async def run() -> None:
            await act(commander)
            await self.see_to_the_end(commander)

        living, death = asyncio.create_task(run()), asyncio.create_task(storage.adapter.died.wait())
        await asyncio.wait([living, death], return_when=asyncio.FIRST_COMPLETED)
        has_died = death.done()
        for task in (living, death):
            task.cancel()
        await asyncio.gather(living, death, return_exceptions=True)
        if has_died:
            await self.opener.crash()
            await self._hung_up()
        else:
            living.result()  # raises what went wrong
        return has_died

    async def see_to_the_end(self, commander: Commander) -> Found:
        """Let come what the missions wait for, each thing at its time, until all have ended."""
        await self.begin(commander)
        while True:
            await commander.settled()
            rows, found, inbox = await rows_of(commander), await look(commander), await inbox_of(commander)
            if await self._is_restless(found) or rows != await rows_of(commander):
                await asyncio.sleep(0.001)  # storage that failed is tried again after a while of real time
                continue
            check_rows(found, rows)
            check_waits(found, inbox)
            going_on = [one for one in found.values() if not one.snapshot.status.is_terminal]
            if not going_on:
                return found
            answers = [answer for one in going_on for answer in answers_to(one)]
            dues = [one.snapshot.next_due for one in going_on if one.snapshot.next_due is not None]
            answers += self._appointments(found[MISSION])
            instant = min([answer.at for answer in answers] + dues)
            if instant > self.clock.now():
                await self.clock.advance_to(instant)
            else:
                with suppress(PersistenceError):  # it is not known whether it came about: look again
                    await self._give(commander, min(answers))

    async def _give(self, commander: Commander, answer: Answer) -> None:
        mission = await commander.get_mission(answer.mission_id)
        assert mission is not None
        if answer.what == "mission-update":
            await mission.update("note", "told")
        elif answer.what == "mission-cancellation-requested":
            self.call(mission.cancel("told"))  # it returns when all is undone, which may take its time
            await asyncio.sleep(0)
        else:
            await mission.signal(answer.what, 1, wait=False)

    def call(self, call: Coroutine[Any, Any, Any]) -> None:
        """Let a caller ask for something, and wait for the answer for as long as its process lives."""
        self._calls.append(asyncio.create_task(call))

    async def _hung_up(self) -> None:
        """Check that all who called were answered, if with a refusal."""
        calls, self._calls = self._calls, []
        for answer in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(answer, BaseException) and not isinstance(answer, MissionControlError):
                raise answer

    async def _is_restless(self, found: Found) -> bool:
        """True while something is under way that nobody has to be told, and no time has to pass for."""
        now = self.clock.now()
        for mission in found.values():
            due = mission.snapshot.next_due
            if mission.snapshot.status is MissionStatus.RUNNING or (due is not None and due <= now):
                return True
        strays = await self._storage.list_strays(limit=100)
        return any(one.status.is_terminal or one.error is None for one in strays)  # else it undoes what it did

    def _appointments(self, mission: MissionInspection) -> Iterator[Answer]:
        """Yield what is still to be told to the mission from outside."""
        done = {record.type.value for record in mission.history}
        for seconds, kind in ((self.update_at, "mission-update"), (self.cancel_at, "mission-cancellation-requested")):
            if seconds is not None and kind not in done and not is_over(mission):
                yield Answer(EPOCH + timedelta(seconds=seconds), MISSION, kind)


def is_over(mission: MissionInspection) -> bool:
    """True where it has ended, or has begun to."""
    return mission.snapshot.status.is_terminal or mission.snapshot.error is not None


def answers_to(mission: MissionInspection) -> Iterator[Answer]:
    """Yield when each wait for a signal is answered: a while after it has begun, which its name alone says."""
    mission_id = mission.snapshot.mission_id
    began = {record.event_name: record.at for record in mission.history if record.type == "waiting-for-signal"}
    for name in open_waits(mission):
        after = random.Random(f"{mission_id}:{name}").randrange(10**9, 10**10)
        yield Answer(began[name] + timedelta(microseconds=after), mission_id, name)


def open_waits(mission: MissionInspection) -> list[str]:
    """Return the instances of the signals that a mission waits for."""
    waits = [position.waiting for position in mission.snapshot.positions]
    return [wait.event_name for wait in waits if isinstance(wait, SignalWait)]
