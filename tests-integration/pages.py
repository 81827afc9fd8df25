"""Runs the pages of the documentation: what a reader would type, in the order in which it stands there.

A block says by its language what becomes of it:

- `python`: run in this process, in the module that the page is; with `title="name.py"` written to a file instead.
- `sh`: commands, one a line, of the few kinds that this module knows; Python programs, pytest, SQL, the console and
  Temporal's command are run. A program with `&` behind it runs beside the rest of the page.
- `text`: where it follows a block that printed something, that is what was printed; otherwise a figure.
- `toml`: read, and written to a file where it has a `title`.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from mission_control.console.command.group import COMMANDS
from workspace import ROOT, read_packages

PAGES = ROOT / "docs" / "pages"
DEV_SERVER = "temporal server start-dev"
"""What a page shows that needs one, which is elsewhere when the page is tested."""
SHOWN_ADDRESS = "localhost:7233"

_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>\S[^\n]*)\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_SHOWN_TIME = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC( \([^)]*\))?|\d{4}-\d\d-\d\d UTC|\d\d:\d\d:\d\d\.\d{3} |\d+ \w+ ago|\bnow\b"
)
"""Times as the console shows them."""
_DISTRIBUTION = re.compile(r"mission-control-[a-z-]+")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    title: str | None
    code: str
    line: int


def read_blocks(path: Path) -> Iterator[Block]:
    """Yield the blocks of a page, in order."""
    text = path.read_text("utf-8")
    for match in _FENCE.finditer(text):
        language, _, options = match["info"].partition(" ")
        title = re.fullmatch(r'title="([\w.]+)"', options)
        if options and not title:
            raise ValueError(f"{path.name}: unknown options of a block: {match['info']!r}")
        code = re.sub(rf"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
        yield Block(language, title and title[1], code, text[: match.start("code")].count("\n") + 1)


class PageRun:
    """One page on its way from the first block to the last, in a folder of its own."""

    def __init__(self, path: Path, folder: Path, module: ModuleType, dev_server: str = SHOWN_ADDRESS) -> None:
        self._path = path
        self._folder = folder
        self._module = module
        self._printed = ""
        self._dev_server = dev_server
        self._environment = {**os.environ, "COLUMNS": "100", "TZ": "UTC", "TEMPORAL_ADDRESS": dev_server}
        self._beside: list[subprocess.Popen[bytes]] = []

    def run(self) -> None:
        """Run every block of the page, and end what it leaves running. Raises what the page raises."""
        try:
            for block in read_blocks(self._path):
                self._run(block)
        finally:
            for process in self._beside:
                process.terminate()
            codes = [process.wait(30) for process in self._beside]
        assert not any(codes), codes

    def _run(self, block: Block) -> None:
        try:
            getattr(self, f"_{block.language}")(block)
        except Exception as error:
            error.add_note(f"in the block at {self._path.relative_to(ROOT)}:{block.line}")
            raise

    def _python(self, block: Block) -> None:
        program = block.code.replace(SHOWN_ADDRESS, self._dev_server)
        # The lines before make tracebacks point into the page.
        code = compile("\n" * (block.line - 1) + program, str(self._path), "exec")
        if block.title is not None:
            (self._folder / block.title).write_text(program, "utf-8")
            self._printed = ""
            return
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, vars(self._module))
        self._printed = printed.getvalue()

    def _sh(self, block: Block) -> None:
        self._printed = "".join(map(self._command, _commands(block.code)))

    def _command(self, words: list[str]) -> str:
        match words:
            case ["python", str(program), "&"]:
                command = [sys.executable, "-X", "utf8", "-W", "error", program]
                self._beside.append(subprocess.Popen(command, cwd=self._folder, env=self._environment))
                return ""
            case ["python", *arguments]:
                return self._process("-W", "error", *arguments)
            case ["pytest", *arguments]:
                # pytest-asyncio is in this environment, and warns where a page neither needs nor configures it.
                without = [] if (self._folder / "pyproject.toml").exists() else ["-p", "no:asyncio"]
                without += ["-p", "no:hypothesispytest", "-p", "no:cacheprovider"]  # the one is slow, the other writes
                return self._process("-m", "pytest", "-W", "error", *without, *arguments)
            case ["mission-control", *arguments]:
                return self._process("-W", "error", "-m", "mission_control.console.command", *arguments)
            case ["temporal", *arguments] if words[:3] != DEV_SERVER.split():
                return self._program(str(Path(sys.executable).with_name("temporal")), *arguments)
            case ["export", str(assignment)]:
                name, _, value = assignment.partition("=")
                self._environment[name] = value
                return ""
            case ["cat", str(file)]:
                return (self._folder / file).read_text("utf-8")
            case ["sqlite3", str(file), str(sql)]:
                return self._sql(file, sql)
            case _:
                _check_command(words)
                return ""

    def _process(self, *arguments: str) -> str:
        return self._program(sys.executable, "-X", "utf8", *arguments)

    def _program(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self._folder,
            env=self._environment,
            check=False,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
        )
        if done.returncode == -9:
            return done.stdout + "Killed\n"
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout.replace(f"{self._folder}{os.sep}", "")

    def _sql(self, file: str, sql: str) -> str:
        with contextlib.closing(sqlite3.connect(self._folder / file)) as connection:
            rows = connection.execute(sql).fetchall()
        return "".join("|".join("" if cell is None else str(cell) for cell in row) + "\n" for row in rows)

    def _text(self, block: Block) -> None:
        if self._printed:
            printed, told = _comparable(self._printed), _comparable(block.code)
            assert printed == told, printed  # this module has no rewritten assertions
        self._printed = ""

    def _toml(self, block: Block) -> None:
        tomllib.loads(block.code)
        if block.title is not None:
            (self._folder / block.title).write_text(block.code, "utf-8")


def check_commands(code: str) -> None:
    """Raise `ValueError` unless these are commands that the project documents and that exist."""
    for words in _commands(code):
        _check_command(words)


def _commands(code: str) -> Iterator[list[str]]:
    for line in code.splitlines():
        for command in line.split(" && "):
            yield shlex.split(command, comments=True)


def _check_command(words: list[str]) -> None:
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["envs"]
    match words:
        case ["pip", "install", *requirements]:
            known = {package.distribution for package in read_packages()}
            if {name.partition("[")[0] for name in requirements if _DISTRIBUTION.match(name)} <= known:
                return
        case ["mission-control", *arguments] if not COMMANDS.keys().isdisjoint(arguments):
            return
        case ["temporal", "server", "start-dev"]:
            return
        case ["python3", "-m", "venv", ".venv"] | [".venv/bin/pip", "install", "hatch"] | ["sqlite3", _, _]:
            return
        case ["hatch" | ".venv/bin/hatch", "run", script, *_]:
            environment, _, name = script.rpartition(":")
            environment = environment.split(" ")[-1] or "default"
            scripts = hatch[environment].get("scripts", {}) | hatch["default"]["scripts"]
            if name in scripts:
                return
        case _:
            pass
    raise ValueError(f"not a command that the documentation may show: {shlex.join(words)}")


def _comparable(output: str) -> list[str]:
    """Return lines without what differs from run to run: times, and how long pytest took."""
    lines = (_SHOWN_TIME.sub("<time>", _TIME.sub("<time>", line)) for line in output.strip().splitlines())
    lines = (re.sub(r"(?<=\S) {2,}", "  ", line).rstrip() for line in lines)  # columns are as wide as their times
    return [re.sub(r"in \d+\.\d+s", "in <seconds>", line) for line in lines]
