"""A mission on one row: the memo that lists are made of, and the search attributes that they are found by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributeUpdate, TypedSearchAttributes

from mission_control.core import (
    ChildWait,
    MissionFailure,
    MissionStatus,
    MissionSummary,
    OpenWait,
    RetryWait,
    SignalWait,
    TimerWait,
)
from mission_control.core.history import Wait, iso, parse_iso
from mission_control.core.machine import State, open_waits

from .forms import Form

MEMO = "mission_control"

STATUS: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("MissionStatus")
NAME: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("MissionName")
PARENT: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("MissionParent")
NEXT_DUE: SearchAttributeKey[datetime] = SearchAttributeKey.for_datetime("MissionNextDue")
LABELS = SearchAttributeKey.for_keyword_list("MissionLabels")
REOPENED: SearchAttributeKey[bool] = SearchAttributeKey.for_bool("MissionReopened")
KEYS: tuple[SearchAttributeKey[Any], ...] = (STATUS, NAME, PARENT, NEXT_DUE, LABELS, REOPENED)

_MOST_WAITS = 10
_LONGEST_MESSAGE = 300


def memo_of(state: State, head: str) -> dict[str, Form]:
    """Return the memo of a mission: its row, its open waits where these are few, and the last batch of its chain."""
    row = state.summary().to_dict(exact=True)
    for name in ("mission_id", "waiting"):  # which the workflow's id and `next_wait` say
        del row[name]
    if (error := row["error"]) is not None:
        error["traceback"] = None
        error["message"] = error["message"][:_LONGEST_MESSAGE]
    form: Form = {"head": head, "version": state.version, **{name: it for name, it in row.items() if it is not None}}
    waits = open_waits(state)
    if len(waits) <= _MOST_WAITS:
        form["waits"] = [[wait.event_name, iso(wait.since), wait.timeout_at and iso(wait.timeout_at)] for wait in waits]
    return {MEMO: form}


def summary_of(mission_id: str, memo: Form) -> MissionSummary:
    """Return a mission's row."""
    status, wait = MissionStatus(memo["status"]), _wait(memo.get("next_wait"))
    return MissionSummary(
        mission_id=mission_id,
        mission_name=memo["mission_name"],
        status=status,
        cursor=memo.get("cursor"),
        waiting=wait if status is MissionStatus.WAITING else None,
        error=None if "error" not in memo else MissionFailure.from_dict(memo["error"]),
        created_at=_instant(memo.get("created_at")),
        updated_at=_instant(memo.get("updated_at")),
        next_wait=wait,
        next_due=_instant(memo.get("next_due")),
        parent_id=memo.get("parent_id"),
        schedule=memo.get("schedule"),
        slot=_instant(memo.get("slot")),
        labels=memo.get("labels", {}),
        paused=memo.get("paused", False),
    )


def waits_of(mission_id: str, memo: Form) -> list[OpenWait] | None:
    """Return the open waits of a mission; None where there are too many for its row."""
    if "waits" not in memo:
        return None
    return [
        OpenWait(
            mission_id=mission_id,
            mission_name=memo["mission_name"],
            event_name=name,
            path=name.rpartition("/")[0] or None,
            since=parse_iso(since),
            timeout_at=_instant(timeout_at),
        )
        for name, since, timeout_at in memo["waits"]
    ]


def _instant(text: str | None) -> datetime | None:
    return None if text is None else parse_iso(text)


def _wait(form: Form | None) -> Wait | None:
    if form is None:
        return None
    fields = dict(form)
    for name in ("timeout_at", "due_at"):
        if fields.get(name) is not None:
            fields[name] = parse_iso(fields[name])
    wait: Wait = _WAITS[fields["kind"]](**fields)
    return wait


_WAITS: Mapping[str, Any] = {"signal": SignalWait, "timer": TimerWait, "retry": RetryWait, "child": ChildWait}


# What missions are found by


def attributes_of(state: State) -> dict[SearchAttributeKey[Any], Any]:
    """Return the search attributes of a mission, those that it has."""
    found: dict[SearchAttributeKey[Any], Any] = {
        STATUS: state.status.value,
        NAME: state.mission_name,
        PARENT: state.origin.parent_id,
        NEXT_DUE: state.next_due,
        LABELS: [f"{name}={text}" for name, text in state.origin.labels.items()] or None,
        REOPENED: True if state.past is not None else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def typed(attributes: Mapping[SearchAttributeKey[Any], Any]) -> TypedSearchAttributes:
    """Return search attributes as a workflow is started with them."""
    from temporalio.common import SearchAttributePair

    return TypedSearchAttributes([SearchAttributePair(key, value) for key, value in attributes.items()])


def updates_of(
    before: Mapping[SearchAttributeKey[Any], Any], after: Mapping[SearchAttributeKey[Any], Any]
) -> list[SearchAttributeUpdate[Any]]:
    """Return what has changed."""
    changed = [key.value_set(value) for key, value in after.items() if before.get(key) != value]
    return changed + [key.value_unset() for key in before if key not in after]
