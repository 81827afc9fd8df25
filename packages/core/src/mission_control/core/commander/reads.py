"""What can be read of missions, also by those who cannot command them."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import Any, cast

from ..definition import (
    Signal,
    StoredDefinition,
    checked_instant,
    checked_labels,
    exact_text,
    flag,
    is_a,
    sought,
    sought_id,
)
from ..history import MissionInspection, MissionStatus, MissionSummary, OpenWait
from ..payloads import found
from ..storage import MissionQuery, ReadPort, WaitPlace

_PAGE = 500
_NO_PREFIX = "\0"
"""What no id begins with."""


class MissionReads(ABC):
    """Finds missions and lists them, through whatever port it has."""

    @abstractmethod
    async def _port(self) -> ReadPort:
        """Return what answers, ready to."""

    async def inspect_mission(self, mission_id: str, /) -> MissionInspection | None:
        """Return everything there is to see of a mission, or None. Works without its definition."""
        return await (await self._port()).inspect(sought_id(mission_id, subject="a mission id"))

    async def get_summary(self, mission_id: str, /) -> MissionSummary | None:
        """Return a mission on one row, or None. Its history is not read, however long that is."""
        return await (await self._port()).load_summary(sought_id(mission_id, subject="a mission id"))

    async def list_missions(
        self,
        *,
        status: MissionStatus | Iterable[MissionStatus] | None = None,
        mission_name: str | None = None,
        labels: Mapping[str, str] | None = None,
        id_prefix: str | None = None,
        parent_id: str | None = None,
        schedule: str | None = None,
        error: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        newest_first: bool = False,
        limit: int = 100,
        after: str | None = None,
    ) -> list[MissionSummary]:
        """Return up to `limit` missions in order of creation, or against it, from behind the id `after` on.

        They fit all that is given: a status or one of several, a name, all of the labels, the beginning of the id, the
        parent whose children they are, the schedule that started them, the code of the failure that they bear, and a
        creation at `since` or later and before `until` (aware).
        """
        query = _query(
            status=status,
            mission_name=mission_name,
            labels=labels,
            id_prefix=id_prefix,
            parent_id=parent_id,
            schedule=schedule,
            error=error,
            since=since,
            until=until,
            newest_first=newest_first,
        )
        last_seen = None if after is None else sought_id(after, subject="after")
        port = await self._port()
        return list(await port.list_missions(query, limit=checked_limit(limit), after=last_seen))

    async def list_waiting(self, *, limit: int = 100, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` missions that wait for anything, in order of creation."""
        return await self.list_missions(status=MissionStatus.WAITING, limit=limit, after=after)

    async def list_scheduled(self, *, limit: int = 100, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` missions that wait for a timer or a retry, the earliest first."""
        port = await self._port()
        last_seen = None if after is None else sought_id(after, subject="after")
        return list(await port.list_scheduled(limit=checked_limit(limit), after=last_seen))

    async def iter_missions(
        self,
        *,
        status: MissionStatus | Iterable[MissionStatus] | None = None,
        mission_name: str | None = None,
        labels: Mapping[str, str] | None = None,
        id_prefix: str | None = None,
        parent_id: str | None = None,
        schedule: str | None = None,
        error: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        newest_first: bool = False,
    ) -> AsyncIterator[MissionSummary]:
        """Iterate over the missions that `list_missions` returns, in the same order, page by page."""
        query = _query(
            status=status,
            mission_name=mission_name,
            labels=labels,
            id_prefix=id_prefix,
            parent_id=parent_id,
            schedule=schedule,
            error=error,
            since=since,
            until=until,
            newest_first=newest_first,
        )
        after: str | None = None
        while True:
            page = await (await self._port()).list_missions(query, limit=_PAGE, after=after)
            for summary in page:
                yield summary
            if len(page) < _PAGE:
                return
            after = page[-1].mission_id

    async def list_waits(
        self,
        *,
        signal: str | Signal[Any] | None = None,
        mission_name: str | None = None,
        limit: int = 100,
        after: OpenWait | None = None,
    ) -> list[OpenWait]:
        """Return up to `limit` open waits for signals of all missions, by `since`, then mission id, then instance name.

        With `signal`, only those for a signal of that own name, in whatever path; with `mission_name`, only those of
        such missions. `after` is the last one seen, open still or not.
        """
        port = await self._port()
        page = await port.list_waits(
            signal=_checked_signal(signal),
            mission_name=None if mission_name is None else sought(mission_name, subject="mission_name"),
            limit=checked_limit(limit),
            after=None if after is None else _checked_place(after),
        )
        return list(page)

    async def iter_waits(
        self, *, signal: str | Signal[Any] | None = None, mission_name: str | None = None
    ) -> AsyncIterator[OpenWait]:
        """Iterate over the open waits for signals in the same order, page by page."""
        after: OpenWait | None = None
        while True:
            page = await self.list_waits(signal=signal, mission_name=mission_name, limit=_PAGE, after=after)
            for wait in page:
                yield wait
            if len(page) < _PAGE:
                return
            after = page[-1]

    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        """Return the static form of a definition that has run, or None."""
        wanted = sought(fingerprint, subject="a definition's fingerprint")
        return await (await self._port()).load_definition(wanted)

    async def list_definitions(self, *, mission_name: str | None = None) -> list[StoredDefinition]:
        """Return all definitions that missions ran under, in the order in which they were stored, the newest last.

        With `mission_name`, those of that name. What no mission names any more, since those were purged, is not there.
        """
        name = None if mission_name is None else sought(mission_name, subject="mission_name")
        return list(await (await self._port()).list_definitions(mission_name=name))


def checked_limit(limit: int) -> int:
    """Return a page's size. Raises `ValueError` for one that is none."""
    if type(limit) is not int or limit < 1:
        raise ValueError(f"limit: expected an int of 1 or more, found {found(limit)}")
    return min(limit, sys.maxsize)


def _checked_signal(signal: str | Signal[Any] | None) -> str | None:
    """Return the own name of a signal to look for. Raises `TypeError` for what is none."""
    if signal is None:
        return None
    return signal.name if is_a(signal, Signal) else sought(signal, subject="a signal's name, or a Signal")


def _checked_place(after: OpenWait) -> WaitPlace:
    """Return where a wait stands among all. Raises `TypeError` or `ValueError` for what is none."""
    if not is_a(after, OpenWait):
        raise TypeError(f"after: expected an OpenWait, as list_waits returned it, found {found(after)}")
    since = checked_instant(after.since, subject="after.since")
    mission_id = sought_id(after.mission_id, subject="after.mission_id")
    return since, mission_id, sought_id(after.event_name, subject="after.event_name")


def checked_statuses(status: MissionStatus | Iterable[MissionStatus] | None) -> tuple[MissionStatus, ...]:
    """Return the statuses to look for, none for None. Raises `ValueError` for what are none, and for no status."""
    if status is None:
        return ()
    if is_a(status, str):
        return (_checked_status(status),)
    try:
        statuses = list(cast("Iterable[object]", status))
    except Exception:  # it may do anything when it is asked
        raise ValueError(f"status: expected one or several of {_STATUSES}, found {found(status)}") from None
    if not statuses:
        raise ValueError(f"status: expected one or several of {_STATUSES}, found none; leave it out for all")
    return tuple(dict.fromkeys(map(_checked_status, statuses)))


_STATUSES = ", ".join(repr(status.value) for status in MissionStatus)


def _checked_status(status: object) -> MissionStatus:
    if is_a(status, str):
        for known in MissionStatus:
            if str.__eq__(known, status) is True:
                return known
    raise ValueError(f"status: expected one of {_STATUSES}, found {found(status)}")


def _query(
    *,
    status: MissionStatus | Iterable[MissionStatus] | None,
    mission_name: str | None,
    labels: Mapping[str, str] | None,
    id_prefix: str | None,
    parent_id: str | None,
    schedule: str | None,
    error: str | None,
    since: datetime | None,
    until: datetime | None,
    newest_first: bool,
) -> MissionQuery:
    """Return what is looked for. Raises `TypeError` or `ValueError` for what is none."""
    return MissionQuery(
        statuses=checked_statuses(status),
        mission_name=None if mission_name is None else sought(mission_name, subject="mission_name"),
        labels=checked_labels(labels),
        id_prefix=None if id_prefix is None else _checked_prefix(id_prefix),
        parent_id=None if parent_id is None else sought_id(parent_id, subject="parent_id"),
        schedule=None if schedule is None else sought(schedule, subject="schedule"),
        error=None if error is None else sought(error, subject="error"),
        since=None if since is None else checked_instant(since, subject="since"),
        until=None if until is None else checked_instant(until, subject="until"),
        newest_first=flag(newest_first, subject="newest_first"),
    )


def _checked_prefix(id_prefix: str) -> str:
    """Return what ids are to begin with. The empty one fits all; one that no id can have, none."""
    prefix = exact_text(id_prefix, subject="id_prefix")
    return sought_id(prefix, subject="id_prefix") or (prefix and _NO_PREFIX)
