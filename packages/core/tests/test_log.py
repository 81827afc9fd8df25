"""Log lines, as people and as machines see them."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from mission_control.core.log import ContainedLogger, bound_logger, contained

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


@pytest.fixture
def factory() -> Iterator[None]:
    """A record factory of an application that gives every record the fields that its one format names."""
    before = logging.getLogRecordFactory()

    def with_fields(*arguments: Any, **options: Any) -> logging.LogRecord:
        record = before(*arguments, **options)
        record.mission_id = record.event = "-"
        return record

    logging.setLogRecordFactory(with_fields)
    yield
    logging.setLogRecordFactory(before)


@pytest.mark.usefixtures("factory")
def test_records_pass_with_a_factory_that_sets_their_keys(text: pytest.LogCaptureFixture) -> None:
    """What is known of a record replaces what the factory gave to all."""
    bound_logger(LOGGER, mission_id="mission-1").warning("sent")
    ContainedLogger(LOGGER).warning("late", extra={"mission_id": "mission-2"})

    assert [vars(record)["mission_id"] for record in text.records] == ["mission-1", "mission-2"]


def test_line_names_where_it_was_written(text: pytest.LogCaptureFixture) -> None:
    """File and function of a line are the caller's, not those of a logger around a logger."""
    bound_logger(LOGGER).warning("bound")
    bound_logger(LOGGER).log(logging.WARNING, "bound")
    ContainedLogger(LOGGER).warning("plain")
    ContainedLogger(LOGGER).log(logging.WARNING, "plain", stack_info=True)

    assert {record.funcName for record in text.records} == {"test_line_names_where_it_was_written"}
    assert {Path(record.pathname) for record in text.records} == {Path(__file__)}
    assert text.records[-1].stack_info is not None


def test_exception_can_be_given_or_current(text: pytest.LogCaptureFixture) -> None:
    """`exc_info` is an exception, its triple, or the one that is being handled."""
    log, error = ContainedLogger(LOGGER), ValueError("no")
    log.warning("given", exc_info=error)
    log.warning("triple", exc_info=(ValueError, error, None))
    try:
        raise error
    except ValueError:
        log.exception("current")

    assert [record.exc_info and record.exc_info[1] for record in text.records] == [error] * 3


def test_broken_log_line_is_told_on_stderr(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As `logging` itself does, unless the application has told it not to; a broken stderr costs the line alone."""
    logger = logging.getLogger(LOGGER)

    class Broken(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            raise ZeroDivisionError

    monkeypatch.setattr(logger, "handlers", [Broken()])

    ContainedLogger(LOGGER).warning("lost")
    assert "ZeroDivisionError" in capsys.readouterr().err

    monkeypatch.setattr(logging, "raiseExceptions", False)
    ContainedLogger(LOGGER).warning("lost")
    assert capsys.readouterr().err == ""

    monkeypatch.setattr(logging, "raiseExceptions", True)
    monkeypatch.setattr(sys, "stderr", object())
    ContainedLogger(LOGGER).warning("lost")


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_end_of_the_program_passes_a_log_call(monkeypatch: pytest.MonkeyPatch, end: type[BaseException]) -> None:
    """What ends the program is not kept back, wherever in a line it is raised."""

    class Ending:
        def __str__(self) -> str:
            raise end

    def raising(record: object) -> bool:
        raise end

    for call in (bound_logger(LOGGER).warning, bound_logger(LOGGER).error):
        with pytest.raises(end):
            call("event", key=Ending())
        with pytest.raises(end):
            call("%s", Ending())
    monkeypatch.setattr(logging.getLogger(LOGGER), "filters", [raising])
    with pytest.raises(end):
        ContainedLogger(LOGGER).warning("lost")


def test_contained_function_logs_what_it_raises(text: pytest.LogCaptureFixture) -> None:
    """Whoever calls it gets None, and the log has the error; the end of the program passes."""
    log = ContainedLogger(LOGGER)

    assert contained(log, "no division")(lambda: 1 / 0)() is None
    assert contained(log, "no division")(lambda: 2)() == 2
    with pytest.raises(SystemExit):
        contained(log, "no division")(sys.exit)()
    assert [(record.message, record.exc_info and record.exc_info[0]) for record in text.records] == [
        ("no division", ZeroDivisionError)
    ]
