"""What people do to a mission: what it is called, what it will do, to which missions, and how it went."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from itertools import islice
from typing import Any, Literal, TypeAlias

import attrs

from mission_control.client import CommanderClient
from mission_control.core import (
    MissionControlError,
    MissionNotFoundError,
    MissionSnapshot,
    MissionStatus,
    MissionSummary,
    NotAnsweredError,
    PersistenceError,
    RetryWait,
    TimerWait,
)
from mission_control.core.history import Record

from .waits import timed_waits

_AT_A_TIME = 32
"""To how many missions something is done at a time."""

State: TypeAlias = Literal["done", "accepted", "refused", "not there"]


@attrs.frozen(kw_only=True)
class Outcome(Record):
    """How it went with one mission.

    "accepted" is durable, and will be applied by the process that runs the missions. `message` is for people.
    """

    mission_id: str
    state: State
    message: str

    @property
    def is_well(self) -> bool:
        """True where what was asked for is done, or will be."""
        return self.state in ("done", "accepted")


_Run: TypeAlias = Callable[[CommanderClient, str, str | None, Mapping[str, Any]], Awaitable[object]]


@attrs.frozen(kw_only=True)
class Action:
    """Something that people do: `effect` says to them what will happen, `done` what has happened."""

    name: str
    effect: str
    done: str
    fits: Callable[[MissionSummary], bool]
    """Whether it makes sense for a mission as it is; who asks all the same is refused with a reason."""
    run: _Run


def _is_live(mission: MissionSummary) -> bool:
    return not mission.status.is_terminal


def _waits_for_a_time(mission: MissionSummary) -> bool:
    """Return whether a time can be ended that it waits for: on any of its lines, where these are known."""
    if isinstance(mission, MissionSnapshot):
        return bool(timed_waits(mission))
    return isinstance(mission.next_wait, TimerWait | RetryWait)


CANCEL = Action(
    name="cancel",
    effect="The mission ends as cancelled. What has an undo is undone, the last thing first.",
    done="cancelled",
    fits=_is_live,
    run=lambda client, mission_id, by, options: client.cancel_mission(mission_id, options.get("reason"), by=by),
)
PAUSE = Action(
    name="pause",
    effect="Nothing of the mission begins or fires any more until it is resumed. What runs is left to end.",
    done="paused",
    fits=lambda mission: _is_live(mission) and not mission.paused,
    run=lambda client, mission_id, by, options: client.operations.pause_mission(mission_id, by=by),
)
RESUME = Action(
    name="resume",
    effect="The mission goes on. What is overdue happens at once.",
    done="resumed",
    fits=lambda mission: mission.paused,
    run=lambda client, mission_id, by, options: client.operations.resume_mission(mission_id, by=by),
)
REOPEN = Action(
    name="reopen",
    effect="The mission goes on where it ended, or from the step that is named, which is done anew.",
    done="reopened",
    fits=lambda mission: mission.status in (MissionStatus.FAILED, MissionStatus.CANCELLED),
    run=lambda client, mission_id, by, options: client.operations.reopen_mission(
        mission_id, step=options.get("step"), by=by
    ),
)
SKIP = Action(
    name="skip",
    effect="The mission goes on as if the step that failed had returned the output that is given.",
    done="skipped",
    fits=lambda mission: mission.error is not None and mission.status is not MissionStatus.CANCELLED,
    run=lambda client, mission_id, by, options: client.operations.skip_step(
        mission_id, output=options.get("output"), step=options.get("step"), by=by
    ),
)
WAKE = Action(
    name="wake",
    effect="What the mission waits for, a sleep, a retry or its start, is over now.",
    done="woken",
    fits=_waits_for_a_time,
    run=lambda client, mission_id, by, options: client.operations.wake_mission(
        mission_id, path=options.get("path"), by=by
    ),
)
ACTIONS: Mapping[str, Action] = {one.name: one for one in (CANCEL, PAUSE, RESUME, REOPEN, SKIP, WAKE)}
"""All of them, by name."""


async def carry_out(
    client: CommanderClient, action: Action, mission_id: str, *, by: str | None, **options: Any
) -> Outcome:
    """Do it to one mission, and return how it went.

    `options` are `reason` to cancel, `step` to reopen, `step` and `output` to skip, `path` to wake. Raises
    `PersistenceError` where it is not known whether it was accepted.
    """
    if await client.get_summary(mission_id) is None:  # else it would be accepted where nobody can refuse it
        return Outcome(mission_id=mission_id, state="not there", message="there is no such mission")
    return await outcome_of(mission_id, action.run(client, mission_id, by, options), done=action.done)


async def carry_out_all(
    client: CommanderClient, action: Action, mission_ids: Iterable[str], *, by: str | None, **options: Any
) -> AsyncGenerator[Outcome]:
    """Do it to many missions, some of them at a time, and yield how it went with each, as it is known.

    Raises `PersistenceError` as `carry_out` does, when those that are under way have ended.
    """
    left, under_way = iter(mission_ids), set[asyncio.Task[Outcome]]()
    try:
        while True:
            for mission_id in islice(left, _AT_A_TIME - len(under_way)):
                under_way.add(asyncio.create_task(carry_out(client, action, mission_id, by=by, **options)))
            if not under_way:
                return
            ended, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for one in ended:
                yield one.result()
    finally:
        await asyncio.gather(*under_way, return_exceptions=True)


async def outcome_of(mission_id: str, asked: Awaitable[object], *, done: str) -> Outcome:
    """Return how it went with what is asked for. Raises `PersistenceError`."""
    try:
        await asked
    except NotAnsweredError as error:
        return accepted(mission_id, error)
    except MissionNotFoundError as error:
        return Outcome(mission_id=mission_id, state="not there", message=str(error))
    except PersistenceError:
        raise
    except (MissionControlError, ValueError, TypeError) as error:
        return Outcome(mission_id=mission_id, state="refused", message=str(error))
    return Outcome(mission_id=mission_id, state="done", message=done)


def accepted(mission_id: str, error: NotAnsweredError) -> Outcome:
    """Return the outcome of what is durable and not answered yet."""
    return Outcome(mission_id=mission_id, state="accepted", message=accepted_message(error))


def accepted_message(error: NotAnsweredError) -> str:
    """Return what is said of a request that is durable and not answered yet."""
    if error.has_owner:
        return "accepted: the process that runs the missions has not finished it yet"
    return "accepted: it will be applied when a process runs the missions of this database"
