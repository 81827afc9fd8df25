"""What goes between a mission's workflow, its activities and its callers, as JSON.

These forms are in the histories of workflows that run for months: a release reads those of every release before it, and
stored histories of each are replayed by the tests.

- A *batch* is what one decision adds to a mission: `{"id", "after", "records", "children", "orphans", "awaited"}`.
  `after` is the id of the batch that it was decided behind, None for the first one: batches are a chain. What is of no
  batch of the chain was decided for a mission that had gone on meanwhile, and does not count.
- A *child* in a batch is `{"id", "records"}`: a mission that begins with it.
- An *attempt*, as a step's activity is given it, is `{"instance", "number", "version", "id", "after", "is_shown"}`: the
  version of the mission that it began with, the `id` and the `after` of the batch that its outcome becomes, and whether
  lists show that it runs.
- An *ask* is what is to be decided: `{"commands": [command]}` or `{"request": request}`, the latter in core's own form;
  with `"begins": false`, nothing begins with it.
- A *question* is an ask with when it is asked: `{"ask", "now", "version", "id", "after"}`, the latter as of an attempt.
- An *answer* is `{"batch"}`, or one of `{"error"}`, `{"elsewhere"}` (another worker has to decide), `{"held"}` and
  `{}`, which adds nothing; that to a signal has the `line` that takes it, None where none moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs

from mission_control.core import HistoryRecord, MissionFailure, MissionStatus
from mission_control.core.engine import Outcome
from mission_control.core.machine import (
    ChildEnded,
    Command,
    Elapse,
    Fail,
    FinishCancel,
    Interrupt,
    Proceed,
    State,
    Succeed,
)

Form: TypeAlias = dict[str, Any]

MOST_BYTES = 1_900_000
"""How long a batch or a payload may be as JSON: Temporal takes 2 MiB, with what is around it."""

BEGINNING = "begin"
"""The id of the batch that a workflow is started with."""

CARRIED = "carried"
"""The id of the last batch that is taken over from the run before; a `BEGINNING` beside it comes behind it."""


def records_of(forms: list[Form]) -> list[HistoryRecord]:
    """Return the records of a batch, or of a history."""
    return [HistoryRecord.from_dict(form) for form in forms]


def record_forms(records: tuple[HistoryRecord, ...]) -> list[Form]:
    """Return the forms of records, exactly as they are."""
    return [record.to_dict(exact=True) for record in records]


def command_form(command: Command) -> Form:
    """Return the form of a command that comes from a mission itself."""
    form = {"type": _NAMES[type(command)], **attrs.asdict(command, recurse=False)}
    for name in ("failure", "error"):
        failure: object = form.get(name)
        if isinstance(failure, MissionFailure):
            form[name] = failure.to_dict(exact=True)
    if isinstance(command, Elapse):
        form["until"] = None  # all that is due by the time of the decision
    return form


def read_command(form: Mapping[str, Any]) -> Command:
    """Return the command that has this form."""
    fields = dict(form)
    kind = _KINDS[fields.pop("type")]
    for name in ("failure", "error"):
        if fields.get(name) is not None:
            fields[name] = MissionFailure.from_dict(fields[name])
    if kind is ChildEnded:
        fields["status"] = MissionStatus(fields["status"])
    command: Command = kind(**fields)
    return command


def outcome_form(outcome: Outcome, batch: Form | None) -> Form:
    """Return the form of how an attempt ended; an output that is in the batch is not there a second time."""
    form = command_form(outcome)
    if batch is not None and isinstance(outcome, Succeed):
        del form["output"]
    return form


def read_outcome(form: Form, batch: Form | None) -> Form:
    """Return the whole form of an outcome again."""
    if batch is None or form["type"] != "succeed":
        return form
    attempt = (form["instance"], form["number"])
    ended = next(
        record
        for record in batch["records"]
        if record["type"] == "step-succeeded" and (record["event_name"], record["attempt_number"]) == attempt
    )
    return {**form, "output": ended["details"]["output"]}


def end_of_child(state: State) -> ChildEnded:
    """Return what a parent is told of the end of a mission."""
    reopened_for = 0 if state.past is None else state.past.reopened_for
    output = state.output if state.status is MissionStatus.COMPLETED else None
    return ChildEnded(state.mission_id, state.status, output, state.error, reopened_for)


_KINDS: Mapping[str, Any] = {
    "succeed": Succeed,
    "fail": Fail,
    "interrupt": Interrupt,
    "elapse": Elapse,
    "proceed": Proceed,
    "finish-cancel": FinishCancel,
    "child-ended": ChildEnded,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
