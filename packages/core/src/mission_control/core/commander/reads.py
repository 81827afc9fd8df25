"""What can be read of missions, also by those who cannot command them."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any

from ..definition import is_a, sought, sought_id
from ..history import MissionInspection, MissionStatus, MissionSummary
from ..payloads import found
from .port import ReadPort

_PAGE = 500


class MissionReads(ABC):
    """Finds missions and lists them, through whatever port it has."""

    @abstractmethod
    async def _port(self) -> ReadPort:
        """Return what answers, ready to."""

    async def inspect_mission(self, mission_id: str, /) -> MissionInspection | None:
        """Return everything there is to see of a mission, or None. Works without its definition."""
        return await (await self._port()).inspect(sought_id(mission_id, subject="a mission id"))

    async def list_missions(
        self,
        *,
        status: MissionStatus | None = None,
        mission_name: str | None = None,
        parent_id: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> list[MissionSummary]:
        """Return up to `limit` missions in order of creation, from behind the id `after` on.

        With `parent_id`, only the children of that mission.
        """
        port = await self._port()
        page = await port.list_missions(
            status=_checked_status(status),
            mission_name=None if mission_name is None else sought(mission_name, subject="mission_name"),
            parent_id=None if parent_id is None else sought_id(parent_id, subject="parent_id"),
            limit=_checked_limit(limit),
            after=None if after is None else sought_id(after, subject="after"),
        )
        return list(page)

    async def list_waiting(self, *, limit: int = 100, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` missions that wait for anything, in order of creation."""
        return await self.list_missions(status=MissionStatus.WAITING, limit=limit, after=after)

    async def list_scheduled(self, *, limit: int = 100, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` missions that wait for a timer or a retry, the earliest first."""
        port = await self._port()
        last_seen = None if after is None else sought_id(after, subject="after")
        return list(await port.list_scheduled(limit=_checked_limit(limit), after=last_seen))

    async def iter_missions(
        self,
        *,
        status: MissionStatus | None = None,
        mission_name: str | None = None,
        parent_id: str | None = None,
    ) -> AsyncIterator[MissionSummary]:
        """Iterate over missions in order of creation, page by page."""
        after: str | None = None
        while True:
            page = await self.list_missions(
                status=status, mission_name=mission_name, parent_id=parent_id, limit=_PAGE, after=after
            )
            for summary in page:
                yield summary
            if len(page) < _PAGE:
                return
            after = page[-1].mission_id

    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        """Return the static form of a definition that has run, or None."""
        wanted = sought(fingerprint, subject="a definition's fingerprint")
        return await (await self._port()).load_definition(wanted)


def _checked_limit(limit: int) -> int:
    """Return a page's size. Raises `ValueError` for one that is none."""
    if type(limit) is not int or limit < 1:
        raise ValueError(f"limit: expected an int of 1 or more, found {found(limit)}")
    return min(limit, sys.maxsize)


def _checked_status(status: MissionStatus | None) -> MissionStatus | None:
    """Return the status to look for. Raises `ValueError` for one that is none."""
    for known in MissionStatus:
        if is_a(status, str) and str.__eq__(known, status) is True:
            return known
    if status is None:
        return None
    listed = ", ".join(repr(known.value) for known in MissionStatus)
    raise ValueError(f"status: expected one of {listed}, found {found(status)}")
