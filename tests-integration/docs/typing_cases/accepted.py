# pyright: strict
"""Programs that both checkers accept, and the types that they see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict, assert_type

from pydantic import BaseModel

from mission_control.core import (
    Clock,
    Commander,
    DrivenClock,
    EventRecord,
    HistoryRecord,
    MissionBuilder,
    MissionContext,
    MissionDefinition,
    MissionHandle,
    MissionInspection,
    MissionPath,
    MissionSnapshot,
    MissionStatus,
    MissionSummary,
    PathResult,
    PersistenceAdapter,
    Reminder,
    RetryPolicy,
    Schedule,
    Schema,
    Signal,
    SystemClock,
    create_commander,
    m,
)
from mission_control.in_memory_commander import create_in_memory_persistence_adapter
from mission_control.testing import FakeClock, FaultInjectingAdapter, create_deferred

from .missions import (
    Account,
    Approval,
    Opened,
    Percentage,
    Request,
    add_note,
    approved,
    close_request,
    open_request,
    progress,
    rated,
    request,
)


class Typed(TypedDict):
    by: str


@dataclass
class Data:
    by: str


class Model(BaseModel):
    by: str


# Schemas

assert_type(Signal("a", str), Signal[str])
assert_type(Signal("a", list[str]), Signal[list[str]])
assert_type(Signal("a", dict[str, int]), Signal[dict[str, int]])
assert_type(Signal("a", tuple[int, str]), Signal[tuple[int, str]])
assert_type(Signal("a", Typed), Signal[Typed])
assert_type(Signal("a", Data), Signal[Data])
assert_type(Signal("a", Model), Signal[Model])
assert_type(Signal("a", Approval), Signal[Approval])
assert_type(Signal("a", datetime), Signal[datetime])
assert_type(Signal("a", Percentage()), Signal[float])
assert_type(rated, Signal[float])

number_or_text: Signal[int | str] = Signal("a", int | str)
perhaps: Signal[Approval | None] = Signal("a", Approval | None)
one_of: Signal[Literal["yes", "no"]] = Signal("a", Literal["yes", "no"])
annotated: Signal[int] = Signal("a", Annotated[int, "cents"])
nothing: Signal[None] = Signal("a", None)
schema: Schema[float] = Percentage()

# Definitions

assert_type(request, MissionDefinition[Request])
assert_type(m.define("a").start(input=Request, run=open_request), MissionBuilder[Request])
assert_type(m.define("a").start(input=list[str], run=lambda ctx: len(ctx.input)).end(), MissionDefinition[list[str]])
assert_type(m.define("a").start(input=Percentage(), run=lambda ctx: ctx.input + 1).end(), MissionDefinition[float])


async def base_step(ctx: MissionContext[Account]) -> str:
    return ctx.input.owner


def any_step(ctx: MissionContext[object]) -> str:
    return ctx.mission_id


def bare_step(ctx: MissionContext) -> str:
    assert_type(ctx, MissionContext[Any])
    return ctx.mission_id


def list_accounts(ctx: MissionContext[Request]) -> list[Account]:
    return [ctx.input]


async def list_tickets(ctx: MissionContext[Request]) -> tuple[Opened, ...]:
    return (ctx.output(open_request),)


def typed_step(ctx: MissionContext[Request]) -> None:
    assert_type(ctx.input, Request)
    assert_type(ctx.output(open_request), Opened)
    assert_type(ctx.output(close_request), str)
    assert_type(ctx.output(add_note), list[str])
    assert_type(ctx.output(close_request, default=None), str | None)
    assert_type(ctx.output("close"), Any)
    assert_type(ctx.received(approved), Approval)
    assert_type(ctx.received(rated), float)
    assert_type(ctx.received("approved"), Any)
    assert_type(ctx.received(approved, default=None), Approval | None)
    assert_type(ctx.received(rated, default="none"), float | str)
    assert_type(ctx.outputs(open_request), list[Opened])
    assert_type(ctx.outputs(close_request), list[str])
    assert_type(ctx.outputs(list_accounts), list[list[Account]])
    assert_type(ctx.outputs("close"), list[Any])
    assert_type(ctx.all_received(approved), list[Approval])
    assert_type(ctx.all_received(rated), list[float])
    assert_type(ctx.all_received("approved"), list[Any])
    assert_type(ctx.item(list_accounts), Account)
    assert_type(ctx.item(list_tickets), Opened)
    assert_type(ctx.item("accounts"), Any)
    assert_type(ctx.index, int | None)
    assert_type(ctx.now(), datetime)
    assert_type(ctx.results("accounts"), list[PathResult])
    assert_type(ctx.events["start"], EventRecord)
    assert_type(ctx.attempt, int)
    assert_type(ctx.idempotency_key, str)
    ctx.log.info("typed", attempt=ctx.attempt)


assert_type(
    m.define("a")
    .query("q", any_step)
    .query("r", lambda ctx: ctx.mission_id)
    .update("u", str, add_note)
    .update("v", Percentage(), lambda ctx, rate: rate + 1)
    .start(input=Request, run=open_request, retry=RetryPolicy(max_attempts=None), timeout=timedelta(seconds=5))
    .step("base", base_step)
    .step("any", any_step, output=str)
    .step("bare", bare_step, retry=RetryPolicy(retry_on=(ValueError, TimeoutError)), timeout=5)
    .step("lambda", lambda ctx: ctx.input.email)
    .step("typed", typed_step)
    .need_to(approved, timeout=5, timeout_message="too late")
    .need_to("by-name", Approval, timeout=timedelta(days=1))
    .need_to("perhaps", Approval | None, early=True)
    .need_to("rate", Percentage())
    .sleep("short", 0.5)
    .sleep("long", timedelta(days=1))
    .end(),
    MissionDefinition[Request],
)

# Control flow


class Kind(Enum):
    OFFICE = "office"
    REMOTE = "remote"


def text_kind(ctx: MissionContext[Request]) -> Literal["office", "remote"]:
    return "office" if ctx.input.email else "remote"


async def awaited_kind(ctx: MissionContext[Request]) -> Literal["office", "remote"]:
    return text_kind(ctx)


def any_text(ctx: MissionContext[Account]) -> str:
    return ctx.input.owner


async def enum_kind(ctx: MissionContext[Request]) -> Kind:
    return Kind.OFFICE


def is_content(ctx: MissionContext[Request]) -> bool:
    return True


async def is_content_at_last(ctx: MissionContext[Request]) -> bool:
    return True


def tickets(ctx: MissionContext[Request]) -> list[Opened]:
    return [ctx.output(open_request)]


async def owners(ctx: MissionContext[Account]) -> tuple[str, ...]:
    return (ctx.input.owner,)


def child_input(ctx: MissionContext[Request]) -> Request:
    return ctx.input


async def child_fields(ctx: MissionContext[Request]) -> dict[str, object]:
    return {"email": ctx.input.email}


def how_long(ctx: MissionContext[Request]) -> timedelta:
    return timedelta(days=len(ctx.input.email))


async def until_when(ctx: MissionContext[Account]) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def perhaps_seconds(ctx: MissionContext[Request]) -> float | None:
    return None


assert_type(m.path(), MissionPath[Any])
assert_type(m.path(Request), MissionPath[Request])
assert_type(m.path(int | None), MissionPath[int | None])
assert_type(m.path().step("any", typed_step), MissionPath[Any])

loose_path = m.path().step("any", any_step).step("typed", typed_step)
path = (
    m.path(Request)
    .step("typed", typed_step, undo=base_step, undo_retry=RetryPolicy(3))
    .step("lambda", lambda ctx: ctx.input.email, undo=lambda ctx: ctx.input.email)
    .need_to(approved, timeout=how_long, on_timeout=m.path(Request).step("late", typed_step))
    .need_to("rate", Percentage(), timeout=perhaps_seconds, reminder=Reminder(typed_step, every=timedelta(days=3)))
    .need_to("by-name", Approval, timeout=until_when, on_timeout=loose_path, early=True)
    .sleep("computed", how_long)
    .sleep("until", until_when)
    .sleep("lambda-sleep", lambda ctx: len(ctx.input.email))
)
assert_type(path, MissionPath[Request])
reminder: Reminder = Reminder(base_step, 5, at_most=3, retry=RetryPolicy(2))

assert_type(
    m.define("flow")
    .start(input=Request, run=open_request, undo=base_step, undo_retry=RetryPolicy(2))
    .parallel("all", {"one": path, "other": loose_path, "empty": m.path()})
    .race("first", {"one": path, "empty": m.path()})
    .branch("text", text_kind, {"office": path, "remote": loose_path})
    .branch("awaited", awaited_kind, {"office": path}, otherwise=path, retry=RetryPolicy(2), timeout=5)
    .branch("any-text", any_text, {"office": path}, otherwise=m.path())
    .branch("enum", enum_kind, {Kind.OFFICE: path, Kind.REMOTE: m.path()})
    .branch("bool", is_content, {True: path, False: m.path()})
    .branch("lambda-branch", lambda ctx: len(ctx.input.email) > 5, {True: path, False: path})
    .each("tickets", tickets, path, max_concurrency=5, max_failures=None, retry=RetryPolicy(2), timeout=5)
    .each("owners", owners, loose_path)
    .each("lambda-each", lambda ctx: [ctx.input.email], path, max_failures=2)
    .repeat("content", path, until=is_content, every=timedelta(days=30), max_rounds=3, on_exhausted=path)
    .repeat("awaited-content", loose_path, until=is_content_at_last, every=0.5)
    .repeat("lambda-repeat", path, until=lambda ctx: ctx.input.email == "")
    .mission("child", request, child_input)
    .mission("child-fields", request, child_fields, wait=False, retry=RetryPolicy(2), timeout=5)
    .mission("lambda-child", request, lambda ctx: ctx.input)
    .end(),
    MissionDefinition[Request],
)

# Commanding


async def command(commander: Commander, instant: datetime) -> None:
    mission = await commander.start(request, Request(email="ops@example.com"))
    assert_type(mission, MissionHandle[Request])
    assert_type(await commander.start(request, {"email": "ops@example.com"}, wait=False), MissionHandle[Request])
    assert_type(await commander.start("request", 5, if_exists="return", start_at=instant), MissionHandle[Any])
    assert_type(await commander.start(request, {}, labels={"employee": "e-17"}), MissionHandle[Request])
    assert_type(commander.create_mission(request), MissionHandle[Request])
    await commander.create_mission(request, mission_id="r-1").start(Request(email="ops@example.com"), wait=False)
    await mission.signal(approved, Approval(by="reviewer-1"))
    await mission.signal(approved, {"by": "reviewer-1"}, wait=False)
    await mission.signal(rated, 0.5)
    await mission.signal("approved", {"by": "reviewer-1"})
    assert_type(await mission.query(progress), int)
    assert_type(await mission.query("progress"), Any)
    assert_type(await mission.update(add_note, "a note", timeout=timedelta(seconds=1)), list[str])
    assert_type(await mission.update("add-note", "a note", timeout=None), Any)
    assert_type(await mission.status(), MissionStatus)
    assert_type(await mission.result(), MissionSnapshot)
    assert_type(await mission.wait_for_completion(), MissionSnapshot)
    assert_type(await mission.cancel("no more"), MissionSnapshot)
    assert_type(await mission.inspect(), MissionInspection)
    assert_type(await mission.history(), tuple[HistoryRecord, ...])
    assert_type(await mission.output(), Any)
    assert_type(await commander.get_mission("r-1"), MissionHandle[Any] | None)
    assert_type(await commander.inspect_mission("r-1"), MissionInspection | None)
    assert_type(await commander.list_missions(status=MissionStatus.FAILED), list[MissionSummary])
    assert_type(await commander.list_missions(status={MissionStatus.FAILED}, since=instant), list[MissionSummary])
    assert_type(await commander.operations.pause_mission("r-1"), MissionSnapshot)
    async for summary in commander.iter_missions(mission_name="request"):
        assert_type(summary, MissionSummary)
        if (wait := summary.waiting) is None:
            continue
        if wait.kind == "signal":
            assert_type(wait.timeout_at, datetime | None)
        elif wait.kind == "child":
            assert_type(wait.mission_id, str)
        else:
            assert_type(wait.due_at, datetime)


def request_of(slot: datetime) -> Request:
    return Request(email=f"{slot:%A}@example.com")


async def request_at_last(slot: datetime) -> Request:
    return request_of(slot)


async def fields_of(slot: datetime) -> dict[str, object]:
    return {"email": "a"}


def schedules(hours: int, instant: datetime) -> None:
    typed = Schedule("a", request, input=Request(email="a"), cron="0 2 * * *", time_zone="Europe/Berlin")
    assert_type(typed, Schedule[Request])
    assert_type(typed.slots(instant), Iterator[datetime])
    assert_type(Schedule("a", request, input={"email": "a"}, every=60), Schedule[Request])
    assert_type(Schedule("a", request, input=request_of, every=timedelta(hours=hours)), Schedule[Request])
    assert_type(Schedule("a", request, input=request_at_last, every=60, overlap="queue"), Schedule[Request])
    assert_type(Schedule("a", request, input=fields_of, every=60, catch_up=timedelta(0)), Schedule[Request])
    assert_type(Schedule("a", request, input=lambda slot: {"email": f"{slot:%A}"}, every=60), Schedule[Request])
    nameless = m.define("a").start(input=None, run=any_step).end()
    assert_type(Schedule("a", nameless, every=60, starts_at=instant, ends_at=instant), Schedule[None])


async def open_commanders(adapter: PersistenceAdapter) -> None:
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    clocks: Sequence[Clock] = [clock, SystemClock()]
    driven: DrivenClock = clock
    faulty: PersistenceAdapter = FaultInjectingAdapter(adapter, fail_commits=lambda number: number > 3)
    definitions: list[MissionDefinition[Any]] = [request, m.define("a").start(input=int, run=any_step).end()]
    async with create_commander(definitions=definitions, persistence=faulty, clock=driven) as commander:
        assert_type(commander, Commander)
    create_commander(persistence=create_in_memory_persistence_adapter(), clock=clocks[0], create_mission_id=lambda: "a")
    ready = create_deferred()
    ready.resolve(5)


# Steps are plain functions still

step: Callable[[MissionContext[Request]], Awaitable[Opened]] = open_request
