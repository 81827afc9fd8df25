"""What was asked of a mission and is not answered: in the order in which it came, as far as it is its turn."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import attrs
from temporalio import workflow

from mission_control.core.engine import PATIENCE
from mission_control.core.machine import find_use
from mission_control.core.storage import CancelRequest, request_form

from .folded import FoldedMission
from .forms import Form

PATIENT = timedelta(seconds=PATIENCE)
"""How long an update waits for live paths to come to rest, before it runs beside their steps."""


@attrs.define(eq=False)
class Asked:
    """What was asked of the mission, and the answer, where somebody waits for it."""

    form: Form
    answer: asyncio.Future[Form] | None = None
    since: datetime | None = None
    """When an update began to wait for live paths to come to rest."""
    is_held: bool = False
    """True while nothing has happened since it was found to be before its time."""
    tries: int = 0
    """How often it was asked of workers that could not tell."""

    @property
    def is_order(self) -> bool:
        """True for what operates the mission, and comes first; signals and updates wait their turn."""
        return self.form["kind"] not in ("signal", "update")


class Requests:
    """The requests that wait, of one mission."""

    def __init__(self, mission: FoldedMission) -> None:
        self._mission = mission
        self._waiting: list[Asked] = []

    def __bool__(self) -> bool:
        return bool(self._waiting)

    async def answer(self, form: Form) -> Form:
        """Have something answered when it is its turn."""
        asked = Asked(form, asyncio.get_running_loop().create_future())
        assert asked.answer is not None
        self._waiting.append(asked)
        return await asked.answer

    def cancel(self, reason: str) -> None:
        """Have the mission cancelled, for nobody who waits for that."""
        request = CancelRequest(mission_id=self._mission.state.mission_id, reason=reason)
        self._waiting.append(Asked(request_form(request)))

    def answered(self, asked: Asked, answer: Form) -> None:
        """Tell whoever waits."""
        self._waiting.remove(asked)
        if asked.answer is not None:
            asked.answer.set_result(answer)

    def has_moved(self) -> None:
        """Something has happened: what was before its time may be taken now."""
        for asked in self._waiting:
            asked.is_held = False

    @property
    def want_the_end(self) -> bool:
        """True where the mission is to be cancelled."""
        return any(asked.form["kind"] == "cancel" for asked in self._waiting)

    def next(self, *, orders_alone: bool) -> Asked | None:
        """Return what is to be answered next, if anything is: what operates the mission comes first."""
        orders = (asked for asked in self._waiting if asked.is_order)
        others = (asked for asked in self._waiting if not asked.is_order and self._is_its_turn(asked))
        return next(orders, None) or (None if orders_alone else next(others, None))

    def _is_its_turn(self, asked: Asked) -> bool:
        state = self._mission.state
        if asked.is_held:
            return False
        if asked.form["kind"] != "update" or find_use(state, asked.form["key"]) is not None:
            return True
        if state.is_terminal or not state.is_running or state.is_still or state.is_undoing:
            return True
        return asked.since is not None and workflow.now() - asked.since >= PATIENT

    def begin_to_wait(self) -> bool:
        """Have updates wait for live paths, from now on; True where one begins to."""
        if self._mission.state.lines is None:
            return False
        new = [asked for asked in self._waiting if asked.since is None and asked.form["kind"] == "update"]
        for asked in new:
            asked.since = workflow.now()
        return bool(new)
