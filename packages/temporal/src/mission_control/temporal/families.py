"""Parents and children on Temporal: each is a workflow of its own, and tells the other what it has to know."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from mission_control.core.machine import State, fold

from .decisions import BRIEF
from .forms import BEGINNING, Form, command_form, end_of_child, records_of
from .names import CHILD_ENDED, END_OF_CHILD, MISSION, UNWANTED
from .rows import attributes_of, memo_of, typed


class Families:
    """What one mission does about others: `begin(work)` has it done beside, `tell(told)` has a command decided."""

    def __init__(
        self, mission_id: str, begin: Callable[[Coroutine[Any, Any, None]], None], tell: Callable[[Form], None]
    ) -> None:
        self._mission_id = mission_id
        self._begin = begin
        self._tell = tell
        self._known: set[tuple[str, int]] = set()
        """Children that were told to end, or asked about, and for which record."""
        self._starting: set[str] = set()
        """Children that the server has not started yet: nobody finds them, and nothing can be told to them."""
        self._has_told_parent = False

    @property
    def is_complete(self) -> bool:
        """True where each child that has begun is there."""
        return not self._starting

    def go_on_with(self, batch: Form) -> None:
        """Start the children that begin with a batch, and cancel those that it lets go of."""
        for child in batch.get("children", ()):
            self._starting.add(child["id"])
            self._begin(self._start(child))
        for orphan in batch.get("orphans", ()):
            self.find_out(orphan, 0, is_unwanted=True)

    async def _start(self, child: Form) -> None:
        """Begin a child mission, unless it has begun; where its id is taken, the parent is told."""
        state = fold(State(mission_id=child["id"]), records_of(child["records"]))
        try:
            _ = await workflow.start_child_workflow(
                MISSION,
                {"batch": {"after": None, "records": child["records"]}},
                id=child["id"],
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                parent_close_policy=ParentClosePolicy.ABANDON,
                memo=memo_of(state, BEGINNING),
                search_attributes=typed(attributes_of(state)),
            )
        except WorkflowAlreadyStartedError:
            self.find_out(child["id"], 0, is_unwanted=False)
        self._starting.remove(child["id"])

    def find_out(self, child: str, seq: int, *, is_unwanted: bool) -> None:
        """Cancel a child, or learn what became of it, for a record of ours; once."""
        if (child, seq) not in self._known:
            self._known.add((child, seq))
            self._begin(self._learn(child, seq, is_unwanted=is_unwanted))

    async def _learn(self, child: str, seq: int, *, is_unwanted: bool) -> None:
        await workflow.wait_condition(lambda: child not in self._starting)  # one that is not there counts as cancelled
        if is_unwanted:
            with suppress(ApplicationError):  # it has ended, or is not there
                await workflow.get_external_workflow_handle(child).signal(UNWANTED, self._mission_id)
        command: Form | None = await workflow.execute_activity(
            END_OF_CHILD,
            args=[child, self._mission_id, seq],
            start_to_close_timeout=BRIEF,
            result_type=dict[str, Any] | None,  # type: ignore[arg-type]  # which it takes
        )
        if command is not None:
            self._tell({"commands": [command]})

    async def tell_parent(self, state: State) -> None:
        """Tell the parent of the end, where it waits for that; once."""
        origin = state.origin
        if origin.parent_id is None or not origin.is_awaited or self._has_told_parent:
            return
        self._has_told_parent = True
        with suppress(ApplicationError):  # that has ended
            parent = workflow.get_external_workflow_handle(origin.parent_id)
            await parent.signal(CHILD_ENDED, command_form(end_of_child(state)))
