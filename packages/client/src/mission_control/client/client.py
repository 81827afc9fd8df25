"""The client for asyncio applications: a runtime's missions, in the words of an application."""

from __future__ import annotations

from mission_control.core.commander import Missions, NotedMissions
from mission_control.core.definition import is_a
from mission_control.core.payloads import found
from mission_control.runtime import CommanderRuntime

from .async_methods import ClientMethods


class CommanderClient(ClientMethods):
    """Starts, finds, lists and cancels the missions of a runtime, which whoever made it starts and stops."""

    def __init__(self, runtime: CommanderRuntime, by: str | None = None) -> None:
        super().__init__(missions_of(runtime, by))


def create_commander_client(*, runtime: CommanderRuntime, by: str | None = None) -> CommanderClient:
    """Return a client for the missions of `runtime`.

    `by` is the note of who asks in all that it and its handles command, unless a call names somebody else.
    """
    if not is_a(runtime, CommanderRuntime):
        raise TypeError(f"runtime: expected a CommanderRuntime, found {found(runtime)}")
    return CommanderClient(runtime, by)


def missions_of(runtime: CommanderRuntime, by: str | None) -> Missions:
    """Return what a client asks: a runtime's missions, with a note of who asks where one is given."""
    return runtime.commander if by is None else NotedMissions(runtime.commander, by)
