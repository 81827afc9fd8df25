"""Answers to open waits."""

from __future__ import annotations

import hashlib
import json

from mission_control.client import CommanderClient
from mission_control.core import MissionSignalError, NotAnsweredError, OpenWait, SignalRecord

from .actions import Outcome, accepted
from .waits import answer_to, is_open


class AnsweredMeanwhileError(Exception):
    """Nobody waits for the answer any more: `answer` is what was taken instead; None where the wait ended otherwise."""

    def __init__(self, wait: OpenWait, answer: SignalRecord | None) -> None:
        super().__init__(f"{wait.event_name} of mission {wait.mission_id} waits no more")
        self.wait = wait
        self.answer = answer


def answer_key(wait: OpenWait, payload: object) -> str:
    """Return a key that makes a repeated answer to the same wait harmless."""
    said = json.dumps([wait.mission_id, wait.event_name, wait.since.isoformat(), payload], sort_keys=True)
    return f"answer-{hashlib.sha256(said.encode()).hexdigest()[:32]}"


async def answer(
    client: CommanderClient, wait: OpenWait, payload: object, *, by: str | None, key: str | None = None
) -> Outcome:
    """Send the answer to an open wait, and return how it went.

    Raises `AnsweredMeanwhileError` where the wait is over, `MissionValidationError` where the payload does not fit, and
    `PersistenceError` where it is not known whether it was accepted.
    """
    mission = await client.get_mission(wait.mission_id)
    if mission is None:
        raise AnsweredMeanwhileError(wait, None)
    repeatable = answer_key(wait, payload)
    before = await mission.inspect()
    if any(one.key == repeatable for one in before.signals):
        return Outcome(mission_id=wait.mission_id, state="done", message="answered already")
    if not is_open(before, wait) and not any(one.key == key for one in before.signals if key is not None):
        raise AnsweredMeanwhileError(wait, answer_to(before, wait))
    try:
        await mission.signal(wait.signal, payload, at=wait.path, key=key or repeatable, by=by)
    except NotAnsweredError as error:
        return accepted(wait.mission_id, error)
    except MissionSignalError:
        after = await mission.inspect()
        if is_open(after, wait):
            raise
        raise AnsweredMeanwhileError(wait, answer_to(after, wait)) from None
    return Outcome(mission_id=wait.mission_id, state="done", message="answered")
