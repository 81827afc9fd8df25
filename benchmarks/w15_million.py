"""The database that the console is measured on: missions in every state, created over thirty days."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mission_control.core import MissionContext, MissionDefinition, NonRetryableError, m

from .missions import PAYLOAD, Payload, linear, open_commander, signalled, sleeping, work
from .parking import copy_missions

_DAYS = 30


async def _refuse(ctx: MissionContext[Payload]) -> Payload:
    raise NonRetryableError("the bank refused")


async def _break(ctx: MissionContext[Payload]) -> Payload:
    raise ConnectionError("the line broke")


_DONE, _WAITING, _RESTING = linear(3), signalled(), sleeping(timedelta(days=365))
_REFUSED = m.define("payment").start(input=Payload, run=work).step("charge", _refuse).end()
_BROKEN = m.define("delivery").start(input=Payload, run=work).step("ship", _break).end()
_SHARES: Mapping[MissionDefinition[Payload], int] = {_DONE: 4, _WAITING: 3, _RESTING: 1, _REFUSED: 1, _BROKEN: 1}
"""How many of ten missions are of each."""


async def make(database: Path, missions: int) -> None:
    """Make the file, with so many missions."""
    logging.getLogger("mission_control").setLevel(logging.CRITICAL)  # that they fail is no news
    async with open_commander(database, *_SHARES) as commander:
        ids = [(await commander.start(definition, PAYLOAD, wait=False)).mission_id for definition in _SHARES]
        await commander.settled()
    shares = (missions * share // 10 for share in _SHARES.values())
    copy_missions(database, dict(zip(ids, shares, strict=True)))
    _spread(database)


def _spread(database: Path) -> None:
    """Let the missions have been created and changed evenly over the last days, and the waits have begun so."""
    step = timedelta(days=_DAYS).total_seconds()
    with closing(sqlite3.connect(database)) as connection:
        (last,) = connection.execute("SELECT max(number) FROM missions").fetchone()
        first = (datetime.now(UTC) - timedelta(days=_DAYS)).timestamp()
        # Kinds lie one behind the other in the numbers: a step that is prime to them lets each be of every hour.
        when = (
            f"strftime('%Y-%m-%dT%H:%M:%f000+00:00', {first} + (number * 7919 % {last}) * {step / last}, 'unixepoch')"
        )
        connection.execute("PRAGMA synchronous = OFF")
        ended = f"iif(ended_at IS NULL, NULL, {when})"
        connection.execute(f"UPDATE missions SET created_at = {when}, updated_at = {when}, ended_at = {ended}")
        connection.execute(
            "UPDATE waits SET since = (SELECT updated_at FROM missions WHERE missions.mission_id = waits.mission_id)"
        )
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
