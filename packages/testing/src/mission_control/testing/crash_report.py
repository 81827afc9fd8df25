"""What running a scenario once for every crash has shown."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

When: TypeAlias = Literal["before", "after"]


@attrs.frozen(kw_only=True)
class CrashPoint:
    """Where a run was cut off: before or after its commit number `commit`, from 1, took effect.

    `records` says what was in that commit, for each mission: `order-7: step-succeeded pay, mission-completed`.
    """

    commit: int
    when: When
    records: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.when} commit {self.commit} ({'; '.join(self.records)})"


@attrs.frozen(kw_only=True)
class RepeatedStep:
    """A step whose code had run, or was running, when its outcome was lost in `crash`, and ran again."""

    mission_id: str
    step_name: str
    crash: CrashPoint


@attrs.frozen(kw_only=True)
class CrashReport:
    """Where a scenario was crashed, always with the same end, and what ran again; `str()` is for people."""

    crashes: tuple[CrashPoint, ...]
    repeated: tuple[RepeatedStep, ...]

    @property
    def repeated_steps(self) -> frozenset[str]:
        """The names of the steps that ran again after any of the crashes."""
        return frozenset(step.step_name for step in self.repeated)

    def __str__(self) -> str:
        steps = [f"  {step.step_name} of {step.mission_id}: crash {step.crash}" for step in self.repeated]
        head = f"{len(self.crashes)} crashes, each with the same end; steps that ran again:"
        return "\n".join([head, *(steps or ["  none"])])
