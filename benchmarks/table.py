"""The table of a run: ratios first, medians with the least and the greatest, the durability of every line."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from .figures import Line

_HEADER = ("id", "ratio", "to reach", "who", "median (min to max)", "what", "durability")


def table(lines: Sequence[Line]) -> str:
    """Return the lines as text, in columns."""
    rows = [_HEADER, *map(_row, lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    rule = tuple("-" * width for width in widths)
    rows.insert(1, rule)
    texts = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(text.rstrip() for text in texts)


def _row(line: Line) -> tuple[str, ...]:
    return (
        line.workload,
        f"{_spread(line.ratios)} x" if line.ratios else "",
        line.target,
        line.subject,
        f"{_spread(line.values)} {line.unit}",
        line.what,
        line.durability,
    )


def _spread(values: Sequence[float]) -> str:
    if len(values) == 1:
        return _number(values[0])
    return f"{_number(median(values))} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
