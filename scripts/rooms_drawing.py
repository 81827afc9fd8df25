"""Check that the drawing of how the packages are built is true, or write it: `rooms_drawing.py [--write]`."""

import ast
import sys
import textwrap
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from rooms import read_imports
from workspace import ROOT, read_packages

DRAWING = Path("docs/pages/how-it-is-built.svg")

WIDTH = 840
EDGE = 20
GAP = 8
LINE = 18
PADDING = 12
LETTER = 7
"""The width of a letter; fonts differ, so this is a generous one."""

OPENING = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">
<title>The distributions, and the rooms of core: each stands on what it imports</title>
<style>
  text {{ font: 13px system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; fill: #4a5560; }}
  .name {{ font-weight: 600; fill: #1d2733; }}
  .ground {{ fill: #fbfcfd; stroke: #e1e6ea; }}
  .core {{ fill: #f0f3f6; stroke: #d5dce2; }}
  .room {{ fill: #ffffff; stroke: #c9d2da; }}
  .pure {{ fill: #e4f0ea; stroke: #9dc3b0; }}
</style>"""


@dataclass(frozen=True, kw_only=True)
class Box:
    """A distribution or a room: what it is for, and what it imports."""

    name: str
    says: str
    stands_on: frozenset[str]
    is_pure: bool


@dataclass(frozen=True)
class Place:
    """Where a box is drawn: its upper left corner and its size."""

    x: int
    y: int
    width: int
    height: int


def drawing() -> str:
    """Return the drawing: each box stands on all that it imports, and what is pure has a colour."""
    *upper, (core,) = _rows(_distributions())
    shapes, y = _stacked(upper, len(upper[-1]), EDGE, WIDTH - 2 * EDGE, EDGE)
    rooms, end = _stacked(_rows(_rooms()), 0, 2 * EDGE, WIDTH - 4 * EDGE, y + 2 * LINE + 2 * GAP)
    height = end + 4 * GAP + LINE + EDGE
    drawn = [
        OPENING.format(width=WIDTH, height=height),
        _rectangle(Place(1, 1, WIDTH - 2, height - 2), "ground"),
        *shapes,
        _rectangle(Place(EDGE, y, WIDTH - 2 * EDGE, end + GAP - y), "core"),
        *_words(core, Place(2 * EDGE - PADDING, y, WIDTH, 0)),
        *rooms,
        _rectangle(Place(EDGE, end + 3 * GAP, 28, LINE), "pure"),
        _text(EDGE + 38, end + 3 * GAP + 13, "pure: no clock, no chance, no I/O, no log"),
        "</svg>",
    ]
    return "\n".join([*drawn, ""])


def outdated(root: Path = ROOT) -> list[str]:
    """Return the path of the drawing where it is missing or is not what the sources say."""
    path = root / DRAWING
    return [] if path.is_file() and path.read_text("utf-8") == drawing() else [str(DRAWING)]


def write(root: Path = ROOT) -> None:
    """Write the drawing."""
    (root / DRAWING).write_text(drawing(), "utf-8")


def main() -> int:
    """Write if that is asked for, then check."""
    if sys.argv[1:] == ["--write"]:
        write()
    found = outdated()
    for path in found:
        print(f"{path} is not what the sources say: run hatch run rooms --write", file=sys.stderr)
    return 1 if found else 0


def _distributions() -> dict[str, Box]:
    return _boxes("mission_control", {package.folder.name: package.source for package in read_packages()})


def _rooms() -> dict[str, Box]:
    (core,) = (package.source for package in read_packages() if package.folder.name == "core")
    paths = [*(path.parent for path in core.glob("*/__init__.py")), *core.glob("[!_]*.py")]
    return _boxes("mission_control.core", {path.stem: path for path in paths})


def _boxes(parent: str, paths: Mapping[str, Path]) -> dict[str, Box]:
    """Return a box for each of the modules and packages in `parent`."""
    pure = _pure_modules()
    arrows = {(_child(parent, found.importer), _child(parent, found.imported)) for found in read_imports()}
    return {
        name: Box(
            name=name,
            says=_purpose(path),
            stands_on=frozenset(below for above, below in arrows if above == name and below not in (name, None)),
            is_pure=f"{parent}.{name}" in pure,
        )
        for name, path in sorted(paths.items())
    }


def _child(parent: str, module: str) -> str | None:
    inside = module.removeprefix(f"{parent}.")
    return inside.partition(".")[0] if inside != module else None


def _purpose(path: Path) -> str:
    """Return the sentence that a docstring begins with."""
    source = path / "__init__.py" if path.is_dir() else path
    sentence = (ast.get_docstring(ast.parse(source.read_text("utf-8"))) or "").partition("\n")[0]
    return sentence.removesuffix(".").replace("`", "")


_PURITY = "The rules and the records know nothing of the world"
"""The linter's contract for what is pure."""


def _pure_modules() -> list[str]:
    """Return the modules that the linter keeps from the world."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (pure,) = (one["source_modules"] for one in settings["contracts"] if one["name"] == _PURITY)
    return [str(module) for module in pure]


def _rows(boxes: Mapping[str, Box]) -> list[list[Box]]:
    """Return the boxes in rows, each as low as what it stands on allows; the upper row first."""

    def level(box: Box) -> int:
        return max((level(boxes[name]) + 1 for name in box.stands_on), default=0)

    height = max(map(level, boxes.values()))
    return [[box for box in boxes.values() if level(box) == row] for row in range(height, -1, -1)]


def _stacked(rows: Sequence[Sequence[Box]], columns: int, x: int, width: int, y: int) -> tuple[list[str], int]:
    """Draw rows of boxes from `y` down; return their shapes, and where the next row would begin.

    A row fills the width; with `columns`, each box is as wide as a column, above the first that it stands on.
    """
    shapes: list[str] = []
    for row in rows:
        count = columns or len(row)
        step = (width + GAP) // count
        height = 2 * LINE + LINE * max(len(_lines(box.says, step - GAP)) for box in row)
        for index, box in enumerate(row):
            column = index if len(row) == count else _column(box, rows[-1])
            shapes += _drawn(box, Place(x + column * step, y, step - GAP, height))
        y += height + GAP
    return shapes, y


def _column(box: Box, columns: Sequence[Box]) -> int:
    return min(index for index, below in enumerate(columns) if below.name in box.stands_on)


def _drawn(box: Box, place: Place) -> Iterator[str]:
    yield _rectangle(place, "pure" if box.is_pure else "room")
    yield from _words(box, place)


def _words(box: Box, place: Place) -> Iterator[str]:
    x, y = place.x + PADDING, place.y + LINE + 5
    yield _text(x, y, box.name, "name")
    for number, line in enumerate(_lines(box.says, place.width), start=1):
        yield _text(x, y + number * LINE, line)


def _lines(words: str, width: int) -> list[str]:
    return textwrap.wrap(words, int((width - 2 * PADDING) / LETTER))


def _text(x: int, y: int, words: str, kind: str = "says") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(words)}</text>'


def _rectangle(place: Place, kind: str) -> str:
    return f'<rect x="{place.x}" y="{place.y}" width="{place.width}" height="{place.height}" rx="6" class="{kind}"/>'


if __name__ == "__main__":
    sys.exit(main())
