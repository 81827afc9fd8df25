"""How a run is laid out: how large, how often, where, and who takes turns."""

from __future__ import annotations

import gc
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from .peers import Peer

Contender: TypeAlias = Callable[[], Awaitable[Mapping[str, float]]]
"""Does one round's work and returns its figures by name."""

Rounds: TypeAlias = Mapping[str, Sequence[Mapping[str, float]]]
"""The figures of each contender, round by round."""

DURABILITY = "WAL, synchronous=FULL"
"""The setting of ours and of the floor, in every workload."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the command line asked for."""

    rounds: int
    is_quick: bool
    directory: Path
    peers: tuple[type[Peer], ...] = ()

    def size(self, full: int, quick: int) -> int:
        """Return how much work a round has."""
        return quick if self.is_quick else full

    def folder(self) -> TemporaryDirectory[str]:
        """Return a folder for databases, on the disk that is to be measured."""
        return TemporaryDirectory(dir=self.directory, prefix=".bench-", ignore_cleanup_errors=True)

    @asynccontextmanager
    async def contending(self, workload: str, size: int) -> AsyncGenerator[dict[str, Contender]]:
        """Give each peer a database of its own, and return them as contenders in a workload."""
        with self.folder() as folder:
            peers = [peer(Path(folder)) for peer in self.peers]
            try:
                yield {peer.name: _turn(peer, workload, size) for peer in peers}
            finally:
                for peer in peers:
                    await peer.close()


def _turn(peer: Peer, workload: str, size: int) -> Contender:
    async def turn() -> Mapping[str, float]:
        return await peer.measure(workload, size)

    return turn


async def alternate(rounds: int, contenders: Mapping[str, Contender], *, warm_up: bool = True) -> Rounds:
    """Let all take their turn in every round, the first one in turn; a round before the first warms the files up."""
    figures: dict[str, list[Mapping[str, float]]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(-1 if warm_up else 0, rounds):
        for place in range(len(names)):
            name = names[(number + place) % len(names)]
            gc.collect()
            outcome = await contenders[name]()
            if number >= 0:
                figures[name].append(outcome)
    return figures
