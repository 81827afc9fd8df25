"""A terminal of its own for a command, and what is seen and typed there."""

from __future__ import annotations

import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from fcntl import ioctl

COMMAND = [sys.executable, "-m", "mission_control.console.command"]
_PATIENCE = 30.0


class Terminal:
    """What a command shows on a terminal of so many columns."""

    def __init__(self, leader: int, process: subprocess.Popen[bytes]) -> None:
        self._leader = leader
        self.process = process
        self.seen = ""

    def type(self, text: str) -> None:
        """Type a text."""
        os.write(self._leader, text.encode())

    def wait_for(self, text: str) -> None:
        """Return when a text is seen. Raises `AssertionError` where it does not come."""
        while text not in self.seen:
            assert self._read(), f"{text!r} never came: {self.seen!r}"

    def end(self) -> int:
        """Return the status of the command when it has ended, and everything was seen."""
        while self._read():
            pass
        return self.process.wait(_PATIENCE)

    def interrupt(self) -> int:
        """Interrupt the command, and return its status; again where nothing was reading or waiting just then."""
        for _ in range(10):
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(2)
                break
        return self.end()

    def _read(self) -> bool:
        ready, _, _ = select.select([self._leader], [], [], _PATIENCE)
        try:
            read = os.read(self._leader, 65536) if ready else b""
        except OSError:  # the other side is closed
            return False
        self.seen += read.decode()
        return bool(read)


@contextmanager
def terminal(*arguments: str, columns: int = 100, lines: int = 40, **environment: str) -> Generator[Terminal]:
    """Run a command on a terminal."""
    leader, follower = pty.openpty()
    ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    told: Mapping[str, str] = {**os.environ, "TERM": "xterm", "PAGER": "cat", **environment}
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=follower, stdout=follower, stderr=follower, env=told, start_new_session=True
    )
    os.close(follower)
    try:
        yield Terminal(leader, process)
    finally:
        process.kill()
        process.wait()
        os.close(leader)
