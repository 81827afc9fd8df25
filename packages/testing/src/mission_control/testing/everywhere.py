"""A scenario that is run once for every commit, crashed before and after it, and has to end as if it had not been."""

from __future__ import annotations

import asyncio
import contextvars
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias, overload

from typing_extensions import TypeVar

from mission_control.core import (
    Commander,
    HistoryType,
    MissionCommit,
    MissionDefinition,
    MissionHandle,
    MissionInspection,
    PersistenceAdapter,
    PersistenceError,
    Signal,
    StepAttempt,
)
from mission_control.core.commander import EmbeddedCommander
from mission_control.core.storage.memory import InMemoryAdapter

from .clock import FakeClock
from .crash_report import CrashPoint, CrashReport, RepeatedStep, When
from .crashing import end_as_killed
from .faults import FaultInjectingAdapter

__all__ = ["CrashPoint", "CrashReport", "Life", "RepeatedStep", "crash_everywhere"]

T = TypeVar("T")

_PATIENCE = 5.0
"""Real seconds for code that a crash left running to end when its run is over."""


class Life:
    """One life of a process in a scenario: from its start to the crash, or to the end.

    After a crash the scenario is run again from its top, on the same storage and the same clock, so what it does has
    to be repeatable: it starts missions under ids of its own with `if_exists="return"`, moves time with `advance`, and
    sends signals with `signal`, both of which pass over what an earlier life has done.
    """

    def __init__(self, commander: Commander, clock: FakeClock, number: int, began: datetime) -> None:
        self.commander: Commander = commander
        """The commander of this life, on `clock`."""
        self.clock: FakeClock = clock
        self.number: int = number
        """1 before the crash and 2 after it."""
        self._instant = began

    async def advance(self, duration: timedelta | float, /) -> None:
        """Move time on by `duration` in the scenario, as `FakeClock.advance` does.

        Where an earlier life has come further already, everything comes to rest and time stays.
        """
        self._instant += duration if isinstance(duration, timedelta) else timedelta(seconds=duration)
        await self.clock.advance_to(max(self._instant, self.clock.now()))

    @overload
    async def signal(
        self,
        mission: MissionHandle[Any],
        signal: Signal[T],
        payload: T | Mapping[str, object],
        /,
        *,
        at: str | None = None,
    ) -> None: ...
    @overload
    async def signal(
        self, mission: MissionHandle[Any], signal: str, payload: object, /, *, at: str | None = None
    ) -> None: ...
    async def signal(
        self, mission: MissionHandle[Any], signal: str | Signal[Any], payload: object, /, *, at: str | None = None
    ) -> None:
        """Deliver a signal as `mission.signal` does, unless one was applied or kept: for that wait, or the name."""
        name = signal.name if isinstance(signal, Signal) else signal
        names = [record.event_name for record in (await mission.inspect()).signals]
        if at is not None or "/" in name:
            is_applied = (name if at is None else f"{at}/{name}") in names
        else:
            is_applied = name in (instance.rpartition("/")[2] for instance in names)
        if not is_applied:
            await mission.signal(name, payload, at=at)


Scenario: TypeAlias = Callable[[Life], Awaitable[object]]


async def crash_everywhere(
    scenario: Scenario,
    /,
    *,
    definitions: Iterable[MissionDefinition[Any]] = (),
    new_storage: Callable[[], PersistenceAdapter] = InMemoryAdapter,
    new_clock: Callable[[], FakeClock] = FakeClock,
) -> CrashReport:
    """Run `scenario` undisturbed, and then twice for each commit, crashed before and after it takes effect.

    A crash ends the commander as SIGKILL would; the scenario is given up where it stands, and run again from its top
    in the next `Life`. Each run begins with the empty storage of `new_storage()`, which may be opened several times
    one after another, and with `new_clock()`. Definitions may be given here, or registered by the scenario.

    Raises `AssertionError` where a run ends in another way than the undisturbed one: a mission with another status,
    output, error, place or event, or a step that succeeded twice. What the scenario raises comes out as it is, with a
    note that says where the run was crashed.
    """
    known = list(definitions)

    async def run(commit: int = 0, when: When = "before") -> _Run:
        this = _Run(scenario, known, new_storage(), new_clock(), commit, when)
        await this.to_the_end()
        return this

    undisturbed = await run()
    crashed = [await run(commit, when) for commit in range(1, undisturbed.commits + 1) for when in _BOTH]
    runs = [(this, this.crash) for this in crashed if this.crash is not None]
    differences = [text for this, point in runs for text in _differences(undisturbed, this, point)]
    if differences:
        raise AssertionError("\n".join(differences))
    repeated = (step for this, point in runs for step in this.repeated(point))
    return CrashReport(crashes=tuple(point for _, point in runs), repeated=tuple(repeated))


_BOTH: tuple[When, When] = ("before", "after")


class _MortalAdapter(FaultInjectingAdapter):
    """Storage whose process dies at a commit: then `crash` is set, and whoever committed hears nothing."""

    def __init__(self, inner: PersistenceAdapter, commit: int, when: When) -> None:
        super().__init__(inner, fail_commits={commit}, when=when)
        self.crash: asyncio.Future[CrashPoint] = asyncio.get_running_loop().create_future()
        self._gone = asyncio.Event()

    async def _failure(self, number: int, batch: Sequence[MissionCommit]) -> BaseException:
        records = tuple(_described(one) for member in batch for one in member.family())
        self.crash.set_result(CrashPoint(commit=number, when=self._when, records=records))
        await self._gone.wait()
        return PersistenceError("the process has died")

    async def close(self) -> None:
        self._gone.set()
        await super().close()


def _described(member: MissionCommit) -> str:
    records = (f"{record.type} {record.event_name or ''}".rstrip() for record in member.records)
    return f"{member.mission_id}: {', '.join(records)}"


class _Launched:
    """A `Tracer` that notes which attempts were not only recorded: their code was run."""

    def __init__(self) -> None:
        self.attempts: set[tuple[str, str, int]] = set()

    def mission_started(self, *_: object) -> str | None:
        return None

    def mission_moved(self, *_: object) -> None:
        pass

    def mission_rested(self, *_: object) -> None:
        pass

    def attempt_began(self, mission_id: str, name: str, number: int | None, context: contextvars.Context, /) -> object:
        if number is not None:
            self.attempts.add((mission_id, name, number))
        return None

    def attempt_ended(self, *_: object) -> None:
        pass


class _Run:
    """One run of a scenario on a storage and a clock, over two lives where it is crashed."""

    def __init__(
        self,
        scenario: Scenario,
        definitions: Sequence[MissionDefinition[Any]],
        storage: PersistenceAdapter,
        clock: FakeClock,
        commit: int,
        when: When,
    ) -> None:
        self._scenario = scenario
        self._definitions = definitions
        self._storage = storage
        self._clock = clock
        self._began = clock.now()
        self._at: tuple[int, When] = (commit, when)
        self._launched = _Launched()
        self._left_running: list[asyncio.Task[Any]] = []
        self.crash: CrashPoint | None = None
        self.commits = 0
        self.missions: dict[str, MissionInspection] = {}

    async def to_the_end(self) -> None:
        """Run the scenario, again where it was crashed, and look at its missions."""
        try:
            self.crash = await self._live(1, *self._at)
            if self.crash is not None:
                await self._live(2, 0, "before")
        except Exception as error:
            commit, when = self._at
            error.add_note(f"in the run that is crashed {when} commit {commit}" if commit else "in the undisturbed run")
            raise
        finally:
            await self._end_what_was_left()

    async def _live(self, number: int, commit: int, when: When) -> CrashPoint | None:
        """Run the scenario once; return where it was crashed, or None where it came to its end."""
        storage = _MortalAdapter(self._storage, commit, when)
        commander = EmbeddedCommander(
            definitions=self._definitions, persistence=storage, clock=self._clock, tracer=self._launched
        )
        acting = asyncio.create_task(self._act(Life(commander, self._clock, number, self._began)))
        try:
            either: list[asyncio.Future[Any]] = [acting, storage.crash]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            self.commits = storage.commits
            if not storage.crash.done():
                acting.result()  # raises what went wrong
                return None
            return storage.crash.result()
        finally:
            acting.cancel()
            self._left_running += await end_as_killed(commander) if storage.crash.done() else []
            await commander.close()
            await asyncio.gather(acting, return_exceptions=True)

    async def _act(self, life: Life) -> None:
        commander = life.commander
        await commander.wait_until_ready()
        await self._scenario(life)
        await commander.settled()
        found = [await commander.inspect_mission(one.mission_id) async for one in commander.iter_missions()]
        self.missions = {one.snapshot.mission_id: one for one in found if one is not None}

    def repeated(self, crash: CrashPoint) -> Iterator[RepeatedStep]:
        """Yield the steps whose code ran, was interrupted by the crash, and ran again."""
        for mission_id, mission in self.missions.items():
            ran: dict[str, list[StepAttempt]] = {}
            for attempt in mission.step_attempts:
                if (mission_id, attempt.step_name, attempt.attempt_number) in self._launched.attempts:
                    ran.setdefault(attempt.step_name, []).append(attempt)
            for step_name, attempts in ran.items():
                for _ in filter(_was_interrupted, attempts[:-1]):
                    yield RepeatedStep(mission_id=mission_id, step_name=step_name, crash=crash)

    async def _end_what_was_left(self) -> None:
        """End the code that the crash left running; nothing of it counts any more."""
        for task in self._left_running:
            task.cancel()
        if self._left_running:
            await asyncio.wait(self._left_running, timeout=_PATIENCE)


def _was_interrupted(attempt: StepAttempt) -> bool:
    return attempt.status == "interrupted"


def _differences(undisturbed: _Run, this: _Run, crash: CrashPoint) -> Iterator[str]:
    """Yield in what the end of a run that was crashed differs from that of the undisturbed one."""
    for mission_id in undisturbed.missions | this.missions:
        expected, found = _end(undisturbed.missions.get(mission_id)), _end(this.missions.get(mission_id))
        for name in expected | found:
            if expected.get(name) != found.get(name):
                yield (
                    f"crash {crash}: {name} of mission {mission_id!r}: expected {expected.get(name)!r} as without the "
                    f"crash, found {found.get(name)!r}"
                )


def _end(mission: MissionInspection | None) -> dict[str, object]:
    """Return what has to be the same with a crash and without, by what it is called."""
    if mission is None:
        return {"existence": False}
    snapshot = mission.snapshot
    events = {f"event {name!r}": (event.input, event.output) for name, event in snapshot.events.items()}
    succeeded = Counter(one.event_name for one in mission.history if one.type is HistoryType.STEP_SUCCEEDED)
    return {
        "existence": True,
        "status": str(snapshot.status),
        "place": snapshot.cursor,
        "output": snapshot.output,
        "error": None if snapshot.error is None else f"{snapshot.error.code}: {snapshot.error}",
        **events,
        **{f"successes of step {name!r}": times for name, times in succeeded.items()},
    }
