"""Bells: named pipes that one process reads and anybody may write to who may use the mailbox.

Who rings may say a few words, which arrive whole or not at all: what is said is a hint, and never needed to be right.

A pipe has room wherever a path has, has the permissions of a file, and dies with who listens: opening it for writing
without blocking tells whether anybody does. Who listens opens it for writing, too, or would hear its end for ever once
nobody else has it open. It gets its name when it is listened to already: one without a listener is a dead one's.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from weakref import WeakSet

from .place import FLAGS, Place

ARE_OFFERED: bool = hasattr(os, "mkfifo")
"""Where there are none, whoever would listen looks once a second."""

GLANCE_SECONDS = 1.0


class Bell:
    """A bell of this process, from when it is made to `close`."""

    def __init__(self, place: Place, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._unlisten: Callable[[], object] = _nothing
        if ARE_OFFERED:
            self._descriptor = _hang(place, path)
            _hung.add(self)
        else:
            path.touch()  # who dies leaves it: there it says only that somebody was here

    def listen(self, rung: Callable[[bytes], None]) -> None:
        """Call `rung` on this loop when somebody rings, with what was said, or once a second where nobody is heard."""
        loop = asyncio.get_running_loop()
        descriptor = self._descriptor
        if descriptor is not None:
            with suppress(NotImplementedError):
                loop.add_reader(descriptor, _heard, descriptor, rung)
                self._unlisten = lambda: _remove_reader(loop, descriptor)
                return
        glancing = loop.create_task(_glance(rung))
        self._unlisten = glancing.cancel

    def mute(self) -> None:
        """Call nobody any more; on the loop that listens."""
        self._unlisten()
        self._unlisten = _nothing

    def close(self) -> None:
        """Take the bell down, which is mute or whose loop has ended. A second call does nothing."""
        if not ARE_OFFERED:
            self._path.unlink(missing_ok=True)
        descriptor = self.forget()
        if descriptor is not None:
            with suppress(OSError):
                if os.path.samestat(os.fstat(descriptor), os.lstat(self._path)):
                    self._path.unlink()
            os.close(descriptor)

    def forget(self) -> int | None:
        """Return the descriptor, which is the caller's to close from then on."""
        descriptor, self._descriptor = self._descriptor, None
        return descriptor


_hung: WeakSet[Bell] = WeakSet()


def _nothing() -> object:
    return None


def _hang(place: Place, path: Path) -> int:
    new = place.unfinished()
    os.mkfifo(new, 0o600)
    try:
        descriptor = os.open(new, os.O_RDWR | os.O_NONBLOCK | FLAGS)
        try:
            os.fchmod(descriptor, place.mode())
            new.replace(path)
        except BaseException:
            os.close(descriptor)
            raise
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return descriptor


def _heard(descriptor: int, rung: Callable[[bytes], None]) -> None:
    said = b""
    with suppress(BlockingIOError):
        said = os.read(descriptor, 65536)
    rung(said)


def _remove_reader(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    if not loop.is_closed():
        loop.remove_reader(descriptor)


async def _glance(rung: Callable[[bytes], None]) -> None:
    while True:
        await asyncio.sleep(GLANCE_SECONDS)
        rung(b"")


def ring(path: Path, words: bytes = b"\n") -> bool:
    """Ring a bell without waiting for anything; return whether anybody hears it."""
    if not ARE_OFFERED:
        return path.exists()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | FLAGS)
    except OSError:
        return False
    try:
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return False
        with suppress(BlockingIOError):  # it is full of rings that were not heard yet
            os.write(descriptor, words)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def is_heard(path: Path) -> bool:
    """Return whether anybody would hear a bell, without ringing it."""
    return ring(path, b"")


def ring_or_clear(path: Path) -> None:
    """Ring a bell, and take it away where who listened has died."""
    if not ring(path) and is_dead(path):
        with suppress(OSError):  # whoever opens the mailbox next tries it again
            path.unlink()


def is_dead(path: Path) -> bool:
    """Return whether a bell has nobody who listens."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | FLAGS))
    except OSError as error:
        return error.errno == errno.ENXIO
    return False


def _forget_in_child() -> None:
    """A forked child hears nothing for its parent, and keeps no bell alive for it."""
    for bell in list(_hung):
        descriptor = bell.forget()
        if descriptor is not None:
            os.close(descriptor)


if hasattr(os, "register_at_fork"):  # pragma: no branch
    os.register_at_fork(after_in_child=_forget_in_child)
