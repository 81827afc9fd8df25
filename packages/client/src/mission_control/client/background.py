"""An event loop on a thread of its own, for callers that have none or must not block theirs."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from typing import Any, TypeVar

from mission_control.core import CommanderClosedError
from mission_control.core.log import ContainedLogger

_logger: ContainedLogger = ContainedLogger("mission_control.client")

T = TypeVar("T")


class BackgroundLoop:
    """Runs coroutines on a daemon thread, and hands their results and errors to the threads that ask."""

    def __init__(self, name: str) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._waiting: set[Future[Any]] = set()
        self.has_ended: bool = False
        """True from the beginning of `end` on, or where the loop ended by itself."""
        began: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=self._run, args=(began,), name=name, daemon=True)
        self._thread.start()
        self._loop, self._end = began.result()

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
            if not self.has_ended:
                self.has_ended = True
                self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    @property
    def is_inherited(self) -> bool:
        """True in a process that was forked from the one that has the thread."""
        return os.getpid() != self._pid

    def _check_caller(self) -> None:
        if self.is_inherited:
            raise CommanderClosedError(
                f"this client belongs to process {self._pid}, from which this one was forked; create one here"
            )
        if threading.current_thread() is self._thread:
            raise RuntimeError(
                "a blocking client was called on its own event loop, which would wait for itself; make the step a "
                "plain function, which runs on a thread, or use the async client"
            )

    def _submit(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        with self._lock:
            if self.has_ended:
                raise closed()
            answer = asyncio.run_coroutine_threadsafe(_call(begin), self._loop)
            self._waiting.add(answer)
        answer.add_done_callback(self._waiting.discard)
        return answer

    # On the thread

    def _run(self, began: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
        with asyncio.Runner() as runner:
            try:
                runner.run(self._serve(began))
            except BaseException:
                _logger.exception("a step has ended the event loop of %s, and with it the client", self._thread.name)
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


def closed() -> CommanderClosedError:
    """Return the error for those who use what was closed, or waited when it was."""
    return CommanderClosedError("this client is closed; create a new one")
