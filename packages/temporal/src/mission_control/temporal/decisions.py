"""What only a worker with the definition can answer: asked of the one that has the workflow, or of any that can."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

from mission_control.core.history import iso

from .attempts import DEAD, EVER, LATE, ONCE, SOON
from .folded import FoldedMission
from .forms import Form
from .names import DECIDE, RUN_UPDATE

BRIEF = timedelta(seconds=30)
"""How long what runs no user code may take."""


class Decisions:
    """Has workers decide for one mission, as it is when they are asked."""

    def __init__(self, mission: FoldedMission) -> None:
        self._mission = mission
        self._pause = timedelta()
        """The last pause since somebody could tell; after one, the worker that has the workflow is passed over."""

    async def decide(self, ask: Form) -> Form:
        """Return what is decided, with the batch that it adds; under "elsewhere", why that could not be told."""
        answer = {"elsewhere": ""} if self._pause else await self._decide_here(ask)
        if "elsewhere" in answer:
            answer = await self._decide_elsewhere(ask)
        if "elsewhere" not in answer:
            self._pause = timedelta()
        return answer

    def next_pause(self) -> timedelta:
        """Return how long to wait before workers are asked again, longer each time."""
        self._pause = min(self._pause + SOON, LATE)
        return self._pause

    async def _decide_here(self, ask: Form) -> Form:
        answer: Form = await workflow.execute_local_activity(
            DECIDE,
            self._question(ask),
            start_to_close_timeout=BRIEF,
            result_type=dict[str, Any],
        )
        return answer

    async def _decide_elsewhere(self, ask: Form) -> Form:
        try:
            answer: Form = await workflow.execute_activity(
                DECIDE,
                self._question(ask),
                start_to_close_timeout=BRIEF,
                retry_policy=ONCE,
                result_type=dict[str, Any],
            )
        except ActivityError as error:
            return {"elsewhere": f"it could not be decided: {error.cause}"}
        return answer

    def _question(self, ask: Form) -> Form:
        return {
            "ask": ask,
            "now": iso(workflow.now()),
            "version": self._mission.state.version,
            "id": self._mission.next_id(),
            "after": self._mission.head,
        }

    async def run_update(self, form: Form) -> Form:
        """Run an update's code on some worker, unless it is a repeat."""
        state = self._mission.state
        try:
            answer: Form = await workflow.execute_activity(
                RUN_UPDATE,
                args=[form, state.version, self._mission.next_id(), self._mission.head],
                start_to_close_timeout=EVER,
                heartbeat_timeout=DEAD,
                retry_policy=ONCE,
                summary=f"update {form['name']}",
                result_type=dict[str, Any],
            )
        except ActivityError as error:
            what = f"update {form['name']!r} of mission {state.mission_id!r} ({state.mission_name})"
            message = f"{what} failed, nothing was recorded: the process that ran it has ended ({error.cause})"
            return {"error": {"code": "MISSION_EXECUTION_ERROR", "message": message}}
        return answer
