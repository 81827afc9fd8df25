"""What a person sees on a terminal, and what a pipe gets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from .shop import owner
from .terminal import COMMAND, terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it has no such terminals")


def test_colours_are_for_terminals(database: Path) -> None:
    """And never with NO_COLOR; a pipe gets plain text."""
    with terminal("list") as coloured:
        assert coloured.end() == 0
    with terminal("list", NO_COLOR="1") as plain:
        assert plain.end() == 0
    piped = subprocess.run([*COMMAND, "list"], check=True, capture_output=True, text=True, timeout=60, env=os.environ)

    assert "\x1b[31mfailed" in coloured.seen
    assert "\x1b" not in plain.seen
    assert "\x1b" not in piped.stdout


def test_lines_are_as_long_as_the_terminal(database: Path) -> None:
    """In a pipe nothing is cut."""
    with terminal("list", columns=60) as narrow:
        narrow.end()
    piped = subprocess.run([*COMMAND, "list"], check=True, capture_output=True, text=True, timeout=60, env=os.environ)

    assert max(len(click.unstyle(line)) for line in narrow.seen.splitlines()) <= 60
    assert max(map(len, piped.stdout.splitlines())) > 100


def test_a_long_list_goes_through_a_pager(database: Path) -> None:
    """A short one does not."""
    with terminal("list", lines=5, PAGER="sed s/^/paged:/") as long:
        assert long.end() == 0
    with terminal("list", lines=40, PAGER="sed s/^/paged:/") as short:
        assert short.end() == 0

    assert "paged:" in long.seen
    assert "order-1" in long.seen
    assert "paged:" not in short.seen


def test_a_pager_that_is_left_early_ends_the_command(database: Path) -> None:
    """Quietly."""
    with terminal("list", lines=3, PAGER="head -n 1") as left:
        assert left.end() == 0

    assert "Traceback" not in left.seen


def test_a_pipe_that_is_closed_ends_the_command_quietly(database: Path) -> None:
    """With status 0, and without a word."""
    script = 'set -o pipefail; "$@" | head -n 1'
    done = subprocess.run(
        ["bash", "-c", script, "bash", *COMMAND, "show", "order-2", "--json"],
        check=False,
        capture_output=True,
        timeout=60,
    )

    assert (done.returncode, done.stderr, done.stdout) == (0, b"", b"{\n")


def test_a_pipe_that_nobody_reads_is_no_fault(database: Path) -> None:
    """Also where the command ends with another status."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "plan", "shop:order"], check=False, stdout=writer, stderr=subprocess.PIPE, timeout=60
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (0, b"")


def test_a_person_is_asked_for_each_field(database: Path) -> None:
    """And again for what does not fit."""
    with owner(database), terminal("answer", "survey-1", "rated", "--at", "both/shop") as asked:
        for question, answer in (
            ("Stars: ", "many"),
            ("found 'many'", "5"),
            ("Mood (happy | angry): ", "happy"),
            ("Would come again (yes or no): ", "yes"),
            ("Comment (may be empty): ", ""),
            ("Tags: an item?", "n"),
        ):
            asked.wait_for(question)
            asked.type(f"{answer}\n")
        assert asked.end() == 0, asked.seen

    assert "survey-1: answered" in asked.seen
    before = asked.seen[: asked.seen.index("survey-1 (survey) waits for both/shop/rated since ")]
    assert [line.split(maxsplit=1) for line in before.splitlines()[1:3]] == [
        ["input", '"Ada"'],
        ["start", '"how was it, Ada?"'],
    ]


def test_a_person_is_asked_before_many_are_changed(database: Path) -> None:
    """Who says no changes nothing."""
    with owner(database) as shop, terminal("cancel", "--name", "order") as asked:
        asked.wait_for("cancel 2 missions (")
        asked.type("n\n")
        assert asked.end() == 1
        assert len(shop.list_missions(mission_name="order", id_prefix="order-6")) == 1

    assert "Nothing was done." in asked.seen
    assert "What has an undo is undone" in asked.seen


def test_ctrl_c_ends_a_question(database: Path) -> None:
    """With the status that shells give it."""
    with terminal("cancel", "--name", "order") as asked:
        asked.wait_for("cancel 2 missions (")
        assert asked.interrupt() == 130

    assert "Traceback" not in asked.seen


def test_ctrl_c_ends_what_goes_on(database: Path) -> None:
    """Without a traceback."""
    with terminal("show", "order-3", "--follow") as followed:
        followed.wait_for("waiting-for-signal")
        assert followed.interrupt() == 130

    assert "Traceback" not in followed.seen


def test_long_work_shows_how_far_it_is(database: Path) -> None:
    """Beside the output."""
    with owner(database):
        with terminal("doctor") as doctor:
            assert doctor.end() == 0
        with terminal("reopen", "--status", "failed", "--yes") as many:
            assert many.end() == 0
        with terminal("purge", "--ended-before", "0s", "--yes") as purge:
            assert purge.end() == 0

    assert "12/12" in doctor.seen
    assert "2/2" in many.seen
    assert "deleted" in purge.seen


def test_a_terminal_without_letters_gets_escapes(database: Path) -> None:
    """Whatever a payload says, nothing fails."""
    with owner(database):
        data = '"caf\N{LATIN SMALL LETTER E WITH ACUTE} \N{SNOWMAN}"'
        subprocess.run(
            [*COMMAND, "start", "nap", "--data", data, "--id", "nap-2"], check=True, timeout=60, capture_output=True
        )
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    for form in ([], ["--json"]):
        shown = subprocess.run(
            [*COMMAND, "show", "nap-2", *form], check=True, capture_output=True, env=environment, timeout=60
        )
        assert b"\\u2603" in shown.stdout
