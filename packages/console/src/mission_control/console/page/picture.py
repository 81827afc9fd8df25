"""A definition's picture for a page, with where a mission stands in it, or how many missions stand where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from mission_control.core import MissionInspection, Standing

from ..drawing import Marks, places, standing, svg


def picture_of(static: Mapping[str, Any], inspection: MissionInspection) -> Markup:
    """Return the picture of the definition that a mission last ran under, with where the mission stands in it."""
    return _picture(static, places(static, inspection))


def counted_picture(static: Mapping[str, Any], counted: Iterable[Standing] = ()) -> Markup:
    """Return the picture of a definition, with how many missions stand where."""
    return _picture(static, standing(static, counted))


def _picture(static: Mapping[str, Any], marks: Marks) -> Markup:
    """Return our own markup, in which all text of missions is escaped."""
    return Markup(svg(static, marks))
