"""The slots of a schedule: what comes after an instant, over every change of the clock, and to the end of time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from mission_control.core.history import parse_iso
from mission_control.core.schedules import Spec
from mission_control.core.schedules.calendar import slots_after

CHANGES = {
    "Europe/Berlin": ("2026-03-29T01:00Z", "2026-10-25T01:00Z"),
    "America/New_York": ("2026-03-08T07:00Z", "2026-11-01T06:00Z"),
    "Australia/Lord_Howe": ("2026-04-04T15:00Z", "2026-10-03T15:30Z"),
    "Pacific/Apia": ("2011-12-30T10:00Z", "2021-04-03T14:00Z"),
    "UTC": ("2026-03-29T01:00Z",),
    "Asia/Kolkata": ("2026-03-29T01:00Z",),
}
"""When the clocks of some zones change; where they never do, an instant as any other."""


def by_cron(cron: str, time_zone: str = "UTC", starts_at: datetime | None = None) -> Spec:
    return Spec(cron=cron, every=None, time_zone=time_zone, starts_at=starts_at)


def by_seconds(every: int, starts_at: datetime | None = None) -> Spec:
    return Spec(cron=None, every=every, time_zone="UTC", starts_at=starts_at)


def local(spec: Spec, after: str, number: int) -> list[str]:
    """Return the first slots after an instant as the clocks of the zone show them."""
    slots = islice(slots_after(spec, parse_iso(after)), number)
    return [f"{slot.astimezone(ZoneInfo(spec.time_zone)):%d %H:%M %z}" for slot in slots]


# --- cron, by example ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time_zone", "after", "cron", "expected"),
    [
        ("Europe/Berlin", "2026-03-28T12:00Z", "30 2 * * *", ["29 03:00 +0200", "30 02:30 +0200"]),
        ("America/New_York", "2026-03-08T05:00Z", "15 2 * * *", ["08 03:00 -0400", "09 02:15 -0400"]),
        ("Australia/Lord_Howe", "2026-10-03T12:00Z", "10 2 * * *", ["04 02:30 +1100", "05 02:10 +1100"]),
        ("Pacific/Apia", "2011-12-29T22:30Z", "0 12 * * *", ["31 00:00 +1400", "31 12:00 +1400"]),
    ],
)
def test_time_that_does_not_exist_fires_at_the_first_instant_after_the_gap(
    time_zone: str, after: str, cron: str, expected: list[str]
) -> None:
    """Where minute and hour are given: once, whether the clock leaves out an hour, half of one or a day."""
    assert local(by_cron(cron, time_zone), after, 2) == expected


def test_times_that_do_not_exist_and_the_one_after_the_gap_are_one_slot() -> None:
    """However many of them there are, and whether the first instant after the gap is a slot by itself."""
    spec = by_cron("0,20,40 2,3 * * *", "Europe/Berlin")

    assert local(spec, "2026-03-29T00:00Z", 4) == [
        "29 03:00 +0200",
        "29 03:20 +0200",
        "29 03:40 +0200",
        "30 02:00 +0200",
    ]


@pytest.mark.parametrize(
    ("time_zone", "after", "cron", "expected"),
    [
        ("Europe/Berlin", "2026-10-24T12:00Z", "30 2 * * *", ["25 02:30 +0200", "26 02:30 +0100"]),
        ("America/New_York", "2026-11-01T04:00Z", "59 1 * * *", ["01 01:59 -0400", "02 01:59 -0500"]),
        ("Australia/Lord_Howe", "2026-04-04T12:00Z", "45 1 * * *", ["05 01:45 +1100", "06 01:45 +1030"]),
    ],
)
def test_time_that_exists_twice_fires_at_the_first_of_the_two(
    time_zone: str, after: str, cron: str, expected: list[str]
) -> None:
    """Where minute and hour are given."""
    assert local(by_cron(cron, time_zone), after, 2) == expected


@pytest.mark.parametrize("after", ["2026-10-25T00:45Z", "2026-10-25T01:00Z", "2026-10-25T01:15Z", "2026-10-25T01:30Z"])
def test_what_is_asked_within_the_repeated_hour_does_not_come_again(after: str) -> None:
    """From wherever one goes on, the first 02:30 is over, and the second one is no slot."""
    assert local(by_cron("30 2 * * *", "Europe/Berlin"), after, 1) == ["26 02:30 +0100"]


def test_every_hour_ignores_the_jump() -> None:
    """Where the hour is `*` there is a slot for each hour that passes, as if the clock had not been changed."""
    spec = by_cron("30 * * * *", "Europe/Berlin")

    assert local(spec, "2026-03-29T00:00Z", 2) == ["29 01:30 +0100", "29 03:30 +0200"]
    assert local(spec, "2026-10-25T00:00Z", 3) == ["25 02:30 +0200", "25 02:30 +0100", "25 03:30 +0100"]


def test_every_minute_of_an_hour_ignores_the_jump() -> None:
    """Where the minute is `*` an hour that does not exist has no slot, and one that exists twice has all of them."""
    spec = by_cron("*/30 2 * * *", "Europe/Berlin")

    assert local(spec, "2026-03-28T12:00Z", 1) == ["30 02:00 +0200"]
    assert local(spec, "2026-10-24T12:00Z", 4) == [
        "25 02:00 +0200",
        "25 02:30 +0200",
        "25 02:00 +0100",
        "25 02:30 +0100",
    ]


def test_slots_are_later_than_the_instant_and_whole_minutes_of_utc() -> None:
    """A slot is not after itself, but after all that lies before it, by a microsecond too."""
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    spec = by_cron("0 12 * * *")

    assert next(slots_after(spec, noon)) == noon + timedelta(days=1)
    assert next(slots_after(spec, noon - timedelta(microseconds=1))) == noon
    assert next(slots_after(spec, noon)).tzinfo is UTC
    assert next(slots_after(by_cron("0 12 * * *", "Europe/Berlin"), noon)).tzinfo is UTC


@pytest.mark.parametrize("time_zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("cron", ["0 12 * * *", "* * * * *"])
def test_no_slot_is_before_the_start(cron: str, time_zone: str) -> None:
    """The start is the first moment that counts, and may be a slot itself, however far away it is."""
    start = datetime(2996, 6, 1, 10, tzinfo=UTC)
    spec = by_cron(cron, time_zone, start)

    assert next(slots_after(spec, datetime(2026, 1, 1, tzinfo=UTC))) == next(
        slots_after(by_cron(cron, time_zone), start - timedelta(seconds=1))
    )
    assert next(slots_after(spec, start)) > start


@pytest.mark.parametrize("time_zone", ["UTC", "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("cron", ["0 * * * *", "30 2 * * *", "0 0 1 1 *"])
def test_slots_end_where_datetimes_do(cron: str, time_zone: str) -> None:
    """What lies beyond the year 9999 is no slot, and no error."""
    near = datetime(9999, 12, 1, tzinfo=UTC)

    slots = list(slots_after(by_cron(cron, time_zone), near))

    assert all(near < slot for slot in slots)
    assert list(slots_after(by_cron(cron, time_zone), slots[-1] if slots else near)) == []


# --- cron, against one iterator -----------------------------------------------------------


def later(slots: Iterable[datetime], than: datetime) -> list[datetime]:
    """Return what is later than an instant, and than what comes before it."""
    kept = [than]
    for slot in slots:
        if slot > kept[-1]:
            kept.append(slot)
    return kept[1:]


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    """Return the forms that a field of an expression has."""
    numbers = st.integers(low, high)
    spans = st.tuples(numbers, numbers).map(sorted)
    return st.one_of(
        st.just("*"),
        st.integers(2, high).map(lambda step: f"*/{step}"),
        numbers.map(str),
        spans.map(lambda span: f"{span[0]}-{span[1]}"),
        spans.map(lambda span: f"{span[0]}-{span[1]}/2"),
        spans.map(lambda span: f"{span[0]},{span[1]}"),
    )


crons = st.tuples(
    fields(0, 59),
    fields(0, 23) | fields(0, 3),
    st.just("*") | fields(1, 28),
    st.just("*"),
    st.just("*") | fields(0, 6),
).map(" ".join)

moments = st.sampled_from([(zone, change) for zone, changes in CHANGES.items() for change in changes]).flatmap(
    lambda at: st.tuples(
        st.just(at[0]),
        st.timedeltas(timedelta(hours=-5), timedelta(hours=3)).map(lambda shift: parse_iso(at[1]) + shift),
    )
)
"""A zone, and an instant around a change of its clock."""


@settings(deadline=None, max_examples=200)
@given(crons, moments)
def test_asking_again_from_each_slot_gives_what_one_iterator_gives(cron: str, moment: tuple[str, datetime]) -> None:
    """Whoever stops after a slot and goes on from there misses nothing and gets nothing twice."""
    time_zone, after = moment
    spec = by_cron(cron, time_zone)
    of_one = islice(CronSim(cron, after.astimezone(ZoneInfo(time_zone))), 40)
    expected = later((slot.astimezone(UTC) for slot in of_one), after)

    asked: Sequence[datetime] = [after]
    for _ in expected:
        asked = [*asked, next(slots_after(spec, asked[-1]))]

    assert asked[1:] == expected
    assert list(islice(slots_after(spec, after), len(expected))) == expected
    assert all(one < other for one, other in pairwise(asked))


# --- every --------------------------------------------------------------------------------


def test_every_counts_from_the_epoch() -> None:
    """Without a start the slots are the same whoever asks, and whenever: before 1970 too."""
    hourly = by_seconds(3600)

    assert next(slots_after(hourly, datetime(2026, 1, 1, 10, 59, 59, tzinfo=UTC))).hour == 11
    assert next(slots_after(hourly, datetime(2026, 1, 1, 11, tzinfo=UTC))).hour == 12
    assert next(slots_after(hourly, datetime(1969, 12, 31, 22, 30, tzinfo=UTC))) == datetime(
        1969, 12, 31, 23, tzinfo=UTC
    )
    assert next(slots_after(by_seconds(31_557_600_000), datetime(2026, 1, 1, tzinfo=UTC))).year == 2970


def test_every_counts_from_the_start_which_is_the_first_slot() -> None:
    """Elapsed time, whatever the clock on the wall does, and however long ago it started."""
    start = datetime(2026, 1, 1, 0, 0, 7, tzinfo=UTC)
    spec = by_seconds(10, start)

    assert list(islice(slots_after(spec, start - timedelta(days=400)), 2)) == [start, start + timedelta(seconds=10)]
    assert next(slots_after(spec, start)) == start + timedelta(seconds=10)
    assert next(slots_after(spec, datetime(9999, 1, 1, tzinfo=UTC))) == datetime(9999, 1, 1, 0, 0, 7, tzinfo=UTC)


def test_every_ends_where_datetimes_do() -> None:
    """What lies beyond the year 9999 is no slot, and no error."""
    end = datetime(9999, 12, 31, 23, 59, 58, tzinfo=UTC)

    assert list(slots_after(by_seconds(1), end)) == [end + timedelta(seconds=1)]
    assert list(slots_after(by_seconds(31_557_600_000), end)) == []


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 100_000), st.integers(-200, 200), st.integers(0, 999_999), st.booleans())
def test_every_is_what_counting_gives(every: int, steps: int, microsecond: int, starts: bool) -> None:
    """Slots are the start and what is a whole number of intervals after it, wherever one asks."""
    start = datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC) if starts else datetime(1970, 1, 1, tzinfo=UTC)
    interval = timedelta(seconds=every)
    after = start + steps * interval + timedelta(microseconds=microsecond)
    counted = start if starts else start - 201 * interval
    while counted <= after:
        counted += interval

    slots = list(islice(slots_after(by_seconds(every, start if starts else None), after), 3))

    assert slots == [counted, counted + interval, counted + 2 * interval]
