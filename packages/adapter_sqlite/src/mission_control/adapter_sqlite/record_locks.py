"""Locks on bytes of a file that belong to an open file description.

POSIX gives all of a process's record locks on a file up as soon as the process closes any descriptor of it, whoever
opened that: a step that reads the file is enough. These locks go with their own descriptor alone. They meet POSIX
locks, of other processes and of this one, as those meet one another.
"""

from __future__ import annotations

import os
import sys
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["shared", "exclusive", "none"]

if sys.platform == "linux":
    import fcntl
    import struct

    _KINDS = {"shared": fcntl.F_RDLCK, "exclusive": fcntl.F_WRLCK, "none": fcntl.F_UNLCK}
    _FLOCK = "hhqqi0q"
    """C's `struct flock`: kind, what the start counts from, start, length (0: to the end), process."""

    def set_lock(descriptor: int, kind: Kind, start: int = 0, length: int = 0) -> bool:
        """Set the lock at once, or return False where another holds one that is in its way."""
        request = struct.pack(_FLOCK, _KINDS[kind], os.SEEK_SET, start, length, 0)
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, request)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def holder(descriptor: int, start: int, length: int) -> int:
        """Return the process that has a POSIX lock in the way of an exclusive one, 0 for none, -1 for one as ours."""
        request = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
        kind, _, _, _, process = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, request))
        return 0 if kind == fcntl.F_UNLCK else int(process)

    def _are_offered() -> bool:
        descriptor = os.memfd_create("mission-control")
        try:
            return set_lock(descriptor, "shared")
        except OSError:  # a kernel that only looks like Linux
            return False
        finally:
            os.close(descriptor)

    ARE_OFFERED = _are_offered()
    """Whether there are such locks here; where not, neither function may be called."""

else:  # pragma: no cover

    def set_lock(descriptor: int, kind: Kind, start: int = 0, length: int = 0) -> bool:
        """There are no such locks here."""
        raise NotImplementedError

    def holder(descriptor: int, start: int, length: int) -> int:
        """There are no such locks here."""
        raise NotImplementedError

    ARE_OFFERED = False
