"""The lines of a picture: blocks below each other, paths beside each other, and the arrows between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from mission_control.core.values import Shown

from .boxes import box_of, frame_of
from .flow import Step
from .layout import CHIP, GAP, LANE_GAP, LOOP, PADDING, RAIL, Beside, Block, Box, Column, Frame, Line, cut, width_of
from .marks import BLANK, Mark, Marks, PlaceState
from .shapes import back_head, classes, down, elbow, element, head, label, path, rectangle, text_of, turned


@attrs.frozen(kw_only=True, eq=False)
class Pen(Shown):
    """Draws blocks at points of a picture, with what is marked at their places; `link` says where these lead."""

    marks: Marks
    link: Callable[[str], str | None] | None

    def line(self, line: Line, x: float, y: float) -> Iterator[str]:
        """Yield blocks below each other, with an arrow from each to the next."""
        axis = x + line.axis
        for place, block in enumerate(line.blocks):
            if place:
                yield from self._arrow(axis, y, taken=self._is_taken(block))
                y += GAP
            yield from self._block(block, axis - block.axis, y)
            y += block.height

    def _block(self, block: Block, x: float, y: float) -> Iterator[str]:
        if isinstance(block, Frame):
            yield frame_of(block, self._mark(block.step), x, y, self._address(block.step))
            yield from self._fork(block, x, y) if len(block.rows) == 1 else self._grid(block, x, y)
        elif isinstance(block, Beside):
            yield from self._beside(block, x, y)
        elif isinstance(block, Box):
            yield self._box(block, x, y)

    def _box(self, box: Box, x: float, y: float) -> str:
        return box_of(box, self._mark(box.step), x, y, self._address(box.step))

    @staticmethod
    def _arrow(x: float, y: float, *, taken: bool, kind: str = "") -> Iterator[str]:
        yield path(down(x, y, y + GAP - 4), classes("edge", kind, "taken" * taken))
        yield head(x, y + GAP - 1, classes("head", "taken" * taken))

    # What is marked

    def _mark(self, step: Step) -> Mark:
        return self.marks.get(step.place, BLANK)

    def _address(self, step: Step) -> str | None:
        return None if self.link is None else self.link(step.place)

    def _is_taken(self, block: Block) -> bool:
        """Return whether the mission came to a block."""
        step = block.step if isinstance(block, Box | Frame) else block.box.step if isinstance(block, Beside) else None
        state = None if step is None else self._mark(step).state
        return state is not None and state.was_reached

    def _enters(self, column: Column) -> bool:
        """Return whether the mission came to a path, as far as its nodes tell."""
        return any(map(self._is_taken, column.line.blocks[:1]))

    # What has paths

    def _beside(self, block: Beside, x: float, y: float) -> Iterator[str]:
        """Yield a node whose path leaves it at its side, and joins the line below it."""
        box, column = block.box, block.column
        axis, side = x + block.axis, x + block.width - column.width + column.axis
        middle, bottom = y + box.height / 2, y + block.height
        top, taken = middle + RAIL, self._enters(column)
        edge = classes("edge", "side", "taken" * taken)
        is_past = self._mark(box.step).state is PlaceState.DONE and not taken
        yield path(turned(side, top, x + box.width, middle), edge)
        yield path(down(axis, y + box.height, bottom), classes("edge", "taken" * is_past))
        yield self._box(box, x, y)
        yield from self._column(column, side - column.axis, top)
        yield path(turned(side, top + column.height, axis, bottom - RAIL / 2), edge)

    def _fork(self, frame: Frame, x: float, y: float) -> Iterator[str]:
        """Yield the paths of a frame with the lines to them, and from them."""
        (row,) = frame.rows
        axis, top, bottom = x + frame.axis, y + frame.header, y + frame.height
        is_left = self._mark(frame.step).state is PlaceState.DONE
        for column, left in _placed(row, x + frame.width / 2):
            side, taken, kind = left + column.axis, self._enters(column), "side" * column.is_aside
            ends = top + RAIL + column.height
            yield path(elbow(axis, top, top + RAIL / 2, side, top + RAIL), classes("edge", kind, "taken" * taken))
            yield from self._column(column, left, top + RAIL)
            edge = classes("edge", kind, "taken" * (taken and is_left))
            yield path(elbow(side, ends, bottom - RAIL / 2, axis, bottom), edge)

    def _grid(self, frame: Frame, x: float, y: float) -> Iterator[str]:
        """Yield the paths of a frame that are too many for one row."""
        top = y + frame.header + PADDING / 2
        for row in frame.rows:
            for column, left in _placed(row, x + frame.width / 2):
                yield from self._column(column, left, top)
            top += max(column.height for column in row) + GAP

    def _column(self, column: Column, x: float, y: float) -> Iterator[str]:
        """Yield a path: its name, and its line below that."""
        axis, taken = x + column.axis, self._enters(column)
        if column.is_loop:
            yield from _loop(column, axis, y, taken=taken)
            y += RAIL
        if column.label:
            yield _chip(column, axis, y, taken=taken)
            y += CHIP
            if column.line.blocks:
                yield from self._arrow(axis, y, taken=taken, kind="side" * column.is_aside)
                y += GAP
        yield from self.line(column.line, axis - column.line.axis, y)


def _chip(column: Column, axis: float, y: float, *, taken: bool) -> str:
    """Return the name of a path."""
    text = cut(column.label)
    width = width_of(text, 12) + 18
    shapes = [
        element("title", text_of(column.label)),
        rectangle(axis - width / 2, y, width, CHIP, radius=CHIP / 2, class_="chip"),
        label(text, axis, y + 15, "path"),
    ]
    return element("g", "".join(shapes), class_=classes("lane", "side" * column.is_aside, "taken" * taken))


def _loop(column: Column, axis: float, y: float, *, taken: bool) -> Iterator[str]:
    """Yield the way back from the end of a round to its beginning, and the ends of the line that is between."""
    bottom = y + column.height
    right = axis + (column.line.width - column.line.axis) + LOOP - 8
    low, high, middle = bottom - RAIL / 2, y + RAIL / 2, y + column.height / 2
    yield path(down(axis, y, y + RAIL), classes("edge", "taken" * taken))
    yield path(down(axis, bottom - RAIL, bottom), "edge")
    yield path(turned(right, middle, axis, low), "edge back")
    yield path(turned(right, middle, axis + 8, high), "edge back")
    yield back_head(axis + 2, high, "head")


def _placed(row: tuple[Column, ...], middle: float) -> Iterator[tuple[Column, float]]:
    """Yield the columns of a row with where each begins, so that the row is around its middle."""
    left = middle - (sum(column.width for column in row) + LANE_GAP * (len(row) - 1)) / 2
    for column in row:
        yield column, left
        left += column.width + LANE_GAP
