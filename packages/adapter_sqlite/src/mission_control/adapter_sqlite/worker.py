"""A thread that owns one resource and does one job after another on it, for callers on an event loop.

Neither the thread nor what waits in its queue refers to the object that started it, so that object can be
collected, and end the thread, without anyone having closed it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

import attrs

from mission_control.core.errors import MissionControlError, PersistenceError
from mission_control.core.log import ContainedLogger

from .failures import storage_error
from .forking import hold_forks

_log: ContainedLogger = ContainedLogger("mission_control.adapter_sqlite")


_FAULTS = (sqlite3.Error, OSError, OverflowError, UnicodeError)
"""What storage raises, the values that it cannot take included."""


_PATIENCE_SECONDS = 5.0
"""How long a thread is waited for that finishes what is under way."""


_GLANCE_SECONDS = 0.1
"""How often to see whether a thread has ended instead of doing what it was asked to."""


class Closeable(Protocol):
    """What a worker owns: a connection, or something around one."""

    def close(self) -> None:
        """Give it up; a second call does nothing."""
        ...


R = TypeVar("R", bound=Closeable)
P = ParamSpec("P")
T = TypeVar("T")


@attrs.define(eq=False, repr=False)
class _Job(Generic[R]):
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    work: Callable[[R], Any]


@attrs.define(eq=False, repr=False)
class _Discard:
    done: threading.Event


@attrs.define(eq=False, repr=False)
class _Stop:
    notify: Callable[[], None]


class Worker(Generic[R]):
    """A daemon thread with the resource that `acquire` opens, when the first job comes.

    A job that fails as storage does raises `PersistenceError` at its caller, and the next job gets the resource opened
    anew. When the thread ends it closes the resource, then calls `release`.
    """

    def __init__(self, name: str, path: Path, acquire: Callable[[], R], release: Callable[[], None]) -> None:
        self._jobs: SimpleQueue[_Job[R] | _Discard | _Stop] = SimpleQueue()
        self._path = path
        self._is_stopped = False
        at_work = threading.Lock()
        hold_forks(at_work)
        self._thread = threading.Thread(
            target=_serve, args=(self._jobs, at_work, path, acquire, release), name=f"{name} {path.name}", daemon=True
        )
        self._thread.start()

    def do(self, function: Callable[Concatenate[R, P], T], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Queue `function(resource, ...)`; a caller that is cancelled does not keep it from being done.

        Raises `PersistenceError` after `stop`.
        """
        if self._is_stopped:
            raise PersistenceError(f"{self._path}: this is closed: open it again")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(loop, future, lambda resource: function(resource, *args, **kwargs)))
        return future

    def discard(self) -> None:
        """Have the thread close what it has, and wait for that; the next job gets the resource opened anew."""
        done = threading.Event()
        self._jobs.put(_Discard(done))
        while self._thread.is_alive() and not done.wait(_GLANCE_SECONDS):
            pass

    def stop(self, notify: Callable[[], None]) -> None:
        """End the thread when its queue is done; it calls `notify` when it has released everything."""
        self._is_stopped = True
        self._jobs.put(_Stop(notify))

    def wait(self) -> None:
        """Block until the thread has ended, but for a few seconds at most."""
        if threading.current_thread() is not self._thread:
            self._thread.join(_PATIENCE_SECONDS)


async def end(stop: Callable[[Callable[[], None]], None], last: Worker[Any]) -> None:
    """Call `stop` with what to notify at the end, and return when the thread of `last` has ended.

    Everything is on its way before the first await, so a caller that is cancelled stops nothing halfway.
    """
    ended = asyncio.Event()
    stop(partial(call_soon, asyncio.get_running_loop(), ended.set))
    await ended.wait()
    last.wait()


def call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *args: Any) -> None:
    """Call on the loop from any thread; where the loop has ended there is no one to call."""
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError:
        _log.debug("an event loop ended before its result came")


def _serve(
    jobs: SimpleQueue[_Job[R] | _Discard | _Stop],
    at_work: threading.Lock,
    path: Path,
    acquire: Callable[[], R],
    release: Callable[[], None],
) -> None:
    resource: R | None = None
    while True:
        job = jobs.get()
        with at_work:
            if isinstance(job, _Job):
                resource = _do(job, resource, path, acquire)
            else:
                _close(resource)
                resource = None
        if isinstance(job, _Stop):
            break
        if isinstance(job, _Discard):
            job.done.set()
        del job  # what it refers to must not stay alive until the next one comes
    release()
    job.notify()


def _close(resource: Closeable | None) -> None:
    if resource is not None:
        with suppress(sqlite3.Error):  # what is closed after a fault may fail once more
            resource.close()


def _do(job: _Job[R], resource: R | None, path: Path, acquire: Callable[[], R]) -> R | None:
    try:
        if resource is None:
            resource = acquire()
        result = job.work(resource)
    except MissionControlError as error:
        call_soon(job.loop, _fail, job.future, error)
    except _FAULTS as error:
        _close(resource)
        resource = None
        failure = storage_error(path, error)
        failure.__cause__ = error
        call_soon(job.loop, _fail, job.future, failure)
    except Exception as error:
        call_soon(job.loop, _fail, job.future, error)
    else:
        call_soon(job.loop, _succeed, job.future, result)
    return resource


def _succeed(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
    else:
        _log.error("an operation failed whose caller was cancelled: %s", error)
