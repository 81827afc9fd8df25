"""Threads for synchronous code: reused, and gone when there is nothing to do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

import pytest

from mission_control.core.engine import threads

Work = Callable[[], None]


def test_thread_that_was_picked_while_it_went_away_does_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that is handed to a thread at the moment when its patience ends is not lost."""
    monkeypatch.setattr(threads, "_IDLE", 0.001)
    picked: SimpleQueue[Work] = SimpleQueue()
    idle: list[SimpleQueue[Work]] = []  # whoever picked the thread has taken it out
    serve = threads._serve  # pyright: ignore[reportPrivateUsage]
    thread = threading.Thread(target=serve, args=(picked, idle), daemon=True)
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    done = threading.Event()
    picked.put(done.set)

    assert done.wait(10)
    thread.join(10)
    assert not thread.is_alive()
    assert idle == []
