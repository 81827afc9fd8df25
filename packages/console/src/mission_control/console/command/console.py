"""What one call of the command works with: the database file, a client for it, and how it shows what it finds."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from .failures import NotThere

if TYPE_CHECKING:  # else where they are used: help and wrong usage need none of it
    import asyncio

    from mission_control.client import CommanderClient
    from mission_control.core import MissionDefinition

    from ..reading import Times

T = TypeVar("T")

_LONGEST_ANSWER = 10.0
"""Seconds to wait for what the process that runs the missions answers."""


class Console:
    """The database, how output looks, who asks, and a client that is opened when something is asked.

    `definitions` are what the client is to know of, which registers none.
    """

    def __init__(self) -> None:
        self.database: Path | None = None
        self.is_utc = False
        self.is_json = False
        self.is_lines = False
        self.by: str | None = None
        self.definitions: Sequence[MissionDefinition[Any]] = ()
        self._runner: asyncio.Runner | None = None
        self._client: CommanderClient | None = None

    @property
    def is_for_people(self) -> bool:
        """True where output is text, not JSON."""
        return not (self.is_json or self.is_lines)

    @property
    def is_asked_by_a_person(self) -> bool:
        """True where somebody is there to answer questions."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    @cached_property
    def times(self) -> Times:
        """How instants are read and shown now."""
        from datetime import UTC

        from ..reading import Times

        return Times.current(UTC if self.is_utc else None)

    @cached_property
    def asks(self) -> str:
        """Who asks for what is changed."""
        return self.by or user_name()

    def make_sure(self, question: str, *, is_sure: bool) -> None:
        """Ask whether to go on, unless that is sure. Raises `UsageError` where nobody can be asked, and `Abort`."""
        if is_sure:
            return
        if not self.is_asked_by_a_person:
            raise click.UsageError(f"{question} Nobody is there to say so: give --yes.")
        click.confirm(question, abort=True, err=True)

    def path(self) -> Path:
        """Return the database that was named. Raises `UsageError` where none was."""
        if self.database is None:
            raise click.UsageError("which database? Give --db PATH, or set MISSION_CONTROL_DB.")
        return self.database

    def existing_path(self) -> Path:
        """Return the database that was named and is there. Raises `NotThere` and `UsageError`."""
        path = self.path()
        if not path.exists():
            raise NotThere(f"{path}: there is no such file. `mission-control run` makes one, or a program of yours.")
        return path

    def client(self) -> CommanderClient:
        """Return the client of the database, which takes requests to who runs its missions."""
        if self._client is None:
            path = self.existing_path()
            from mission_control.adapter_sqlite import sqlite_mailbox
            from mission_control.client import create_commander_client

            self._client = create_commander_client(
                mailbox=sqlite_mailbox(path),
                definitions=self.definitions,
                answer_timeout=_LONGEST_ANSWER,
                unowned_timeout=0,
                by=self.asks,
            )
        return self._client

    def ask(self, question: Callable[[CommanderClient], Awaitable[T]]) -> T:
        """Return what the client says to a question."""
        return self.wait(question(self.client()))

    def wait(self, awaited: Awaitable[T]) -> T:
        """Return what is awaited, on the event loop of this call."""
        import asyncio
        import gc

        async def get() -> T:
            return await awaited

        if self._runner is None:
            gc.enable()  # `main` has disabled it
            self._runner = asyncio.Runner()
        try:
            return self._runner.run(get())
        except asyncio.CancelledError:  # nothing else cancels it
            raise KeyboardInterrupt from None

    def each(self, items: AsyncIterator[T]) -> Iterator[T]:
        """Yield what an iterator of the client yields, and end it, however this ends."""
        ended = object()
        try:
            while (item := self.wait(anext(items, ended))) is not ended:
                yield cast("T", item)
        finally:
            if isinstance(items, AsyncGenerator):
                self.wait(items.aclose())

    def close(self) -> None:
        """Close the client, where there is one; what is asked after that opens another one."""
        client, self._client = self._client, None
        if client is not None:
            self.wait(client.close())
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()


def user_name() -> str:
    """Return who runs this program, as the system knows them."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "somebody"
