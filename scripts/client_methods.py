"""Check that the clients' methods are those of core, or write them: `client_methods.py [--write]`."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import resolve_name
from itertools import chain
from pathlib import Path

from mission_control import core
from mission_control.core import commander
from workspace import ROOT

CLIENT = Path("packages/client/src/mission_control/client")
MODULES = {
    "MissionReads": "reads",
    "Missions": "missions",
    "MissionHandle": "handle",
    "Schedules": "schedules",
    "Operations": "operations",
}
"""The classes of core that are asked, and where each one is."""
RENAMED = {
    "start": "start_mission",
    "list_waiting": "list_waiting_missions",
    "list_scheduled": "list_scheduled_missions",
}
HELD_BACK = {"MissionHandle.start", "MissionHandle.result"}
"""Clients hand out no idle handles; `result` has a time-out, in waiting.py."""
HANDED = {
    "MissionHandle": "BlockingMissionHandle",
    "Schedules": "BlockingSchedules",
    "Operations": "BlockingOperations",
}
"""What a caller that waits asks instead."""
BLOCKING = HANDED | {"AsyncIterator": "Iterator"}
"""What a caller that waits gets instead."""

Method = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Written:
    """A class that is written: the methods of classes of core, under their names or the clients'."""

    head: str
    docstring: str
    sources: tuple[str, ...]
    names: Mapping[str, str]
    is_blocking: bool

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.head.partition("(")[0]


ASYNC_METHODS = Written(
    head="ClientMethods(Asking)",
    docstring="What a client for asyncio applications asks.",
    sources=("Missions", "MissionReads"),
    names=RENAMED,
    is_blocking=False,
)
BLOCKING_HANDLE = Written(
    head="BlockingMissionHandle(WaitingHandle[I])",
    docstring=(
        "One mission, by its id, for callers that wait. It can be handed from thread to thread.\n\n    "
        "What is raised is what the mission's `MissionHandle` raises, and `CommanderClosedError` once the client is "
        "closed.\n    "
    ),
    sources=("MissionHandle",),
    names={},
    is_blocking=True,
)
BLOCKING_SCHEDULES = Written(
    head="BlockingSchedules(Waiting[Schedules])",
    docstring=(
        "The schedules of a client, for callers that wait: shows them, and changes what they do.\n\n    "
        "What is raised is what `Schedules` raises, and `CommanderClosedError` once the client is closed.\n    "
    ),
    sources=("Schedules",),
    names={},
    is_blocking=True,
)
BLOCKING_OPERATIONS = Written(
    head="BlockingOperations(Waiting[Operations])",
    docstring=(
        "What an operator does with the missions of a client, for callers that wait.\n\n    "
        "What is raised is what `Operations` raises, and `CommanderClosedError` once the client is closed.\n    "
    ),
    sources=("Operations",),
    names={},
    is_blocking=True,
)
BLOCKING_METHODS = Written(
    head="BlockingClientMethods(Waiting[Missions])",
    docstring="What a client for callers that wait asks.",
    sources=("Missions", "MissionReads"),
    names=RENAMED,
    is_blocking=True,
)
FILES: Mapping[Path, tuple[Written, ...]] = {
    CLIENT / "async_methods.py": (ASYNC_METHODS,),
    CLIENT / "blocking_handle.py": (BLOCKING_HANDLE,),
    CLIENT / "blocking_operations.py": (BLOCKING_SCHEDULES, BLOCKING_OPERATIONS),
    CLIENT / "blocking_methods.py": (BLOCKING_METHODS,),
}
HEAD = '''"""{summary} Written by `hatch run clients --write` from core's: change those."""

from __future__ import annotations

{imports}

{variables}
'''
SUMMARIES = {True: "Core's methods, for callers that wait.", False: "Core's methods, in the clients' words."}


def outdated(root: Path = ROOT) -> list[str]:
    """Return the files that are not what core's methods make of them."""
    return [
        str(file)
        for file, classes in FILES.items()
        if not (root / file).exists() or (root / file).read_text("utf-8") != text_of(file, classes)
    ]


def write(root: Path = ROOT) -> None:
    """Write the files."""
    for file, classes in FILES.items():
        (root / file).write_text(text_of(file, classes), "utf-8")


def main() -> int:
    """Write if that is asked for, then check."""
    if sys.argv[1:] == ["--write"]:
        write()
    found = outdated()
    for file in found:
        print(f"{file}: its methods are not core's: run hatch run clients --write", file=sys.stderr)
    return 1 if found else 0


# A file


def text_of(file: Path, classes: tuple[Written, ...]) -> str:
    """Return the text of a file, as the repository formats its own."""
    body = "\n\n\n".join(map(_class, classes))
    variables = "\n".join(_variables(_names(body)))
    imports = "\n".join(_imports(_names(body + "\n" + variables) - {written.name for written in classes}))
    summary = SUMMARIES[classes[0].is_blocking]
    text = HEAD.format(summary=summary, imports=imports, variables=variables) + body
    for command in (["check", "--select", "I", "--fix", "--quiet"], ["format", "--quiet"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(ROOT / file), "-"]
        text = subprocess.run(ruff, cwd=ROOT, input=text, capture_output=True, text=True, check=True).stdout
    return text


def _names(text: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


def _imports(used: set[str]) -> Iterator[str]:
    known = {"Iterator": "collections.abc"} | dict.fromkeys(("Asking", "Waiting", "WaitingHandle"), ".waiting")
    known |= {written.name: f".{file.stem}" for file, classes in FILES.items() for written in classes}
    for name in MODULES:
        for node in _tree(name).body:
            if isinstance(node, ast.Import):
                yield from (f"import {alias.name}" for alias in node.names if alias.name in used)
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                origin = resolve_name("." * node.level + node.module, commander.__name__)
                known |= {alias.name: origin for alias in node.names}
    known |= dict.fromkeys(commander.__all__, commander.__name__) | dict.fromkeys(core.__all__, core.__name__)
    yield from (f"from {known[name]} import {name}" for name in sorted(used & known.keys()))


def _variables(used: set[str]) -> Iterator[str]:
    """Yield the definitions of type variables that core's modules have of their own."""
    for name in MODULES:
        for node in _tree(name).body:
            if isinstance(node, ast.Assign) and used & {ast.unparse(target) for target in node.targets}:
                yield ast.unparse(node)


def _tree(name: str) -> ast.Module:
    """Return the syntax of the module that has a class."""
    return ast.parse((Path(commander.__path__[0]) / f"{MODULES[name]}.py").read_text("utf-8"))


# A class


def _class(written: Written) -> str:
    methods = chain.from_iterable(map(_methods, written.sources))
    lines = "\n".join(ast.unparse(_rewritten(method, written)) for method in methods).splitlines()
    slots = "    __slots__ = ()\n\n" if written.is_blocking else ""
    indented = "\n".join(f"    {line}".rstrip() for line in lines)
    return f'class {written.head}:\n    """{written.docstring}"""\n\n{slots}{indented}'


def _methods(name: str) -> list[Method]:
    """Return the public methods of a class of core that clients have too, overloads included."""
    (found,) = (node for node in _tree(name).body if isinstance(node, ast.ClassDef) and node.name == name)
    methods = [node for node in found.body if isinstance(node, Method) and not node.name.startswith("_")]
    return [method for method in methods if f"{name}.{method.name}" not in HELD_BACK]


def _rewritten(method: Method, written: Written) -> Method:
    """Return a method as a client has it: the same question, put to what it asks."""
    kind = type(method) if _is_awaited(method) and not written.is_blocking else ast.FunctionDef
    name = written.names.get(method.name, method.name)
    body = method.body if _is(method, "overload") else [*method.body[:1], *_answer(method, written)]
    made = kind(name, method.args, body, method.decorator_list, method.returns)
    if written.is_blocking:
        _Blocking().visit(made)
    return ast.fix_missing_locations(made)


class _Blocking(ast.NodeTransformer):
    """Names what a caller that waits gets."""

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(BLOCKING.get(node.id, node.id))


def _answer(method: Method, written: Written) -> list[ast.stmt]:
    """Return the statements that ask, and hand the answer back."""
    question, returned = _question(method, written), _returned(method)
    kind = returned.partition("[")[0]
    if not written.is_blocking or kind not in HANDED:
        return ast.parse(f"return {question}").body
    handed = f"{HANDED[kind]}({{}}, self._background)"
    if not returned.endswith(" | None"):
        return ast.parse(f"return {handed.format(question)}").body
    return ast.parse(f"answer = {question}\nreturn None if answer is None else {handed.format('answer')}").body


def _question(method: Method, written: Written) -> str:
    asked = f"self._asked.{method.name}"
    if _is(method, "property"):
        return asked
    given = [argument.arg for argument in (*method.args.posonlyargs, *method.args.args)][1:]
    given += [f"{argument.arg}={argument.arg}" for argument in method.args.kwonlyargs]
    if written.is_blocking:
        return f"self.{'_ask' if _is_awaited(method) else '_each'}({', '.join([asked, *given])})"
    return f"{'await ' if _is_awaited(method) else ''}{asked}({', '.join(given)})"


def _is_awaited(method: Method) -> bool:
    return isinstance(method, ast.AsyncFunctionDef) and not _returned(method).startswith("AsyncIterator")


def _is(method: Method, decorator: str) -> bool:
    return decorator in map(ast.unparse, method.decorator_list)


def _returned(method: Method) -> str:
    assert method.returns is not None, f"{method.name} does not say what it returns"
    return ast.unparse(method.returns)


if __name__ == "__main__":
    sys.exit(main())
