"""Tables for people."""

from __future__ import annotations

import pytest

from mission_control.console.command.tables import Cell, Column, cut, printable, table

ID = "01a223b0-72a3-7195-b5d1-d3b8508945ad"
COLUMNS = (Column("id", is_whole=True), Column("name", is_optional=True), Column("what"), Column("n", is_number=True))


def test_columns_are_as_wide_as_what_is_in_them() -> None:
    """Numbers to the right, and nothing behind the last one."""
    rows: list[list[Cell | str]] = [["a", "x", "short", "1"], ["bb", "", Cell("longer than that"), "1,000"]]

    assert list(table(COLUMNS, rows, width=None)) == [
        "\x1b[1mID  NAME  WHAT                  N\x1b[0m",
        "a   x     short                 1",
        "bb        longer than that  1,000",
    ]


def test_a_column_of_nothing_is_left_out() -> None:
    """As is a table without rows."""
    assert list(table(COLUMNS, [("a", "", "b", "")], width=None))[1] == "a   b"
    assert list(table(COLUMNS, [], width=None)) == []


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (80, f"{ID}  reporting  what it waits for   7"),
        (60, f"{ID}  reporting  what it..."),
    ],
)
def test_what_is_too_wide_is_cut(width: int, line: str) -> None:
    """The widest column first; an id never."""
    rows = [(ID, "reporting", "what it waits for", "7")]
    found = list(table(COLUMNS, rows, width=width))[1]

    assert found.split()[0] == ID
    assert len(found) <= max(width, len(ID) + 20)


def test_a_narrow_terminal_has_fewer_columns() -> None:
    """Shorter forms are taken first, optional columns go next, and what is whole stays."""
    rows = [(ID, "reporting", Cell("2026-11-28 19:45:05 UTC (3 h ago)", short="3 h ago"), "7")]

    def line(width: int) -> str:
        return list(table(COLUMNS, rows, width=width))[1]

    assert line(100) == f"{ID}  reporting  2026-11-28 19:45:05 UTC (3 h ago)  7"
    assert line(60) == f"{ID}  reporting  3 h ago  7"
    assert line(50) == f"{ID}  3 h ago  7"
    assert line(10) == f"{ID}  3 h ago  7"


def test_what_would_steer_a_terminal_is_shown() -> None:
    """Texts of missions are text."""
    assert printable("\x1b[31mred\x07 caf\udce9") == "\\x1b[31mred\\x07 caf\\udce9"
    assert list(table(COLUMNS, [("a", "x", "two\nlines", "1")], width=None))[1] == "a   x     two lines  1"


def test_letters_that_take_two_places_are_counted_so() -> None:
    """And those that take none."""
    assert cut("\N{CJK UNIFIED IDEOGRAPH-4E2D}" * 5, 8) == "\N{CJK UNIFIED IDEOGRAPH-4E2D}" * 2 + "..."
    assert cut("e\N{COMBINING ACUTE ACCENT}" * 3, 3) == "e\N{COMBINING ACUTE ACCENT}" * 3
    assert cut("abcdef", 2) == ".."


def test_colours_take_no_place() -> None:
    """A coloured cell is as wide as its text."""
    rows = [(Cell("a", colour="red"), "x", "b", "1")]

    assert list(table(COLUMNS, rows, width=None))[1] == "\x1b[31ma\x1b[0m   x     b     1"
