"""Missions that fit a filter: page by page, one by one, or counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import attrs

from mission_control.client import CommanderClient
from mission_control.core import MissionQuery, MissionStatus, MissionSummary

from .waits import place_of, wait_at

MOST_COUNTED = 1000
"""Up to how many missions are counted one by one."""


@attrs.frozen(kw_only=True)
class Selection:
    """What missions have to fit: all that is given, as `list_missions` takes it, and a signal that they wait for."""

    statuses: tuple[MissionStatus, ...] = ()
    mission_name: str | None = None
    error: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    id_prefix: str | None = None
    waiting_for: str | None = None
    labels: Mapping[str, str] = attrs.field(factory=dict[str, str])
    schedule: str | None = None
    parent_id: str | None = None

    @property
    def is_everything(self) -> bool:
        """True where nothing is asked for."""
        return self == Selection()

    def fits(self, mission: MissionSummary) -> bool:
        """Return whether a mission is one of these, whatever it waits for."""
        return MissionQuery(**self._asked()).fits(mission)

    def arguments(self) -> dict[str, Any]:
        """Return what `list_missions` is asked for."""
        asked = self._asked()
        return {"status": asked.pop("statuses") or None, **asked}

    def _asked(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in attrs.fields_dict(Selection) if name != "waiting_for"}


@attrs.frozen(kw_only=True)
class MissionPage:
    """Some missions in order, and what to ask for the next ones with; None where there are no more."""

    missions: list[MissionSummary]
    after: str | None


async def list_selected(
    client: CommanderClient,
    selection: Selection,
    *,
    limit: int,
    after: str | None = None,
    newest_first: bool = True,
) -> MissionPage:
    """Return up to `limit` missions that fit, the newest first; those that wait for a signal by how long they do.

    A mission that waits for it in several paths may be on several pages.

    `after` is that of the page before. Raises `ValueError` for one that is none.
    """
    if selection.waiting_for is not None:
        return await _list_waiting(client, selection, selection.waiting_for, limit=limit, after=after)
    found = await client.list_missions(**selection.arguments(), newest_first=newest_first, limit=limit + 1, after=after)
    page = found[:limit]
    return MissionPage(missions=page, after=page[-1].mission_id if len(found) > limit else None)


async def _list_waiting(
    client: CommanderClient, selection: Selection, signal: str, *, limit: int, after: str | None
) -> MissionPage:
    place, missions, seen = wait_at(after), list[MissionSummary](), set[str]()
    while True:
        waits = await client.list_waits(
            signal=signal, mission_name=selection.mission_name, limit=limit + 1, after=place
        )
        ids = list(dict.fromkeys(wait.mission_id for wait in waits))
        summaries = dict(zip(ids, await asyncio.gather(*map(client.get_summary, ids)), strict=True))
        for wait in waits:
            mission = summaries[wait.mission_id]
            if len(missions) == limit:
                return MissionPage(missions=missions, after=None if place is None else place_of(place))
            place = wait
            if mission is not None and wait.mission_id not in seen and selection.fits(mission):
                missions.append(mission)
                seen.add(wait.mission_id)
        if len(waits) <= limit:
            return MissionPage(missions=missions, after=None)


async def iter_pages(
    client: CommanderClient, selection: Selection, *, newest_first: bool = True, size: int = 500
) -> AsyncGenerator[list[MissionSummary]]:
    """Iterate over all missions that fit, in the same order, in pages; each comes once."""
    after: str | None = None
    seen = set[str]()
    while True:
        page = await list_selected(client, selection, limit=size, after=after, newest_first=newest_first)
        if selection.waiting_for is None:
            yield page.missions
        else:
            yield [one for one in page.missions if one.mission_id not in seen]
            seen.update(one.mission_id for one in page.missions)
        if page.after is None:
            return
        after = page.after


async def iter_selected(
    client: CommanderClient, selection: Selection, *, newest_first: bool = True
) -> AsyncIterator[MissionSummary]:
    """Iterate over all missions that fit, in the same order, page by page."""
    async for page in iter_pages(client, selection, newest_first=newest_first):
        for mission in page:
            yield mission


async def count_selected(client: CommanderClient, selection: Selection) -> tuple[int, bool]:
    """Return how many missions fit, and whether that is all of them: no more than 1,000 are counted."""
    page = await list_selected(client, selection, limit=MOST_COUNTED)
    return len(page.missions), page.after is None
