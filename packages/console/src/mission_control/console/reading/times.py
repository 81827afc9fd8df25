"""Instants and spans of time, as people write and read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

import attrs

from ..spans import UNITS, shown_span

_UNITS = {"w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "min": 60.0, "s": 1.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(w|d|h|min|m|s)\s*")
_SHORTEST = timedelta(seconds=1)


def read_span(text: str) -> timedelta:
    """Return a length of time: `30d`, `12h`, `90s`, `1h30m`. Raises `ValueError`."""
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text.strip()):
        raise ValueError(f"expected a length of time such as 30d, 12h, 90s or 1h30m, found {text!r}")
    try:
        return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    except OverflowError:
        raise ValueError(f"expected a length of time that a clock can bear, found {text!r}") from None


def span(length: timedelta) -> str:
    """Return a length of time in its two largest units: `3 d 4 h`, `45 s`, `350 ms`."""
    return shown_span(abs(length.total_seconds()))


@attrs.frozen
class Times:
    """How instants are read and shown at one moment, in `zone`: None is the zone of this machine."""

    now: datetime
    zone: tzinfo | None = None

    @classmethod
    def current(cls, zone: tzinfo | None = None) -> Times:
        """Return how they are now."""
        return cls(datetime.now(UTC), zone)

    def shown(self, instant: datetime) -> str:
        """Return an instant with its zone, to the second: `2026-11-28 19:30:05 CET`."""
        local = instant.astimezone(self.zone)
        return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"

    def day(self, instant: datetime) -> str:
        """Return the day of an instant, with its zone: `2026-11-28 CET`."""
        local = instant.astimezone(self.zone)
        return f"{local:%Y-%m-%d} {local.tzname()}"

    def clock(self, instant: datetime) -> str:
        """Return what a clock shows at an instant, to the millisecond: `19:30:05.123`."""
        local = instant.astimezone(self.zone)
        return f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}"

    def ago(self, instant: datetime) -> str:
        """Return how far an instant is from now, in one unit: `3 h ago`, `in 12 min`, `now`."""
        length = self.now - instant
        if abs(length) < _SHORTEST:
            return "now"
        seconds = abs(length.total_seconds())
        unit, size = next((one for one in UNITS if seconds >= 2 * one[1]), UNITS[-1])
        number = round(seconds / size)
        return f"{number} {unit} ago" if length > timedelta() else f"in {number} {unit}"

    def read(self, text: str) -> datetime:
        """Return the instant that a text means: an ISO date or time, or a length of time for that long ago.

        What bears no zone is in this one. Raises `ValueError`.
        """
        try:
            return self.now - read_span(text)
        except (ValueError, OverflowError):
            pass
        try:
            instant = datetime.fromisoformat(text.strip())
            return (instant if instant.tzinfo else self._local(instant)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError(
                f"expected a date or time such as 2026-11-28 or 2026-11-28T09:00+01:00, or how long ago such as 30d,"
                f" found {text!r}"
            ) from None

    def _local(self, instant: datetime) -> datetime:
        return instant.astimezone() if self.zone is None else instant.replace(tzinfo=self.zone)
