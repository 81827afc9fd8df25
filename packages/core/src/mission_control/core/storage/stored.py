"""What storage has of missions, for those who look at all of them at once: plans, and whoever checks what is stored."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from ..errors import CorruptMissionError
from ..history import HistoryRecord, MissionSummary, OpenWait
from ..values import Value

LoadOutcome: TypeAlias = tuple[HistoryRecord, ...] | CorruptMissionError | None


@attrs.frozen(kw_only=True)
class Standing(Value):
    """How many missions that have not ended stand at one place, having run under one definition alone.

    `fingerprint` is that definition's, `cursor` the instance name that their main line stands on. `examples` are the
    ids of some of them, at most five, and no fewer than there are up to that.
    """

    mission_name: str
    fingerprint: str
    cursor: str
    count: int
    examples: tuple[str, ...]


@attrs.frozen(kw_only=True)
class MissionRows(Value):
    """What storage keeps of a mission beside its history, all of which its history tells.

    `version` is the `seq` of its last record. `ran_under` is what `MissionCommit.ran_under` says. `waits` are its open
    waits for signals, without their schemas, in any order.
    """

    summary: MissionSummary
    version: int
    ran_under: str | None
    waits: tuple[OpenWait, ...]


@attrs.frozen(kw_only=True)
class StoredMission(Value):
    """What storage has of one mission, read at one moment.

    `history` is an error where it cannot be decoded, or there is not a record; `rows` are an error where they cannot.
    A history whose last record is not of the version that the row has is returned as it is.
    """

    mission_id: str
    history: tuple[HistoryRecord, ...] | CorruptMissionError
    rows: MissionRows | CorruptMissionError
