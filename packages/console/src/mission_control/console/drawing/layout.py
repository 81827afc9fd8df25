"""Where everything is in a drawing: lines of nodes go down, their paths are side by side.

Each block knows its size and the axis on which a line goes through it, so that a line of blocks is straight.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

import attrs

from mission_control.core.definition import OTHERWISE
from mission_control.core.values import Shown

from .flow import Lane, Step

GAP = 26
"""Between two blocks of a line: room for an arrow."""

PADDING = 16
"""Between a frame and what is in it."""

RAIL = 22
"""The height in which a line parts into paths, or joins."""

CHIP = 22
"""The height of a path's name."""

LANE_GAP = 20
"""Between two paths."""

LOOP = 26
"""The width beside a round that the way back takes."""

ICON = 34
"""The width in a box that its icon takes."""

_NODE, _TALL_NODE, _DOT = 40, 54, 18
_HEADER = 48
_NARROWEST = 132
_MARK = 22
"""The width of a small mark for a reminder or an undo."""

_WIDEST = 1_100
"""From which width on the paths of a fork are drawn in rows, without the lines to them."""

PILLS = frozenset({"need_to", "sleep"})
"""The kinds whose boxes are as round as can be: those that wait."""

LONGEST = 30
"""How many characters of a name are drawn."""

_NARROW, _BROAD = frozenset("iljtfrI.,:;'|!()[] -·"), frozenset("mwMW@%—…")


def cut(text: str, length: int = LONGEST) -> str:
    """Return a text of at most so many characters, the cut marked."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def width_of(text: str, size: float) -> float:
    """Return about how wide a text is, in pixels, at a font size: rather too wide."""
    return sum(map(_em, text)) * size


def _em(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    if character in _NARROW:
        return 0.36
    return 0.95 if character in _BROAD else 0.76 if character.isupper() else 0.63


@attrs.frozen(kw_only=True, eq=False)
class Block(Shown):
    """Something with a size, and a line through it at `axis` from its left edge."""

    width: float
    height: float
    axis: float


@attrs.frozen(kw_only=True, eq=False)
class Box(Block):
    """A node without paths."""

    step: Step
    caption: str


@attrs.frozen(kw_only=True, eq=False)
class Line(Block):
    """Blocks below each other."""

    blocks: tuple[Block, ...]


@attrs.frozen(kw_only=True, eq=False)
class Column(Block):
    """A path: its name, which may be empty, and its line. `is_aside` is true for one that is taken now and then."""

    lane: Lane
    label: str
    line: Line
    is_loop: bool = False
    is_aside: bool = False


@attrs.frozen(kw_only=True, eq=False)
class Frame(Block):
    """A node whose paths are within it: `rows` of columns, of which only a single one has lines to it."""

    step: Step
    caption: str
    rows: tuple[tuple[Column, ...], ...]

    @property
    def header(self) -> float:
        """The height of the frame's head."""
        return _HEADER


@attrs.frozen(kw_only=True, eq=False)
class Beside(Block):
    """A node whose path is beside it, and joins the line below it."""

    box: Box
    column: Column


def laid_out(steps: Sequence[Step], captions: Mapping[str, str]) -> Line:
    """Return the blocks of a line; `captions` has what is said below the name of each place."""
    return _line([_block(step, captions) for step in steps])


def _line(blocks: Sequence[Block]) -> Line:
    axis = max((block.axis for block in blocks), default=0)
    right = max((block.width - block.axis for block in blocks), default=0)
    height = sum(block.height for block in blocks) + GAP * max(0, len(blocks) - 1)
    return Line(width=axis + right, height=height, axis=axis, blocks=tuple(blocks))


def _block(step: Step, captions: Mapping[str, str]) -> Block:
    caption = captions[step.place]
    if step.is_frame:
        return _frame(step, caption, captions)
    box = _box(step, caption)
    if not step.lanes:
        return box
    lane = step.lanes[0]
    column = _column(lane, captions, label=lane.label, is_aside=True)
    axis = box.axis
    left = box.width + LANE_GAP
    column_at = max(left, axis + LANE_GAP)
    height = max(box.height + RAIL, box.height / 2 + RAIL + column.height) + RAIL
    return Beside(width=column_at + column.width, height=height, axis=axis, box=box, column=column)


def _box(step: Step, caption: str) -> Box:
    if step.kind == "end":
        return Box(width=_DOT, height=_DOT, axis=_DOT / 2, step=step, caption="")
    marks = _MARK * (step.undo + step.reminder)
    pill = 10 if step.kind in PILLS else 0
    width = _even(max(_NARROWEST, ICON + _words(step, caption) + 14 + marks + pill))
    return Box(width=width, height=_TALL_NODE if caption else _NODE, axis=width / 2, step=step, caption=caption)


def _words(step: Step, caption: str) -> float:
    return max(1.1 * width_of(cut(step.name), 14), width_of(cut(caption, 2 * LONGEST), 12))


def _even(width: float) -> float:
    return 2 * round(width / 2 + 0.49)


def _column(
    lane: Lane, captions: Mapping[str, str], *, label: str, is_loop: bool = False, is_aside: bool = False
) -> Column:
    line = laid_out(lane.steps, captions)
    chip = _even(width_of(cut(label), 12) + 20) if label else 0
    beside = LOOP if is_loop else 0
    axis = max(line.axis, chip / 2, beside)
    right = max(line.width - line.axis + beside, chip / 2)
    height = (CHIP if label else 0) + (GAP if label and lane.steps else 0) + line.height
    if is_loop:
        height += 2 * RAIL
    return Column(
        width=axis + right,
        height=height,
        axis=axis,
        lane=lane,
        label=label,
        line=line,
        is_loop=is_loop,
        is_aside=is_aside,
    )


def _frame(step: Step, caption: str, captions: Mapping[str, str]) -> Frame:
    is_single = len(step.lanes) == 1
    columns = [
        _column(
            lane,
            captions,
            label="" if is_single and lane.role in ("item", "round") else lane.label,
            is_loop=lane.role == "round",
            is_aside=lane.role == "exhausted" or (lane.role == "branch" and lane.label == OTHERWISE),
        )
        for lane in step.lanes
    ]
    rows = _rows(columns)
    head = ICON + _words(step, caption) + 2 * PADDING
    inside = max(_row_width(row) for row in rows)
    width = _even(max(head, inside + 2 * PADDING, _NARROWEST))
    rails = 2 * RAIL if len(rows) == 1 else 2 * PADDING
    height = _HEADER + rails + sum(max(column.height for column in row) for row in rows) + GAP * (len(rows) - 1)
    axis = width / 2
    if is_single:  # the line goes straight through
        (column,) = rows[0]
        axis = (width - column.width) / 2 + column.axis
    return Frame(width=width, height=height, axis=axis, step=step, caption=caption, rows=rows)


def _row_width(row: Sequence[Column]) -> float:
    return sum(column.width for column in row) + LANE_GAP * (len(row) - 1)


def _rows(columns: Sequence[Column]) -> tuple[tuple[Column, ...], ...]:
    """Return the columns in one row, or in several where one would be too wide."""
    if _row_width(columns) <= _WIDEST or len(columns) <= 3:
        return (tuple(columns),)
    rows: list[tuple[Column, ...]] = []
    row: tuple[Column, ...] = ()
    for column in columns:
        if row and _row_width((*row, column)) > _WIDEST:
            rows.append(row)
            row = ()
        row = (*row, column)
    return (*rows, row)
