"""What storage keeps of a schedule: one row, which says what is decided of its slots."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import attrs

from ..history import PassedOver, iso, parse_iso
from ..values import Value

MOST_PASSED_OVER = 100


@attrs.frozen(kw_only=True)
class Spec(Value):
    """When a schedule fires: by five fields of cron in a time zone, or `every` so many seconds from `starts_at` on."""

    cron: str | None
    every: int | None
    time_zone: str
    starts_at: datetime | None

    def __str__(self) -> str:
        when = f"{self.cron} {self.time_zone}" if self.every is None else f"every {self.every} s"
        return when if self.starts_at is None else f"{when} from {iso(self.starts_at)}"


@attrs.frozen(kw_only=True)
class StoredSchedule(Value):
    """A schedule as it is known to storage, by its name.

    Every slot up to `decided` is decided, and none behind it; `next_slot` is the first of those, None at the end.
    `running` are missions of its slots that had not ended when that was last looked at, and `queued` is the slot that
    waits for them to end. `last_slot` and `last_mission_id` are of the slot that started a mission last.
    """

    name: str
    mission_name: str
    spec: Spec
    decided: datetime
    next_slot: datetime | None
    is_paused: bool = False
    is_absent: bool = False
    running: tuple[str, ...] = ()
    queued: datetime | None = None
    last_slot: datetime | None = None
    last_mission_id: str | None = None
    passed_over: tuple[PassedOver, ...] = ()

    def passing_over(self, passed: PassedOver) -> StoredSchedule:
        """Return it with slots that are passed over; those in a row with one reason are one entry."""
        *others, last = (*self.passed_over, passed)[-MOST_PASSED_OVER:]
        if others and self._follows(others[-1], last):
            before = others.pop()
            last = PassedOver(before.first, last.last, before.count + last.count, last.reason)
        return attrs.evolve(self, passed_over=(*others, last))

    def _follows(self, before: PassedOver, passed: PassedOver) -> bool:
        """True where both have one reason, and none of the slots between them was decided in another way."""
        known = (self.last_slot, self.queued, *(one.last for one in self.passed_over))
        is_next = not any(slot is not None and before.last < slot < passed.first for slot in known)
        return before.reason == passed.reason and before.last < passed.first and is_next


def schedule_form(stored: StoredSchedule) -> dict[str, Any]:
    """Return the JSON form of a row."""
    spec = stored.spec
    return {
        "name": stored.name,
        "mission_name": stored.mission_name,
        "spec": {
            "cron": spec.cron,
            "every": spec.every,
            "time_zone": spec.time_zone,
            "starts_at": _text(spec.starts_at),
        },
        "decided": iso(stored.decided),
        "next_slot": _text(stored.next_slot),
        "is_paused": stored.is_paused,
        "is_absent": stored.is_absent,
        "running": list(stored.running),
        "queued": _text(stored.queued),
        "last_slot": _text(stored.last_slot),
        "last_mission_id": stored.last_mission_id,
        "passed_over": [[iso(one.first), iso(one.last), one.count, one.reason] for one in stored.passed_over],
    }


def read_schedule(form: Mapping[str, Any]) -> StoredSchedule:
    """Return the row that has this form. Raises `LookupError`, `TypeError` or `ValueError` for what is none."""
    spec = cast("Mapping[str, Any]", form["spec"])
    return StoredSchedule(
        name=form["name"],
        mission_name=form["mission_name"],
        spec=Spec(
            cron=spec["cron"],
            every=spec["every"],
            time_zone=spec["time_zone"],
            starts_at=_instant(spec["starts_at"]),
        ),
        decided=parse_iso(form["decided"]),
        next_slot=_instant(form["next_slot"]),
        is_paused=form["is_paused"],
        is_absent=form["is_absent"],
        running=tuple(form["running"]),
        queued=_instant(form["queued"]),
        last_slot=_instant(form["last_slot"]),
        last_mission_id=form["last_mission_id"],
        passed_over=tuple(
            PassedOver(parse_iso(first), parse_iso(last), count, reason)
            for first, last, count, reason in form["passed_over"]
        ),
    )


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else iso(instant)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else parse_iso(text)
