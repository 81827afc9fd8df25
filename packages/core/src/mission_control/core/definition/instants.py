"""What may be an instant."""

from __future__ import annotations

from datetime import UTC, datetime

from ..payloads import found, one_line
from .names import is_a


def checked_instant(instant: object, *, subject: str) -> datetime:
    """Return an aware datetime in UTC. Raises `ValueError`, naming `subject`, for what is none, or is none there."""
    if not is_a(instant, datetime):
        raise ValueError(f"{subject}: expected an aware datetime, found {found(instant)}")
    try:
        offset = datetime.utcoffset(instant)
        moved = datetime.astimezone(instant, UTC)
    except OverflowError:
        raise ValueError(f"{subject}: the instant is beyond what a datetime in UTC holds") from None
    except Exception as error:  # a time zone is code that may do anything
        raise ValueError(f"{subject}: its time zone does not say what instant it is ({one_line(error)})") from error
    if offset is None:
        raise ValueError(f"{subject}: expected an aware datetime, found a naive one; say datetime.now(UTC) + ...")
    return datetime.combine(datetime.date(moved), datetime.time(moved), UTC)
