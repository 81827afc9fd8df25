"""Tables for people: as wide as the terminal, with ids that are always whole."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

import click

GAP = "  "
_FIRST = 200
"""How many rows are looked at to find the widths of the columns; the others keep to these."""
_NARROWEST = 10
"""To how many characters a column is cut at most."""
_MORE = "..."


class Column(NamedTuple):
    """A column: one that is `is_whole` is never cut, an optional one gives way, and numbers are put to the right."""

    title: str
    is_whole: bool = False
    is_optional: bool = False
    is_number: bool = False


class Cell(NamedTuple):
    """What stands in a column: its text, a shorter one for where that is too wide, and its colour."""

    text: str
    short: str | None = None
    colour: str | None = None


def table(columns: Sequence[Column], rows: Iterable[Sequence[Cell | str]], *, width: int | None) -> Iterator[str]:
    """Yield the lines of a table that is at most `width` wide, if what may not be cut is; nothing without rows."""
    cells = ([_on_a_line(cell) for cell in row] for row in rows)
    first = list(islice(cells, _FIRST))
    if not first:
        return
    layout = _Layout(columns, first, width)
    yield layout.titles()
    for row in chain(first, cells):
        yield layout.line(row)


def _on_a_line(cell: Cell | str) -> Cell:
    """Return a cell whose text stays on its line, and tells a terminal nothing else."""
    text, short, colour = cell if isinstance(cell, Cell) else Cell(cell)
    return Cell(printable(" ".join(text.splitlines())), short, colour)


def printable(text: str) -> str:
    """Return a text of a line with what would steer a terminal, or cannot be written, as its escape."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


class _Layout:
    """Which columns are shown, how wide each is, and which are written in their shorter form."""

    def __init__(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int | None) -> None:
        self._columns = columns
        self._is_short = [False] * len(columns)
        self._shown = [index for index in range(len(columns)) if any(row[index].text for row in rows)]
        self._widths = [self._needed(rows, index) for index in range(len(columns))]
        if width is not None:
            self._shorten(rows, width)
            self._leave_out(width)
            self._cut(width)

    def _needed(self, rows: Sequence[Sequence[Cell]], index: int) -> int:
        return max(cells_of(self._columns[index].title), *(cells_of(self._text(row[index], index)) for row in rows))

    def _text(self, cell: Cell, index: int) -> str:
        return cell.short if self._is_short[index] and cell.short is not None else cell.text

    def _least(self, index: int) -> int:
        """Return how narrow a column may become."""
        column, width = self._columns[index], self._widths[index]
        return width if column.is_whole or column.is_number else min(width, _NARROWEST)

    def _over(self, widths: Iterable[int], room: int) -> int:
        return sum(widths) + len(GAP) * (len(self._shown) - 1) - room

    def _shorten(self, rows: Sequence[Sequence[Cell]], room: int) -> None:
        for index in reversed(self._shown):
            if self._over(map(self._widths.__getitem__, self._shown), room) <= 0:
                return
            self._is_short[index] = True
            self._widths[index] = self._needed(rows, index)

    def _leave_out(self, room: int) -> None:
        for index in reversed(self._shown):
            if self._over(map(self._least, self._shown), room) <= 0:
                return
            if self._columns[index].is_optional:
                self._shown.remove(index)

    def _cut(self, room: int) -> None:
        """Cut what is widest, place by place, down to what it may be."""
        while self._over(map(self._widths.__getitem__, self._shown), room) > 0:
            wide = [index for index in self._shown if self._widths[index] > self._least(index)]
            if not wide:
                return
            self._widths[max(wide, key=self._widths.__getitem__)] -= 1

    def titles(self) -> str:
        """Return the line above the rows."""
        return click.style(self.line([Cell(column.title.upper()) for column in self._columns]), bold=True)

    def line(self, row: Sequence[Cell]) -> str:
        """Return a row as a line, without blanks at its end."""
        return GAP.join(self._cell(row[index], index) for index in self._shown).rstrip()

    def _cell(self, cell: Cell, index: int) -> str:
        column, width = self._columns[index], self._widths[index]
        text = self._text(cell, index)
        text = text if column.is_whole else cut(text, width)
        blanks = " " * (width - cells_of(text))
        styled = text if cell.colour is None else click.style(text, fg=cell.colour)
        return blanks + styled if column.is_number else styled + blanks


def cut(text: str, width: int | None) -> str:
    """Return a text that takes at most `width` places of a terminal, the cut marked."""
    if width is None or cells_of(text) <= width:
        return text
    kept, taken = list[str](), 0
    for one in text:
        taken += cells_of(one)
        if taken > width - len(_MORE):
            break
        kept.append(one)
    return ("".join(kept) + _MORE)[:width]


def cells_of(text: str) -> int:
    """Return how many places of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(_WIDTHS.get(unicodedata.east_asian_width(one), 1) for one in text if not unicodedata.combining(one))


_WIDTHS = {"W": 2, "F": 2}
