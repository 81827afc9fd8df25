"""What `FaultInjectingAdapter` does to commits, and leaves alone otherwise."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container
from typing import Literal

import pytest

from mission_control.core import MissionContext, PersistenceError, create_commander, m
from mission_control.core.storage.memory import InMemoryAdapter
from mission_control.core.storage.persistence import PersistenceAdapter
from mission_control.testing import FakeClock, FaultInjectingAdapter, PersistenceAdapterContract
from mission_control.testing.conformance import AdapterFactory
from mission_control.testing.conformance.missions import adds, history, schedule


class TestFaultInjectingAdapter(PersistenceAdapterContract):
    """An adapter that is told to fail no commit keeps the whole contract."""

    @pytest.fixture
    def adapter_factory(self) -> AdapterFactory:
        """Return the one object in which the storage lives."""
        adapter = FaultInjectingAdapter(InMemoryAdapter(), fail_commits=())
        return lambda: adapter


async def outcomes(adapter: FaultInjectingAdapter, commits: int) -> list[str]:
    """Commit one record after another, and return which commits were written and which raised."""
    await adapter.bootstrap()
    found: list[str] = []
    for _ in range(commits):
        version = len(await history(adapter, "m-1") or [])
        try:
            await adapter.commit([adds("m-1", version=version)])
        except PersistenceError:
            found.append("raised")
        else:
            found.append("fine")
        found[-1] += "+" if len(await history(adapter, "m-1") or []) > version else "-"
    await adapter.close()
    return found


def is_even(number: int) -> bool:
    return number % 2 == 0


@pytest.mark.parametrize("chosen", [{2, 4}, [4, 2], is_even], ids=["set", "list", "predicate"])
async def test_chosen_commits_fail_before_they_take_effect(chosen: Container[int] | Callable[[int], bool]) -> None:
    """Commits are counted from 1; those that are chosen raise, and write nothing."""
    adapter = FaultInjectingAdapter(InMemoryAdapter(), fail_commits=chosen)
    assert await outcomes(adapter, 5) == ["fine+", "raised-", "fine+", "raised-", "fine+"]
    assert adapter.commits == 5


async def test_chosen_commits_fail_after_they_took_effect() -> None:
    """With `when="after"` the commit is written, and its caller does not learn so."""
    adapter = FaultInjectingAdapter(InMemoryAdapter(), fail_commits={2}, when="after")
    assert await outcomes(adapter, 3) == ["fine+", "raised+", "fine+"]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_schedules_that_are_recorded_are_counted_too(when: Literal["before", "after"]) -> None:
    """They are as durable as a commit, and fail as one."""
    adapter = FaultInjectingAdapter(InMemoryAdapter(), fail_commits={2}, when=when)
    await adapter.bootstrap()
    await adapter.commit([adds("m-1")])
    with pytest.raises(PersistenceError, match=f"commit 2 .* {when}"):
        await adapter.record_schedules([schedule("a")])
    written = [(schedule("a"), None)] if when == "after" else []
    assert list(await adapter.list_schedules()) == written
    await adapter.record_schedules([schedule("b")])
    assert list(await adapter.list_schedules()) == [*written, (schedule("b"), None)]
    await adapter.close()


async def test_the_error_says_which_commit_failed_unless_one_is_given() -> None:
    """A commit raises a `PersistenceError` with its number, or the error that was handed in."""
    adapter = FaultInjectingAdapter(InMemoryAdapter(), fail_commits={1})
    await adapter.bootstrap()
    with pytest.raises(PersistenceError, match=r"commit 1 .* before"):
        await adapter.commit([adds("m-1")])
    await adapter.close()
    adapter = FaultInjectingAdapter(InMemoryAdapter(), fail_commits={1}, when="after", error=OSError("disk full"))
    await adapter.bootstrap()
    with pytest.raises(OSError, match="disk full"):
        await adapter.commit([adds("m-1")])
    await adapter.close()


def test_an_unknown_moment_is_refused() -> None:
    """`when` is "before" or "after"."""
    with pytest.raises(ValueError, match="during"):
        FaultInjectingAdapter(InMemoryAdapter(), fail_commits={1}, when="during")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_every_method_of_the_protocol_is_forwarded() -> None:
    """A method that the protocol gains is missing here until it is forwarded."""
    protocol = {name: one for name, one in vars(PersistenceAdapter).items() if inspect.iscoroutinefunction(one)}
    forwarded = vars(FaultInjectingAdapter)
    for name, method in protocol.items():
        assert inspect.signature(forwarded[name]) == inspect.signature(method)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_mission_survives_every_commit_failing_in_turn(when: Literal["before", "after"]) -> None:
    """Whichever commit fails, a caller that repeats its start ends with one mission, completed once."""
    for number in range(1, 6):
        runs: list[str] = []

        def pack(ctx: MissionContext[int], runs: list[str] = runs) -> int:
            runs.append(ctx.mission_id)
            return ctx.input + 1

        order = m.define("order").start(input=int, run=lambda ctx: ctx.input).step("pack", pack).sleep("rest", 60).end()
        clock = FakeClock()
        storage = FaultInjectingAdapter(InMemoryAdapter(), fail_commits={number}, when=when)
        async with create_commander(definitions=[order], persistence=storage, clock=clock) as commander:
            try:
                mission = await commander.start(order, 1, mission_id="m-1")
            except PersistenceError:
                mission = await commander.start(order, 1, mission_id="m-1", if_exists="return")
            await clock.advance(60)
            assert await mission.output() == 2
        assert runs == ["m-1"]
