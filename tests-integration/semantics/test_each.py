"""Items: their order and limits, how many may fail, and what fails with them (rules 34, 35 and 37)."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from attrs import define

from flows import Stage, T, Watched, begin, ended, flow, free_slots, history_of, names_of, path, places
from mission_control.core import (
    Commander,
    MissionContext,
    MissionDefinition,
    MissionFailedError,
    MissionHandle,
    MissionStatus,
    NonRetryableError,
    RetryPolicy,
)
from mission_control.core.engine import attempt
from mission_control.testing import FakeClock
from storages import Kept, OpenCommander


def numbers(count: int) -> Any:
    def items(ctx: MissionContext[int]) -> list[int]:
        return list(range(count))

    return items


def each(stage: Any, count: int, **limits: Any) -> MissionDefinition[int]:
    """Return a mission that goes over so many items, with one step for each, and of a step behind it."""
    return flow().each("e", numbers(count), path().step("s", stage), **limits).step("behind", begin).end()


async def started(commander: Commander, definition: MissionDefinition[int]) -> MissionHandle[Any]:
    return await commander.start(definition, 1, wait=False, mission_id="x")


async def failed(mission: MissionHandle[Any]) -> tuple[str | None, str | None, str]:
    """Return where, with which code, and with which message the mission failed."""
    snapshot = await mission.result()
    assert snapshot.status == MissionStatus.FAILED
    assert snapshot.error is not None
    return snapshot.cursor, snapshot.error.code, snapshot.error.message


# Items and limits


@define
class Laptop:
    owner: str
    size: int = 13


async def test_each_item_is_there_typed_where_its_path_runs(open_commander: OpenCommander) -> None:
    """`ctx.item` gives the item as the function declares it, `ctx.index` its number, in the innermost `each`."""
    seen: list[Any] = []

    async def laptops(ctx: MissionContext[int]) -> list[Laptop]:
        return [Laptop("ann"), Laptop("bob", 15)]

    def configure(ctx: MissionContext[int]) -> str:
        seen.append((ctx.item(laptops), ctx.item("e"), ctx.index, ctx.step_name, ctx.idempotency_key))
        return ctx.item(laptops).owner

    definition = flow().each("e", laptops, path().step("s", configure), max_concurrency=1).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, mission_id="x")

    assert seen == [
        (Laptop("ann"), Laptop("ann"), 0, "e[0]/s", "x:e[0]/s"),
        (Laptop("bob", 15), Laptop("bob", 15), 1, "e[1]/s", "x:e[1]/s"),
    ]
    assert (await mission.snapshot()).events["e"].output == [{"owner": "ann", "size": 13}, {"owner": "bob", "size": 15}]


async def test_items_are_listed_once(open_commander: OpenCommander) -> None:
    """What lists the items runs as a step, and is never asked again, also after a crash."""
    asked = 0

    def items(ctx: MissionContext[int]) -> list[int]:
        nonlocal asked
        asked += 1
        return [asked] * 3

    definition = flow().each("e", items, path().need_to("go", int)).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, mission_id="x")
    assert [it.step_name for it in (await mission.inspect()).step_attempts] == ["start", "e"]
    await open_commander.crash()
    commander = await open_commander([definition])
    found = await commander.get_mission("x")
    assert found is not None
    for index in range(3):
        await found.signal("go", 1, at=f"e[{index}]")

    assert await ended(found) == "completed"
    assert asked == 1


async def test_no_more_items_than_the_limit_have_begun_and_not_ended(open_commander: OpenCommander) -> None:
    """With `max_concurrency` 2, items that wait count too, and each that ends lets the next one begin, in order."""
    definition = flow().each("e", numbers(4), path().need_to("go", int), max_concurrency=2).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await places(mission) == [("e[0]", "e[0]/go", "waiting"), ("e[1]", "e[1]/go", "waiting")]
    await mission.signal("go", 1, at="e[1]")
    assert await places(mission) == [("e[0]", "e[0]/go", "waiting"), ("e[2]", "e[2]/go", "waiting")]
    await mission.signal("go", 1, at="e[2]")
    await mission.signal("go", 1, at="e[0]")
    await mission.signal("go", 1, at="e[3]")
    assert await ended(mission) == "completed"


async def test_limit_is_on_record_where_it_counts(open_commander: OpenCommander) -> None:
    """`paths-opened` says the limit where there are more items than it, and only there."""
    for limit, details in [(2, {"kind": "each", "count": 3, "limit": 2}), (3, {"kind": "each", "count": 3})]:
        definition = flow(f"limit-{limit}").each("e", numbers(3), path(), max_concurrency=limit).end()
        commander = await open_commander([definition])
        mission = await commander.start(definition, 1)
        opened = next(it for it in await mission.history() if it.type == T.PATHS_OPENED)
        assert opened.details == details


async def test_items_within_the_limit_run_at_once(open_commander: OpenCommander) -> None:
    """With `max_concurrency` 3, three of ten items run at once, never more."""
    stage = Stage()
    definition = each(stage, 10, max_concurrency=3)
    commander = await open_commander([definition])
    mission = await started(commander, definition)
    await stage.entered("e[0]/s", "e[1]/s", "e[2]/s")
    stage.let_all_go()

    assert await ended(mission) == "completed"
    assert stage.most == 3
    assert stage.begun == [f"e[{index}]/s" for index in range(10)]


async def test_many_items_of_many_steps_complete(open_commander: OpenCommander) -> None:
    """300 items of two steps, with fewer slots than the limit, all run once, in order of beginning."""
    stage = Stage(holds=False)
    one = path().step("s", stage).step("t", stage)
    definition = flow().each("e", numbers(300), one, max_concurrency=20).end()
    commander = await open_commander([definition], max_concurrency=7)
    mission = await started(commander, definition)

    assert await ended(mission) == "completed"
    assert sorted(stage.ended) == sorted(f"e[{index}]/{step}" for index in range(300) for step in "st")
    assert [it for it in stage.begun if it.endswith("/s")] == [f"e[{index}]/s" for index in range(300)]
    assert stage.most <= 7
    await free_slots(commander, 7)


async def test_each_within_each(open_commander: OpenCommander) -> None:
    """Items of items have the outer item too, by the function that listed it."""
    seen: list[Any] = []

    def outer(ctx: MissionContext[int]) -> list[str]:
        return ["a", "b"]

    def inner(ctx: MissionContext[int]) -> list[str]:
        return [ctx.item(outer) + it for it in "xy"]

    def step(ctx: MissionContext[int]) -> None:
        seen.append((ctx.item(outer), ctx.item(inner), ctx.index, ctx.step_name))

    definition = flow().each("o", outer, path().each("i", inner, path().step("s", step)), max_concurrency=1).end()
    commander = await open_commander([definition], max_concurrency=1)
    await commander.start(definition, 1)

    assert seen == [
        ("a", "ax", 0, "o[0]/i[0]/s"),
        ("a", "ay", 1, "o[0]/i[1]/s"),
        ("b", "bx", 0, "o[1]/i[0]/s"),
        ("b", "by", 1, "o[1]/i[1]/s"),
    ]


async def test_item_outside_of_its_each_is_not_there(open_commander: OpenCommander) -> None:
    """`ctx.item` outside fails the step without another attempt, and says so."""
    attempts: list[int] = []

    def items(ctx: MissionContext[int]) -> list[int]:
        return [1]

    def outside(ctx: MissionContext[int]) -> None:
        attempts.append(ctx.attempt)
        ctx.item(items)

    retry = RetryPolicy(max_attempts=5)
    definition = flow().each("e", items, path()).step("s", outside, retry=retry).end()
    commander = await open_commander([definition])
    with pytest.raises(MissionFailedError, match="no item of"):
        await commander.start(definition, 1)

    assert attempts == [1]


# 37. Failing


async def test_item_that_is_one_too_many_fails_the_each_and_stops_the_others(open_commander: OpenCommander) -> None:
    """With no failures allowed, the first fails the mission at its step; the others are stopped, and none begins."""
    stage, watched = Stage(), Kept(Watched)
    definition = each(stage, 4, max_concurrency=3)
    commander = await open_commander([definition], wrap=watched)
    mission = await started(commander, definition)
    await stage.entered("e[0]/s", "e[1]/s", "e[2]/s")
    stage.fail("e[1]/s", error=NonRetryableError("no laptop"))

    assert await failed(mission) == ("e[1]/s", "STEP_FAILED", "no laptop")
    assert watched.adapter.commits[-1] == [
        ("step-failed", "e[1]/s"),
        ("path-failed", "e[1]"),
        ("step-interrupted", "e[2]/s"),
        ("path-stopped", "e[2]"),
        ("step-interrupted", "e[0]/s"),
        ("path-stopped", "e[0]"),
        ("mission-failed", "e[1]/s"),
    ]
    await commander.settled()
    assert sorted(stage.unwound) == ["e[0]/s", "e[2]/s"]
    await free_slots(commander, 256)


async def test_so_many_items_may_fail(open_commander: OpenCommander) -> None:
    """With `max_failures` 2, two items fail and the flow goes on; `ctx.results` tells which."""
    seen: list[Any] = []

    def fails(ctx: MissionContext[int]) -> str:
        if ctx.index in (1, 3):
            raise NonRetryableError(f"no {ctx.index}")
        return f"did {ctx.index}"

    def behind(ctx: MissionContext[int]) -> None:
        seen.extend((it.path, it.index, it.status, it.error and it.error.message) for it in ctx.results("e"))
        seen.append(ctx.outputs(fails))

    definition = flow().each("e", numbers(4), path().step("s", fails), max_failures=2).step("behind", behind).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await mission.status() == "completed"
    assert seen == [
        ("e[0]", 0, "completed", None),
        ("e[1]", 1, "failed", "no 1"),
        ("e[2]", 2, "completed", None),
        ("e[3]", 3, "failed", "no 3"),
        ["did 0", "did 2"],
    ]


async def test_third_failure_of_two_allowed_is_one_too_many(open_commander: OpenCommander) -> None:
    """With `max_failures` 2, the third failure fails the mission, with the error of that item."""

    async def fails(ctx: MissionContext[int]) -> None:
        raise NonRetryableError(f"no {ctx.index}")

    definition = each(fails, 5, max_failures=2, max_concurrency=1)
    commander = await open_commander([definition])
    mission = await started(commander, definition)

    assert await failed(mission) == ("e[2]/s", "STEP_FAILED", "no 2")
    assert await names_of(mission, T.PATH_FAILED) == ["e[0]", "e[1]", "e[2]"]


async def test_any_number_of_items_may_fail(open_commander: OpenCommander) -> None:
    """With `max_failures` None the flow goes on though all items fail."""

    async def fails(ctx: MissionContext[int]) -> None:
        raise NonRetryableError("no")

    definition = each(fails, 5, max_failures=None)
    commander = await open_commander([definition])

    assert await ended(await started(commander, definition)) == "completed"


async def test_failure_goes_up_to_the_each_that_bears_it(open_commander: OpenCommander) -> None:
    """A step that fails deep in an item fails each line around it, innermost first, and stops the rest of the item."""
    stage, watched = Stage(), Kept(Watched)
    inner = path().parallel("q", {"bad": path().step("s", stage), "good": path().step("s", stage)})
    one = path().parallel("p", {"in": inner, "wait": path().need_to("go", int)})
    definition = flow().each("e", numbers(2), one, max_failures=1).end()
    commander = await open_commander([definition], wrap=watched)
    mission = await started(commander, definition)
    await stage.entered("e[0]/p/in/q/bad/s", "e[1]/p/in/q/bad/s")
    stage.fail("e[0]/p/in/q/bad/s", error=NonRetryableError("no"))
    await commander_until(watched.adapter, "path-failed")

    assert next(it for it in watched.adapter.commits if ("path-failed", "e[0]") in it) == [
        ("step-failed", "e[0]/p/in/q/bad/s"),
        ("path-failed", "e[0]/p/in/q/bad"),
        ("path-failed", "e[0]/p/in"),
        ("path-failed", "e[0]"),
        ("path-stopped", "e[0]/p/wait"),
        ("step-interrupted", "e[0]/p/in/q/good/s"),
        ("path-stopped", "e[0]/p/in/q/good"),
    ]
    stage.let_all_go()
    await mission.signal("e[1]/p/wait/go", 1)
    assert await ended(mission) == "completed"


async def commander_until(watched: Watched, kind: str) -> None:
    async with asyncio.timeout(30):
        while not any(it == kind for commit in watched.commits for it, _ in commit):
            await asyncio.sleep(0.001)


async def test_failing_path_of_a_parallel_fails_the_mission(open_commander: OpenCommander) -> None:
    """A path that fails stops the others, and the mission fails at its instance with its error."""
    stage = Stage()
    definition = flow().parallel("p", {"a": path().step("s", stage), "b": path().step("s", stage)}).end()
    commander = await open_commander([definition])
    mission = await started(commander, definition)
    await stage.entered("p/a/s", "p/b/s")
    stage.fail("p/b/s", error=NonRetryableError("no"))

    assert await failed(mission) == ("p/b/s", "STEP_FAILED", "no")
    records = {(it.type, it.event_name): it.details for it in await mission.history()}
    assert records[T.PATH_FAILED, "p/b"]["error"]["message"] == "no"
    assert records[T.PATH_STOPPED, "p/a"] == {"reason": "failed"}
    assert records[T.STEP_INTERRUPTED, "p/a/s"] == {"reason": "stopped"}


async def test_failing_path_of_a_race_that_has_no_winner_fails_the_mission(open_commander: OpenCommander) -> None:
    """A race fails with the first of its paths that fails before one has won."""
    stage = Stage()
    definition = flow().race("r", {"a": path().step("s", stage), "b": path().step("s", stage)}).end()
    commander = await open_commander([definition])
    mission = await started(commander, definition)
    await stage.entered("r/a/s", "r/b/s")
    stage.fail("r/a/s", error=NonRetryableError("no"))

    assert await failed(mission) == ("r/a/s", "STEP_FAILED", "no")


async def test_wait_that_times_out_fails_its_path(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A deadline without `on_timeout` fails its item, which the `each` may bear."""
    definition = flow().each("e", numbers(2), path().need_to("go", int, timeout=60), max_failures=1).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await mission.signal("go", 1, at="e[1]")
    await fake_clock.advance(60)

    assert await ended(mission) == "completed"
    failure = next(it for it in await mission.history() if it.type == T.PATH_FAILED)
    assert failure.details["error"]["code"] == "SIGNAL_TIMEOUT"
    assert failure.event_name == "e[0]"


async def test_two_failures_in_one_commit_are_one_failure_of_the_mission(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Of two deadlines that pass together the first fails the mission, and the other path is stopped."""
    waits = {"a": path().need_to("a", int, timeout=60), "b": path().need_to("b", int, timeout=60)}
    definition = flow().parallel("p", waits).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(60)

    assert (await failed(mission))[:2] == ("p/a/a", "SIGNAL_TIMEOUT")
    assert await history_of(mission, T.PATH_FAILED, T.PATH_STOPPED) == [
        ("path-failed", "p/a"),
        ("path-stopped", "p/b"),
    ]


async def test_failed_attempt_in_a_path_is_logged_with_its_instance(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning for the item's step that failed for good, which names the instance; none for the mission."""

    async def fails(ctx: MissionContext[int]) -> None:
        raise NonRetryableError("no")

    definition = each(fails, 1, max_failures=None)
    commander = await open_commander([definition])
    with caplog.at_level(logging.WARNING):
        assert await ended(await started(commander, definition)) == "completed"

    (warning,) = [record.getMessage() for record in caplog.records]
    assert "e[0]/s" in warning


async def test_cause_of_a_failed_mission_is_what_the_path_raised(open_commander: OpenCommander) -> None:
    """`MissionFailedError.__cause__` is the error that the step of the path raised."""
    error = NonRetryableError("no")

    async def fails(ctx: MissionContext[int]) -> None:
        raise error

    definition = each(fails, 2)
    commander = await open_commander([definition])
    mission = await started(commander, definition)
    with pytest.raises(MissionFailedError, match=r"e\[0\]/s") as caught:
        await mission.wait_for_completion()

    assert caught.value.__cause__ is error


class Odd(BaseException):
    """Nothing that user code should raise."""


@pytest.mark.parametrize("error", [Odd("odd"), asyncio.CancelledError("by itself"), GeneratorExit(), StopIteration()])
async def test_whatever_one_of_ten_paths_raises_is_its_failure(
    open_commander: OpenCommander, error: BaseException
) -> None:
    """A BaseException in one path fails the mission and stops the other nine; no slot is lost."""
    stage = Stage()
    definition = flow().parallel("p", {name: path().step("s", stage) for name in "abcdefghij"}).end()
    commander = await open_commander([definition], max_concurrency=10)
    mission = await started(commander, definition)
    await stage.entered("p/a/s", "p/j/s")
    stage.fail("p/e/s", error=error)

    assert (await failed(mission))[:2] == ("p/e/s", "STEP_FAILED")
    await commander.settled()
    assert sorted(stage.unwound) == [f"p/{name}/s" for name in "abcdfghij"]
    await free_slots(commander, 10)


async def test_path_that_cancels_its_own_task_fails(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that cancels the task that it runs in has failed, like one that somebody else cancelled."""
    monkeypatch.setattr(attempt, "_LINGERING", 0.01)

    async def cancels(ctx: MissionContext[int]) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    definition = flow().each("e", numbers(3), path().step("s", cancels), max_failures=None).end()
    commander = await open_commander([definition])

    assert await ended(await started(commander, definition)) == "completed"


async def test_retry_of_an_item_is_its_own_backoff(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """An item that fails at first is tried again while others have ended; it holds its place in the limit."""
    retry = RetryPolicy(max_attempts=2, initial_interval=30)

    async def flaky(ctx: MissionContext[int]) -> int:
        if ctx.index == 0 and ctx.attempt == 1:
            raise ValueError("again")
        return ctx.attempt

    one = path().step("s", flaky, retry=retry)
    definition = flow().each("e", numbers(3), one, max_concurrency=2).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    snapshot = await mission.snapshot()
    assert [(it.path, it.cursor, it.attempt_number) for it in snapshot.positions] == [("e[0]", "e[0]/s", 2)]
    assert {name: event.output for name, event in snapshot.events.items() if "/" in name} == {"e[1]/s": 1, "e[2]/s": 1}
    await fake_clock.advance(30)
    assert await ended(mission) == "completed"
