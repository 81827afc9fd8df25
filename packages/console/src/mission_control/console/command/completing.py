"""What a shell completes: ids and names from the file, quickly, and nothing where that cannot be read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

import click

from .options import ConsoleCommand, console_of

if TYPE_CHECKING:  # else where something is completed
    from click.shell_completion import CompletionItem

    from mission_control.client import CommanderClient

_MOST = 50

Completer: TypeAlias = "Callable[[click.Context, click.Parameter, str], list[CompletionItem]]"


async def _ids(client: CommanderClient, context: click.Context, begun: str) -> Iterable[tuple[str, str]]:
    missions = await client.list_missions(id_prefix=begun or None, newest_first=True, limit=_MOST)
    return [(one.mission_id, f"{one.mission_name}, {one.status}") for one in missions]


async def _mission_names(client: CommanderClient, context: click.Context, begun: str) -> Iterable[tuple[str, str]]:
    return dict.fromkeys((one.name for one in await client.list_definitions()), "").items()


async def _signals(client: CommanderClient, context: click.Context, begun: str) -> Iterable[tuple[str, str]]:
    statistics = await client.operations.statistics()
    return [(one.signal, f"{one.count} open") for one in statistics.waits]


async def _signals_of(client: CommanderClient, context: click.Context, begun: str) -> Iterable[tuple[str, str]]:
    inspection = await client.inspect_mission(context.params["mission_id"])
    positions = () if inspection is None else inspection.snapshot.positions
    return [
        (one.waiting.event_name, "") for one in positions if one.waiting is not None and one.waiting.kind == "signal"
    ]


async def _schedules(client: CommanderClient, context: click.Context, begun: str) -> Iterable[tuple[str, str]]:
    return [(one.name, one.spec) for one in await client.schedules.list()]


Finder: TypeAlias = "Callable[[CommanderClient, click.Context, str], Awaitable[Iterable[tuple[str, str]]]]"
"""Finds texts, each with what is said beside it."""


def _completer(find: Finder) -> Completer:
    def complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        console = console_of(context)
        try:
            found = console.ask(lambda client: find(client, context, begun))
            return [CompletionItem(text, help=about) for text, about in found if text.startswith(begun)]
        except Exception:  # a shell that completes is no place for messages
            return []
        finally:
            console.close()

    return complete


mission_ids: Completer = _completer(_ids)
mission_names: Completer = _completer(_mission_names)
signals: Completer = _completer(_signals)
signals_of: Completer = _completer(_signals_of)
schedule_names: Completer = _completer(_schedules)


@click.command(cls=ConsoleCommand, example="completion bash > mission-control.bash", has_output=False)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Write what makes a shell complete commands, ids and names.

    Put it where the shell reads it when it starts: `~/.bashrc`, `~/.zshrc`, or `~/.config/fish/config.fish`.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    root = context.find_root()
    click.echo(kind(root.command, {}, "mission-control", "_MISSION_CONTROL_COMPLETE").source())
