"""Missions inside of each kind of place, and each kind of place that may be there instead: a plan says what is so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from mission_control.core import MissionContext, MissionDefinition, m
from mission_control.core.definition import template
from mission_control.core.machine import find_misfit
from mission_control.core.operations import make_plan

from ..machine.conftest import Driver
from ..machine.unrun import items, run, until
from .judged import Missions

WAIT = m.path().need_to("go", int)
STEP = m.path().step("a", run)
START: Any = m.define("order").start(input=int, run=run)


def yes(ctx: MissionContext[Any]) -> bool:
    return True


def word(ctx: MissionContext[Any]) -> str:
    return "true"


CHOOSES: MissionDefinition[Any] = START.branch("k", yes, {True: WAIT, False: m.path()}).end()
TIMES_OUT: MissionDefinition[Any] = START.need_to("k", int, timeout=5, on_timeout=WAIT).end()
REPEATS: MissionDefinition[Any] = START.repeat("k", WAIT, until=until).end()
EXHAUSTED: MissionDefinition[Any] = START.repeat("k", STEP, until=until, max_rounds=1, on_exhausted=WAIT).end()
BEHIND: MissionDefinition[Any] = START.repeat("k", STEP, until=until).branch("b", yes, {True: WAIT, False: WAIT}).end()


def chosen(it: Driver) -> None:
    it.succeed("k", True)


def timed_out(it: Driver) -> None:
    it.wait(6)


def in_round(it: Driver) -> None:
    it.receive("k[0]/go", 1)
    it.succeed("k[0]", False)


def exhausted(it: Driver) -> None:
    it.succeed("k[0]/a")
    it.succeed("k[0]", False)


def behind(it: Driver) -> None:
    it.succeed("k[0]/a")
    it.succeed("k[0]", True)
    it.succeed("b", True)


STANDING: list[tuple[MissionDefinition[Any], Callable[[Driver], None], str]] = [
    (CHOOSES, chosen, "k/true/go"),
    (TIMES_OUT, timed_out, "k/timeout/go"),
    (REPEATS, in_round, "k[1]/go"),
    (EXHAUSTED, exhausted, "k/exhausted/go"),
    (BEHIND, behind, "b/true/go"),
]

PLACES = {"true": WAIT, "timeout": WAIT, "exhausted": WAIT}
AFTER: list[MissionDefinition[Any]] = [
    CHOOSES,
    TIMES_OUT,
    REPEATS,
    EXHAUSTED,
    START.parallel("k", PLACES).end(),
    START.race("k", PLACES).end(),
    START.branch("k", word, PLACES).end(),
    START.each("k", items, WAIT).end(),
    START.repeat("k", WAIT, until=until, max_rounds=1, on_exhausted=WAIT).end(),
    START.branch("b", yes, {True: WAIT, False: WAIT}).end(),
    START.branch("b", yes, {True: WAIT, False: WAIT}).step("k", run).end(),
    START.branch("b", yes, {True: WAIT, False: WAIT}).repeat("k", STEP, until=until).end(),
    START.parallel("b", {"true": WAIT}).end(),
    START.branch("k", yes, {True: WAIT, False: WAIT}).step("b", run).end(),
]


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize(("before", "goes_on", "place"), STANDING)
def test_plan_says_of_each_place_what_the_machine_says(
    before: MissionDefinition[Any], goes_on: Callable[[Driver], None], place: str, after: MissionDefinition[Any]
) -> None:
    """Whether it is the same, and why not."""
    it = Driver(before)
    it.begin()
    goes_on(it)
    assert it.state.cursor == place
    missions = Missions()
    missions.add("x", it.history, before)

    (group,) = asyncio.run(make_plan(missions.port(), [after])).groups

    misfit = find_misfit(after, it.state)
    assert missions.read == []
    assert group.problem == (None if misfit is None else template(misfit.problem))
    assert (group.effect == "stranded") == (misfit is not None)
