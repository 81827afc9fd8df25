"""How commands are found, how each explains itself, and how they end."""

from __future__ import annotations

import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mission_control.console.command.group import COMMANDS, ConsoleGroup, mission_control
from mission_control.console.command.options import ConsoleCommand, ConsoleSubgroup

from .conftest import Run
from .shop import owner

ROOT = click.Context(mission_control)


def commands() -> Iterator[ConsoleCommand | ConsoleSubgroup]:
    """Yield all commands, and those below them."""
    for name in COMMANDS:
        command = mission_control.get_command(ROOT, name)
        assert isinstance(command, ConsoleCommand | ConsoleSubgroup)
        yield command
        if isinstance(command, ConsoleSubgroup):
            yield from (one for one in command.commands.values() if isinstance(one, ConsoleCommand))


EXAMPLES = [one.example for one in commands() if not one.example.startswith("serve")]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_their_help_begins_with(name: str) -> None:
    """It is written without importing them."""
    command = mission_control.get_command(ROOT, name)

    assert command is not None
    assert command.name == name
    assert command.get_short_help_str(200) == COMMANDS[name].summary


def test_help_imports_none_of_what_it_lists() -> None:
    """It is there at once."""
    code = (
        "import sys; from mission_control.console.command.group import mission_control\n"
        "mission_control(['--help'], standalone_mode=False)\n"
        "assert not {'mission_control.core', 'asyncio', 'attr'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("example", EXAMPLES)
def test_help_ends_with_an_example_that_works(example: str, database: Path, run: Run) -> None:
    """On a database that has what it names."""
    shutil.copy("shop.py", "orders.py")
    Path("order-2.json").write_text(run("export", "order-2").stdout, "utf-8")
    command, _, _ = example.partition(" > ")
    with ExitStack() as stack:
        if not command.startswith("run "):
            stack.enter_context(owner(database))
        run(*shlex.split(command))

    words = command.split()
    below = words[:2] if words[0] == "schedules" else words[:1]
    assert run(*below, "--help").stdout.endswith(f"\n  Example:\n    mission-control {example}\n")


def test_the_database_is_named_before_or_behind_the_command(
    database: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said there goes before the environment."""
    shutil.copy(database, "other.db")
    monkeypatch.setenv("MISSION_CONTROL_DB", "nowhere.db")

    run("--db", "other.db", "list")
    run("list", "--db", "other.db")
    run("--db", "nowhere.db", "list", "--db", "other.db")


def test_a_database_that_is_not_there_is_not_made(run: Run) -> None:
    """It ends with 3, and says so."""
    assert "nowhere.db: there is no such file" in run("list", "--db", "nowhere.db", status=3).stderr
    assert not Path("nowhere.db").exists()


def test_no_database_is_wrong_usage(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two ways to name one are said."""
    monkeypatch.delenv("MISSION_CONTROL_DB")

    assert "which database? Give --db PATH, or set MISSION_CONTROL_DB." in run("status", status=2).stderr


def test_what_is_no_database_of_ours_is_refused(run: Run) -> None:
    """With a message."""
    Path("notes.txt").write_text("nothing of this is a database " * 100, "utf-8")

    said = run("list", "--db", "notes.txt", status=1).stderr

    assert "notes.txt" in said
    assert "Traceback" not in said


def test_a_file_of_a_newer_release_is_refused(database: Path, run: Run) -> None:
    """It says so."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 9999")

    for command in (["list"], ["status"], ["answer", "order-3", "delivered", "--data", '"x"']):
        said = run(*command, status=1).stderr
        assert "newer" in said
        assert "Traceback" not in said


def test_what_is_no_name_and_no_id_is_refused(owned: Path, run: Run) -> None:
    """Whatever is given, it is told without a traceback."""
    for words in (
        ["show", "a\nb"],
        ["start", "a\nb", "--data", "1"],
        ["schedules", "pause", ""],
        ["list", "--name", ""],
    ):
        result = CliRunner().invoke(mission_control, words, prog_name="mission-control")
        assert isinstance(result.exception, SystemExit | None)
        assert result.exit_code in (0, 1, 3)


def test_a_command_that_is_none_is_wrong_usage(run: Run) -> None:
    """As is an option."""
    assert "No such command 'lst'" in run("lst", status=2).stderr
    assert "No such option" in run("list", "--nme", status=2).stderr


def test_a_fault_of_this_program_is_not_hidden(database: Path) -> None:
    """Who reports it needs the traceback."""

    @click.command(cls=ConsoleCommand, example="none")
    def faulty() -> None:
        raise ZeroDivisionError

    class Faulty(ConsoleGroup):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            return faulty

    result = CliRunner().invoke(Faulty("faulty"), ["faulty"])

    assert isinstance(result.exception, ZeroDivisionError)


def test_times_are_in_utc_where_that_is_wanted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the command, or behind it."""
    for arguments in (["--utc", "list"], ["list", "--utc"]):
        assert " UTC (" in run(*arguments).stdout
