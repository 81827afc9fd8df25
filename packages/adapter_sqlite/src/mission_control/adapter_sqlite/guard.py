"""What keeps other programs from taking the write-ahead log away under a writer.

The last connection to close a database clears its log. SQLite knows by record locks whether it is the last, and a
process loses its own as soon as it closes any descriptor of these files. So whoever writes here holds, on descriptors
of its own, what no reader and no writer minds, and nobody can clear a log against: a shared lock where SQLite has its
shared lock on the database, and one where it says that the log's index is in use.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from weakref import WeakSet

from mission_control.core.errors import PersistenceError

from .failures import ReplacedError
from .files import Identity, identity, index_of
from .record_locks import ARE_OFFERED, holder, set_lock

# Of SQLite's file format, and of how it locks files on unix: start and length.
_SHARED = (0x4000_0002, 510)
_ALL = (0x4000_0000, 512)
_WRITER = (120, 1)
_IN_USE = (128, 1)
_ANYWHERE = (0, 0)

_CLOEXEC: int = getattr(os, "O_CLOEXEC", 0)


class Guard:
    """Shared locks on a database and on its log's index; none where the platform has no such locks.

    Closing a descriptor costs the process its other locks on that file. So `close` comes after the writer's connection
    and that of the reader beside it have been closed, and leaves a descriptor open while any connection uses the file.
    """

    def __init__(self) -> None:
        self._descriptors: list[int] = []
        _guards.add(self)

    def take(self, path: Path) -> None:
        """Lock the files that a connection of ours has just opened."""
        if not ARE_OFFERED:  # pragma: no cover
            return
        for file, place in ((path, _SHARED), (index_of(path), _IN_USE)):
            try:
                descriptor = _open(file)
            except FileNotFoundError as error:
                raise ReplacedError from error
            self._descriptors.append(descriptor)
            if not set_lock(descriptor, "shared", *place):
                raise PersistenceError(f"{path}: another program has locked {file.name}: let it finish, or end it")

    def sees_writing(self) -> bool:
        """Return whether a transaction of this process, which is writing, uses the index that is locked here."""
        return not ARE_OFFERED or holder(self._descriptors[1], *_WRITER) == os.getpid()

    def unlock(self) -> None:
        """Let the log be cleared."""
        for descriptor in self._descriptors:
            set_lock(descriptor, "none")

    def close(self) -> None:
        """Give up what is still locked; a second call does nothing."""
        self.unlock()
        for descriptor in [*self.forget(), *_left.values()]:
            file = identity(os.fstat(descriptor))
            if holder(descriptor, *_ANYWHERE):
                _left[file] = descriptor
            else:
                _left.pop(file, None)
                os.close(descriptor)

    def forget(self) -> list[int]:
        """Return the descriptors, which are the caller's to close from then on."""
        descriptors, self._descriptors = self._descriptors, []
        return descriptors


_guards: WeakSet[Guard] = WeakSet()
_left: dict[Identity, int] = {}
"""Descriptors that are open for the sake of other connections' locks, and are used again for the same file."""


def _open(file: Path) -> int:
    left = _left.pop(identity(file.stat()), None)
    return os.open(file, os.O_RDONLY | _CLOEXEC) if left is None else left


def _forget_in_child() -> None:
    """Close what a forked child inherited, and unlock nothing: the locks are its parent's as well."""
    for descriptor in [*chain.from_iterable(guard.forget() for guard in list(_guards)), *_left.values()]:
        os.close(descriptor)
    _left.clear()


if hasattr(os, "register_at_fork"):  # pragma: no branch
    os.register_at_fork(after_in_child=_forget_in_child)


@contextmanager
def alone(path: Path) -> Generator[bool]:
    """Keep every other connection out of the database, as SQLite does when it clears a log; yields whether it can."""
    descriptor = os.open(path, os.O_RDWR | _CLOEXEC)
    try:
        yield ARE_OFFERED and set_lock(descriptor, "exclusive", *_ALL)
    finally:
        os.close(descriptor)
