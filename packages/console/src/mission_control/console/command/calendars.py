"""What will happen by itself as a calendar that other programs read: iCalendar, RFC 5545."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256

from mission_control.core.readable import encodable

from ..reading import AgendaEntry

_LONGEST = 75
"""How many octets a line has at most; what is longer is folded."""


def calendar(entries: Iterable[AgendaEntry], now: datetime) -> str:
    """Return a calendar with an event for each entry."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//mission-control//console//EN"]
    for entry in entries:
        lines += _event(entry, now)
    return "".join(f"{part}\r\n" for line in [*lines, "END:VCALENDAR"] for part in _folded(line))


def _event(entry: AgendaEntry, now: datetime) -> list[str]:
    summary = f"{entry.mission_name}: {entry.kind} {entry.what}".rstrip()
    mission = [] if entry.mission_id is None else [f"DESCRIPTION:{_escaped(f'mission {entry.mission_id}')}"]
    return [
        "BEGIN:VEVENT",
        f"UID:{_uid(entry)}",
        f"DTSTAMP:{_instant(now)}",
        f"DTSTART:{_instant(entry.at)}",
        f"SUMMARY:{_escaped(summary)}",
        *mission,
        "END:VEVENT",
    ]


def _uid(entry: AgendaEntry) -> str:
    """Return an id that is the same in the next calendar, so that programs see one event."""
    said = "\n".join([entry.kind, entry.mission_id or "", entry.what, entry.at.isoformat()])
    return f"{sha256(encodable(said).encode()).hexdigest()[:32]}@mission-control"


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escaped(text: str) -> str:
    for character, escape in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(character, escape)
    return encodable(text)


def _folded(line: str) -> Iterator[str]:
    """Yield a line in parts of at most 75 octets, each behind the first with a blank before it; no letter is parted."""
    part, room = b"", _LONGEST
    for letter in line:
        octets = letter.encode()
        if len(part) + len(octets) > room:
            yield part.decode()
            part = b" "
        part += octets
    yield part.decode()
