"""Other runtimes that do the same work: each in a process of its own, which takes its turn when it is told to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Protocol


class Peer(Protocol):
    """Another runtime, with a database of its own in a folder."""

    name: ClassVar[str]
    """What its lines are marked with. Its durability is ours, or it is not compared."""

    def __init__(self, folder: Path) -> None: ...

    async def measure(self, workload: str, size: int) -> Mapping[str, float]:
        """Do one turn's work and return its figures, by the names that ours have."""
        ...

    async def close(self) -> None:
        """End the process."""
        ...
