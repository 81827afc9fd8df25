"""What the missions of the program share: what they are given, where they leave their effects, when they fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zlib import crc32

from attrs import define

from crash.ledger import Ledger
from mission_control.core import Commander, MissionContext, RetryPolicy

PERSISTENT = RetryPolicy(max_attempts=None, initial_interval=0.005, max_interruptions=1_000)
ONCE = RetryPolicy(max_interruptions=1_000)
"""However often the process is killed: a step that fails is not tried again."""


@define
class Order:
    """What every mission here is given."""

    number: int


class World:
    """What steps reach for: the ledger to leave their effects in, and the commander to command other missions with."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.commander: Commander | None = None

    def leave(self, ctx: MissionContext[Any]) -> None:
        """Have a side effect, which bears the attempt's number."""
        self.ledger.write("effect", ctx.mission_id, ctx.step_name, ctx.attempt)

    @property
    def here(self) -> Commander:
        """The commander of this process."""
        assert self.commander is not None  # set before the first mission starts
        return self.commander


def fails(ctx: MissionContext[Any]) -> bool:
    """True for about every third attempt, and for the same ones in every process."""
    return crc32(f"{ctx.idempotency_key}:{ctx.attempt}".encode()) % 3 == 0


def begin(world: World) -> Callable[[MissionContext[Any]], Any]:
    async def run(ctx: MissionContext[Any]) -> int:
        world.leave(ctx)
        return ctx.attempt

    return run
