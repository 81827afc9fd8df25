"""When a schedule fires: the slots of its `Spec`, and what may be said in one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from ..definition import LONGEST_DURATION, is_a
from ..errors import MissionDefinitionError
from ..payloads import found, one_line
from .stored import Spec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def slots_after(spec: Spec, after: datetime) -> Iterator[datetime]:
    """Yield the slots later than `after` in UTC, in their order, none before `starts_at`; as many as datetimes hold."""
    if spec.starts_at is not None and after < spec.starts_at:
        after = spec.starts_at - SECOND
    if spec.every is not None:
        return _counted(timedelta(seconds=spec.every), spec.starts_at or EPOCH, after)
    assert spec.cron is not None
    return _of_cron(spec.cron, zone(spec.time_zone), after)


def _counted(every: timedelta, anchor: datetime, after: datetime) -> Iterator[datetime]:
    number = (after - anchor) // every
    try:
        while True:
            number += 1
            yield anchor + number * every
    except OverflowError:
        return


def _of_cron(cron: str, local: tzinfo, after: datetime) -> Iterator[datetime]:
    from cronsim import CronSim

    try:
        for at in CronSim(cron, after.astimezone(local)):
            slot = at.astimezone(UTC)
            if slot > after:  # what begins within an hour that comes twice begins with slots that lie before
                after = slot
                yield slot
    except OverflowError:
        return


def zone(name: str) -> tzinfo:
    """Return the time zone of a name; "UTC" is known even where the system knows no zones."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # slow to import

    return ZoneInfo(name)


# --- what may be said ---------------------------------------------------------------------


def checked_cron(cron: object, *, subject: str) -> str:
    """Return an expression with one space between its fields. Raises `MissionDefinitionError`, naming `subject`."""
    if not is_a(cron, str):
        raise MissionDefinitionError(
            f'{subject}: expected a str of five fields, as in "0 2 * * *", found {found(cron)}'
        )
    fields = str.split(cron)
    if len(fields) != 5:
        raise MissionDefinitionError(
            f"{subject}: expected five fields (minute, hour, day of the month, month, day of the week), as in "
            f'"0 2 * * *", found {len(fields)} in {found(str.__str__(cron))}'
        )
    plain = " ".join(fields)
    try:
        never_fires = next(_of_cron(plain, UTC, EPOCH), None) is None
    except Exception as error:  # not only its own
        raise MissionDefinitionError(f"{subject}: {one_line(error)}, in {found(plain)}") from error
    if never_fires:
        raise MissionDefinitionError(f"{subject}: there is no day that fits {found(plain)}")
    return plain


def checked_every(every: object, *, subject: str) -> int:
    """Return a number of seconds. Raises `MissionDefinitionError`, naming `subject`."""
    value, rest = divmod(timedelta.__pos__(every), SECOND) if is_a(every, timedelta) else (every, None)
    if type(value) is not int or rest:
        raise MissionDefinitionError(f"{subject}: expected a whole number of seconds, found {_said(every)}")
    if not 1 <= value <= LONGEST_DURATION // SECOND:
        raise MissionDefinitionError(
            f"{subject}: expected a duration from 1 second to 1,000 years, found {found(value)} (in seconds)"
        )
    return value


def checked_time_zone(name: object, *, subject: str) -> str:
    """Return the name of a time zone that is known here. Raises `MissionDefinitionError`, naming `subject`."""
    if not is_a(name, str):
        raise MissionDefinitionError(
            f'{subject}: expected the name of a time zone, as in "Europe/Berlin", found {found(name)}'
        )
    plain = str.__str__(name)
    try:
        zone(plain)
    except Exception as error:  # one for a folder, others for a file of another kind and for what cannot be a path
        raise MissionDefinitionError(
            f'{subject}: expected a time zone that is known here, as in "Europe/Berlin", found {found(plain)}; '
            f"where the system has none, the package tzdata brings them"
        ) from error
    return plain


def _said(every: object) -> str:
    return f"a timedelta of {timedelta.__str__(every)}" if is_a(every, timedelta) else found(every)
