# pyright: strict
"""Programs that are wrong. Both checkers must refuse each line that ends with a mark, and no other line."""

from __future__ import annotations

from datetime import datetime, timedelta

from mission_control.client import BlockingCommanderClient, BlockingMissionHandle, CommanderClient
from mission_control.core import (
    Commander,
    MissionContext,
    MissionDefinition,
    MissionHandle,
    MissionPath,
    PersistenceAdapter,
    Reminder,
    RetryPolicy,
    Schedule,
    Schema,
    Signal,
    create_commander,
    m,
)
from mission_control.core.commander import MissionPort, Missions
from mission_control.testing import FakeClock

from .missions import (
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


async def wrong_inputs(commander: Commander, mission: MissionHandle[Request]) -> None:
    await commander.start(request, Opened(ticket=5))  # error
    await commander.start(request, {}, labels={"employee": 17})  # error
    await commander.start(request, "ops@example.com")  # error
    await commander.start(request, None)  # error
    await commander.start(request)  # error
    await mission.start(Opened(ticket=5))  # error
    await mission.start(5)  # error
    await commander.start(request, Request(email=5))  # error
    await commander.start(request, Request(email="a"), if_exists="replace")  # error
    await commander.start(request, Request(email="a"), start_at=timedelta(days=1))  # error
    await commander.start(request, Request(email="a"), mission_id=7)  # error


def opened_of(slot: datetime) -> Opened:
    return Opened(ticket=slot.day)


def of_nothing() -> Request:
    return Request(email="a")


def wrong_schedules() -> None:
    Schedule("a", request, input=Opened(ticket=5), every=60)  # error
    Schedule("a", request, input="ops@example.com", every=60)  # error
    Schedule("a", request, input=opened_of, every=60)  # error
    Schedule("a", request, input=of_nothing, every=60)  # error
    Schedule("a", request, input=Request(email="a"), every="1 h")  # error
    Schedule("a", request, input=Request(email="a"), every=60, overlap="wait")  # error
    Schedule("a", request, input=Request(email="a"), every=60, catch_up="all")  # error
    Schedule("a", request, input=Request(email="a"), every=60, ends_at=timedelta(days=1))  # error
    Schedule("a", request, Request(email="a"), every=60)  # error
    Schedule("a", input=Request(email="a"), every=60)  # error


async def wrong_signals(mission: MissionHandle[Request]) -> None:
    await mission.signal(approved, Opened(ticket=5))  # error
    await mission.signal(approved, "reviewer-1")  # error
    await mission.signal(rated, "half")  # error
    await mission.signal(approved)  # error
    await mission.signal(approved, Approval(by="reviewer-1"), wait="no")  # error


async def wrong_questions(mission: MissionHandle[Request]) -> str:
    count: str = await mission.query(progress)  # error
    notes: int = await mission.update(add_note, "a note")  # error
    await mission.update(add_note, 5)  # error
    await mission.update(add_note)  # error
    mission.mission_id = "another"  # error
    return f"{count} {notes}"


async def wrong_clients(client: CommanderClient) -> None:
    await client.start_mission(request, Opened(ticket=5))  # error
    await client.start_mission(request)  # error
    await client.start_mission(request, Request(email="a"), if_exists="replace")  # error
    await client.start_mission(request, Request(email="a"), mission_id=7)  # error
    await client.start(request, Request(email="a"))  # error
    await client.list_missions(5)  # error
    await client.list_missions(status=5)  # error
    await client.list_missions(labels=["employee"])  # error
    await client.operations.pause_mission(5)  # error
    await client.operations.skip_step("r-1")  # error
    await client.operations.purge_missions(limit=5)  # error
    await client.operations.reopen_mission("r-1", "send-email")  # error
    await client.get_mission(mission_id="r-1")  # error
    await client.load_definition(5)  # error
    await client.list_definitions("order")  # error
    await client.get_summary(mission_id="r-1")  # error


def print_no_numbers() -> None: ...


def wrong_waiting(client: BlockingCommanderClient, mission: BlockingMissionHandle[Request]) -> str:
    client.start_mission(request, Opened(ticket=5))  # error
    client.start_mission(request)  # error
    client.start_mission(request, Request(email="a"), if_exists="replace")  # error
    client.list_missions(limit="5")  # error
    client.list_missions(newest_first="yes")  # error
    client.operations.doctor(progress=print_no_numbers)  # error
    client.operations.wake_mission(mission_id="r-1")  # error
    client.get_mission(mission_id="r-1")  # error
    mission.signal(approved, Opened(ticket=5))  # error
    mission.signal(rated, "half")  # error
    mission.signal(approved)  # error
    mission.start(Request(email="a"))  # error
    mission.mission_id = "another"  # error
    widened: BlockingMissionHandle[object] = mission  # error
    count: str = mission.query(progress)  # error
    return f"{widened} {count}"


class Halfway(Commander):
    async def _port(self) -> int:  # error
        return 5


class Complete(Missions):
    async def _port(self) -> MissionPort:
        raise NotImplementedError


Missions()  # error
Commander()  # error
Complete()
Halfway()  # error


def wrong_outputs(ctx: MissionContext[Request]) -> str:
    str(ctx.output(open_request).tikcet)  # error
    text: str = ctx.output(open_request)  # error
    number: int = ctx.output(close_request)  # error
    certain: str = ctx.output(close_request, default=None)  # error
    str(ctx.received(approved).approved_by)  # error
    rate: str = ctx.received(rated)  # error
    str(ctx.input.emial)  # error
    ctx.input = Request(email="a")  # error
    ctx.output(5)  # error
    ctx.received(open_request)  # error
    certainly: Approval = ctx.received(approved, default=None)  # error
    one: Opened = ctx.outputs(open_request)  # error
    many: list[str] = ctx.outputs(open_request)  # error
    ctx.all_received(open_request)  # error
    rates: list[str] = ctx.all_received(rated)  # error
    ctx.item(open_request)  # error
    ctx.item(5)  # error
    ctx.results(open_request)  # error
    position: int = ctx.index  # error
    return f"{text} {number} {certain} {rate} {certainly} {one} {many} {rates} {position}"


def no_context() -> str:
    return ""


async def other_step(ctx: MissionContext[Opened]) -> str:
    return str(ctx.input.ticket)


async def number_note(ctx: MissionContext[Request], note: int) -> int:
    return note


draft = m.define("wrong")
builder = draft.start(input=Request, run=open_request)

draft.start(input=Opened, run=open_request)  # error
draft.start(input=Request, run=other_step)  # error
draft.start(input=Request, run=no_context)  # error
draft.start(run=open_request)  # error
draft.start(Request, open_request)  # error
draft.update("note", str, number_note)  # error
draft.query("note", add_note)  # error
draft.step("early", open_request)  # error
builder.step("other", other_step)  # error
builder.step("none", no_context)  # error
builder.step("lambda", lambda ctx: ctx.input.emial)  # error
builder.step(close_request)  # error
builder.step("retry", close_request, retry=3)  # error
builder.step("timeout", close_request, timeout="30s")  # error
builder.need_to("signal")  # error
builder.need_to(approved, Approval)  # error
builder.need_to(approved, early="yes")  # error
builder.sleep("rest")  # error
builder.sleep("rest", "5 minutes")  # error
builder.query("late", progress)  # error


def text_kind(ctx: MissionContext[Request]) -> str:
    return ctx.input.email


def number_kind(ctx: MissionContext[Request]) -> int:
    return 5


def is_content(ctx: MissionContext[Request]) -> bool:
    return True


def other_content(ctx: MissionContext[Opened]) -> bool:
    return True


def tickets(ctx: MissionContext[Request]) -> list[int]:
    return []


def other_tickets(ctx: MissionContext[Opened]) -> list[int]:
    return []


path = m.path(Request).step("close", close_request)
other_path = m.path(Opened).step("other", other_step)

m.path(5)  # error
m.path(Request).step("other", other_step)  # error
m.path(Request).step("close", close_request, undo=other_step)  # error
m.path(Request).step("close", close_request, undo=close_request, undo_retry=3)  # error
m.path(Request).step("lambda", lambda ctx: ctx.input.emial)  # error
path.end()  # error
path.query("late", progress)  # error
builder.parallel("all", {"one": path, "other": other_path})  # error
builder.parallel("all", [path])  # error
builder.parallel("all", {"one": close_request})  # error
builder.parallel("all", {1: path})  # error
builder.race("first", {"other": other_path})  # error
builder.branch("kind", text_kind, {"a": other_path})  # error
builder.branch("kind", text_kind, {"a": path}, otherwise=other_path)  # error
builder.branch("kind", number_kind, {5: path})  # error
builder.branch("kind", other_content, {True: path})  # error
builder.branch("kind", text_kind)  # error
builder.each("all", tickets, other_path)  # error
builder.each("all", other_tickets, path)  # error
builder.each("all", number_kind, path)  # error
builder.each("all", tickets, path, max_concurrency="5")  # error
builder.each("all", tickets)  # error
builder.repeat("again", path)  # error
builder.repeat("again", path, until=text_kind)  # error
builder.repeat("again", path, until=other_content)  # error
builder.repeat("again", other_path, until=is_content)  # error
builder.repeat("again", path, until=is_content, every="a day")  # error
builder.repeat("again", path, until=is_content, on_exhausted=other_path)  # error
builder.mission("child", request, tickets)  # error
builder.mission("child", request, other_step)  # error
builder.mission("child", "request", close_request)  # error
builder.mission("child", request)  # error
builder.sleep("rest", text_kind)  # error
builder.need_to(approved, timeout=text_kind)  # error
builder.need_to(approved, timeout=5, on_timeout=other_path)  # error
builder.need_to(approved, reminder=close_request)  # error
Reminder(close_request)  # error
Reminder(no_context, 5)  # error
Reminder(close_request, "a day")  # error
Reminder(close_request, 5, at_most="3")  # error
wide_path: MissionPath[object] = path  # error
narrow_path: MissionPath[Request] = other_path  # error
RetryPolicy(attempts=3)  # error
RetryPolicy(max_attempts="3")  # error

wide: MissionDefinition[object] = request  # error
loose: Signal[object] = approved  # error


def variance(wide_context: MissionContext[object], handle: MissionHandle[Request]) -> str:
    narrowed: MissionContext[Request] = wide_context  # error
    widened: MissionHandle[object] = handle  # error
    return f"{narrowed} {widened}"


number_schema: Schema[str] = Percentage()  # error
create_commander(definitions=request)  # error
create_commander(definitions=[open_request])  # error
create_commander(clock=5)  # error
adapter: PersistenceAdapter = FakeClock()  # error
Signal("approved")  # error
Signal(5, Approval)  # error
Signal(name="approved", schema=Approval)  # error
