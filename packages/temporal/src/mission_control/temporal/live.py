"""The missions whose workflows this process has in memory, for the activities that run beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from weakref import WeakValueDictionary

from mission_control.core import HistoryRecord


class Folded(Protocol):
    """A mission that is folded here, on a thread of its own: others read its records, and never its state."""

    @property
    def history(self) -> Sequence[HistoryRecord]:
        """The records that have been applied."""
        ...

    @property
    def chain(self) -> Mapping[str, int]:
        """The version at which each batch ends that was applied, by its id."""
        ...


LIVE: WeakValueDictionary[str, Folded] = WeakValueDictionary()
"""By the id of the workflow's run."""
