"""The directory of a mailbox, who may use it, and what its files are called.

Who may not write the database may not send. So the directory has the database's permissions from when there is one;
what lies in it has the directory's. A client that comes before the first owner makes it as any program makes one.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from mission_control.core.errors import PersistenceError

from ..files import flush_folder

FLAGS: int = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
READ: int = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | FLAGS
CREATE: int = os.O_WRONLY | os.O_CREAT | os.O_EXCL | FLAGS

REQUEST_ID: re.Pattern[str] = re.compile(r"\d{20}-(?P<sender>[0-9a-f]{16})-\d{10}", re.ASCII)
"""Sorts by time, and those of one sender by its own count."""
REQUEST: re.Pattern[str] = re.compile(rf"(?P<id>{REQUEST_ID.pattern})\.json", re.ASCII)
OWNER = "owner"
CLIENT = "client-"
NEW = "new-"
"""What is not finished yet, or never will be."""
REFUSED = "refused-"
"""What could not be read."""


class Place:
    """The directory of the mailbox of one database."""

    def __init__(self, database: Path) -> None:
        self.database = database
        self.folder: Path = database.with_name(f"{database.name}-mailbox")
        self.owner_bell: Path = self.folder / OWNER

    def client_bell(self, sender: str) -> Path:
        """Return where the bell of a client is."""
        return self.folder / f"{CLIENT}{sender}"

    def request(self, request_id: str) -> Path:
        """Return where a request lies."""
        return self.folder / f"{request_id}.json"

    def unfinished(self) -> Path:
        """Return a name for something that nobody looks at until it has another one."""
        return self.folder / f"{NEW}{secrets.token_hex(8)}"

    def make(self) -> None:
        """Make the directory where there is none, and see to its permissions. Raises `PersistenceError`."""
        try:
            wanted = self._wanted()
            with suppress(FileExistsError):
                self.folder.mkdir(0o777 if wanted is None else stat.S_IMODE(wanted.st_mode) | 0o700)
                flush_folder(self.folder.parent)
            if wanted is not None:
                self._permit(wanted)
        except OSError as error:
            raise self.failure(error) from error
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise PersistenceError(f"{self.folder}: this mailbox cannot be written: check its owner and its mode")

    def _wanted(self) -> os.stat_result | None:
        with suppress(FileNotFoundError):
            return self.database.stat()
        return None

    def _permit(self, database: os.stat_result) -> None:
        """Give the directory the database's group, and its permissions; what is made in it gets the group then."""
        found = self.folder.stat()
        mode = stat.S_IMODE(database.st_mode) & 0o666
        mode |= (mode & 0o444) >> 2 | stat.S_ISGID
        if (found.st_gid, stat.S_IMODE(found.st_mode)) == (database.st_gid, mode):
            return
        with suppress(PermissionError):  # it is another user's, who may be a client
            if found.st_gid != database.st_gid and hasattr(os, "chown"):
                os.chown(self.folder, -1, database.st_gid)
            self.folder.chmod(mode)

    def mode(self) -> int:
        """Return the permissions of what lies in the directory."""
        return self.folder.stat().st_mode & 0o666

    def failure(self, error: OSError) -> PersistenceError:
        """Return the error for a mailbox that cannot be used."""
        return PersistenceError(
            f"{self.folder}: {error.strerror or error}: check the space on its disk, and its permissions"
        )
