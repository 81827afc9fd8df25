"""A process that owns a database, and runs its missions."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from .conftest import Run
from .terminal import COMMAND, terminal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_until_it_is_told_to_stop(database: Path, run: Run, number: signal.Signals) -> None:
    """And answers while it does."""
    with terminal("run", "shop:runtime") as owning:
        owning.wait_for("runs the missions; Ctrl-C or SIGTERM ends it")
        while f"run by process {owning.process.pid} since" not in run("status").stdout:
            pass
        run("cancel", "order-3")
        owning.process.send_signal(number)
        assert owning.end() == 0

    assert "Traceback" not in owning.seen


def test_once_does_what_is_due_and_ends(database: Path, run: Run) -> None:
    """With what that sets in motion, and what was asked for meanwhile."""
    run("wake", "nap-1")
    run("start", "nap", "--data", '"Bob"', "--id", "nap-2")

    run("run", "shop:runtime", "--once")

    assert run("show", "nap-1").stdout.startswith("nap-1  completed")
    assert run("show", "nap-2").stdout.startswith("nap-2  waiting")


@pytest.mark.parametrize(
    "body",
    [
        "found = shop.runtime()",
        "def found(): return shop.runtime()",
        "async def found(): return shop.runtime()",
        "class here: found = staticmethod(shop.runtime)",
    ],
)
def test_a_runtime_or_what_returns_one_is_run(database: Path, run: Run, body: str) -> None:
    """From a module of the current directory."""
    Path("program.py").write_text(f"import shop\n{body}\n", "utf-8")
    name = "here.found" if "class" in body else "found"

    subprocess.run([*COMMAND, "run", f"program:{name}", "--once"], check=True, timeout=60, capture_output=True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("found = 1", "program:found: expected a CommanderRuntime, or a function that returns one, found int"),
        ("def found(): return None", "found NoneType"),
        ("def found(path): pass", "program:found: expected a function that takes no arguments"),
        ("def found(): raise ValueError('no disk')", "program:found: ValueError: no disk ("),
        ("async def found(): raise ValueError('no disk')", "program:found: ValueError: no disk ("),
        ("found = not_there", "module 'program' cannot be imported: NameError: name 'not_there' is not defined ("),
        ("found = = 1", "module 'program' cannot be imported: "),
    ],
)
def test_what_is_no_runtime_is_told(database: Path, body: str, said: str) -> None:
    """Without a traceback."""
    Path("program.py").write_text(body, "utf-8")

    done = subprocess.run(
        [*COMMAND, "run", "program:found", "--once"], check=False, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


SLOW = """
import asyncio
from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import m
from mission_control.runtime import create_commander_runtime

async def begin(ctx):
    return None

async def work(ctx):
    print("at work", flush=True)
    await asyncio.sleep(3600)

slow = m.define("slow").start(input=str, run=begin).step("work", work).end()

def found():
    storage = create_sqlite_persistence_adapter("shop.db")
    return create_commander_runtime(definitions=[slow], persistence=storage)
"""


def test_once_ends_when_it_is_told_to(database: Path, run: Run) -> None:
    """What runs is stopped, and goes on the next time."""
    Path("program.py").write_text(SLOW, "utf-8")
    run("start", "slow", "--data", '"Ada"', "--id", "slow-1")

    with terminal("run", "program:found", "--once") as once:
        once.wait_for("at work")
        assert "at work" in run("list", "--id-prefix", "slow").stdout
        once.process.send_signal(signal.SIGTERM)
        assert once.end() == 0

    assert "running" in run("list", "--id-prefix", "slow").stdout


def test_a_database_in_use_is_told_with_who_uses_it(owned: Path, run: Run) -> None:
    """It is not run twice."""
    for once in ([], ["--once"]):
        said = run("run", "shop:runtime", *once, status=1).stderr
        assert "shop.db: in use by" in said


def test_a_function_finds_the_database_that_was_named(database: Path) -> None:
    """In the environment."""
    Path("program.py").write_text(
        "import os, shop\n"
        "from mission_control.adapter_sqlite import create_sqlite_persistence_adapter\n"
        "from mission_control.runtime import create_commander_runtime\n"
        "def found():\n"
        "    storage = create_sqlite_persistence_adapter(os.environ['MISSION_CONTROL_DB'])\n"
        "    return create_commander_runtime(definitions=[shop.nap], persistence=storage)\n",
        "utf-8",
    )

    subprocess.run(
        [*COMMAND, "--db", "new.db", "run", "program:found", "--once"], check=True, timeout=60, capture_output=True
    )

    assert Path("new.db").exists()
