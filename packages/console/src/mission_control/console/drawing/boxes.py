"""The nodes of a picture: each is one group with its shapes, its words, and what is marked there."""

from __future__ import annotations

from collections.abc import Iterator

from .flow import Step
from .layout import ICON, LONGEST, PILLS, Box, Frame, cut, width_of
from .marks import Mark
from .shapes import (
    BACK,
    BELL,
    KIND_ICONS,
    OTHER_ICON,
    STATE_ICONS,
    classes,
    element,
    label,
    moved,
    path,
    rectangle,
    text_of,
)
from .telling import told_at


def node_id(place: str) -> str:
    """Return the id that the node at a place has in a picture, to link to."""
    return "node-" + "".join(
        character if character.isascii() and (character.isalnum() or character == "-") else f"_{ord(character):x}_"
        for character in place
    )


def box_of(box: Box, mark: Mark, x: float, y: float, address: str | None) -> str:
    """Return a node without paths, its upper left corner at a point; it leads to an address where there is one."""
    step = box.step
    shapes = _end(box, x, y) if step.kind == "end" else _shapes(box, mark, x, y)
    return _group("node", step, mark, shapes + _count(mark, x + box.width, y), address)


def frame_of(frame: Frame, mark: Mark, x: float, y: float, address: str | None) -> str:
    """Return what is around the paths of a node: a frame with a head, of an `each` as if there were several."""
    step, middle = frame.step, y + frame.header / 2
    shapes = [
        rectangle(x + 5, y + 5, frame.width, frame.height, radius=14, class_="behind") * (step.kind == "each"),
        rectangle(x, y, frame.width, frame.height, radius=14, class_="box"),
        _icon(step, mark, x + 24, middle),
        *_words(step, frame.caption, x + ICON + 8, middle),
        _count(mark, x + frame.width, y),
    ]
    return _group("frame", step, mark, "".join(shapes), address)


def _group(role: str, step: Step, mark: Mark, inside: str, address: str | None) -> str:
    """Return a node as one group that says what it is."""
    said = element("title", text_of(told_at(step, mark)))
    return element(
        "g",
        said + (inside if address is None else element("a", inside, href=address)),
        id=node_id(step.place),
        class_=classes(role, f"kind-{_safe(step.kind)}", "" if mark.state is None else mark.state.value),
        data_node=step.place,
    )


def _safe(kind: str) -> str:
    """Return a node's kind as a part of a class; that of a later release may be any text."""
    return kind if kind.isascii() and kind.replace("_", "").isalnum() else "other"


def _end(box: Box, x: float, y: float) -> str:
    radius = box.height / 2
    return element("circle", cx=x + radius, cy=y + radius, r=radius - 1, class_="box") + element(
        "circle", cx=x + radius, cy=y + radius, r=radius - 5, class_="kind full"
    )


def _shapes(box: Box, mark: Mark, x: float, y: float) -> str:
    step, middle = box.step, y + box.height / 2
    radius = box.height if step.kind in PILLS else 10
    shapes = [
        rectangle(x, y, box.width, box.height, radius=radius, class_="box"),
        rectangle(x + 3, y + 3, box.width - 6, box.height - 6, radius=7, class_="inner") * (step.kind == "mission"),
        _icon(step, mark, x + 20, middle),
        *_words(step, box.caption, x + ICON + 2, middle),
        *_small_marks(step, mark, x + box.width - 18, middle),
    ]
    return "".join(shapes)


def _icon(step: Step, mark: Mark, x: float, y: float) -> str:
    """Return the icon of a node's state, else that of its kind."""
    if mark.state is None:
        inside = path(KIND_ICONS.get(step.kind, OTHER_ICON), "kind")
    else:
        outline, glyph = STATE_ICONS[mark.state]
        inside = path(outline, "badge") + (path(glyph, "glyph") if glyph else "")
    return moved(inside, x, y, "icon")


def _words(step: Step, caption: str, x: float, middle: float) -> Iterator[str]:
    yield label(cut(step.name), x, middle + (-2 if caption else 5), "name")
    if caption:
        yield label(cut(caption, 2 * LONGEST), x, middle + 15, "note")


def _small_marks(step: Step, mark: Mark, x: float, middle: float) -> Iterator[str]:
    """Yield what a node bears for its undo and its reminder, from the right on."""
    if step.undo:
        state = "" if mark.undo is None else mark.undo.value
        said = f"can be undone, its undo: {state}" if state else "can be undone"
        yield moved(element("title", said) + path(BACK, "kind"), x, middle, classes("aside", state))
        x -= 20
    if step.reminder:
        yield moved(element("title", "reminds while it waits") + path(BELL, "kind"), x, middle, "aside")


def _count(mark: Mark, right: float, top: float) -> str:
    """Return how many missions stand at a node, on its upper right corner."""
    if not mark.count:
        return ""
    text = f"{mark.count:,}"
    width = max(22, width_of(text, 12) + 14)
    left = right - width + 8
    pill = rectangle(left, top - 10, width, 20, radius=10, class_="count")
    return pill + label(text, left + width / 2, top + 4, "counted")
