"""A definition as a picture: SVG whose colours come from a style sheet, and which can do without them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import ceil
from pathlib import Path

from .flow import Static, every_step, flow_of
from .layout import laid_out
from .marks import BLANK, Marks
from .pen import Pen
from .shapes import classes, element, number, text_of
from .telling import captioned, told

_EDGE = 12
"""The margin of a picture."""

_WIDE_FROM, _WIDEST_CLASS = 6, 15
"""In hundreds of pixels: the pictures that the style sheet has a least width for, of about 0.6 of their own."""


@cache
def stylesheet() -> str:
    """Return the style sheet of the pictures, light and dark."""
    return Path(__file__).with_name("svg.css").read_text("utf-8")


def svg(
    static: Static,
    marks: Marks | None = None,
    *,
    link: Callable[[str], str | None] | None = None,
    standalone: bool = False,
) -> str:
    """Return the picture of a definition's static form, with what is marked at its places.

    `link` gives the address that a place leads to, None for none. A `standalone` one bears its style sheet and a
    ground of its own; every other is for a page that has `stylesheet()`. Raises `ValueError` for what is no static
    form.
    """
    flow, known = flow_of(static), marks or {}
    line = laid_out(flow, {step.place: captioned(step, known.get(step.place, BLANK)) for step in every_step(flow)})
    width, height = line.width + 2 * _EDGE, line.height + 2 * _EDGE
    ground = [element("style", stylesheet()), element("rect", width=width, height=height, class_="ground")]
    parts = [
        element("title", text_of(str(static.get("name", "")))),
        element("desc", text_of(told(static, flow, known))),
        *ground * standalone,
        *Pen(marks=known, link=link).line(line, _EDGE, _EDGE),
    ]
    return element(
        "svg",
        "\n".join(["", *parts, ""]),
        xmlns="http://www.w3.org/2000/svg",
        width=width,
        height=height,
        viewBox=f"0 0 {number(width)} {number(height)}",
        class_=classes("drawing", _wide(width)),
        role="img" if link is None else "group",
    )


def _wide(width: float) -> str:
    """Return the class by which a wide picture is not scaled down further than one can read."""
    hundreds = min(ceil(width / 100), _WIDEST_CLASS)
    return f"wide-{hundreds}" if hundreds >= _WIDE_FROM else ""
