"""Waiting for the ends of missions that another process runs, which tells whoever has asked for it."""

from __future__ import annotations

import asyncio

import attrs

from mission_control.core.storage import Answer, EndRequest, Outbox

from .answers import Answers


@attrs.define(eq=False)
class Known:
    """What a handle knows of its mission: the name of its definition, and how it was to be started."""

    mission_name: str
    start_id: str | None
    """The request that is to start it, until it is known that it was not refused."""


class Ends:
    """Waits for ends. One request is enough for all who wait, also for those who gave up and come again."""

    def __init__(self, outbox: Outbox, answers: Answers) -> None:
        self._outbox = outbox
        self._answers = answers
        self._awaited: dict[tuple[str, str | None], asyncio.Task[Answer]] = {}

    async def wait(self, mission_id: str, known: Known | None) -> None:
        """Return when the mission has ended. Raises what its start was refused with, where it was."""
        start_id = None if known is None else known.start_id
        if start_id is None and await self._has_ended(mission_id):
            return
        await self._answers.raise_error(await self._told(mission_id, start_id), mission_id)
        if known is not None:
            known.start_id = None

    async def _has_ended(self, mission_id: str) -> bool:
        summary = await self._outbox.load_summary(mission_id)
        return summary is not None and summary.status.is_terminal

    async def _told(self, mission_id: str, start_id: str | None) -> Answer:
        place = mission_id, start_id
        awaited = self._awaited.get(place)
        if awaited is None:
            asking = self._end(mission_id) if start_id is None else self._end_after(mission_id, start_id)
            awaited = self._awaited[place] = asyncio.create_task(asking)
            awaited.add_done_callback(lambda told: self._forget(place, told))
        return await asyncio.shield(awaited)

    async def _end(self, mission_id: str) -> Answer:
        return await self._answers.ask(EndRequest(mission_id=mission_id), None)

    async def _end_after(self, mission_id: str, start_id: str) -> Answer:
        """Return the refusal of the start, or what is answered when the mission has ended."""
        refusal = await self._refusal(start_id)
        if refusal is not None:
            return refusal
        end = asyncio.create_task(self._end(mission_id))
        end.add_done_callback(_heard)
        try:
            with self._answers.awaiting(start_id) as start:
                await asyncio.wait([end, start.answer], return_when=asyncio.FIRST_COMPLETED)
                if start.answer.done():
                    start.answer.result()  # raises where storage cannot be read
            # What one client asks of one mission is done in its order: by the end, what became of the start is known.
            return await self._refusal(start_id) or await end
        finally:
            end.cancel()

    async def _refusal(self, start_id: str) -> Answer | None:
        answer = (await self._outbox.answers([start_id])).get(start_id)
        return answer if answer is not None and answer.is_refused else None

    def _forget(self, place: tuple[str, str | None], told: asyncio.Task[Answer]) -> None:
        del self._awaited[place]
        _heard(told)


def _heard(task: asyncio.Task[Answer]) -> None:
    """Nobody may want to know any more."""
    if not task.cancelled():
        task.exception()
