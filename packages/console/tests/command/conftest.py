"""A database of the shop, and the command line to look at it with."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mission_control.console.command.group import mission_control

from .shop import fill, owner

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is copied for each test."""
    database = tmp_path_factory.mktemp("shop") / "shop.db"
    fill(database)
    return database


@pytest.fixture
def database(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database of the shop that nobody owns, beside the module that its missions run under, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MISSION_CONTROL_DB", "shop.db")
    monkeypatch.setenv("LOGNAME", "carol")
    for size in ("COLUMNS", "LINES"):
        monkeypatch.delenv(size, raising=False)
    monkeypatch.setattr(sys, "path", sys.path[:])  # what is imported from here is not for the next test
    for module in ("shop", "orders"):  # another one of the name may be imported already
        monkeypatch.delitem(sys.modules, module, raising=False)
    shutil.copy(Path(__file__).with_name("shop.py"), tmp_path)
    return Path(shutil.copy(filled, tmp_path / "shop.db"))


@pytest.fixture
def owned(database: Path) -> Iterator[Path]:
    """The same, while a thread of this process owns it."""
    with owner(database):
        yield database


@pytest.fixture
def run(database: Path) -> Run:
    """Call the command line, and return what it said."""

    def call(*arguments: str, input: str | None = None, status: int = 0) -> Result:
        result = CliRunner().invoke(mission_control, list(arguments), input=input, prog_name="mission-control")
        assert result.exit_code == status, (result.output, result.exc_info)
        return result

    return call
