"""The process that is killed: starts missions, commands those that are there, and leaves a ledger of what it was told.

    python -m crash.child FOLDER LIFE (--until-killed | --to-the-end)

It goes on starting missions until it is killed, or starts none and ends when all missions have ended.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from crash.flows import PAID
from crash.ledger import Ledger
from crash.missions import APPROVE, LAPSING, create_definitions
from crash.world import World
from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import (
    Commander,
    MissionHandle,
    MissionSignalError,
    MissionStatus,
    MissionTerminalError,
    Signal,
    create_commander,
    is_recoverable,
)

IN_FLIGHT = 24
"""Missions that are commanded at the same time."""

STARTED = ("order", "account", "family", "doomed", "hopeless", "lapsing", "voyage", "voyage", "voyage")
DEPOSITS = 3
PATIENCE = 0.003
"""Seconds between two looks at a mission that is not ready for what it is sent."""


class Driver:
    """Commands missions, and writes to the ledger what a call that returned has promised."""

    def __init__(self, commander: Commander, ledger: Ledger, life: str) -> None:
        self._commander = commander
        self._ledger = ledger
        self._life = life
        self._numbers = count(1)
        self._roles: dict[str, Callable[[MissionHandle[Any]], Awaitable[object]]] = {
            "order": self._approve,
            "account": self._deposit_and_approve,
            "hopeless": self._cancel,
            "lapsing": self._hurry,
            "voyage": self._pay_or_cancel,
        }

    async def start(self, name: str) -> None:
        """Start a mission and see it to its end."""
        number = next(self._numbers)
        mission_id = f"{name}-{self._life}-{number}"
        start_at = datetime.now(UTC) + timedelta(seconds=0.01) if number % 5 == 0 else None
        mission = await self._commander.start(
            name, {"number": number}, mission_id=mission_id, start_at=start_at, wait=False
        )
        self._ledger.write("accepted", mission_id)
        await self.see_to(mission)

    async def see_to(self, mission: MissionHandle[Any]) -> None:
        """Do what the mission waits for, until it has ended."""
        role = self._roles.get(mission.mission_name)
        if role is not None:
            await role(mission)
        await mission.result()

    async def _approve(self, mission: MissionHandle[Any]) -> None:
        await self._signal(mission, APPROVE)

    async def _hurry(self, mission: MissionHandle[Any]) -> None:
        await asyncio.sleep(random.uniform(0, 0.03))
        await self._signal(mission, LAPSING)

    async def _deposit_and_approve(self, mission: MissionHandle[Any]) -> None:
        for _ in range(DEPOSITS):
            token = self._token()
            try:
                await mission.update("deposit", token)
            except MissionTerminalError:
                return
            self._ledger.write("updated", mission.mission_id, "deposit", token)
        await self._signal(mission, APPROVE)

    async def _cancel(self, mission: MissionHandle[Any]) -> None:
        await asyncio.sleep(random.uniform(0, 0.02))
        if (await mission.cancel("nobody wants it")).status is MissionStatus.CANCELLED:
            self._ledger.write("cancelled", mission.mission_id)

    async def _pay_or_cancel(self, mission: MissionHandle[Any]) -> None:
        """Pay for the voyage; one in four is cancelled at whatever moment, paid or not."""
        if random.random() < 0.25:
            await asyncio.sleep(random.uniform(0, 0.08))
            if (await mission.cancel("plans have changed")).status is MissionStatus.CANCELLED:
                self._ledger.write("cancelled", mission.mission_id)
        await self._signal(mission, PAID, at="prepare/pay")

    async def _signal(self, mission: MissionHandle[Any], signal: Signal[str], at: str | None = None) -> None:
        """Send the signal until it is taken or was taken before; each time with a token of its own."""
        instance = signal.name if at is None else f"{at}/{signal.name}"
        while True:
            token = self._token()
            try:
                await mission.signal(signal, token, at=at, wait=False)
            except MissionSignalError:
                snapshot = await mission.snapshot()
                if instance in snapshot.events or snapshot.status.is_terminal:
                    return
                await asyncio.sleep(PATIENCE)
            else:
                self._ledger.write("signalled", mission.mission_id, instance, token)
                return

    def _token(self) -> str:
        return f"{self._life}-{next(self._numbers)}"


async def live(folder: Path, life: str, *, is_last: bool) -> None:
    """Run the missions of the database in `folder`; say "up" when there is something to kill."""
    ledger = Ledger(folder / "ledger.jsonl")
    world = World(ledger)
    commander = world.commander = create_commander(
        definitions=create_definitions(world),
        persistence=create_sqlite_persistence_adapter(folder / "missions.db", lock_timeout=5),
    )
    sys.stdout.write("up\n")
    sys.stdout.flush()
    async with commander, asyncio.TaskGroup() as group:
        driver = Driver(commander, ledger, life)
        left = [summary async for summary in commander.iter_missions() if is_recoverable(summary)]
        for summary in left:
            mission = await commander.get_mission(summary.mission_id)
            assert mission is not None
            group.create_task(driver.see_to(mission))
        if not is_last:
            for _ in range(IN_FLIGHT):
                group.create_task(_go_on(driver))


async def _go_on(driver: Driver) -> None:
    while True:
        await driver.start(random.choice(STARTED))


def main() -> None:
    """Read the arguments and live."""
    folder, life, how = sys.argv[1:]
    random.seed(life)
    asyncio.run(live(Path(folder), life, is_last=how == "--to-the-end"))


if __name__ == "__main__":
    main()
