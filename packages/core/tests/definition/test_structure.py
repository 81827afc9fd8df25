"""What a definition shows of its structure: its static form, its fingerprint and its text."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest

from mission_control.core import MissionContext, MissionDefinition, Reminder, RetryPolicy, m


class Kind(Enum):
    OFFICE = 1
    REMOTE = 2


def run(ctx: MissionContext[Any]) -> int:
    return 1


def plain(ctx: MissionContext[Any]) -> Any:
    return "p"


def names(ctx: MissionContext[Any]) -> list[str]:
    return []


def kind(ctx: MissionContext[Any]) -> Kind:
    return Kind.OFFICE


BUILDER: Any = m.define("it").start(input=int, run=run)
PATH: Any = m.path()
ONE: Any = m.path().step("a", run)
CHILD = m.define("child").start(input=int, run=run).end()

POLICY: dict[str, Any] = {"timeout": None, "retry": CHILD.to_static()["nodes"][0]["retry"]}
STEP = {"kind": "step", "name": "a", "output": "int", "output_json_schema": {"type": "integer"}, **POLICY}
LISTING = {"output": "list[str]", "output_json_schema": {"type": "array", "items": {"type": "string"}}, **POLICY}
WAIT = {"kind": "need_to", "name": "n", "schema": "int", "json_schema": {"type": "integer"}, "timeout_message": None}

FORMS: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "parallel": (
        lambda line: line.parallel("n", {"p": ONE, "q": PATH}),
        {"kind": "parallel", "name": "n", "paths": {"p": [STEP], "q": []}},
    ),
    "race": (lambda line: line.race("n", {"p": ONE}), {"kind": "race", "name": "n", "paths": {"p": [STEP]}}),
    "branch": (
        lambda line: line.branch("n", plain, {"p": ONE}),
        {"kind": "branch", "name": "n", "output": "any", **POLICY, "paths": {"p": [STEP]}},
    ),
    "branch over members": (
        lambda line: line.branch("n", kind, {Kind.REMOTE: ONE}, otherwise=PATH, timeout=5),
        {
            "kind": "branch",
            "name": "n",
            "output": "Kind",
            "output_json_schema": {"enum": [1, 2]},
            **POLICY,
            "timeout": 5.0,
            "keys": {"REMOTE": 2},
            "paths": {"REMOTE": [STEP]},
            "otherwise": [],
        },
    ),
    "each": (lambda line: line.each("n", names, ONE), {"kind": "each", "name": "n", **LISTING, "path": [STEP]}),
    "each with limits": (
        lambda line: line.each("n", names, ONE, max_concurrency=2, max_failures=3),
        {"kind": "each", "name": "n", **LISTING, "path": [STEP], "max_concurrency": 2, "max_failures": 3},
    ),
    "each whose items may all fail": (
        lambda line: line.each("n", names, ONE, max_failures=None),
        {"kind": "each", "name": "n", **LISTING, "path": [STEP], "max_failures": None},
    ),
    "repeat": (
        lambda line: line.repeat("n", ONE, until=run),
        {"kind": "repeat", "name": "n", **POLICY, "path": [STEP]},
    ),
    "repeat with limits": (
        lambda line: line.repeat("n", ONE, until=run, every=0, max_rounds=3, on_exhausted=PATH),
        {
            "kind": "repeat",
            "name": "n",
            **POLICY,
            "path": [STEP],
            "every": 0.0,
            "max_rounds": 3,
            "on_exhausted": [],
        },
    ),
    "mission": (
        lambda line: line.mission("n", CHILD, run),
        {"kind": "mission", "name": "n", "definition": "child", **POLICY},
    ),
    "mission that is left": (
        lambda line: line.mission("n", CHILD, run, wait=False),
        {"kind": "mission", "name": "n", "definition": "child", **POLICY, "wait": False},
    ),
    "computed sleep": (lambda line: line.sleep("n", run), {"kind": "sleep", "name": "n", "duration": "computed"}),
    "computed deadline": (lambda line: line.need_to("n", int, timeout=run), {**WAIT, "timeout": "computed"}),
    "early": (lambda line: line.need_to("n", int, early=True), {**WAIT, "timeout": None, "early": True}),
    "path after a deadline": (
        lambda line: line.need_to("n", int, timeout=5, on_timeout=ONE),
        {**WAIT, "timeout": 5.0, "on_timeout": [STEP]},
    ),
    "reminder": (
        lambda line: line.need_to("n", int, reminder=Reminder(names, 5)),
        {**WAIT, "timeout": None, "reminder": {"every": 5.0, **LISTING}},
    ),
    "reminder with a limit": (
        lambda line: line.need_to("n", int, reminder=Reminder(names, 5, at_most=2)),
        {**WAIT, "timeout": None, "reminder": {"every": 5.0, "at_most": 2, **LISTING}},
    ),
    "undo": (
        lambda line: line.step("a", run, undo=run, undo_retry=RetryPolicy(2)),
        {**STEP, "undo": {"retry": {**POLICY["retry"], "max_attempts": 2}}},
    ),
}


@pytest.mark.parametrize("case", FORMS)
def test_static_form_tells_what_is_used(case: str) -> None:
    """Constructs nest, and what is not used adds no key."""
    build, form = FORMS[case]
    static = build(BUILDER).end().to_static()

    assert static["nodes"][1] == form
    assert json.loads(json.dumps(static)) == static


def test_static_form_nests() -> None:
    """The form of a path is that of its nodes, however deep."""
    static = BUILDER.parallel("n", {"p": PATH.repeat("r", PATH.race("f", {"q": ONE}), until=run)}).end().to_static()

    assert static["nodes"][1]["paths"]["p"][0]["path"][0]["paths"]["q"] == [STEP]


def test_linear_mission_has_the_static_form_that_it_had() -> None:
    """To the letter: its fingerprint is the one under which its missions are stored."""
    definition: MissionDefinition[int] = (
        m.define("linear")
        .query("q", run)
        .start(input=int, run=run)
        .step("s", run, retry=RetryPolicy(3), timeout=60)
        .need_to("n", str, timeout=60, timeout_message="too late")
        .sleep("z", 5)
        .end()
    )

    assert definition.fingerprint == "546722b429faa675cbcf8f717a07e0f8"


def test_every_difference_is_another_fingerprint() -> None:
    """Of constructs, limits, keys, paths and undos."""
    fingerprints = {build(BUILDER).end().fingerprint for build, _ in FORMS.values()}
    truth = BUILDER.branch("n", plain, {True: ONE}).end().fingerprint
    text = BUILDER.branch("n", plain, {"true": ONE}).end().fingerprint

    assert len(fingerprints) == len(FORMS)
    assert truth != text


def test_code_is_no_difference() -> None:
    """The same structure around other functions has the same fingerprint."""

    def other(ctx: MissionContext[Any]) -> list[str]:
        raise NotImplementedError

    one, two = BUILDER.each("n", names, ONE).end(), BUILDER.each("n", other, ONE).end()

    assert one.fingerprint == two.fingerprint


NESTED = """\
<MissionDefinition 'it':
  start -> a -> all (parallel)
    one: a
    none: ()
    more:
      a -> b (with a reminder)
        timeout: a
      c
  way (branch)
    OFFICE: a
    otherwise: ()
  list (each)
    item: a -> z
  loop (repeat)
    round:
      first (race)
        p: a
    exhausted: a
  pay (mission 'child') -> end>"""


def test_text_shows_the_structure() -> None:
    """Nodes after one another in a line, paths below their node."""
    wait: Any = ONE.need_to("b", int, timeout=5, on_timeout=ONE, reminder=Reminder(run, 5)).step("c", run)
    definition = (
        BUILDER.step("a", run)
        .parallel("all", {"one": ONE, "none": PATH, "more": wait})
        .branch("way", kind, {Kind.OFFICE: ONE}, otherwise=PATH)
        .each("list", names, ONE.sleep("z", 5))
        .repeat("loop", PATH.race("first", {"p": ONE}), until=run, max_rounds=3, on_exhausted=ONE)
        .mission("pay", CHILD, run)
        .end()
    )

    assert repr(definition) == NESTED


def test_text_of_a_path_is_like_that_of_a_definition() -> None:
    """On one line where it is one."""
    assert repr(ONE.sleep("z", 5)) == "<MissionPath: a -> z>"
    assert repr(PATH) == "<MissionPath: ()>"
    assert repr(ONE.race("f", {"p": ONE})) == "<MissionPath:\n  a -> f (race)\n    p: a>"
