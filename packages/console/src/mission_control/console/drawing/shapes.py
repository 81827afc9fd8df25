"""The shapes that drawings are made of, as SVG text: escaped, rounded to a tenth, without a style of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text_of(text: str) -> str:
    """Return a text as it may stand in XML, whatever is in it: what XML cannot have at all is replaced."""
    return escape(_NOT_XML.sub("\ufffd", text))


def number(value: float) -> str:
    """Return a coordinate, to a tenth."""
    return f"{round(value, 1):.1f}".removesuffix(".0")


def element(tag: str, inside: str | None = None, /, **attributes: str | float) -> str:
    """Return an element; `class_` is the attribute `class`, `_` in a name is `-`."""
    listed = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{text_of(value) if isinstance(value, str) else number(value)}"'
        for name, value in attributes.items()
        if value != ""
    )
    return f"<{tag}{listed}/>" if inside is None else f"<{tag}{listed}>{inside}</{tag}>"


def classes(*names: str) -> str:
    """Return the classes of an element, the empty ones left out."""
    return " ".join(name for name in names if name)


def moved(inside: str, x: float, y: float, class_: str) -> str:
    """Return a group of shapes that were drawn around a point, moved to another one."""
    return element("g", inside, transform=f"translate({number(x)} {number(y)})", class_=class_)


def label(text: str, x: float, y: float, class_: str) -> str:
    """Return a line of text that begins at `x`, or is around it where its class says so."""
    return element("text", text_of(text), x=x, y=y, class_=class_)


def rectangle(x: float, y: float, width: float, height: float, *, radius: float, class_: str) -> str:
    """Return a rounded rectangle."""
    return element("rect", x=x, y=y, width=width, height=height, rx=min(radius, height / 2), class_=class_)


def path(drawn: str, class_: str) -> str:
    """Return a path."""
    return element("path", d=drawn, class_=class_)


def down(x: float, y: float, end: float) -> str:
    """Return the path of a line that goes straight down."""
    return f"M{number(x)},{number(y)}V{number(end)}"


def head(x: float, y: float, class_: str) -> str:
    """Return the head of an arrow that points down, its tip at a point."""
    return path(_triangle((x - 3.5, y - 6), (x, y), (x + 3.5, y - 6)), class_)


def back_head(x: float, y: float, class_: str) -> str:
    """Return the head of an arrow that points to the left, its tip at a point."""
    return path(_triangle((x + 6, y - 3.5), (x, y), (x + 6, y + 3.5)), class_)


def _triangle(*corners: tuple[float, float]) -> str:
    return f"M{'L'.join(f'{number(x)},{number(y)}' for x, y in corners)}Z"


def turned(x: float, y: float, end_x: float, end_y: float) -> str:
    """Return the path of a line that goes down, or up, and then to the side, round at its corner."""
    across, along = end_x - x, end_y - y
    radius = min(8, abs(across), abs(along))
    down, side = radius if along > 0 else -radius, radius if across > 0 else -radius
    return (
        f"M{number(x)},{number(y)}V{number(end_y - down)}"
        f"Q{number(x)},{number(end_y)} {number(x + side)},{number(end_y)}H{number(end_x)}"
    )


def elbow(x: float, y: float, rail: float, end_x: float, end_y: float) -> str:
    """Return the path of a line that goes down to a height, along it, and down again, round at its corners."""
    across = end_x - x
    if abs(across) < 1:
        return down(x, y, end_y)
    radius = min(8, abs(across) / 2, abs(rail - y), abs(end_y - rail))
    side = radius if across > 0 else -radius
    return (
        f"M{number(x)},{number(y)}V{number(rail - radius)}"
        f"Q{number(x)},{number(rail)} {number(x + side)},{number(rail)}H{number(end_x - side)}"
        f"Q{number(end_x)},{number(rail)} {number(end_x)},{number(rail + radius)}V{number(end_y)}"
    )


STATE_ICONS: Mapping[str, tuple[str, str]] = {
    "waiting-to-begin": ("M-6.5,0A6.5,6.5 0 1 1 6.5,0A6.5,6.5 0 1 1 -6.5,0Z", ""),
    "done": ("M-8.5,0A8.5,8.5 0 1 1 8.5,0A8.5,8.5 0 1 1 -8.5,0Z", "M-3.8,0.3L-1.2,3L4,-2.8"),
    "running": ("M-8.5,0A8.5,8.5 0 1 1 8.5,0A8.5,8.5 0 1 1 -8.5,0Z", "M-2.5,-4L4,0L-2.5,4Z"),
    "waiting": ("M-8.5,0A8.5,8.5 0 1 1 8.5,0A8.5,8.5 0 1 1 -8.5,0Z", "M0,-4.8V0.4L3.4,2.4"),
    "failed": ("M-3.6,-8.7H3.6L8.7,-3.6V3.6L3.6,8.7H-3.6L-8.7,3.6V-3.6Z", "M-3,-3L3,3M3,-3L-3,3"),
    "stopped": ("M-5.5,-8H5.5Q8,-8 8,-5.5V5.5Q8,8 5.5,8H-5.5Q-8,8 -8,5.5V-5.5Q-8,-8 -5.5,-8Z", "M-3,-3H3V3H-3Z"),
    "skipped": ("M-6.5,0A6.5,6.5 0 1 1 6.5,0A6.5,6.5 0 1 1 -6.5,0Z", "M-3,0H3"),
}
"""For each state the outline of its icon, and what is in it; both are around a point."""

KIND_ICONS: Mapping[str, str] = {
    "start": "M-3.5,-5.5L5.5,0L-3.5,5.5Z",
    "step": "M-5,-5H5V5H-5Z",
    "need_to": "M-7,-5H7V5H-7ZM-7,-4.5L0,1L7,-4.5",
    "sleep": "M-6.5,0A6.5,6.5 0 1 1 6.5,0A6.5,6.5 0 1 1 -6.5,0ZM0,-3.8V0.3L2.8,2",
    "mission": "M-6.5,-6.5H3.5V3.5H-6.5ZM6.5,-3.5V6.5H-3.5",
    "parallel": "M-5,-6V6M0,-6V6M5,-6V6",
    "race": "M-5,6.5V-6.5H6L3.2,-2.9L6,0.7H-5",
    "branch": "M0,-7L7,0L0,7L-7,0Z",
    "each": "M-6.5,-4.5H6.5M-6.5,0H6.5M-6.5,4.5H6.5",
    "repeat": "M5.5,-3.2A6.3,6.3 0 1 0 6.3,1M6.3,-6.5V-2.8H2.6",
}
"""What tells the kinds of nodes apart where no state is shown."""

OTHER_ICON = "M-5.5,0A5.5,5.5 0 1 1 5.5,0A5.5,5.5 0 1 1 -5.5,0Z"
BELL = "M-4.5,3.2H4.5L3.2,1.2V-1.4A3.2,3.2 0 0 0 -3.2,-1.4V1.2ZM-1.3,5A1.4,1.4 0 0 0 1.3,5"
BACK = "M-1.6,-5L-5,-1.8L-1.6,1.4M-5,-1.8H1.6A3.4,3.4 0 0 1 1.6,5H-1.6"
