"""The missions behind a mailbox, and the life of this process' side of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from functools import partial
from typing import Any

from mission_control.core import Mailbox, MissionDefinition, MissionHandle, RefusedRequest
from mission_control.core.commander import Found, Missions, Registry, check_has, checked_limit, noted
from mission_control.core.definition import new_mission_id, sought_id

from .answers import Answers, Bell
from .background import closed, inherited
from .ends import Known
from .mailbox_port import MailboxPort
from .patience import Patience


class MailboxMissions(Missions):
    """Opens the mailbox at its first operation, and belongs to that process and that event loop from then on."""

    def __init__(
        self, mailbox: Mailbox, definitions: Iterable[MissionDefinition[Any]], patience: Patience, by: str | None
    ) -> None:
        check_has(mailbox, "open", "mailbox: expected a Mailbox, as sqlite_mailbox(path) makes it")
        self._mailbox = mailbox
        self._patience = patience
        self._by = noted(by, None)
        self._registry = Registry(new_mission_id)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = os.getpid()
        self._opening: asyncio.Task[MailboxPort] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._registry.register_all(definitions)

    @property
    def closed(self) -> bool:
        """True from the beginning of `close` on."""
        return self._registry.is_closed

    async def close(self) -> None:
        """Finish what is being sent, and give the mailbox up. A second call does nothing."""
        if self._loop is None or os.getpid() != self._pid:
            self._registry.is_closed = True
            return
        self._check_loop()
        self._registry.is_closed = True
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._shut_down())
        await asyncio.shield(self._closing)

    async def list_refused(self, *, limit: int, after: str | None) -> list[RefusedRequest]:
        """Return up to `limit` refused requests, the newest first, from behind the id `after` on."""
        last_seen = None if after is None else sought_id(after, subject="after")
        return list(await (await self._port()).list_refused(limit=checked_limit(limit), after=last_seen))

    def __repr__(self) -> str:
        return f"the missions behind {self._mailbox!r}"

    async def _port(self, known: Known | None = None) -> MailboxPort:
        self._check_usable()
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())
            self._opening.add_done_callback(self._opened)
        port = await asyncio.shield(self._opening)
        return port if known is None else port.of(known)

    def _handle(self, mission: Found) -> MissionHandle[Any]:
        known = Known(mission.mission_name, mission.request_id)
        return MissionHandle(partial(self._port, known), mission.mission_id, mission.mission_name, None, self._by)

    def _check_usable(self) -> None:
        if self._registry.is_closed:
            raise closed()
        if self._loop is None:
            self._loop, self._pid = asyncio.get_running_loop(), os.getpid()
        if self._pid != os.getpid():
            raise inherited(self._pid)
        self._check_loop()

    def _check_loop(self) -> None:
        if self._loop is not asyncio.get_running_loop():
            raise RuntimeError("this client belongs to another event loop; create one for this loop")

    async def _open(self) -> MailboxPort:
        bell = Bell()
        outbox = await self._mailbox.open(bell.ring)
        return MailboxPort(outbox, Answers(outbox, bell), self._registry, self._patience)

    def _opened(self, opening: asyncio.Task[MailboxPort]) -> None:
        if opening.cancelled() or opening.exception() is not None:
            self._opening = None  # the next operation tries again

    async def _shut_down(self) -> None:
        opening = self._opening
        if opening is None:
            return
        await asyncio.wait([opening])
        if not opening.cancelled() and opening.exception() is None:
            await opening.result().close()
