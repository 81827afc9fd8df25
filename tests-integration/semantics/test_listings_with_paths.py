"""Where a mission with live paths stands, as snapshots, summaries, listings and predicates tell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from flows import Stage, begin, ended, flow, path, recovered
from mission_control.core import (
    Commander,
    MissionContext,
    MissionDefinition,
    MissionHandle,
    MissionSummary,
    Position,
    Reminder,
    RetryPolicy,
    RetryWait,
    SignalWait,
    TimerWait,
    is_scheduled,
    is_waiting,
    m,
)
from mission_control.testing import FakeClock
from storages import OpenCommander

START = datetime(1970, 1, 1, tzinfo=UTC)

Definition = MissionDefinition[int]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


async def fails(ctx: MissionContext[Any]) -> None:
    raise ValueError("no")


def two(ctx: MissionContext[Any]) -> list[int]:
    return [1, 2]


CHILD = m.define("child").start(input=int, run=begin).need_to("go", int).end()


async def number(ctx: MissionContext[Any]) -> int:
    return 5


go = path().need_to("go", int)
by_noon = path().need_to("noon", int, timeout=50)
nap = path().sleep("nap", 90)
tries = path().step("tries", fails, retry=RetryPolicy(max_attempts=2, initial_interval=70))
child = path().mission("child", CHILD, number)
reminded = path().need_to("go", int, reminder=Reminder(begin, every=20))


@attrs.frozen
class Told:
    """What is told of a mission all of whose lines wait: its wait, when something is due, and whether it is listed."""

    wait: str
    kind: str
    next_due: float | None
    is_scheduled: bool


WAITING: dict[str, tuple[dict[str, Any], Told]] = {
    "a sleep ends before a signal that has no deadline": (
        {"a": go, "b": nap}, Told("all/b/nap", "timer", 90, is_scheduled=True)
    ),
    "a deadline passes before a sleep ends": (
        {"a": nap, "b": by_noon}, Told("all/b/noon", "signal", 50, is_scheduled=False)
    ),
    "a backoff ends before a sleep": (
        {"a": nap, "b": tries}, Told("all/b/tries", "retry", 70, is_scheduled=True)
    ),
    "of two that end at once the one that began first": (
        {"a": path().sleep("x", 50), "b": by_noon}, Told("all/a/x", "timer", 50, is_scheduled=True)
    ),
    "of two without an end the one that began first": (
        {"a": path().step("s", begin).need_to("late", int), "b": go},
        Told("all/b/go", "signal", None, is_scheduled=False),
    ),
    "a child has no end of its own": (
        {"a": child, "b": nap}, Told("all/b/nap", "timer", 90, is_scheduled=True)
    ),
    "a child alone": (
        {"a": child}, Told("all/a/child", "child", None, is_scheduled=False)
    ),
    "a reminder is due, and never the wait": (
        {"a": reminded, "b": nap}, Told("all/b/nap", "timer", 20, is_scheduled=True)
    ),
    "a reminder of the only wait": (
        {"a": reminded}, Told("all/a/go", "signal", 20, is_scheduled=False)
    ),
    "in an item of an item": (
        {"a": path().each("e", two, path().parallel("p", {"x": nap, "y": go}))},
        Told("all/a/e[0]/p/x/nap", "timer", 90, is_scheduled=True),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WAITING)
async def test_mission_whose_lines_all_wait(open_commander: OpenCommander, case: str) -> None:
    """Listed once, with the wait that ends first by itself, else the one that began first; after a restart too."""
    paths, told = WAITING[case]
    definition = flow().parallel("all", paths).end()
    commander = await open_commander([definition, CHILD])
    mission = await commander.start(definition, 1, mission_id="x")
    await check(commander, mission, told)
    commander = await open_commander([definition, CHILD])
    await check(commander, await recovered(commander), told)


async def check(commander: Commander, mission: MissionHandle[int], told: Told) -> None:
    await commander.settled()
    snapshot = await mission.snapshot()
    (summary,) = await commander.list_missions(mission_name="flow")
    for record in (snapshot, summary):
        assert record.status == "waiting"
        assert record.cursor == "all"
        assert record.waiting is not None
        assert (record.waiting.event_name, record.waiting.kind) == (told.wait, told.kind)
        assert record.next_wait == record.waiting
        assert record.next_due == (None if told.next_due is None else at(told.next_due))
        assert is_waiting(record)
        assert is_scheduled(record) is told.is_scheduled
    assert [it for it in await commander.list_waiting() if it.mission_id == "x"] == [summary]
    assert [it for it in await commander.list_scheduled() if it.mission_id == "x"] == [summary] * told.is_scheduled
    assert snapshot.waiting in [position.waiting for position in snapshot.positions]


async def test_mission_that_runs_is_not_listed_as_waiting(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """While any line runs the mission is running: it has a next wait and a due time, and is in neither listing."""
    stage = Stage()
    definition = flow().parallel("all", {"a": nap, "b": path().step("s", stage).need_to("go", int)}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("all/b/s")
    (summary,) = await commander.list_missions()
    assert (summary.status, summary.waiting, summary.next_due) == ("running", None, at(90))
    assert isinstance(summary.next_wait, TimerWait)
    assert not is_waiting(summary)
    assert not is_scheduled(summary)
    assert await commander.list_waiting() == await commander.list_scheduled() == []

    stage.let_all_go()
    await commander.settled()
    (summary,) = await commander.list_missions()
    assert (summary.status, summary.waiting) == ("waiting", summary.next_wait)
    assert await commander.list_waiting() == await commander.list_scheduled() == [summary]
    assert summary == strip(await mission.snapshot())


def strip(snapshot: MissionSummary) -> MissionSummary:
    """Return a snapshot without what a summary does not have."""
    return MissionSummary(**{name: getattr(snapshot, name) for name in attrs.fields_dict(MissionSummary)})


async def test_scheduled_missions_are_listed_by_what_is_due_first_of_their_waits(open_commander: OpenCommander) -> None:
    """Each once, however many of its lines sleep, between those of one line, page by page."""
    linear = flow("linear").sleep("nap", 40).end()
    sleepy = flow("sleepy").parallel("all", {str(s): path().sleep("z", s) for s in (60, 30, 90)}).end()
    reminds = flow("reminds").parallel("all", {"a": path().sleep("z", 50), "b": reminded}).end()
    commander = await open_commander([linear, sleepy, reminds])
    for definition in (linear, reminds, sleepy):
        await commander.start(definition, 1, mission_id=definition.name)

    assert [it.mission_id for it in await commander.list_scheduled()] == ["sleepy", "linear", "reminds"]
    page = await commander.list_scheduled(limit=1)
    assert [it.mission_id for it in await commander.list_scheduled(after=page[0].mission_id)] == ["linear", "reminds"]


async def test_positions_of_every_kind_of_line(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """One for each live line, in order of opening; what stands on live paths, and an idle reminder, have none."""
    stage = Stage()
    paths = {
        "runs": path().step("s", stage),
        "waits": path().branch("b", left, {"left": by_noon}),
        "sleeps": nap,
        "tries": tries,
        "remind": path().need_to("go", int, reminder=Reminder(begin, every=20)),
        "forks": path().parallel("in", {"x": go, "y": path().repeat("r", go, until=always)}),
        "lists": path().each("e", two, go, max_concurrency=1),
        "later": path().step("s", stage),
        "last": path().step("s", stage),
    }
    definition = flow().parallel("all", paths).end()
    commander = await open_commander([definition], max_concurrency=1)
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("all/runs/s")
    snapshot = await mission.snapshot()
    assert [(it.path, it.cursor, it.status) for it in snapshot.positions] == [
        ("all/runs", "all/runs/s", "running"),
        *((f"all/{name}", None, "running") for name in [*paths][1:]),
    ]
    assert snapshot.positions[0].attempt_number == 1
    stage.let_go("all/runs/s")
    await stage.entered("all/later/s")

    def signal(instance: str, due: float | None = None, index: int = 0) -> SignalWait:
        return SignalWait(event_name=instance, node_index=index, timeout_at=None if due is None else at(due))

    def waits(path: str, wait: Any, attempt_number: int | None = None) -> Position:
        cursor = wait.event_name
        return Position(path=path, cursor=cursor, status="waiting", waiting=wait, attempt_number=attempt_number)

    retry = RetryWait(event_name="all/tries/tries", node_index=0, due_at=at(70), attempt_number=2)
    assert (await mission.snapshot()).positions == (
        waits("all/waits", signal("all/waits/b/left/noon", 50)),
        waits("all/sleeps", TimerWait(event_name="all/sleeps/nap", node_index=0, due_at=at(90))),
        waits("all/tries", retry, 2),
        waits("all/remind", signal("all/remind/go")),
        waits("all/forks/in/x", signal("all/forks/in/x/go")),
        waits("all/forks/in/y", signal("all/forks/in/y/r[0]/go")),
        waits("all/lists/e[0]", signal("all/lists/e[0]/go")),
        Position(path="all/later", cursor="all/later/s", status="running", attempt_number=1),
        Position(path="all/last", cursor=None, status="running"),
    )


def left(ctx: MissionContext[Any]) -> str:
    return "left"


def always(ctx: MissionContext[Any]) -> bool:
    return True


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
async def test_mission_that_has_ended_stands_nowhere(open_commander: OpenCommander, end: str) -> None:
    """It has no positions, no wait, and nothing is due; neither has one that has not begun."""
    definition = flow().parallel("all", {"a": path().need_to("go", int).branch("b", path_of, {"x": path()})}).end()
    commander = await open_commander([definition])
    idle = commander.create_mission(definition)
    assert (await idle.snapshot()).positions == ()
    mission = await commander.start(definition, 1)
    assert len((await mission.snapshot()).positions) == 1
    if end == "cancelled":
        await mission.cancel()
    else:
        await mission.signal("go", int(end == "failed"))

    assert await ended(mission) == end
    snapshot = await mission.snapshot()
    assert (snapshot.positions, snapshot.waiting, snapshot.next_wait, snapshot.next_due) == ((), None, None, None)
    assert await commander.list_waiting() == await commander.list_scheduled() == []


def path_of(ctx: MissionContext[Any]) -> str:
    return "y" if ctx.received("go") else "x"


async def test_linear_mission_has_one_position(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Where it waits or runs, also before its start time."""
    definition = flow().sleep("nap", 10).need_to("go", int).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, start_at=at(5))
    for seconds, cursor in ((0, "start"), (5, "nap"), (15, "go")):
        await fake_clock.advance_to(at(seconds))
        snapshot = await mission.snapshot()
        assert [(it.path, it.cursor, it.status) for it in snapshot.positions] == [(None, cursor, "waiting")]
        assert snapshot.positions[0].waiting == snapshot.waiting
