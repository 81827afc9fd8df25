"""The options by which missions are found, on every command that takes a filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from itertools import chain, islice
from typing import Any

import click

from mission_control.core import MissionStatus, MissionSummary

from ..reading import Selection, iter_pages
from .completing import mission_ids, mission_names, schedule_names, signals
from .console import Console
from .options import C
from .values import labels, moment

_PAGE = 500


_STATUSES = click.Choice([one.value for one in MissionStatus if one is not MissionStatus.IDLE])

_OPTIONS: list[Callable[[Any], Any]] = [
    click.option(
        "--status",
        "statuses",
        multiple=True,
        type=_STATUSES,
        metavar="STATUS",
        help="running, waiting, completed, failed or cancelled; several may be given.",
    ),
    click.option("--name", "mission_name", shell_complete=mission_names, help="The name of its definition."),
    click.option("--error", metavar="CODE", help="The code of its failure, such as STEP_FAILED."),
    click.option(
        "--since", callback=moment, metavar="WHEN", help="Created then or later: 24h, 2026-11-28, 2026-11-28T09:00."
    ),
    click.option("--until", callback=moment, metavar="WHEN", help="Created before that."),
    click.option("--id-prefix", metavar="TEXT", help="What its id begins with."),
    click.option("--waiting-for", metavar="SIGNAL", shell_complete=signals, help="The signal that it waits for."),
    click.option(
        "--label", "labels", multiple=True, callback=labels, metavar="NAME=VALUE", help="A label that it bears."
    ),
    click.option("--schedule", metavar="NAME", shell_complete=schedule_names, help="The schedule that started it."),
    click.option(
        "--parent", "parent_id", metavar="ID", shell_complete=mission_ids, help="The mission that it is a child of."
    ),
]


def selection_options(command: C) -> C:
    """Add the options of a filter."""
    return reduce(lambda made, option: option(made), reversed(_OPTIONS), command)


def selection_of(options: dict[str, Any]) -> Selection:
    """Return the filter that the options say."""
    statuses = tuple(map(MissionStatus, options.pop("statuses")))
    return Selection(statuses=statuses, labels=options.pop("labels"), **options)


def selected(
    console: Console, selection: Selection, *, limit: int | None = None, is_newest_first: bool = True
) -> Iterator[MissionSummary]:
    """Yield the missions that fit, read page by page as they are taken."""
    size = _PAGE if limit is None else min(_PAGE, limit)
    pages = console.each(iter_pages(console.client(), selection, newest_first=is_newest_first, size=size))
    return islice(chain.from_iterable(pages), limit)
