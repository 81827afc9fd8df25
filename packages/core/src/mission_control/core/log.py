"""Loggers that people and machines can read, and that harm nobody: the standard library's, and structlog's around them.

A line is the event and its keys as text, for a terminal. The same keys are attributes of the `LogRecord`, `event`
among them: a formatter that writes JSON, or structlog's `ExtraAdder`, finds them there. Nothing is configured here, so
handlers, levels and formats are those of the application; so are the factory of its records, its filters and its
handlers, and whatever those raise stays here.
"""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from functools import cache, wraps
from itertools import takewhile
from traceback import walk_stack
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from .foreign import ENDS_THE_PROGRAM, report_broken_logging, text_of

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

    _Adapter = logging.LoggerAdapter[logging.Logger]
else:
    _Adapter = logging.LoggerAdapter

P = ParamSpec("P")
T = TypeVar("T")

_TAKEN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime"}
"""What a `LogRecord` has of its own, which its keys must not replace."""


class ContainedLogger(_Adapter):
    """A logger of the standard library whose calls raise nothing, whatever an application makes of log records.

    The keys in `extra` are set on the finished record, so they pass with any record factory.
    """

    def __init__(self, name: str) -> None:
        super().__init__(logging.getLogger(name))

    @property
    def disabled(self) -> bool:
        """True where the application has silenced the logger."""
        return self.logger.disabled

    def log(
        self,
        level: int,
        msg: object,
        *args: object,
        exc_info: Any = None,
        stack_info: bool = False,
        stacklevel: int = 1,
        extra: Mapping[str, object] | None = None,
        **_: object,
    ) -> None:
        """Write a line, or say on stderr why it cannot be written."""
        try:
            if self.isEnabledFor(level):
                self._write(level, msg, args, exc_info, stack_info, stacklevel + 2, extra)
        except ENDS_THE_PROGRAM:
            raise
        except BaseException as error:  # filters, handlers and record factories are the application's
            report_broken_logging(error)

    def _write(
        self,
        level: int,
        msg: object,
        args: tuple[object, ...],
        exc_info: Any,
        stack_info: bool,
        stacklevel: int,
        extra: Mapping[str, object] | None,
    ) -> None:
        file, line, function, stack = self.logger.findCaller(stack_info, stacklevel)
        if isinstance(exc_info, BaseException):
            exc_info = (type(exc_info), exc_info, exc_info.__traceback__)
        elif exc_info is True:
            exc_info = sys.exc_info()
        record = self.logger.makeRecord(
            self.logger.name, level, file, line, msg, args, exc_info or None, function, None, stack
        )
        vars(record).update(extra or {})
        self.logger.handle(record)


def contained(log: ContainedLogger, what: str) -> Callable[[Callable[P, T]], Callable[P, T | None]]:
    """Keep what a function raises from whoever calls it: it is logged as `what`, and None returned."""

    def decorate(call: Callable[P, T]) -> Callable[P, T | None]:
        @wraps(call)
        def contain(*arguments: P.args, **options: P.kwargs) -> T | None:
            try:
                return call(*arguments, **options)
            except ENDS_THE_PROGRAM:
                raise
            except BaseException:
                log.exception(what)
                return None

        return contain

    return decorate


def bound_logger(name: str, **bound: Any) -> BoundLogger:
    """Return a logger around `logging.getLogger(name)` whose every line carries `bound`.

    Lines also carry what the caller has bound with `structlog.contextvars`.
    """
    import structlog  # slow to import

    logger = structlog.wrap_logger(
        ContainedLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.PositionalArgumentsFormatter(),
            _render,
        ],
        wrapper_class=_wrapper(),
        context_class=dict,
        cache_logger_on_first_use=True,
        **bound,
    )
    return cast("BoundLogger", logger)


@cache
def _wrapper() -> type[BoundLogger]:
    import structlog  # slow to import

    class Contained(structlog.stdlib.BoundLogger):
        """Raises nothing, whatever the values of a line do when they are written."""

        def _proxy_to_logger(self, method_name: str, event: str | None = None, *args: str, **keys: Any) -> Any:
            try:
                return super()._proxy_to_logger(method_name, event, *args, **keys)
            except ENDS_THE_PROGRAM:
                raise
            except BaseException as error:  # the values and the context's processors are the application's
                report_broken_logging(error)

    return Contained


def _render(logger: object, method: str, event: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
    """Return the arguments for the standard library's logger."""
    passed = {name: event.pop(name) for name in ("exc_info", "stack_info") if name in event}
    passed["stacklevel"] = event.pop("stacklevel", 1) + _depth()
    extra = {f"{name}_" if name in _TAKEN else name: value for name, value in event.items()}
    return (_line(event),), {"extra": extra, **passed}


def _line(event: Mapping[str, Any]) -> str:
    keys = (f"{name}={_text(value)}" for name, value in event.items() if name != "event")
    return " ".join([text_of(event.get("event", "")), *keys])


def _text(value: object) -> str:
    """Return a value as one word, so that a line stays a line and its keys can be told apart."""
    text = text_of(value)
    return text if text.isprintable() and text and not set(text) & {" ", "=", '"'} else repr(text)


def _depth() -> int:
    """Return how many frames stand between the caller and the standard library's logger, when that is called."""
    frames = (frame.f_globals.get("__name__", "") for frame, _ in walk_stack(inspect.currentframe()))
    return sum(1 for _ in takewhile(_is_between, frames)) - 3  # this, and what renders the line will have returned


def _is_between(module: str) -> bool:
    return module == __name__ or module.partition(".")[0] == "structlog"
