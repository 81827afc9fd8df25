"""The commander whose missions Temporal runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from temporalio.client import Client

from mission_control.core import Commander, CommanderClosedError, MissionDefinition, MissionHandle
from mission_control.core.commander import Found, Registry
from mission_control.core.definition import I, new_mission_id
from mission_control.core.payloads import found

from .port import TemporalPort
from .registering import register_attributes
from .worker import checked_client, checked_queue


class TemporalCommander(Commander):
    """Starts missions on Temporal, signals and inspects them, from any process: workers run them."""

    def __init__(
        self,
        client: Client,
        definitions: Iterable[MissionDefinition[Any]],
        task_queue: str,
        create_mission_id: Callable[[], str],
    ) -> None:
        self._client = client
        self._registry = Registry(create_mission_id)
        self._registry.register_all(definitions)
        self._asked = TemporalPort(client, self._registry, task_queue)
        self._opening: asyncio.Task[None] | None = None

    @property
    def closed(self) -> bool:
        """True from the beginning of `close` on."""
        return self._registry.is_closed

    async def wait_until_ready(self) -> None:
        """See to it that missions can be found there. Raises `PersistenceError`."""
        if self.closed:
            raise CommanderClosedError("this commander is closed; create a new one")
        if self._opening is None:
            self._opening = asyncio.create_task(register_attributes(self._client))
        try:
            await asyncio.shield(self._opening)
        except BaseException:
            if self._opening.done():
                self._opening = None  # the next operation tries again
            raise

    async def close(self) -> None:
        """Answer nothing any more; missions go on. The client is the caller's. A second call does nothing."""
        self._registry.is_closed = True
        self._asked.stop_asking()

    def register(self, definition: MissionDefinition[Any], /) -> None:
        """Make a definition known here; workers have their own."""
        self._registry.register(definition)

    def create_mission(self, definition: MissionDefinition[I], /, *, mission_id: str | None = None) -> MissionHandle[I]:
        """Return an idle handle. Nothing is reserved: the id is claimed by the handle's `start`."""
        self.register(definition)
        name = definition.name
        return MissionHandle(partial(self._port, name), self._registry.mission_id(mission_id), name, definition)

    async def settled(self) -> None:
        """Return at once: what runs runs on workers, each of which has a `settled` of its own."""
        await self.wait_until_ready()

    async def _port(self, mission_name: str = "") -> TemporalPort:
        await self.wait_until_ready()
        return self._asked.of(mission_name)

    def _handle(self, mission: Found) -> MissionHandle[Any]:
        return MissionHandle(
            partial(self._port, mission.mission_name), mission.mission_id, mission.mission_name, None, self._by
        )

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<TemporalCommander ({state}) of {', '.join(self._registry.definitions) or 'no definitions'}>"


def create_temporal_commander(
    client: Client,
    *,
    definitions: Iterable[MissionDefinition[Any]] = (),
    task_queue: str,
    create_mission_id: Callable[[], str] | None = None,
) -> Commander:
    """Return a commander whose missions run on the workers of a Temporal task queue.

    Args:
        client: A client of the Temporal namespace that has the missions; it stays the caller's.
        definitions: What this process knows: inputs and payloads are checked by them, and queries run here.
        task_queue: Whose workers run what is started here.
        create_mission_id: Makes the ids of missions that are started without one; for tests.

    Raises `TypeError` or `ValueError` for what is none.
    """
    if create_mission_id is not None and not callable(create_mission_id):
        raise TypeError(f"create_mission_id: expected a function, found {found(create_mission_id)}")
    return TemporalCommander(
        checked_client(client), definitions, checked_queue(task_queue), create_mission_id or new_mission_id
    )
