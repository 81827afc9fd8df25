"""Loggers that people and machines can read: structlog's, around the standard library's."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, cast

import structlog


def _render(logger: object, method: str, event: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
    """Hand the standard library a line with its keys, and the keys once more for formatters that write JSON."""
    passed = {name: event.pop(name) for name in ("exc_info", "stack_info", "stacklevel") if name in event}
    text = str(event.pop("event", ""))
    line = " ".join([text, *(f"{name}={value}" for name, value in event.items())])
    extra = {"event": text, **{f"{name}_" if name in _TAKEN else name: value for name, value in event.items()}}
    return (line,), {"extra": extra, **passed}


_TAKEN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime"}


def bound_logger(name: str, **bound: object) -> structlog.stdlib.BoundLogger:
    """Return a logger around `logging.getLogger(name)` whose every line carries `bound`. Configures nothing."""
    logger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            _render,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=True,
        **bound,
    )
    return cast("structlog.stdlib.BoundLogger", logger)
