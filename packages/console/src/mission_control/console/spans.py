"""Lengths of time, as people read them."""

from __future__ import annotations

UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
"""In which lengths of time are shown, with their seconds."""


def shown_span(seconds: float) -> str:
    """Return a number of seconds in its two largest units: `3 d 4 h`, `45 s`, `350 ms`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    left, shown = round(seconds), list[str]()
    for unit, size in UNITS:
        count, left = divmod(left, size)
        if count:
            shown.append(f"{count:,} {unit}")
        elif shown:
            break
    return " ".join(shown[:2])
