"""What becomes of a signal where a mission stands: a wait takes it, it is kept for one, or it has to be held."""

from __future__ import annotations

from typing import Any

from ..definition import MissionDefinition, SignalNode
from .ahead import early_waits
from .commands import Keep, Receive
from .refusals import find_wait, is_held, refused_signal
from .state import State


def take_signal(
    definition: MissionDefinition[Any] | None,
    state: State,
    name: str,
    payload: object,
    *,
    at: str | None,
    key: str | None,
    by: str | None,
) -> Receive | Keep | None:
    """Return what a signal is to the mission: received, or kept for a wait ahead; None while it may yet find one.

    `name` is the signal's, or the instance of a wait; `at` says the place of a bare name, `payload` is typed or in its
    JSON form. Raises `MissionSignalError` where no wait takes it, and `MissionValidationError` for its payload.
    """
    sent_as = name if at is None else f"{at}/{name}"
    instance = None if state.is_terminal else find_wait(state, name, at)
    if instance is None:
        return _kept(definition, state, sent_as, payload, key, by)
    assert definition is not None  # one that has not ended goes on under one
    site = definition.site(instance)
    assert site is not None  # `check_fit` has seen to it
    node = site.node
    assert isinstance(node, SignalNode)
    return Receive(instance, _stored(node, instance, state, payload), key, sent_as, by)


def _kept(
    definition: MissionDefinition[Any] | None, state: State, name: str, payload: object, key: str | None, by: str | None
) -> Keep | None:
    waits = early_waits(definition, state, name)
    if not waits:
        if is_held(definition, state, name):
            return None
        raise refused_signal(definition, state, name)
    by_schema = {node.schema: node for node in waits}.values()  # whichever begins first takes it
    stored, *_ = [_stored(node, name, state, payload) for node in by_schema]
    return Keep(name, stored, key, by)


def _stored(node: SignalNode, name: str, state: State, payload: object) -> Any:
    """Return what is recorded of a payload. Raises `MissionValidationError`."""
    subject = f"signal {name!r} of mission {state.mission_id!r} ({state.mission_name})"
    return node.schema.validate(payload, event_name=name, subject=subject)
