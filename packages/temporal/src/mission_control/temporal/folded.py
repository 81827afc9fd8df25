"""A mission as its workflow folds it: the chain of batches that count, and what says which one is the last.

What names a batch, in the very task that applies it, is the attempt that begins behind it, or else the memo. The memo
is also the mission's row in lists, and each change of it costs the server a third of what a step costs. So it changes
where the mission comes to rest or its search attributes change, and for an attempt that lasts, once that has told so.
"""

from __future__ import annotations

from temporalio import workflow

from mission_control.core import HistoryRecord
from mission_control.core.machine import State, fold, load

from .forms import BEGINNING, CARRIED, Form, records_of
from .rows import attributes_of, memo_of, updates_of

_PAGE = 1_000_000
"""How many characters of records are returned at once, or a bit more."""


class FoldedMission:
    """The state of a mission, its records, and the chain of their batches."""

    def __init__(self, mission_id: str, beginning: Form) -> None:
        self.state: State = State(mission_id=mission_id)
        self.history: list[HistoryRecord] = []
        self.head: str = ""
        """The batch that was applied last."""
        self.chain: dict[str, int] = {}
        """The version that each batch ends with."""
        self._shown = ""
        """The batch that the memo names."""
        self._begun_behind = ""
        """The batch that the last attempt names."""
        self._batches = 0
        if "from" not in beginning:
            self.apply({**beginning["batch"], "id": BEGINNING})
            self._shown = BEGINNING
        self._attributes = attributes_of(self.state)

    def next_id(self) -> str:
        """Return the id of a batch that is about to be decided."""
        self._batches += 1
        return str(self._batches)

    def apply(self, batch: Form) -> None:
        """Go on from a batch that was decided behind the last one."""
        records = records_of(batch["records"])
        self.history += records
        self.state = fold(self.state, records)
        self.head = batch["id"]
        self.chain[self.head] = self.state.version

    @property
    def is_carried(self) -> bool:
        """True where all that the run before recorded has been taken over."""
        return self.head == CARRIED

    def carry(self, batch: Form) -> None:
        """Take over records of the run before; they are folded when all are there."""
        self.history += records_of(batch["records"])
        self.head = batch["id"]

    def go_on(self, beginning: Form) -> None:
        """Go on from what was taken over, and the batch that the run begins with, where it has one."""
        if "batch" in beginning:
            self.carry({**beginning["batch"], "id": BEGINNING})
        self.state = load(self.state.mission_id, self.history)
        self.chain[self.head] = self.state.version
        self.show()

    def records(self, after: int, batch_id: str | None) -> list[Form]:
        """Return records behind a version, as many as go into an answer; all, where that ends no batch of that id."""
        if batch_id is not None and self.chain.get(batch_id) != after:
            after = 0
        found: list[Form] = []
        size = 0
        for record in self.history[after:]:
            form = record.to_dict(exact=True)
            size += len(str(form))
            if found and size > _PAGE:
                break
            found.append(form)
        return found

    # What names the last batch

    def begin_behind(self) -> bool:
        """An attempt begins that names the last batch. Return whether lists show the mission as it is, all the same."""
        self._begun_behind = self.head
        return self.head == self._shown or self._is_found_otherwise()

    def show_what_is_new(self, *, is_moving_on: bool) -> None:
        """Have lists and readers see where the mission stands, unless an attempt that goes on names the last batch."""
        is_named = is_moving_on and self._begun_behind == self.head
        if self.head != self._shown and (not is_named or self._is_found_otherwise()):
            self.show()

    def show(self) -> None:
        """Have lists and readers see where the mission stands, unless they do."""
        if self.head == self._shown:
            return
        workflow.upsert_memo(memo_of(self.state, self.head))
        self._shown = self.head
        before, self._attributes = self._attributes, attributes_of(self.state)
        if changes := updates_of(before, self._attributes):
            workflow.upsert_search_attributes(changes)  # pyright: ignore[reportUnknownMemberType]

    def _is_found_otherwise(self) -> bool:
        return self._attributes != attributes_of(self.state)
