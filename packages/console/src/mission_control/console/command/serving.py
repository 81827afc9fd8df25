"""Serves the page."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import Console
from .failures import Refused
from .options import ConsoleCommand, pass_console

if TYPE_CHECKING:
    from types import ModuleType

_NEEDED = frozenset({"jinja2", "starlette", "uvicorn"})
_TOKEN_BYTES = 24


@click.command(cls=ConsoleCommand, example="serve --read-only", has_output=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; elsewhere a token is needed.")
@click.option("--port", type=click.IntRange(0, 65535), default=8321, show_default=True, help="0 is a free one.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What holds the token; without one, where a token is needed, one is made and shown once.",
)
@click.option("--read-only", is_flag=True, help="Show everything, and change nothing.")
@click.option("--hide-payloads", is_flag=True, help="Show no inputs, outputs, payloads and messages of errors.")
@pass_console
def serve(
    console: Console, /, *, host: str, port: int, token_file: Path | None, read_only: bool, hide_payloads: bool
) -> None:
    """Serve the page.

    Until Ctrl-C or SIGTERM.
    """
    client, serving = console.client(), _serving()
    from ..page import create_app

    try:
        app = create_app(
            client,
            read_only=read_only,
            token=_token(token_file, is_needed=not serving.is_local(host)),
            hide_payloads=hide_payloads,
            trusted_hosts=serving.hosts_of(host),
        )
    except ValueError as error:  # of the token
        raise Refused(str(error)) from error
    console.wait(serving.serve(app, host=host, port=port, announce=_announce))


def _serving() -> ModuleType:
    try:
        from ..page import serving
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        raise Refused("the page needs more than the command: pip install 'mission-control-console[page]'") from error
    return serving


def _token(file: Path | None, *, is_needed: bool) -> str | None:
    if file is not None:
        return file.read_text("utf-8").strip()
    if not is_needed:
        return None
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    click.echo(f"The token to log in with, which is shown only now: {token}", err=True)
    return token


def _announce(address: str) -> None:
    click.echo(f"The page is at {address}; Ctrl-C or SIGTERM ends it")
