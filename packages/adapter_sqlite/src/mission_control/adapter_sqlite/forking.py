"""A fork waits until our threads are out of SQLite.

The child of a fork has one thread, and every lock as it was: what another thread held, SQLite's own among them, is held
there for good, and the child's first use of SQLite would wait for ever.
"""

from __future__ import annotations

import os
import threading
import time
from weakref import WeakKeyDictionary

_PATIENCE_SECONDS = 5.0
"""How long a fork waits for all of them: what takes longer is a job that hangs."""

_at_work: WeakKeyDictionary[threading.Lock, None] = WeakKeyDictionary()
_mine = threading.local()


def hold_forks(lock: threading.Lock) -> None:
    """Let no fork begin while `lock` is held. Whoever waits for another holder of such a lock is made after it."""
    _at_work[lock] = None


def _rest() -> None:
    locks = [lock for reference in _at_work.keyrefs() if (lock := reference()) is not None]
    deadline = time.monotonic() + _PATIENCE_SECONDS
    _mine.locks = [lock for lock in reversed(locks) if lock.acquire(timeout=max(0.0, deadline - time.monotonic()))]


def _go_on() -> None:
    for lock in _mine.locks:
        lock.release()
    del _mine.locks


def _forget() -> None:
    """In the child there is none of the threads that these locks are for."""
    _go_on()
    _at_work.clear()


if hasattr(os, "register_at_fork"):  # pragma: no branch
    os.register_at_fork(before=_rest, after_in_parent=_go_on, after_in_child=_forget)
