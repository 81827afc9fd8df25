"""The registry: definitions by name, with those of the missions that they begin."""

from __future__ import annotations

from typing import Any

import pytest

from mission_control.core import MissionContext, MissionDefinition, MissionDefinitionError, m
from mission_control.core.commander.registry import Registry


def run(ctx: MissionContext[Any]) -> int:
    return 1


def define(name: str, *children: MissionDefinition[int]) -> MissionDefinition[int]:
    builder = m.define(name).start(input=int, run=run)
    for child in children:
        path: Any = m.path().mission(child.name, child, run)
        builder = builder.parallel(f"with {child.name}", {"it": path})
    return builder.end()


def registry() -> Registry:
    return Registry(lambda: "id")


def test_children_are_registered_with_their_parent() -> None:
    """Those of all depths, and what they begin themselves; one is enough for who hears of it."""
    inner = define("inner")
    child = define("child", inner)
    parent = define("parent", child)
    known = registry()
    heard: list[list[str]] = []
    known.on_registered = lambda: heard.append(sorted(known.definitions))

    known.register(parent)
    known.register(child)

    assert known.definitions == {"parent": parent, "child": child, "inner": inner}
    assert heard == [["child", "inner", "parent"]]


def test_one_child_of_several_parents_is_registered_once() -> None:
    """However often a definition is used, it is looked at once: a hundred levels of two each are no work."""
    level = define("0")
    for number in range(1, 100):
        level = define(str(number), level, define(f"{number} too", level))
    known = registry()

    known.register(level)

    assert len(known.definitions) == 199


def test_child_of_another_definition_s_name_is_refused() -> None:
    """Nothing is registered then; the error names the child and who begins it."""
    known = registry()
    known.register(define("child"))

    with pytest.raises(
        MissionDefinitionError, match=r"another definition of the name 'child' is registered, and 'parent' begins this"
    ):
        known.register(define("parent", define("other"), define("child")))
    assert list(known.definitions) == ["child"]


def test_two_descendants_of_one_name_are_refused() -> None:
    """Wherever in the family they are."""
    known = registry()

    with pytest.raises(MissionDefinitionError, match=r"another definition of the name 'x' is registered, and 'b'"):
        known.register(define("a", define("b", define("x")), define("c", define("x"))))
    assert known.definitions == {}


def test_definition_of_a_known_name_is_refused() -> None:
    """The error says what to do."""
    known = registry()
    known.register(define("a"))

    with pytest.raises(MissionDefinitionError, match=r"name 'a' is registered; define it once and register that, or"):
        known.register(define("a"))
