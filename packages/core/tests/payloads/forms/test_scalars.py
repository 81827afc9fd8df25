"""The JSON forms of single values."""

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from pathlib import Path
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mission_control.core.errors import MissionDefinitionError, MissionValidationError
from mission_control.core.payloads.json_values import decode_json, encode_json
from mission_control.core.payloads.schema import payload_type

IDENTITY = UUID("12345678-1234-5678-1234-567812345678")


class Colour(Enum):
    RED = "red"
    TWO = 2


class Level(IntEnum):
    LOW = 1


class Word(StrEnum):
    A = "a"


class Access(Flag):
    READ = 1
    WRITE = 2


def stored(schema: object, value: object) -> Any:
    return payload_type(schema, subject="input").validate(value, event_name="start", subject="input")


def restored(schema: object, value: Any) -> Any:
    return payload_type(schema, subject="input").restore(value, subject="input")


FORMS: list[tuple[object, Any, Any]] = [
    (None, None, None),
    (bool, True, True),
    (int, 5, 5),
    (float, 1.5, 1.5),
    (str, "x", "x"),
    (datetime, datetime(2024, 1, 2, 3, tzinfo=UTC), "2024-01-02T03:00:00+00:00"),
    (date, date(2024, 1, 2), "2024-01-02"),
    (time, time(3, 4), "03:04:00"),
    (timedelta, timedelta(minutes=1), 60),
    (timedelta, timedelta(milliseconds=1), 0.001),
    (UUID, IDENTITY, str(IDENTITY)),
    (Decimal, Decimal("1.50"), "1.50"),
    (bytes, b"\xff", "/w=="),
    (Path, Path("a/b"), "a/b"),
    (Colour, Colour.RED, "red"),
    (Colour, Colour.TWO, 2),
    (Access, Access.READ | Access.WRITE, 3),
    (Literal["a", 1], "a", "a"),
    (Literal[Colour.RED], Colour.RED, "red"),
]


@pytest.mark.parametrize(("schema", "value", "form"), FORMS)
def test_a_typed_value_is_stored_in_its_json_form(schema: object, value: Any, form: Any) -> None:
    """Each type has one form, and reads back from it."""
    assert stored(schema, value) == form
    assert restored(schema, form) == value


@pytest.mark.parametrize(("schema", "value", "form"), FORMS)
def test_the_json_form_is_accepted_as_it_is(schema: object, value: Any, form: Any) -> None:
    """A webhook's body needs no conversion."""
    assert stored(schema, form) == form


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (int, True),
        (int, "5"),
        (int, 5.0),
        pytest.param(int, 10**4300, id="huge int"),
        (float, True),
        (float, "1.5"),
        (float, math.nan),
        (float, math.inf),
        (float, 10**400),
        (bool, 1),
        (str, b"x"),
        (str, IDENTITY),
        (None, 0),
        (datetime, datetime(2024, 1, 2)),  # noqa: DTZ001 - naive on purpose
        (datetime, "2024-01-02"),
        (datetime, date(2024, 1, 2)),
        (date, datetime(2024, 1, 2, tzinfo=UTC)),
        (date, "2024-01-02T00:00:00"),
        (time, time(1, tzinfo=ZoneInfo("Europe/Berlin"))),
        (timedelta, "60"),
        (timedelta, "60.000001"),
        (timedelta, "999999999999999999.000001"),
        (timedelta, "99999999999999.000001"),
        (timedelta, True),
        (timedelta, math.nan),
        (timedelta, 1e300),
        (UUID, "x"),
        (Decimal, 1.5),
        (Decimal, Decimal("NaN")),
        (Decimal, "Infinity"),
        (bytes, "!"),
        (Colour, "blue"),
        (Colour, 2.0),
        (Access, 8),
        (Access, "READ"),
        (Literal[1], True),
        (Literal["a"], ["a"]),
    ],
)
def test_a_value_that_is_neither_is_refused(schema: object, value: object) -> None:
    """Nothing is converted silently."""
    with pytest.raises(MissionValidationError, match=r"\$: expected "):
        stored(schema, value)


@pytest.mark.parametrize(
    ("schema", "value", "form"),
    [(str, Word.A, "a"), (int, Level.LOW, 1), (float, Level.LOW, 1), (Any, Word.A, "a"), (Any, Colour.TWO, 2)],
)
def test_a_subclass_of_a_plain_value_is_stored_as_the_plain_value(schema: object, value: object, form: object) -> None:
    """An IntEnum's member is an int wherever an int is declared."""
    found = stored(schema, value)
    assert (type(found), found) == (type(form), form)


def test_an_int_is_read_as_a_float_where_a_float_is_declared() -> None:
    """JSON writes 5.0 as 5 in many languages; the step gets a float."""
    assert type(restored(float, 5)) is float


def test_a_time_keeps_its_offset() -> None:
    """The moment and the offset survive; the name of a zone has no place in ISO text."""
    moment = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    assert restored(datetime, stored(datetime, moment)).utcoffset() == timedelta(hours=2)


@given(st.timedeltas())
@settings(max_examples=200, deadline=None)
def test_every_duration_is_exact_to_the_microsecond(value: timedelta) -> None:
    """Also through JSON text, and also where a float could not hold it."""
    assert restored(timedelta, decode_json(encode_json(stored(timedelta, value)))) == value


@pytest.mark.parametrize("value", [timedelta.max, timedelta.min, timedelta.resolution, -timedelta.resolution])
def test_the_extreme_durations_are_exact(value: timedelta) -> None:
    """A longest duration as a sentinel reads back as itself."""
    assert restored(timedelta, stored(timedelta, value)) == value


@given(st.timedeltas(timedelta(days=-36_500), timedelta(days=36_500)))
@settings(max_examples=60, deadline=None)
def test_a_duration_of_a_century_is_a_number(value: timedelta) -> None:
    """The form that the contract states: seconds."""
    assert isinstance(stored(timedelta, value), int | float)


@given(
    st.datetimes(timezones=st.just(timezone(timedelta(hours=5, minutes=45)))), st.decimals(allow_nan=False), st.binary()
)
@settings(max_examples=60, deadline=None)
def test_values_written_as_text_are_exact(moment: datetime, number: Decimal, content: bytes) -> None:
    """No digit and no byte is lost."""
    value = (moment, number if number.is_finite() else Decimal(0), content)
    schema = tuple[datetime, Decimal, bytes]
    assert restored(schema, stored(schema, value)) == value


class Pair(Enum):
    A = (1, 2)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (Pair, "Pair has the value tuple of 2"),
        (Literal[Colour.RED, "red"], "two values that are both written as 'red'"),
    ],
)
def test_choices_without_a_form_of_their_own_are_refused(schema: object, words: str) -> None:
    """Each choice must be told from the others by its JSON."""
    with pytest.raises(MissionDefinitionError, match=words):
        payload_type(schema, subject="input")
