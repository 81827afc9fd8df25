"""The client for asyncio applications: a runtime's missions, in the words of an application."""

from __future__ import annotations

from mission_control.core.definition import is_a
from mission_control.core.payloads import found
from mission_control.runtime import CommanderRuntime

from .async_methods import ClientMethods


class CommanderClient(ClientMethods):
    """Starts, finds, lists and cancels the missions of a runtime, which whoever made it starts and stops."""

    def __init__(self, runtime: CommanderRuntime) -> None:
        super().__init__(runtime.commander)


def create_commander_client(*, runtime: CommanderRuntime) -> CommanderClient:
    """Return a client for the missions of `runtime`."""
    if not is_a(runtime, CommanderRuntime):
        raise TypeError(f"runtime: expected a CommanderRuntime, found {found(runtime)}")
    return CommanderClient(runtime)
