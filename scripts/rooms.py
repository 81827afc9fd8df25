"""What imports what in the packages, by room: a distribution, or a package or module directly inside one with rooms."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workspace import Package, read_packages

WITH_ROOMS = ("core", "console")
"""The distributions that have rooms."""


@dataclass(frozen=True, kw_only=True)
class Import:
    """One import of names of this repository from a module, wherever in a file it stands."""

    importer: str
    imported: str
    names: tuple[str, ...]
    line: int

    @property
    def crosses_rooms(self) -> bool:
        """Whether the two modules are in different rooms."""
        return room_of(self.importer) != room_of(self.imported)

    def __str__(self) -> str:
        return f"{self.importer}:{self.line}: from {self.imported} import {', '.join(self.names)}"


def room_of(module: str) -> str:
    """Return the room that a module is in: `mission_control.core.engine`, `mission_control.client`."""
    parts = module.split(".")
    return ".".join(parts[: 3 if parts[1] in WITH_ROOMS else 2])


@cache
def read_imports() -> tuple[Import, ...]:
    """Return what the sources of all packages import from each other and from themselves."""
    return tuple(found for package in read_packages() for path in sources(package) for found in _imports(package, path))


def sources(package: Package) -> list[Path]:
    """Return the modules of a package."""
    return sorted(package.source.rglob("*.py"))


def _imports(package: Package, path: Path) -> Iterator[Import]:
    inside = path.relative_to(package.source.parent.parent).with_suffix("").parts
    importer = ".".join(inside[:-1] if inside[-1] == "__init__" else inside)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            above = inside[: len(inside) - node.level] if node.level else ()
            imported = ".".join([*above, *([node.module] if node.module else [])])
            if imported.startswith("mission_control."):
                names = tuple(alias.name for alias in node.names)
                yield Import(importer=importer, imported=imported, names=names, line=node.lineno)
