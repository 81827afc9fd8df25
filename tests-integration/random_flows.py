"""Random missions of every construct, whose code does the same in every process, and what is seen of it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

import attrs
from hypothesis import strategies as st

from mission_control.core import (
    HistoryRecord,
    MissionContext,
    MissionDefinition,
    MissionPath,
    NonRetryableError,
    Reminder,
    RetryPolicy,
    m,
)

Code = Callable[[MissionContext[Any]], Any]

LENGTHS = {0: (0, 1, 1, 2), 1: (1, 2, 2), 2: (2, 3)}
"""How many nodes a line has, by how deep what is in it may be."""


@attrs.frozen
class Conduct:
    """How a piece of code behaves at each of its places: it fails so often, for good where it is hopeless."""

    failures: int = 0
    is_hopeless: bool = False
    is_on_thread: bool = False
    turns: int = 0


@attrs.define
class World:
    """What one process after another knows of the missions that it runs: how often each step has failed on record."""

    failures: Counter[tuple[str, str]] = attrs.field(factory=Counter[tuple[str, str]])
    runs: Counter[tuple[str, str, int]] = attrs.field(factory=Counter[tuple[str, str, int]])
    """How often the code of each attempt was run, in all processes."""

    def begin_process(self, histories: Iterable[tuple[str, tuple[HistoryRecord, ...]]]) -> None:
        """Forget what no record tells."""
        self.failures = Counter(
            (mission_id, record.event_name or "")
            for mission_id, history in histories
            for record in history
            if record.type == "step-failed"
        )

    def code(self, conduct: Conduct, output: Code) -> Code:
        """Return code that behaves so, and then returns what `output` says."""

        def on_thread(ctx: MissionContext[Any]) -> Any:
            place = ctx.mission_id, ctx.step_name
            self.runs[*place, ctx.attempt] += 1
            if self.failures[place] < conduct.failures:
                self.failures[place] += 1
                raise NonRetryableError("no") if conduct.is_hopeless else ValueError("no")
            return output(ctx)

        async def on_loop(ctx: MissionContext[Any]) -> Any:
            for _ in range(conduct.turns):
                await asyncio.sleep(0)
            return on_thread(ctx)

        return on_thread if conduct.is_on_thread else on_loop


@attrs.define
class Drawing:
    """Draws a mission. Where it is `apart` no two of its lines ever move at the same instant."""

    chance: random.Random
    world: World
    is_apart: bool
    children: int = 0

    def mission(self, name: str, depth: int = 2) -> MissionDefinition[Any]:
        """Draw a mission."""
        begun: Any = (
            m.define(name)
            .update("note", str, lambda ctx, text: text)
            .start(input=int, run=self.work(), retry=self.policy(), undo=self.work() if self.does(0.4) else None)
        )
        definition: MissionDefinition[Any] = self._line(begun, depth).end()
        return definition

    def does(self, share: float) -> bool:
        return self.chance.random() < share

    def span(self) -> timedelta:
        """Return a time that no sum of others comes to."""
        return timedelta(microseconds=self.chance.randrange(10**9, 10**10))

    def policy(self) -> RetryPolicy:
        return RetryPolicy(
            max_attempts=self.chance.choice([3, 3, 3, 3, None, 1]),
            initial_interval=self.span() if self.does(0.5) else 0.0,
            max_interruptions=1_000,
        )

    def code(self, output: Code) -> Code:
        conduct = Conduct(
            failures=self.chance.choice([1, 2]) if self.does(0.15) else 0,
            is_hopeless=self.does(0.15),
            is_on_thread=self.does(0.1) and not self.is_apart,
            turns=self.chance.randrange(4),
        )
        return self.world.code(conduct, output)

    def work(self) -> Code:
        return self.code(lambda ctx: {"of": ctx.step_name})

    def says(self, choices: Sequence[Any]) -> Code:
        """Return code that says one of these, by where it runs."""
        salt = self.chance.random()
        return self.code(lambda ctx: random.Random(f"{salt} {ctx.step_name}").choice(choices))

    def seconds(self, beyond: float = 0.0) -> Code:
        """Return what says a time of its own at every place."""
        salt = self.chance.random()
        return lambda ctx: beyond + random.Random(f"{salt} {ctx.step_name}").randrange(10**9, 10**10) / 10**6

    # What a line has

    def _line(self, path: Any, depth: int) -> Any:
        """Draw what a path has after what it has."""
        for number in range(self.chance.choice(LENGTHS[depth])):
            name = f"n{number}"
            if depth and self.does(0.7):
                path = self.chance.choice(self.TREES)(self, path, name, depth - 1)
            else:
                path = self.chance.choice(self.LEAVES)(self, path, name, depth)
        return path

    def _live(self, depth: int, *, is_item: bool = False) -> Any:
        """Draw a path that is live beside others: it begins with a time of its own where lines are apart."""
        path: MissionPath[Any] = m.path()
        if self.is_apart:
            path = path.sleep("apart", self.world.code(Conduct(), self.seconds()) if is_item else self.span())
        return self._line(path, depth)

    def _step(self, path: Any, name: str, depth: int) -> Any:
        undo = {"undo": self.work(), "undo_retry": self.policy()} if self.does(0.4) else {}
        return path.step(name, self.work(), retry=self.policy(), **undo)

    def _wait(self, path: Any, name: str, depth: int) -> Any:
        return path.need_to(name, int)

    def _early(self, path: Any, name: str, depth: int) -> Any:
        """A wait that signals may come before, and whose deadline, with what follows it, is far."""
        behind = self._line(m.path(), depth) if self.does(0.3) else None
        deadline = {} if behind is None else {"timeout": timedelta(days=1), "on_timeout": behind}
        return path.need_to(name, int, early=True, **deadline)

    def _bounded(self, path: Any, name: str, depth: int) -> Any:
        """A wait that is reminded of, and whose deadline, which is computed, passes now and then."""
        deadline = self.code(self.seconds(beyond=0 if self.does(0.2) else 20_000))
        reminder = Reminder(self.work(), self.span(), at_most=self.chance.choice([1, 2]), retry=self.policy())
        return path.need_to(name, int, timeout=deadline, reminder=reminder)

    def _sleep(self, path: Any, name: str, depth: int) -> Any:
        return path.sleep(name, self.chance.choice([0, self.span(), self.code(self.seconds())]))

    def _child(self, path: Any, name: str, depth: int) -> Any:
        self.children += 1
        child = self.mission(f"child-{self.children}", max(0, depth - 1))
        given = self.code(lambda ctx: 7)
        return path.mission(name, child, given, wait=self.does(0.7), retry=self.policy())

    def _parallel(self, path: Any, name: str, depth: int) -> Any:
        return path.parallel(name, {"a": self._live(depth), "b": self._live(depth)})

    def _race(self, path: Any, name: str, depth: int) -> Any:
        return path.race(name, {"a": self._live(depth), "b": self._live(depth)})

    def _each(self, path: Any, name: str, depth: int) -> Any:
        return path.each(
            name,
            self.says([[], [1], [1, 2], [1, 2, 3]]),
            self._live(depth, is_item=True),
            max_concurrency=self.chance.choice([None, 1, 2]),
            max_failures=self.chance.choice([None, 0, 1]),
            retry=self.policy(),
        )

    def _branch(self, path: Any, name: str, depth: int) -> Any:
        paths = {True: self._line(m.path(), depth)}
        otherwise = self._line(m.path(), depth)
        return path.branch(name, self.says([True, False]), paths, otherwise=otherwise, retry=self.policy())

    def _repeat(self, path: Any, name: str, depth: int) -> Any:
        return path.repeat(
            name,
            self._line(m.path(), depth),
            until=self.says([True, False]),
            every=self.span() if self.does(0.5) else None,
            max_rounds=self.chance.choice([2, 3]),
            on_exhausted=self._line(m.path(), depth) if self.does(0.7) else None,
            retry=self.policy(),
        )

    def _late(self, path: Any, name: str, depth: int) -> Any:
        """A wait whose deadline passes."""
        behind = self._line(m.path(), depth) if self.does(0.8) else None
        return path.need_to(name, int, timeout=self.span() / 1_000, on_timeout=behind)

    LEAVES = (_step, _step, _step, _wait, _early, _early, _bounded, _sleep, _child)
    TREES = (_parallel, _race, _each, _each, _branch, _repeat, _late)


def missions(*, is_apart: bool) -> st.SearchStrategy[tuple[World, MissionDefinition[Any]]]:
    """Draw a mission by its number, and the world that its code sees."""

    def draw(number: int) -> tuple[World, MissionDefinition[Any]]:
        world = World()
        return world, Drawing(random.Random(number), world, is_apart).mission("flow")

    return st.integers(0, 2**32).map(draw)
