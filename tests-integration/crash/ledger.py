"""What has happened outside of Mission Control, in a file of its own: the witness that a history is held against."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs

Kind: TypeAlias = Literal["accepted", "effect", "signalled", "updated", "cancelled"]
"""A start, signal, update or cancel returned to its caller; or an attempt's side effect took place."""


@attrs.frozen(kw_only=True)
class Entry:
    """One line: `subject` is the step, signal or update, `token` the attempt's number or what was sent."""

    kind: Kind
    mission_id: str
    subject: str = ""
    token: int | str = ""


class Ledger:
    """An append-only file; an entry is on disk when `write` returns, and whole, whoever is killed meanwhile."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, kind: Kind, mission_id: str, subject: str = "", token: int | str = "") -> None:
        """Append one entry. May be called from any thread."""
        entry = Entry(kind=kind, mission_id=mission_id, subject=subject, token=token)
        os.write(self._file, (json.dumps(attrs.asdict(entry)) + "\n").encode())
        os.fsync(self._file)


def read_ledger(path: Path) -> Iterator[Entry]:
    """Yield the entries in the order in which they were written."""
    for line in path.read_text("utf-8").splitlines():
        entry: dict[str, Any] = json.loads(line)
        yield Entry(**entry)
