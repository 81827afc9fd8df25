"""Log lines, as people and as machines see them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from mission_control.core.log import bound_logger

LOGGER = "mission_control.mission"


@pytest.fixture
def text(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the standard library's loggers got, from debug upward."""
    with caplog.at_level(logging.DEBUG, LOGGER):
        yield caplog


def test_line_is_the_event_and_its_keys(text: pytest.LogCaptureFixture) -> None:
    """A terminal shows the event first, then what is bound, then the keys of the call."""
    bound_logger(LOGGER, mission_id="mission-1", attempt=2).info("sent", to="ada")

    assert text.messages == ["sent mission_id=mission-1 attempt=2 to=ada"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        ("two words", "'two words'"),
        ("two\nlines", r"'two\nlines'"),
        ("a=b", "'a=b'"),
        ("", "''"),
        (None, "None"),
        (["x", 1], "\"['x', 1]\""),
    ],
)
def test_value_is_shown_as_one_word(text: pytest.LogCaptureFixture, value: object, shown: str) -> None:
    """A value cannot break the line or pass for another key."""
    bound_logger(LOGGER).info("event", key=value)

    assert text.messages == [f"event key={shown}"]


def test_keys_are_attributes_of_the_record(text: pytest.LogCaptureFixture) -> None:
    """A formatter of the standard library finds the event and the values as they are."""
    bound_logger(LOGGER, mission_id="mission-1").warning("sent", sizes=[1, 2])

    (record,) = text.records
    fields = vars(record)
    assert (fields["event"], fields["mission_id"], fields["sizes"]) == ("sent", "mission-1", [1, 2])
    assert (record.name, record.levelname) == (LOGGER, "WARNING")


def test_key_that_a_record_has_itself_gets_another_name(text: pytest.LogCaptureFixture) -> None:
    """`logging` would refuse keys such as `name` and `args`."""
    bound_logger(LOGGER).info("sent", name="Ada", args=1, message="m")

    (record,) = text.records
    fields = vars(record)
    assert (record.name, fields["name_"], fields["args_"], fields["message_"]) == (LOGGER, "Ada", 1, "m")
    assert text.messages == ["sent name=Ada args=1 message=m"]


def test_structlog_formatter_writes_json(text: pytest.LogCaptureFixture) -> None:
    """An application that renders its logs with structlog gets the event and each key as a field."""
    bound_logger(LOGGER, mission_id="mission-1").info("sent %s", "twice", to="ada")

    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )
    fields = json.loads(formatter.format(text.records[0]))
    assert fields.items() >= {"event": "sent twice", "level": "info", "mission_id": "mission-1", "to": "ada"}.items()


def test_percent_in_a_value_is_left_alone(text: pytest.LogCaptureFixture) -> None:
    """Only the event is a template, and only where it has arguments."""
    bound_logger(LOGGER).info("100 %", part="50%s")

    assert text.messages == ["100 % part=50%s"]


def test_exception_keeps_its_traceback(text: pytest.LogCaptureFixture) -> None:
    """`exception` hands the error to the standard library, and not to the line."""
    error = ValueError("no")
    try:
        raise error
    except ValueError:
        bound_logger(LOGGER).exception("failed")

    assert text.records[0].exc_info == (ValueError, error, error.__traceback__)
    assert text.messages == ["failed"]


@pytest.mark.parametrize("method", ["info", "error", "exception", "warning"])
def test_record_names_the_line_that_logged(text: pytest.LogCaptureFixture, method: str) -> None:
    """The file and function of a record are the caller's, not structlog's."""
    getattr(bound_logger(LOGGER), method)("here", exc_info=False)
    bound_logger(LOGGER).log(logging.INFO, "there")

    for record in text.records:
        assert (Path(record.pathname).name, record.funcName) == (
            "test_log.py",
            "test_record_names_the_line_that_logged",
        )


def test_bound_context_variables_are_on_the_line(text: pytest.LogCaptureFixture) -> None:
    """What an application binds for a request is on the lines of that request."""
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        bound_logger(LOGGER, mission_id="mission-1").info("sent")

    assert text.messages == ["sent mission_id=mission-1 request_id=r-1"]


def test_level_that_is_off_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The application's levels decide."""
    with caplog.at_level(logging.ERROR, LOGGER):
        bound_logger(LOGGER).info("sent")

    assert caplog.records == []


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """Without any handler nothing is written to stdout, and structlog stays as it was configured."""
    bound_logger(LOGGER).error("lost")

    assert capfd.readouterr().out == ""
    assert not structlog.is_configured()
