"""How commands write what they found: JSON for machines, lines for people, a page at a time on a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Protocol

import click

from .console import Console
from .tables import Cell

if TYPE_CHECKING:
    from datetime import datetime


class Shown(Protocol):
    """A record of a mission, or of all of them."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        ...


def width() -> int | None:
    """Return how many characters a line may have; None where nobody looks, and nothing is cut."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return _terminal().columns
    return None


def _terminal() -> os.terminal_size:
    import shutil

    return shutil.get_terminal_size()


def json_text(value: object, *, is_line: bool = False) -> str:
    """Return JSON that every parser takes; letters beyond ASCII are written as they are where the output has them."""
    has_letters = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return json.dumps(value, ensure_ascii=not has_letters, allow_nan=False, indent=None if is_line else 2)


def write_json(console: Console, value: object) -> None:
    """Write one document, or it as a line."""
    click.echo(json_text(value, is_line=console.is_lines))


def write_items(console: Console, items: Iterable[Shown]) -> None:
    """Write a line for each item as it comes, or all of them as one array."""
    forms = (item.to_dict() for item in items)
    if console.is_lines:
        for form in forms:
            click.echo(json_text(form, is_line=True))
        return
    separator = "["
    for form in forms:
        click.echo(separator + "\n" + _indented(form), nl=False)
        separator = ","
    click.echo("[]" if separator == "[" else "\n]")


def _indented(form: object) -> str:
    return "\n".join(f"  {line}" for line in json_text(form).splitlines())


def write_lines(lines: Iterable[str], *, empty: str | None = None) -> None:
    """Write lines for people; more than a screen of them through a pager, where they are written to a terminal.

    `empty` is told where there are none.
    """
    lines = iter(lines)
    first = list(islice(lines, 1))
    if not first:
        if empty is not None:
            click.echo(empty, err=True)
    elif sys.stdout.isatty():
        _page(chain(first, lines))
    else:
        for line in chain(first, lines):
            click.echo(line)


def _page(lines: Iterator[str]) -> None:
    screen = list(islice(lines, _terminal().lines - 1))
    rest = list(islice(lines, 1))
    if not rest:
        click.echo("\n".join(screen))
        return
    os.environ.setdefault("LESS", "FRX")  # colours, and the text stays when it ends
    click.echo_via_pager(f"{line}\n" for line in chain(screen, rest, lines))


@contextmanager
def progress(of: str) -> Generator[Callable[[int, int], None]]:
    """Show on a terminal how much is done of all there is, which the function that is given is told; else nothing."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    with click.progressbar(length=1, label=of, show_pos=True, file=sys.stderr) as bar:

        def tell(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield tell


def instant(console: Console, at: datetime | None) -> Cell:
    """Return a time with its zone and how long ago it was; on narrow terminals, the latter alone."""
    if at is None:
        return Cell("")
    ago = console.times.ago(at)
    return Cell(f"{console.times.shown(at)} ({ago})", short=ago)
