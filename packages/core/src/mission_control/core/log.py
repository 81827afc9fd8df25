"""Loggers that people and machines can read: structlog's, around the standard library's.

A line is the event and its keys as text, for a terminal. The same keys are attributes of the `LogRecord`, `event`
among them: a formatter that writes JSON, or structlog's `ExtraAdder`, finds them there. Nothing is configured here, so
handlers, levels and formats are those of the application.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping
from itertools import dropwhile, takewhile
from traceback import walk_stack
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

_TAKEN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime"}
"""What a `LogRecord` has of its own: `logging` refuses keys of these names."""


def bound_logger(name: str, **bound: Any) -> BoundLogger:
    """Return a logger around `logging.getLogger(name)` whose every line carries `bound`.

    Lines also carry what the caller has bound with `structlog.contextvars`.
    """
    import structlog  # slow to import

    logger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.PositionalArgumentsFormatter(),
            _render,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=True,
        **bound,
    )
    return cast("BoundLogger", logger)


def _render(logger: object, method: str, event: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
    """Return the arguments for the standard library's logger."""
    passed = {name: event.pop(name) for name in ("exc_info", "stack_info") if name in event}
    passed["stacklevel"] = event.pop("stacklevel", 1) + _depth()
    extra = {f"{name}_" if name in _TAKEN else name: value for name, value in event.items()}
    return (_line(event),), {"extra": extra, **passed}


def _line(event: Mapping[str, Any]) -> str:
    keys = (f"{name}={_text(value)}" for name, value in event.items() if name != "event")
    return " ".join([str(event.get("event", "")), *keys])


def _text(value: object) -> str:
    """Return a value as one word, so that a line stays a line and its keys can be told apart."""
    text = str(value)
    return text if text.isprintable() and text and not set(text) & {" ", "=", '"'} else repr(text)


def _depth() -> int:
    """Return how many of structlog's frames stand between the caller and the standard library's logger."""
    packages = (frame.f_globals.get("__name__", "").partition(".")[0] for frame, _ in walk_stack(None))
    callers = dropwhile(lambda package: package != "structlog", packages)
    return sum(1 for _ in takewhile(lambda package: package == "structlog", callers)) - 1  # one will have returned
