"""An event loop on a thread of its own, for callers that have none or must not block theirs."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from mission_control.core import CommanderClosedError
from mission_control.core.log import ContainedLogger

_logger: ContainedLogger = ContainedLogger("mission_control.client")

T = TypeVar("T")


class _Begun(NamedTuple):
    """A thread that runs, and the process that it runs in."""

    pid: int
    thread: threading.Thread
    loop: asyncio.AbstractEventLoop
    end: asyncio.Event


class BackgroundLoop:
    """Runs coroutines on a daemon thread, and hands their results and errors to the threads that ask.

    The first call begins the thread, and belongs to its process: before it, a fork takes nothing away.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._waiting: set[Future[Any]] = set()
        self._begun: _Begun | None = None
        self.has_ended: bool = False
        """True from the beginning of `end` on, or where the loop ended by itself."""

    def call(self, begin: Callable[[], Coroutine[Any, Any, T]], /, *, timeout: float | None = None) -> T:
        """Run what `begin` returns on the loop, and return or raise what comes of it.

        Where it takes more than `timeout` seconds it is cancelled, and `TimeoutError` raised; it is cancelled likewise
        where this thread is interrupted. Raises `CommanderClosedError` after `end` and in a forked process, and
        `RuntimeError` on the loop's own thread, which would wait for itself.
        """
        self._check_caller()
        answer = self._submit(begin)
        try:
            return answer.result(timeout)
        except CancelledError:
            if self.has_ended:
                raise closed() from None
            raise
        finally:
            answer.cancel()
            del answer  # an error refers to this frame

    def end(self) -> None:
        """Cancel what still runs, and end the thread. A second call does nothing."""
        with self._lock:
            begun = self._begun
            if begun is not None and not self.has_ended:
                begun.loop.call_soon_threadsafe(begun.end.set)
            self.has_ended = True
        if begun is not None:
            begun.thread.join()

    @property
    def is_running(self) -> bool:
        """True from the first call on, in the process that made it, until it ends."""
        return self._begun is not None and not (self.is_inherited or self.has_ended)

    @property
    def is_inherited(self) -> bool:
        """True in a process that was forked from the one that has the thread."""
        return self._begun is not None and self._begun.pid != os.getpid()

    def _check_caller(self) -> None:
        begun = self._begun
        if begun is not None and begun.pid != os.getpid():
            raise inherited(begun.pid)
        if begun is not None and threading.current_thread() is begun.thread:
            raise RuntimeError(
                "a blocking client was called on its own event loop, which would wait for itself; make the step a "
                "plain function, which runs on a thread, or use the async client"
            )

    def _submit(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        with self._lock:
            if self.has_ended:
                raise closed()
            self._begun = self._begun or self._begin()
            answer = asyncio.run_coroutine_threadsafe(_call(begin), self._begun.loop)
            self._waiting.add(answer)
        answer.add_done_callback(self._waiting.discard)
        return answer

    def _begin(self) -> _Begun:
        began: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        thread = threading.Thread(target=self._run, args=(began,), name=self._name, daemon=True)
        thread.start()
        return _Begun(os.getpid(), thread, *began.result())

    # On the thread

    def _run(self, began: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
        with asyncio.Runner() as runner:
            try:
                runner.run(self._serve(began))
            except BaseException:
                _logger.exception("a step has ended the event loop of %s, and with it the client", self._name)
            finally:
                with self._lock:
                    self.has_ended = True
        for answer in list(self._waiting):
            with suppress(InvalidStateError):
                answer.set_exception(closed())

    async def _serve(self, began: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
        end = asyncio.Event()
        began.set_result((asyncio.get_running_loop(), end))
        await end.wait()


async def _call(begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return await begin()


def inherited(pid: int) -> CommanderClosedError:
    """Return the error for those who use what belongs to the process that theirs was forked from."""
    return CommanderClosedError(
        f"this client belongs to process {pid}, from which this one was forked; create one here"
    )


def closed() -> CommanderClosedError:
    """Return the error for those who use what was closed, or waited when it was."""
    return CommanderClosedError("this client is closed; create a new one")
