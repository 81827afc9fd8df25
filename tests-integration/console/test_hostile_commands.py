"""Every command answers whatever it is given with one of its exit statuses, and without a traceback (R8)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from mission_control.console.command.group import mission_control

from .hostile import EXAMPLES, TEXTS
from .site import serving

KNOWN = (
    "approval-1",
    "failing-1",
    "forked-1",
    "approval",
    "decided",
    "both/left",
    "nightly",
    "left",
    "true",
    "30d",
    "{}",
)
STATUSES = (0, 1, 2, 3)
"""Done; refused or found something; wrong usage; not there."""
NOT_HERE = ("run", "serve")
"""They go on until they are stopped."""
FILES = ("export", "import", "backup")
"""They take paths, and are given none outside of this test's folder."""


@pytest.fixture(autouse=True, scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run in a folder of the test's own: some commands write files."""
    with chdir(tmp_path_factory.mktemp("elsewhere")):
        yield


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of missions that somebody runs."""
    with serving(tmp_path_factory.mktemp("commands") / "missions.db") as site:
        yield site.database


def commands() -> dict[str, click.Command]:
    """Return the commands by name."""
    context = click.Context(mission_control)
    names = [name for name in mission_control.list_commands(context) if name not in NOT_HERE]
    found = {name: mission_control.get_command(context, name) for name in names}
    return {name: command for name, command in found.items() if command is not None}


COMMANDS = commands()


def value_of(data: st.DataObject, parameter: click.Parameter, others: st.SearchStrategy[str]) -> str:
    """Return a value for a parameter, mostly one that it takes."""
    if isinstance(parameter.type, click.Choice) and data.draw(st.integers(0, 9)):
        return data.draw(st.sampled_from([str(choice) for choice in parameter.type.choices]))
    if isinstance(parameter.type, click.IntRange) and data.draw(st.integers(0, 9)):
        return str(data.draw(st.integers(-1, 30)))
    return data.draw(others)


def line_of(data: st.DataObject, folder: Path) -> list[str]:
    """Return a command with options and arguments that it has, mostly as many as it takes, and any values."""
    name = data.draw(st.sampled_from(sorted(COMMANDS)))
    command, words = COMMANDS[name], [name]
    while isinstance(command, click.Group) and data.draw(st.integers(0, 9)):
        inner = data.draw(st.sampled_from(sorted(command.commands)))
        command = command.commands[inner]
        words.append(inner)
    values = st.one_of(st.sampled_from(KNOWN), st.sampled_from(KNOWN), TEXTS)
    if name in FILES:
        values = st.sampled_from([*KNOWN[:3], str(folder), str(folder / "x.json"), str(folder / "missing" / "x")])
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            if parameter.name in ("follow", "help", "database") or data.draw(st.integers(0, 5)):
                continue
            words.append(data.draw(st.sampled_from(parameter.opts)))
            words += [] if parameter.is_flag else [value_of(data, parameter, values)]
        elif data.draw(st.integers(0, 19)):
            words += [
                value_of(data, parameter, values)
                for _ in range(data.draw(st.integers(1, 2)) if parameter.nargs < 0 else 1)
            ]
    return words


def as_passed(word: str) -> str:
    """Return what a system passes of a word: bytes without a NUL."""
    return os.fsdecode(word.replace("\0", "").encode("utf-8", "surrogatepass"))


def run(database: Path, words: list[str]) -> Result:
    """Run a command line as a script does: with nobody to ask."""
    return CliRunner().invoke(mission_control, ["--db", str(database), *words], input="", prog_name="mission-control")


@EXAMPLES
@given(data=st.data())
def test_any_command_line_is_answered(
    database: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever ids, filters, payloads and options are given."""
    words = [as_passed(word) for word in line_of(data, tmp_path_factory.getbasetemp())]
    done = run(database, words)

    assert done.exception is None or isinstance(done.exception, SystemExit), (words, done.exc_info)
    assert done.exit_code in STATUSES
    assert "Traceback (most recent call last)" not in done.stderr


def test_all_commands_are_tried() -> None:
    """What is left out is known."""
    assert len(COMMANDS) > 20
