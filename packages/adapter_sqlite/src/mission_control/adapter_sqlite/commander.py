"""The commander over a SQLite file, in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from mission_control.core.commander import EmbeddedCommander
from mission_control.core.definition import MissionDefinition
from mission_control.core.engine import Clock
from mission_control.core.schedules import Schedule

from .adapter import create_sqlite_persistence_adapter
from .location import DatabasePath


class SQLiteCommander(EmbeddedCommander):
    """Runs missions in this process and keeps them in the SQLite file at `database_path`.

    The same as `create_commander(persistence=create_sqlite_persistence_adapter(database_path), ...)`; make the
    adapter yourself to set its options.
    """

    def __init__(
        self,
        *,
        database_path: DatabasePath,
        definitions: Iterable[MissionDefinition[Any]] = (),
        schedules: Iterable[Schedule[Any]] = (),
        clock: Clock | None = None,
        create_mission_id: Callable[[], str] | None = None,
        max_concurrency: int = 256,
        retention: Mapping[str, timedelta] | None = None,
    ) -> None:
        super().__init__(
            definitions=definitions,
            schedules=schedules,
            persistence=create_sqlite_persistence_adapter(database_path),
            clock=clock,
            create_mission_id=create_mission_id,
            max_concurrency=max_concurrency,
            retention=retention,
        )
