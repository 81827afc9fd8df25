"""A plan of a deployment as a page that a person reads: what is worst comes first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..readable import encodable

if TYPE_CHECKING:
    from .planning import PlannedGroup


def shown(groups: Sequence[PlannedGroup]) -> str:
    """Return what would become of whom in columns, below a line that says whether that is safe."""
    rows = [_row(group) for group in groups]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_header(groups)]
    for group, (effect, count, name, node) in zip(groups, rows, strict=True):
        lines.append(f"{effect:<{widths[0]}}  {count:>{widths[1]}}  {name:<{widths[2]}}  {node}".rstrip())
        lines += (" " * (widths[0] + 2) + encodable(line) for line in _below(group))
    return "\n".join(lines)


def _row(group: PlannedGroup) -> tuple[str, str, str, str]:
    return str(group.effect), f"{group.count:,}", encodable(group.mission_name), encodable(group.node)


def _header(groups: Sequence[PlannedGroup]) -> str:
    if not groups:
        return "safe: no mission is under way"
    counts = {effect: _count(groups, effect) for effect in ("stranded", "carried over", "unaffected")}
    said = ", ".join(f"{count:,} {effect}" for effect, count in counts.items() if count)
    return f"{'not safe' if counts['stranded'] else 'safe'}: {said}"


def _count(groups: Iterable[PlannedGroup], effect: str) -> int:
    return sum(group.count for group in groups if group.effect == effect)


def _below(group: PlannedGroup) -> Iterator[str]:
    if group.problem is not None:
        yield f"{group.problem}: {group.remedy}"
    yield from (f"- {difference}" for difference in group.differences)
    if group.effect == "stranded":
        ids = ", ".join(group.examples)
        yield f"missions {ids}{', ...' if group.count > len(group.examples) else ''}"
