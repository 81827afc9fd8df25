"""The page, served by the command."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from .conftest import Run
from .terminal import Terminal, terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it has no such terminals")


def address(serving: Terminal) -> str:
    """Return where the page is, when it is there."""
    serving.wait_for("Ctrl-C or SIGTERM ends it")
    found = re.search(r"The page is at (http://\S+/)", serving.seen)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_page_is_served_until_it_is_told_to_stop(database: Path, number: signal.Signals) -> None:
    """On this machine alone, at an address that is told."""
    with terminal("serve", "--port", "0", "--read-only", "--hide-payloads") as serving:
        where = address(serving)
        with urllib.request.urlopen(where, timeout=30) as page:
            assert page.status == 200
        serving.process.send_signal(number)
        assert serving.end() == 0

    assert where.startswith("http://127.0.0.1:")
    assert "token" not in serving.seen


def test_elsewhere_a_token_is_made_and_shown_once(database: Path) -> None:
    """Nobody gets in without."""
    with terminal("serve", "--host", "0.0.0.0", "--port", "0") as serving:
        where = address(serving).replace("0.0.0.0", "127.0.0.1")
        with urllib.request.urlopen(where, timeout=30) as page:
            assert "/login" in page.url
        serving.process.send_signal(signal.SIGTERM)
        serving.end()

    assert len(re.findall(r"which is shown only now: (\S{32})\s", serving.seen)) == 1


def test_a_token_comes_from_a_file(database: Path) -> None:
    """It is not shown."""
    Path("token").write_text("a-token-of-this-test\n", "utf-8")
    with terminal("serve", "--port", "0", "--token-file", "token") as serving:
        with urllib.request.urlopen(address(serving), timeout=30) as page:
            assert "/login" in page.url
        serving.process.send_signal(signal.SIGTERM)
        serving.end()

    assert "a-token-of-this-test" not in serving.seen


def test_a_token_that_is_too_short_is_refused(database: Path, run: Run) -> None:
    """Before anything listens."""
    Path("token").write_text("short", "utf-8")

    assert "token" in run("serve", "--port", "0", "--token-file", "token", status=1).stderr


def test_a_port_that_is_taken_is_told(database: Path, run: Run) -> None:
    """Without a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = run("serve", "--port", str(taken.getsockname()[1]), status=1).stderr

    assert "in use" in said


def test_what_the_page_needs_is_told_where_it_is_missing(database: Path) -> None:
    """The command works without."""
    code = (
        "import sys; sys.modules['starlette'] = None\n"
        "from mission_control.console.command import main; sys.argv = ['mission-control', 'serve']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)

    assert done.returncode == 1
    assert "pip install 'mission-control-console[page]'" in done.stderr
