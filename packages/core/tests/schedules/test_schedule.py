"""What a schedule is made of, and everything that none can be made of."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest

from mission_control.core import MissionDefinition, MissionDefinitionError, MissionValidationError, Schedule, m
from mission_control.core.schedules import Spec


@attrs.frozen
class Report:
    kind: str
    pages: int = 1


report: MissionDefinition[Report] = m.define("report").start(input=Report, run=lambda ctx: None).end()
anything: MissionDefinition[Any] = m.define("anything").start(input=object, run=lambda ctx: None).end()

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def made(**changes: Any) -> Schedule[Any]:
    """Return a schedule that differs from a right one."""
    given: dict[str, Any] = {"name": "nightly", "definition": anything, "cron": "0 2 * * *", **changes}
    return Schedule(given.pop("name"), given.pop("definition"), **given)


class Text(str):
    """A text that is not what it says."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("it has no text")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("it cannot be compared")

    __hash__ = str.__hash__

    def split(self, sep: Any = None, maxsplit: Any = -1) -> list[str]:
        raise RuntimeError("it cannot be split")


class Incomparable:
    """Something that raises whatever is asked of it."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("it cannot be compared")

    __hash__ = None  # type: ignore[assignment]  # as it is for a class with __eq__

    def __bool__(self) -> bool:
        raise RuntimeError("it is neither")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("it has nothing")


class Interval(timedelta):
    """A duration that does not say how long it is."""

    def total_seconds(self) -> float:
        raise RuntimeError("nobody knows")

    def __divmod__(self, other: object) -> Any:
        raise RuntimeError("nobody knows")


class Nowhere(tzinfo):
    """A zone that raises."""

    def utcoffset(self, instant: datetime | None) -> timedelta:
        raise RuntimeError("lost")

    dst = utcoffset

    def tzname(self, instant: datetime | None) -> str:
        raise RuntimeError("lost")


class Policy(StrEnum):
    SKIP = "skip"
    LATEST = "latest"


async def make_input(slot: datetime) -> Report:
    return Report("full")


def of_nothing() -> Report:
    return Report("full")


def of_two(slot: datetime, kind: str) -> Report:
    return Report(kind)


def one_by_one(slot: datetime) -> Iterator[Report]:
    yield Report("full")


# --- what it is ---------------------------------------------------------------------------


def test_schedule_has_defaults() -> None:
    """Slots are in UTC, one that overlaps is skipped, and of those that were missed the latest starts."""
    schedule = made()

    assert schedule.name == "nightly"
    assert schedule.definition is anything
    assert schedule.spec == Spec(cron="0 2 * * *", every=None, time_zone="UTC", starts_at=None)
    assert (schedule.overlap, schedule.catch_up, schedule.ends_at) == ("skip", "latest", None)
    assert (schedule.fixed_input, schedule.make_input) == (None, None)
    assert schedule.labels == {}


def test_schedule_is_frozen() -> None:
    """Nothing of it can be set, and it is one by itself, like a definition."""
    schedule = made()

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        schedule.overlap = "allow"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    assert schedule != made()


def test_labels_do_not_change_with_what_was_handed_in() -> None:
    """Each mission has what the schedule was made with."""
    given = {"team": "ops"}
    schedule = made(labels=given)
    given["team"] = "dev"

    assert schedule.labels == {"team": "ops"}


def test_schedule_shows_what_starts_when() -> None:
    """For whoever looks at a list of them."""
    until = made(every=5, cron=None, starts_at=NOON, ends_at=NOON + timedelta(days=1))

    assert repr(made(time_zone="Europe/Berlin")) == (
        "<Schedule 'nightly' of mission 'anything': 0 2 * * * Europe/Berlin>"
    )
    assert repr(until) == (
        "<Schedule 'nightly' of mission 'anything': every 5 s from 2026-06-01T12:00:00.000000+00:00 "
        "until 2026-06-02T12:00:00+00:00>"
    )


def test_slots_end_before_the_end() -> None:
    """The end is excluded, and behind it there is no next slot."""
    schedule = made(every=60, cron=None, starts_at=NOON, ends_at=NOON + timedelta(seconds=120))

    assert list(schedule.slots(NOON - timedelta(days=1))) == [NOON, NOON + timedelta(seconds=60)]
    assert schedule.next_slot(NOON) == NOON + timedelta(seconds=60)
    assert schedule.next_slot(NOON + timedelta(seconds=60)) is None


def test_slots_without_an_end_go_on() -> None:
    """They come as they are asked for."""
    assert [slot.day for slot in islice(made().slots(NOON), 3)] == [2, 3, 4]


def test_ids_name_the_schedule_and_the_instant_in_utc() -> None:
    """A slot's to the second, that of what is triggered to the microsecond; whatever zone the instant is in."""
    berlin = ZoneInfo("Europe/Berlin")
    slot = datetime(2026, 11, 22, 2, tzinfo=berlin)

    assert made().mission_id(slot) == "nightly@2026-11-22T01:00:00Z"
    assert made().mission_id(slot.astimezone(UTC)) == "nightly@2026-11-22T01:00:00Z"
    assert made().triggered_id(slot) == "nightly@2026-11-22T01:00:00.000000Z+manual"
    assert made().triggered_id(slot.replace(microsecond=123456)) == "nightly@2026-11-22T01:00:00.123456Z+manual"


def test_slot_in_the_zone_of_the_schedule() -> None:
    """It is what a function is called with that makes the input."""
    slot = made(time_zone="America/New_York").in_zone(NOON)

    assert (slot, slot.hour, slot.tzinfo) == (NOON, 8, ZoneInfo("America/New_York"))
    assert made().in_zone(NOON).tzinfo is UTC


def test_longest_name_gives_ids_that_missions_may_have() -> None:
    """200 characters, with what is put behind them, are no more than an id may have."""
    schedule = made(name="x" * 200)

    assert len(schedule.triggered_id(NOON)) <= 255


def test_times_of_a_schedule_are_utc() -> None:
    """Whatever zone they are given in, so that the same instant is the same schedule."""
    berlin = timezone(timedelta(hours=2))
    schedule = made(starts_at=NOON.astimezone(berlin), ends_at=(NOON + timedelta(days=2)).astimezone(berlin))

    assert schedule.spec == made(starts_at=NOON).spec
    assert schedule.spec.starts_at is not None
    assert schedule.spec.starts_at.tzinfo is UTC
    assert schedule.ends_at is not None
    assert schedule.ends_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (1, 1),
        (timedelta(seconds=1), 1),
        (timedelta(days=365_250), 31_557_600_000),
        (31_557_600_000, 31_557_600_000),
        (Interval(minutes=1), 60),
    ],
)
def test_interval_is_seconds_or_a_timedelta(every: Any, expected: int) -> None:
    """Both forms are the same schedule."""
    assert made(cron=None, every=every).spec.every == expected


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [
        ("latest", "latest"),
        (Policy.LATEST, "latest"),
        (timedelta(0), timedelta(0)),
        (timedelta(hours=6), timedelta(hours=6)),
        (90, timedelta(seconds=90)),
        (0.5, timedelta(seconds=0.5)),
    ],
)
def test_catching_up_is_the_latest_or_a_duration(catch_up: Any, expected: object) -> None:
    """Durations are a timedelta or seconds, as everywhere."""
    kept = made(catch_up=catch_up).catch_up

    assert kept == expected
    assert type(kept) is type(expected)


def test_texts_are_kept_as_plain_ones() -> None:
    """What is stored and compared is never code of somebody else's."""
    schedule = made(name=Text("n"), cron=Text("0 2 * * *"), time_zone=Text("Europe/Berlin"), overlap=Policy.SKIP)

    texts = (schedule.name, schedule.spec.cron, schedule.spec.time_zone, schedule.overlap)
    assert [type(text) for text in texts] == [str] * 4
    assert texts == ("n", "0 2 * * *", "Europe/Berlin", "skip")


def test_space_between_the_fields_makes_no_other_schedule() -> None:
    """Only what the fields say is compared with what is stored."""
    assert made(cron=" 0  2 * *\t* ").spec == made(cron="0 2 * * *").spec


# --- its input ----------------------------------------------------------------------------


@pytest.mark.parametrize("given", [Report("full", 2), {"kind": "full", "pages": 2}], ids=["typed", "JSON"])
def test_input_is_kept_in_its_json_form(given: Report | Mapping[str, object]) -> None:
    """Typed or in its JSON form, as a mission is started with."""
    schedule = Schedule("nightly", report, input=given, every=60)

    assert schedule.fixed_input == {"kind": "full", "pages": 2}
    assert schedule.make_input is None


def test_input_does_not_change_with_what_was_handed_in() -> None:
    """It is a copy, deep down."""
    given = {"kinds": ["full"]}
    schedule = made(input=given)
    given["kinds"].append("short")

    assert schedule.fixed_input == {"kinds": ["full"]}


def test_function_makes_the_input() -> None:
    """It is kept as it is, and not called before there is a slot."""
    schedule = Schedule("nightly", report, input=make_input, every=60)

    assert schedule.make_input is make_input
    assert schedule.fixed_input is None


@pytest.mark.parametrize("given", [None, {"kind": 5}, {"kind": "full", "page": 2}, "full"], ids=repr)
def test_input_that_does_not_fit_is_refused(given: Any) -> None:
    """When the schedule is made, and not at its first slot; a missing one too."""
    with pytest.raises(MissionValidationError, match=r"^schedule 'nightly', input does not fit Report") as raised:
        Schedule("nightly", report, input=given, every=60)

    assert raised.value.event_name == "start"
    assert raised.value.issues


def test_coroutine_is_no_input() -> None:
    """Whoever calls the function instead of naming it is told so."""
    with (
        closing(make_input(NOON)) as coroutine,
        pytest.raises(MissionValidationError, match=r"coroutine has no JSON form"),
    ):
        made(input=coroutine)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (of_nothing, r"it is called with \(slot\), and that fails: too many positional arguments"),
        (of_two, r"it is called with \(slot\), and that fails: missing"),
        (one_by_one, "generator"),
    ],
    ids=["no argument", "two arguments", "generator"],
)
def test_function_that_cannot_make_an_input_is_refused(given: Callable[..., object], message: str) -> None:
    """It is called with the slot, and returns one value."""
    with pytest.raises(MissionDefinitionError, match=rf"^schedule 'nightly', input: .*{message}"):
        made(input=given)


# --- what none can be made of -------------------------------------------------------------

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"name": ""}, "the name of a schedule: expected 1 to 255 characters, found 0"),
    "long name": ({"name": "x" * 201}, "the name of a schedule: expected 1 to 200 characters, found 201"),
    "name of bytes": ({"name": b"nightly"}, "the name of a schedule: expected a str, found bytes"),
    "name with control characters": ({"name": "a\nb"}, "the name of a schedule: control characters"),
    "name with a surrogate": ({"name": "a\udce9"}, "the name of a schedule: control characters and surrogates"),
    "draft": ({"definition": m.define("report")}, "expected a MissionDefinition, found "),
    "builder": (
        {"definition": m.define("report").start(input=str, run=lambda ctx: None)},
        "expected a MissionDefinition, found MissionBuilder; a definition is complete after .end()",
    ),
    "name of a definition": ({"definition": "report"}, "expected a MissionDefinition, found str 'report'"),
    "anything as a definition": ({"definition": Incomparable()}, "expected a MissionDefinition, found Incomparable"),
    "neither": ({"cron": None}, "expected either cron= or every=, found neither"),
    "both": ({"every": 60}, "expected either cron= or every=, found both"),
    "cron of bytes": ({"cron": b"0 2 * * *"}, 'cron: expected a str of five fields, as in "0 2 * * *", found bytes'),
    "cron of anything": ({"cron": Incomparable()}, "cron: expected a str of five fields"),
    "four fields": ({"cron": "0 2 * *"}, "cron: expected five fields (minute, hour,"),
    "six fields": ({"cron": "0 0 2 * * *"}, "found 6 in str '0 0 2 * * *'"),
    "nickname": ({"cron": "@daily"}, "found 1 in str '@daily'"),
    "no fields": ({"cron": " "}, "found 0 in str ' '"),
    "minute": ({"cron": "60 2 * * *"}, "cron: Bad minute, in str '60 2 * * *'"),
    "hour": ({"cron": "0 24 * * *"}, "cron: Bad hour, in str"),
    "day": ({"cron": "0 0 30 2 *"}, "cron: Bad day-of-month, in str"),
    "month": ({"cron": "0 0 1 13 *"}, "cron: Bad month, in str"),
    "weekday": ({"cron": "0 0 * * 8"}, "cron: Bad day-of-week, in str"),
    "step": ({"cron": "*/0 * * * *"}, "cron: Bad minute, in str"),
    "what the library does not foresee": ({"cron": "0 0 * * 9" + "9" * 5000}, "cron: Exceeds the limit"),
    "surrogate": ({"cron": "0 0 * * \udce9"}, "cron: Bad day-of-week, in str"),
    "no day fits": ({"cron": "0 0 */30 * MON#3"}, "cron: there is no day that fits str '0 0 */30 * MON#3'"),
    "no seconds": ({"cron": None, "every": 0}, "every: expected a duration from 1 second to 1,000 years, found int 0"),
    "negative": ({"cron": None, "every": timedelta(seconds=-1)}, "every: expected a duration from 1 second to"),
    "too long": ({"cron": None, "every": 31_557_600_001}, "every: expected a duration from 1 second to 1,000 years"),
    "longest": ({"cron": None, "every": timedelta.max}, "every: expected a whole number of seconds, found"),
    "huge": ({"cron": None, "every": 10**400}, "every: expected a duration from 1 second to 1,000 years, found int a"),
    "half a second": ({"cron": None, "every": 0.5}, "every: expected a whole number of seconds, found float 0.5"),
    "part of a second": (
        {"cron": None, "every": timedelta(seconds=1.5)},
        "every: expected a whole number of seconds, found a timedelta of 0:00:01.500000",
    ),
    "whole float": ({"cron": None, "every": 5.0}, "every: expected a whole number of seconds, found float 5.0"),
    "True": ({"cron": None, "every": True}, "every: expected a whole number of seconds, found bool True"),
    "text": ({"cron": None, "every": "5"}, "every: expected a whole number of seconds, found str '5'"),
    "interval of anything": ({"cron": None, "every": Incomparable()}, "every: expected a whole number of seconds"),
    "zone of another type": (
        {"time_zone": ZoneInfo("Europe/Berlin")},
        'time_zone: expected the name of a time zone, as in "Europe/Berlin", found ',
    ),
    "no zone": ({"time_zone": None}, "time_zone: expected the name of a time zone, as in"),
    "overlap": (
        {"overlap": "wait"},
        'overlap: expected one of "skip", "allow", "queue", "cancel", found str \'wait\'',
    ),
    "no overlap": ({"overlap": None}, "overlap: expected one of "),
    "overlap of anything": ({"overlap": Incomparable()}, "overlap: expected one of "),
    "overlap of a strange text": ({"overlap": Text("wait")}, "overlap: expected one of "),
    "catch_up": ({"catch_up": "all"}, "catch_up: expected \"latest\" or a duration, found str 'all'"),
    "no catch_up": ({"catch_up": None}, "catch_up: expected a timedelta or a number of seconds, found None"),
    "catch_up of anything": ({"catch_up": Incomparable()}, "catch_up: expected a timedelta or a number of seconds"),
    "negative catch_up": ({"catch_up": timedelta(seconds=-1)}, "catch_up: expected a duration from 0 to 1,000 years"),
    "long catch_up": ({"catch_up": timedelta.max}, "catch_up: expected a duration from 0 to 1,000 years"),
    "naive start": ({"starts_at": datetime(2026, 6, 1)}, "starts_at: expected an aware datetime, found a naive one"),  # noqa: DTZ001
    "naive end": ({"ends_at": datetime(2026, 6, 1)}, "ends_at: expected an aware datetime, found a naive one"),  # noqa: DTZ001
    "date": ({"starts_at": NOON.date()}, "starts_at: expected an aware datetime, found date"),
    "text as an end": ({"ends_at": "2026-06-01"}, "ends_at: expected an aware datetime, found str '2026-06-01'"),
    "start in a broken zone": (
        {"starts_at": datetime(2026, 6, 1, tzinfo=Nowhere())},
        "starts_at: its time zone does not say what instant it is (lost)",
    ),
    "end beyond the last year": (
        {"ends_at": datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-2)))},
        "ends_at: the instant is beyond what a datetime in UTC holds",
    ),
    "start within a second": (
        {"starts_at": NOON + timedelta(microseconds=1)},
        "starts_at: expected whole seconds, found 2026-06-01T12:00:00.000001+00:00",
    ),
    "end within a second": ({"ends_at": NOON + timedelta(microseconds=1)}, "ends_at: expected whole seconds, found"),
    "labels": ({"labels": [("a", "b")]}, "labels: expected a mapping of text to text, found list"),
    "label": ({"labels": {"a": ""}}, "labels, 'a': expected 1 to 255 characters, found 0"),
    "end at the start": ({"starts_at": NOON, "ends_at": NOON}, "it ends before it starts, starts_at=2026-06-01T12:00"),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    """When the schedule is made, with what was expected and what was found."""
    begin = "" if message.startswith("the name") else "schedule 'nightly'"

    with pytest.raises(MissionDefinitionError, match=rf"^{begin}.*{re.escape(message)}"):
        made(**changes)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "Mars/Base",
        "Europe",
        "Europe/Berlin/Mitte",
        "Europe/./Berlin",
        "../Europe/Berlin",
        "/etc/localtime",
        "tzdata.zi",
        "Europe/Berlin\0",
        "\udce9",
        "x" * 5000,
    ],
    ids=ascii,
)
def test_time_zone_that_is_none_is_refused(name: str) -> None:
    """Whatever the search for one raises: each kind of wrong name has an error of its own there."""
    message = r"^schedule 'nightly', time_zone: expected a time zone that is known here, as in \"Europe/Berlin\", found"

    with pytest.raises(MissionDefinitionError, match=message):
        made(time_zone=name)


def test_utc_needs_no_zones() -> None:
    """A schedule by default is there where neither the system nor a package brings time zones."""
    program = (
        "import sys; sys.modules['zoneinfo'] = None\n"
        "from mission_control.core import Schedule, m\n"
        "from datetime import UTC, datetime\n"
        "definition = m.define('report').start(input=object, run=lambda ctx: None).end()\n"
        "print(Schedule('nightly', definition, cron='0 2 * * *').next_slot(datetime(2026, 1, 1, tzinfo=UTC)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == "2026-01-01 02:00:00+00:00"
