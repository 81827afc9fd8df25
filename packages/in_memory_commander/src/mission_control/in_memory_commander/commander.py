"""Storage in memory, made explicit, and a commander over it whose ids can be foretold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from itertools import count
from typing import Any

from mission_control.core.commander import EmbeddedCommander
from mission_control.core.definition import MissionDefinition
from mission_control.core.engine import Clock
from mission_control.core.payloads import found
from mission_control.core.schedules import Schedule
from mission_control.core.storage import Mailbox, PersistenceAdapter
from mission_control.core.storage.memory import InMemoryAdapter


def create_in_memory_persistence_adapter() -> PersistenceAdapter:
    """Return storage that lives as long as the returned object.

    Hand it from a closed commander to a new one to rehearse a restart; a second commander that opens it while the
    first is open gets `DatabaseInUseError`.
    """
    return InMemoryAdapter()


def in_memory_mailbox(adapter: PersistenceAdapter) -> Mailbox:
    """Return the mailbox of storage in memory, which `create_commander_client(mailbox=...)` takes.

    Its clients may be on other threads of this process, each with an event loop of its own. `adapter` is what
    `create_in_memory_persistence_adapter` returned; anything else raises `TypeError`.
    """
    if not isinstance(adapter, InMemoryAdapter):
        raise TypeError(f"adapter: expected storage in memory, found {found(adapter)}")
    return adapter.entrance()


class InMemoryCommander(EmbeddedCommander):
    """Runs missions in this process and forgets them with it.

    Unless `create_mission_id` says otherwise, its missions are called `mission-1`, `mission-2`, and so on, in the
    order in which they are started.
    """

    def __init__(
        self,
        *,
        definitions: Iterable[MissionDefinition[Any]] = (),
        schedules: Iterable[Schedule[Any]] = (),
        clock: Clock | None = None,
        create_mission_id: Callable[[], str] | None = None,
        max_concurrency: int = 256,
        retention: Mapping[str, timedelta] | None = None,
    ) -> None:
        numbers = count(1)
        super().__init__(
            definitions=definitions,
            schedules=schedules,
            persistence=create_in_memory_persistence_adapter(),
            clock=clock,
            create_mission_id=create_mission_id or (lambda: f"mission-{next(numbers)}"),
            max_concurrency=max_concurrency,
            retention=retention,
        )
