"""A plan says of random missions, and of random changes of their definitions, what the machine then does."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from mission_control.core.machine import Proceed, Start, find_misfit
from mission_control.core.operations import make_plan

from ..machine.conftest import Driver
from ..machine.test_changing_walks import changed, definition_of, deployed, gone_on, plans
from ..machine.test_walks import unhurried
from .judged import Missions


@settings(unhurried, max_examples=300)
@given(st.data())
def test_plan_says_what_the_machine_does(data: st.DataObject) -> None:
    """Also of missions that were carried over before, and stand on live paths."""
    plan = data.draw(plans(2))
    it = Driver(definition_of(plan), slots=data.draw(st.sampled_from([0, 1, 100])))
    it.go(Start("d", 5, None))
    definitions = [definition_of(plan)]
    for _ in range(data.draw(st.integers(0, 25))):
        if it.state.is_terminal:
            return
        if data.draw(st.integers(0, 5)) == 5:
            plan = deployed(data, it, plan)
            definitions.append(definition_of(plan))
        it.go(gone_on(data, it))
        it.go(Proceed())
    if it.state.is_terminal:
        return

    stored, after = Missions(), definition_of(changed(data, plan, 2))
    stored.add("x", it.history, *definitions)
    (group,) = asyncio.run(make_plan(stored.port(), [after])).groups

    assert (group.effect == "stranded") == (find_misfit(after, it.state) is not None)
    assert group.count == 1
    if group.fingerprint == after.fingerprint:
        assert group.effect == "unaffected"
