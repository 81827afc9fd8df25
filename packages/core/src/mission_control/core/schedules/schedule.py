"""A schedule as code says it: which missions start when, and with what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any, Generic, Literal, TypeAlias, cast

import attrs

from ..definition import (
    I,
    MissionDefinition,
    checked_code,
    checked_instant,
    checked_labels,
    checked_name,
    is_a,
    seconds,
)
from ..errors import MissionDefinitionError
from ..history import Labels
from ..payloads import found, refuse_generator
from .calendar import checked_cron, checked_every, checked_time_zone, slots_after, zone
from .stored import Spec

LONGEST_SCHEDULE_NAME = 200
"""With a slot behind it, it is an id of a mission."""

Overlap: TypeAlias = Literal["skip", "allow", "queue", "cancel"]
_OVERLAPS: tuple[Overlap, ...] = ("skip", "allow", "queue", "cancel")


@attrs.frozen(eq=False, repr=False, init=False)
class Schedule(Generic[I]):
    """Missions that start by the calendar: one for each slot, whose id is `"{name}@{slot}"`. Compared by identity.

    `cron` has five fields, which are read in `time_zone`; `every` is a whole number of seconds, or a `timedelta`, that
    passes between two slots, counted from `starts_at` on, or from 1970 on. It is one of them. No slot is before
    `starts_at`, nor at `ends_at` or later. `input` is what each mission is given, or a function that returns it for a
    slot, a datetime in `time_zone`.

    `overlap` is what becomes of a slot while the mission of one before has not ended: "skip" passes it over, "allow"
    starts it beside that, "queue" starts it when that has ended, and "cancel" cancels that first. `catch_up` is what
    becomes of slots that come to their owner more than a minute late: the "latest" of them starts, or those do that are
    late by no more than a duration. `labels` are those of each mission.

    Raises `MissionDefinitionError`, and `MissionValidationError` for an input that does not fit.
    """

    name: str
    definition: MissionDefinition[I]
    spec: Spec
    """When it fires."""
    overlap: Overlap
    catch_up: timedelta | Literal["latest"]
    ends_at: datetime | None
    labels: Labels
    fixed_input: Any
    """The JSON form of what each mission is given; None where `make_input` makes it."""
    make_input: Callable[[datetime], object] | None
    """What makes the input for a slot in the schedule's zone; its result is awaited where it can be."""

    def __init__(
        self,
        name: str,
        definition: MissionDefinition[I],
        *,
        input: I
        | Mapping[str, object]
        | Callable[[datetime], I | Mapping[str, object] | Awaitable[I | Mapping[str, object]]]
        | None = None,
        cron: str | None = None,
        every: timedelta | int | None = None,
        time_zone: str = "UTC",
        overlap: Overlap = "skip",
        catch_up: timedelta | float | Literal["latest"] = "latest",
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        name = _checked_name(name)
        subject = f"schedule {name!r}"
        start, end = _checked_bounds(starts_at, ends_at, subject)
        fixed, make = _checked_input(_checked_definition(definition, subject), input, subject)
        checked = {
            "name": name,
            "definition": definition,
            "spec": _checked_spec(cron, every, time_zone, start, subject),
            "overlap": _checked_overlap(overlap, subject),
            "catch_up": _checked_catch_up(catch_up, subject),
            "ends_at": end,
            "labels": checked_labels(labels, subject=f"{subject}, labels"),
            "fixed_input": fixed,
            "make_input": make,
        }
        for field, value in checked.items():
            object.__setattr__(self, field, value)

    def __repr__(self) -> str:
        end = "" if self.ends_at is None else f" until {self.ends_at.isoformat()}"
        return f"<Schedule {self.name!r} of mission {self.definition.name!r}: {self.spec}{end}>"

    def slots(self, after: datetime) -> Iterator[datetime]:
        """Yield the slots that are later than `after`, in UTC and in their order."""
        slots, end = slots_after(self.spec, after), self.ends_at
        return slots if end is None else takewhile(lambda slot: slot < end, slots)

    def next_slot(self, after: datetime) -> datetime | None:
        """Return the first slot that is later than `after`, in UTC; None where there is none."""
        return next(self.slots(after), None)

    def mission_id(self, slot: datetime) -> str:
        """Return the id of a slot's mission."""
        return f"{self.name}@{_utc(slot, 'seconds')}"

    def triggered_id(self, instant: datetime) -> str:
        """Return the id of a mission that is started by hand at that instant."""
        return f"{self.name}@{_utc(instant, 'microseconds')}+manual"

    def in_zone(self, slot: datetime) -> datetime:
        """Return a slot as the schedule's zone has it."""
        return slot.astimezone(zone(self.spec.time_zone))


def _utc(instant: datetime, timespec: str) -> str:
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=timespec)}Z"


# --- what it is made of, checked ----------------------------------------------------------


def _checked_name(name: object) -> str:
    checked = checked_name(name, subject="the name of a schedule")
    if len(checked) > LONGEST_SCHEDULE_NAME:
        raise MissionDefinitionError(
            f"the name of a schedule: expected 1 to {LONGEST_SCHEDULE_NAME} characters, found {len(checked)}"
        )
    return checked


def _checked_definition(definition: object, subject: str) -> MissionDefinition[Any]:
    if is_a(definition, MissionDefinition):
        return definition
    raise MissionDefinitionError(
        f"{subject}: expected a MissionDefinition, found {found(definition)}; a definition is complete after .end()"
    )


def _checked_input(
    definition: MissionDefinition[Any], input: object, subject: str
) -> tuple[Any, Callable[[datetime], object] | None]:
    """Return the JSON form of an input, or the function that makes one."""
    subject = f"{subject}, input"
    if not callable(input):
        return definition.start.input.validate(input, event_name="start", subject=subject), None
    code = checked_code(input, "slot", subject=subject)
    refuse_generator(code, subject=subject)
    return None, code


def _checked_spec(cron: object, every: object, time_zone: object, starts_at: datetime | None, subject: str) -> Spec:
    if (cron is None) is (every is None):
        both = "neither" if cron is None else "both"
        raise MissionDefinitionError(f"{subject}: expected either cron= or every=, found {both}")
    return Spec(
        cron=None if cron is None else checked_cron(cron, subject=f"{subject}, cron"),
        every=None if every is None else checked_every(every, subject=f"{subject}, every"),
        time_zone=checked_time_zone(time_zone, subject=f"{subject}, time_zone"),
        starts_at=starts_at,
    )


def _checked_overlap(overlap: object, subject: str) -> Overlap:
    for known in _OVERLAPS:
        if is_a(overlap, str) and str.__str__(overlap) == known:
            return known
    listed = ", ".join(f'"{known}"' for known in _OVERLAPS)
    raise MissionDefinitionError(f"{subject}, overlap: expected one of {listed}, found {found(overlap)}")


def _checked_catch_up(catch_up: object, subject: str) -> timedelta | Literal["latest"]:
    subject = f"{subject}, catch_up"
    if is_a(catch_up, str):
        if str.__str__(catch_up) == "latest":
            return "latest"
        raise MissionDefinitionError(f'{subject}: expected "latest" or a duration, found {found(catch_up)}')
    return timedelta(seconds=seconds(cast("Any", catch_up), subject=subject))


def _checked_bounds(starts_at: object, ends_at: object, subject: str) -> tuple[datetime | None, datetime | None]:
    start, end = _checked_bound(starts_at, f"{subject}, starts_at"), _checked_bound(ends_at, f"{subject}, ends_at")
    if start is not None and end is not None and end <= start:
        raise MissionDefinitionError(
            f"{subject}: it ends before it starts, starts_at={start.isoformat()} and ends_at={end.isoformat()}"
        )
    return start, end


def _checked_bound(instant: object, subject: str) -> datetime | None:
    if instant is None:
        return None
    try:
        checked = checked_instant(instant, subject=subject)
    except ValueError as error:
        raise MissionDefinitionError(str(error)) from error.__cause__
    if checked.microsecond:
        raise MissionDefinitionError(f"{subject}: expected whole seconds, found {checked.isoformat()}")
    return checked
