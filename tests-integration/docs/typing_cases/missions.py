"""What the typing cases are about: one mission with a step, a signal, a query and an update, all typed."""

from __future__ import annotations

from attrs import define

from mission_control.core import MissionContext, Signal, m


class Account:
    """The base of what a mission is given."""

    owner: str = "ops@example.com"


@define
class Request(Account):
    email: str


@define
class Opened:
    ticket: int


@define
class Approval:
    by: str


class Percentage:
    """A schema of one's own."""

    def parse(self, value: object, /) -> float:
        return float(str(value))


approved = Signal("approved", Approval)
rated = Signal("rated", Percentage())


async def open_request(ctx: MissionContext[Request]) -> Opened:
    return Opened(ticket=len(ctx.input.email))


def close_request(ctx: MissionContext[Request]) -> str:
    return f"{ctx.output(open_request).ticket} by {ctx.received(approved).by}"


def progress(ctx: MissionContext[Request]) -> int:
    return len(ctx.events)


async def add_note(ctx: MissionContext[Request], note: str) -> list[str]:
    return [note]


request = (
    m.define("request")
    .query("progress", progress)
    .update("add-note", str, add_note)
    .start(input=Request, run=open_request)
    .need_to(approved)
    .step("close", close_request)
    .end()
)
