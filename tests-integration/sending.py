"""What another process does with a mailbox, without a client around it: post a request, and wait for its answer."""

from __future__ import annotations

import asyncio
from typing import Any

from mission_control.core import HistoryType, Mailbox, OwnedMailbox
from mission_control.core.storage import (
    Answer,
    CancelRequest,
    EndRequest,
    Outbox,
    PostedRequest,
    Request,
    SignalRequest,
    StartRequest,
    UpdateRequest,
)

PATIENCE = 20.0


async def taken(owned: OwnedMailbox) -> list[tuple[PostedRequest, Answer | None]]:
    """Return what the owner's side of a mailbox has to hand over."""
    return [one async for some in owned.take() for one in some]


async def came(owned: OwnedMailbox) -> list[tuple[PostedRequest, Answer | None]]:
    """Return the same, as soon as there is something: a bell may not have been heard yet."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await taken(owned)):
            await asyncio.sleep(0)
    return found


class Sender:
    """One process that sends, with the outbox that it has opened."""

    outbox: Outbox

    def __init__(self) -> None:
        self.rung = asyncio.Event()

    @classmethod
    async def of(cls, mailbox: Mailbox) -> Sender:
        """Open a mailbox."""
        sender = cls()
        sender.outbox = await mailbox.open(sender.rung.set)
        return sender

    async def post(self, request: Request, *, wait: bool = True) -> str:
        """Post a request, and return its id."""
        return await self.outbox.post(request, is_awaited=wait)

    async def answer(self, request_id: str) -> Answer:
        """Return the final answer to a request, when there is one."""
        async with asyncio.timeout(PATIENCE):
            while True:
                self.rung.clear()
                answer = (await self.outbox.answers([request_id])).get(request_id)
                if answer is not None and answer.is_final:
                    return answer
                await self.rung.wait()

    async def ask(self, request: Request) -> Answer:
        """Post a request, and return its final answer."""
        return await self.answer(await self.post(request))

    async def refusals(self) -> list[tuple[str, str]]:
        """Return the kind and the code of everything that was refused, the newest first."""
        return [(one.kind, one.code) for one in await self.outbox.list_refused(limit=100, after=None)]

    async def types(self, mission_id: str) -> list[HistoryType]:
        """Return what is on record of a mission."""
        inspection = await self.outbox.inspect(mission_id)
        return [] if inspection is None else [record.type for record in inspection.history]


def start(mission_id: str, name: str, input: object = 1, **more: Any) -> StartRequest:
    """Return a request for a start."""
    return StartRequest(mission_id=mission_id, mission_name=name, input=input, **more)


def signal(mission_id: str, name: str, payload: object = 1, **more: Any) -> SignalRequest:
    """Return a request to deliver a signal."""
    return SignalRequest(mission_id=mission_id, name=name, payload=payload, **more)


def update(mission_id: str, name: str, input: object = 1, **more: Any) -> UpdateRequest:
    """Return a request to run an update."""
    return UpdateRequest(mission_id=mission_id, name=name, input=input, **more)


def cancel(mission_id: str, **more: Any) -> CancelRequest:
    """Return a request to end a mission."""
    return CancelRequest(mission_id=mission_id, **more)


def end(mission_id: str) -> EndRequest:
    """Return a request to be told of a mission's end."""
    return EndRequest(mission_id=mission_id)


def code(answer: Answer) -> str | None:
    """Return the code of the error that was answered."""
    return None if answer.error is None else answer.error.code
