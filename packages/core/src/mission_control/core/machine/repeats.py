"""What comes again under a key that is used: it changes nothing, and has to be the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from ..definition import MissionDefinition, SignalNode
from ..errors import MissionSignalError, MissionValidationError
from ..history import HistoryRecord, HistoryType
from ..payloads import PLAIN, PayloadType, same_json
from .lines import bare
from .state import State

_UPDATE = HistoryType.MISSION_UPDATE


def find_use(state: State, key: str | None) -> HistoryRecord | None:
    """Return the record that bears a key; None where none does yet, and for no key."""
    return None if key is None or state.keys is None else state.keys.find(key)


def check_unused(state: State, key: str | None) -> None:
    """Raise `MissionSignalError` where the key is used: nothing may be recorded under it any more."""
    if find_use(state, key) is not None:
        raise MissionSignalError(
            f"mission {state.mission_id!r} ({state.mission_name}): the key {key!r} is used; what bears it is on record"
        )


def check_repeat(
    definition: MissionDefinition[Any] | None,
    state: State,
    record: HistoryRecord,
    kind: Literal["signal", "update"],
    name: str,
    payload: object,
) -> None:
    """Raise `MissionSignalError` unless what comes again is what the record says that came under its key.

    `name` is that of the update, or the signal's as its sender gave it, behind the place where one was given; `payload`
    is typed, or in its JSON form. It is compared after today's schema, as inputs of missions are.
    """
    differing = list(_differing(definition, record, kind, name, payload))
    if differing:
        raise MissionSignalError(
            f"mission {state.mission_id!r} ({state.mission_name}): the key {record.details['key']!r} is used, and this "
            f"{kind} differs from what bears it in {', '.join(differing)}; send what is another under another key"
        )


def _differing(
    definition: MissionDefinition[Any] | None, record: HistoryRecord, kind: str, name: str, payload: object
) -> Iterator[str]:
    was = "update" if record.type is _UPDATE else "signal"
    if kind != was:
        yield f"its kind: that was {'an update' if was == 'update' else 'a signal'}"
        return
    sent_as: str = record.details.get("sent_as", record.event_name)
    if bare(name) != bare(sent_as):
        yield "its name"
        return
    if name != sent_as:
        yield "at"
    what = "input" if kind == "update" else "payload"
    schema = _schema(definition, record)
    yield from (f"the {what} at {path}" for path in _paths(schema, record.details[what], payload, f"the {what}"))


def _schema(definition: MissionDefinition[Any] | None, record: HistoryRecord) -> PayloadType:
    """Return what today's definition wants there; plain JSON where it has nothing there any more."""
    name = record.event_name or ""
    if definition is None:
        return PLAIN
    if record.type is _UPDATE:
        return definition.updates[name].schema if name in definition.updates else PLAIN
    site = definition.site(name)
    waits = definition.early_waits.get(name, {}).values() if site is None else (site.node,)
    return next((node.schema for node in waits if isinstance(node, SignalNode)), PLAIN)


def _paths(schema: PayloadType, was: Any, payload: object, subject: str) -> list[str]:
    """Return where a payload differs from a recorded one; what does not fit any more is compared as it is."""
    try:
        stored = schema.validate(payload, event_name="", subject=subject)
    except MissionValidationError:
        schema, stored = PLAIN, PLAIN.validate(payload, event_name="", subject=subject)
    return same_json(schema, was, stored)
