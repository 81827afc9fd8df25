"""The clients' methods are core's: they are written from these, and checked."""

from __future__ import annotations

from pathlib import Path

from client_methods import FILES, outdated, write
from workspace import ROOT


def test_client_methods_are_those_of_core() -> None:
    """The written files are what core's methods make of them."""
    assert outdated() == []


def test_client_methods_are_written_where_they_are_outdated(tmp_path: Path) -> None:
    """A file that is missing or differs is found, and written as the repository formats its own."""
    missing, edited, *others = FILES
    (tmp_path / edited).parent.mkdir(parents=True)
    for same in others:
        (tmp_path / same).write_text((ROOT / same).read_text("utf-8"), "utf-8")
    (tmp_path / edited).write_text((ROOT / edited).read_text("utf-8").replace("wait: bool", "wait: int"), "utf-8")
    assert outdated(tmp_path) == [str(missing), str(edited)]

    write(tmp_path)

    assert outdated(tmp_path) == []
    assert (tmp_path / edited).read_text("utf-8") == (ROOT / edited).read_text("utf-8")
