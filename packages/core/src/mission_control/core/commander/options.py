"""What is handed in, checked before anything else is done about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from ..definition import checked_instant, is_a
from ..errors import MissionDefinitionError
from ..history import MissionStatus
from ..payloads import found
from ..schedules import Schedule
from .reads import checked_statuses


def checked_if_exists(if_exists: Literal["raise", "return"]) -> Literal["raise", "return"]:
    """Return what to do where the id is in use. Raises `ValueError` for what is neither."""
    if type(cast("object", if_exists)) is not str or if_exists not in ("raise", "return"):
        raise ValueError(f'if_exists: expected "raise" or "return", found {found(if_exists)}')
    return if_exists


def checked_start_at(start_at: datetime | None) -> datetime | None:
    """Return an instant in UTC. Raises `ValueError` for a naive one, and for one that is none there."""
    return None if start_at is None else checked_instant(start_at, subject="start_at")


def checked_schedules(schedules: Iterable[Schedule[Any]]) -> dict[str, Schedule[Any]]:
    """Return schedules by name. Raises `TypeError` for what is none, `MissionDefinitionError` for a name twice."""
    try:
        listed = list(schedules)
    except TypeError:
        raise TypeError(f"schedules: expected a list of Schedule, found {found(schedules)}") from None
    named: dict[str, Schedule[Any]] = {}
    for schedule in listed:
        if not is_a(schedule, Schedule):
            raise TypeError(f"schedules: expected a Schedule, found {found(schedule)}")
        if schedule.name in named:
            raise MissionDefinitionError(f"schedules: {schedule.name!r} is there twice; each needs a name of its own")
        named[schedule.name] = schedule
    return named


def checked_retention(retention: Mapping[str, timedelta] | None) -> dict[MissionStatus, timedelta]:
    """Return how long missions are kept, by how they ended. Raises `TypeError` or `ValueError` for what is none."""
    if retention is None:
        return {}
    if not isinstance(cast("object", retention), Mapping):
        raise TypeError(f"retention: expected a dict of statuses and timedeltas, found {found(retention)}")
    kept: dict[MissionStatus, timedelta] = {}
    for status, time in retention.items():
        if not is_a(status, str):
            raise TypeError(f"retention: expected completed, failed or cancelled, found {found(status)}")
        (known,) = checked_statuses(cast("MissionStatus", status))
        if not known.is_terminal:
            raise ValueError(f"retention: expected completed, failed or cancelled, found {found(status)}")
        if not is_a(time, timedelta):
            raise TypeError(f"retention[{known.value!r}]: expected a timedelta, found {found(time)}")
        if time < timedelta():
            raise ValueError(f"retention[{known.value!r}]: expected no less than nothing, found {time}")
        kept[known] = time
    return kept


def check_has(value: object, method: str, expected: str) -> None:
    """Raise `TypeError` for what cannot be what is expected: an adapter's class, say, instead of an adapter."""
    try:
        fits = value is None or (not is_a(value, type) and callable(getattr(value, method, None)))
    except Exception:  # it may do anything when it is asked
        fits = False
    if not fits:
        raise TypeError(f"{expected}, found {found(value)}")
