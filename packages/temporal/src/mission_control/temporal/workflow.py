"""The workflow that a mission is: it folds what was decided, and has the world do what comes next.

It holds the mission's state, and nothing of its definition: `fold` and `next_actions` of core's machine need none, so
definitions may change under a mission without Temporal's versions. What is under its rule of determinism is this room,
those two functions and the records; stored histories of every release are replayed by the tests.

One loop decides, one thing after another. The activity of a step decides by itself what its outcome leads to, for the
mission as it was when the attempt began, and returns that as a batch behind the one that the mission had then. Where
the mission has gone on meanwhile, as by a cancellation, that batch is dropped, and the outcome alone is decided anew.
So what counts is a chain of batches: whoever reads the history begins at the last one that is named, follows `after`,
and is never misled by the order of events, in which a result can come before what was applied first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow

from mission_control.core import HistoryRecord, MissionNotRegisteredError
from mission_control.core.engine import ARRIVED, followed
from mission_control.core.machine import (
    AwaitChild,
    BeginPaths,
    BeginStep,
    Command,
    Elapse,
    EndChild,
    FinishCancel,
    Proceed,
    RunAttempt,
    State,
    find_use,
    next_actions,
)

from .attempts import Attempts
from .decisions import BRIEF, Decisions
from .families import Families
from .folded import FoldedMission
from .forms import Form, command_form, read_outcome
from .live import LIVE
from .names import (
    CANCEL,
    CARRY,
    CHANGE,
    CHILD_ENDED,
    LASTS,
    MISSION,
    RECORDS,
    REST,
    SIGNAL,
    UNWANTED,
    UPDATE,
)
from .requests import PATIENT, Asked, Requests

_TRIES = 4
"""How often a request is asked of workers before it is refused because none of them has the definition."""
_GO_BACK = ("reopen", "skip")
"""Requests that let a mission go on that has ended: in a new run, once this one is over."""


@workflow.defn(name=MISSION, sandboxed=False)
class MissionWorkflow:
    """One mission. It begins with a batch, or with the records of the run before it."""

    @workflow.init
    def __init__(self, beginning: Form) -> None:
        info = workflow.info()
        self._mission = FoldedMission(info.workflow_id, beginning)
        self._requests = Requests(self._mission)
        self._decisions = Decisions(self._mission)
        self._families = Families(info.workflow_id, lambda work: self._beside(work, self._aside), self._tell)
        self._told: deque[Form] = deque()
        """Outcomes of attempts, and commands of the mission itself: what is to be applied or decided next."""
        self._attempts = Attempts(self._mission, self._tell)
        self._aside: dict[asyncio.Task[None], None] = {}
        """What is done about other missions."""
        self._pauses: dict[asyncio.Task[None], None] = {}
        self._alarm: tuple[datetime, asyncio.Task[None]] | None = None
        self._due_at: int | None = None
        """The version at which something has become due."""
        self._idle_at: dict[str, int] = {}
        """At which version a command of ours added nothing: it is not tried again before another one."""
        self._is_backing_off = False
        self._is_deciding = False
        self._is_moving = False
        self._is_over = False
        LIVE[info.run_id] = self

    @property
    def state(self) -> State:
        """Where the mission stands."""
        return self._mission.state

    @property
    def history(self) -> Sequence[HistoryRecord]:
        """The records that have been applied."""
        return self._mission.history

    @property
    def chain(self) -> Mapping[str, int]:
        """The version that each batch ends with."""
        return self._mission.chain

    @workflow.run
    async def run(self, beginning: Form) -> Form:
        """Drive the mission to its end; what is returned says where its history ends."""
        driving = asyncio.create_task(self._drive(beginning))
        while not driving.done():
            try:
                await workflow.wait_condition(driving.done)
            except asyncio.CancelledError:  # somebody has cancelled the workflow itself
                self._requests.cancel("its Temporal workflow was cancelled")
        return driving.result()

    async def _drive(self, beginning: Form) -> Form:
        if "from" in beginning:
            await self._carry(beginning)
        while not await self._turn():
            pass
        self._is_over = True
        return {"status": self.state.status.value, "head": self._mission.head, "version": self.state.version}

    async def _turn(self) -> bool:
        """Do one thing, or wait until there is one; True where the mission has ended, with all that it began."""
        self._begin_what_is_next()
        self._mission.show_what_is_new(is_moving_on=self._attempts.move_on and not self._is_backing_off)
        if self._told and not self._is_backing_off:
            await self._apply_told(self._told.popleft())
        elif (asked := self._requests.next(orders_alone=self._is_backing_off)) is not None:
            await self._answer(asked)
        elif self.state.is_terminal:
            return await self._has_left()
        elif workflow.info().is_continue_as_new_suggested() and self._can_move():
            await self._move()
        else:
            await workflow.wait_condition(self._has_work)
        return False

    def _has_work(self) -> bool:
        is_told = bool(self._told) or self._due_at == self.state.version
        is_asked = self._requests.next(orders_alone=self._is_backing_off) is not None
        return self._attempts.have_news or is_asked or (is_told and not self._is_backing_off)

    # What comes next

    def _begin_what_is_next(self) -> None:
        state, actions = self.state, next_actions(None, self.state)
        wanted = {(action.instance, action.attempt_number) for action in actions if isinstance(action, RunAttempt)}
        self._attempts.keep_to(wanted)
        if state.is_stopping and not self._attempts:
            self._command(FinishCancel())
        if self._due_at == state.version:
            self._command(Elapse())
        for action in actions:
            if isinstance(action, RunAttempt):
                self._attempts.begin(action.instance, action.attempt_number)
            elif isinstance(action, BeginStep | BeginPaths) and self._may_begin():
                self._command(Proceed())
            elif isinstance(action, EndChild):
                self._families.find_out(action.mission_id, 0, is_unwanted=True)
            elif isinstance(action, AwaitChild) and state.past is not None:
                self._families.find_out(
                    action.mission_id, state.past.children.get(action.mission_id, 0), is_unwanted=False
                )
        if self._requests.begin_to_wait():
            self._beside(_wait(PATIENT), self._pauses)
        self._set_alarm()

    def _may_begin(self) -> bool:
        """False while code that was stopped runs still, and something is to be undone: it ends before that."""
        return not (self.state.is_undoing and self._attempts.are_stopping)

    def _tell(self, told: Form) -> None:
        self._told.append(told)

    def _command(self, command: Command) -> None:
        """Have something of our own decided, unless that is about to be, or was in vain."""
        form = {"commands": [command_form(command)]}
        if form not in self._told and self._idle_at.get(form["commands"][0]["type"]) != self.state.version:
            self._told.append(form)

    def _set_alarm(self) -> None:
        state = self.state
        is_rung = state.version in (self._due_at, self._idle_at.get("elapse"))
        due = None if is_rung or state.is_terminal or state.is_stopping else state.next_due
        if due == (self._alarm and self._alarm[0]):
            return
        if self._alarm is not None:
            self._alarm[1].cancel()
        self._alarm = None if due is None else (due, asyncio.create_task(self._ring(due)))

    async def _ring(self, due: datetime) -> None:
        while (left := due - workflow.now()) > timedelta():
            await workflow.sleep(max(left, timedelta(milliseconds=1)))
        self._alarm, self._due_at = None, self.state.version

    # Applying and deciding

    async def _apply_told(self, told: Form) -> None:
        batch = told.get("batch")
        if batch is not None and batch["after"] == self._mission.head:
            self._apply(batch)
            return
        commands = told.get("commands") or [read_outcome(told["outcome"], batch)]
        version = self.state.version
        answer = await self._ask({"commands": commands})
        why = answer.get("elsewhere") or answer.get("error")
        if why is not None:
            self._told.appendleft({"commands": commands})
            self._back_off(str(why))
        elif self.state.version == version:
            self._idle_at[commands[0]["type"]] = version

    async def _ask(self, ask: Form) -> Form:
        """Have something decided for the mission as it is, and apply what that adds to it."""
        if not self._may_begin():
            ask = {**ask, "begins": False}
        self._is_deciding = True
        answer = await self._decisions.decide(ask)
        self._is_deciding = False
        if (batch := answer.get("batch")) is not None:
            self._apply(batch)
        return answer

    def _back_off(self, why: str) -> None:
        """Try again in a while, perhaps on another worker."""
        pause = self._decisions.next_pause()
        workflow.logger.warning("mission %s: %s; trying again in %s", self.state.mission_id, why, pause)
        self._is_backing_off = True
        self._beside(self._wait_and_try_again(pause), self._pauses)

    async def _wait_and_try_again(self, pause: timedelta) -> None:
        await _wait(pause)
        self._is_backing_off = False

    def _beside(self, work: Coroutine[Any, Any, None], tasks: dict[asyncio.Task[None], None]) -> None:
        task = asyncio.create_task(work)
        tasks[task] = None
        task.add_done_callback(tasks.pop)

    def _apply(self, batch: Form) -> None:
        self._mission.apply(batch)
        self._families.go_on_with(batch)
        self._requests.has_moved()

    # What callers ask

    @property
    def is_settled(self) -> bool:
        """True where the state is what the next signal finds."""
        return not (self._is_deciding or self._told or self._requests)

    @property
    def is_busy(self) -> bool:
        """True while something goes on by itself that does not merely wait for a time or for somebody."""
        is_at_work = bool(self._attempts or self._aside or self._told or self._is_deciding)
        return is_at_work and not (self._is_over or self._is_backing_off)

    @workflow.update(name=SIGNAL)
    async def signal(self, form: Form, wait: bool) -> Form:
        """Deliver a signal; with `wait`, answer when the line that takes it next waits or ends."""
        answer = await self._ask_in_turn(form)
        if wait and answer.get("line") is not None and await self._came_to_rest(answer["line"]):
            answer = {**answer, "line": None}
        return answer

    @signal.validator
    def check_signal(self, form: Form, wait: bool) -> None:
        """Nothing: what has the definitions intercepts it, and refuses what does not fit before it is accepted."""

    @workflow.update(name=UPDATE)
    async def update(self, form: Form) -> Form:
        """Run an update, and answer with its output."""
        return await self._ask_in_turn(form)

    @workflow.update(name=CANCEL)
    async def cancel(self, form: Form) -> Form:
        """Cancel the mission, and answer when it has ended."""
        answer = await self._ask_in_turn(form)
        if "error" not in answer and "moved" not in answer:
            await workflow.wait_condition(lambda: self.state.is_terminal or self._is_moving)
            return {} if self.state.is_terminal else {"moved": True}
        return answer

    @workflow.update(name=CHANGE)
    async def change(self, form: Form) -> Form:
        """Do what an operator asks."""
        return await self._ask_in_turn(form)

    @workflow.update(name=REST)
    async def rest(self, line: str | None) -> Form:
        """Answer with the status when a line, or the mission, next waits or ends."""
        return {"status": self.state.status.value} if await self._came_to_rest(line) else {"moved": True}

    @workflow.query(name=RECORDS)
    def records(self, after: int, batch_id: str | None = None) -> list[Form]:
        """Return records behind a version, as many as go into an answer; all, where that ends no batch of that id."""
        return self._mission.records(after, batch_id)

    async def _ask_in_turn(self, form: Form) -> Form:
        """Have something answered when it is its turn; it is to be asked again where the mission moves before."""
        if self._is_moving:
            return {"moved": True}
        if find_use(self.state, form.get("key")) is not None:  # it changes nothing, whatever is under way
            decisions, is_update = self._decisions, form["kind"] == "update"
            return await (decisions.run_update(form) if is_update else decisions.decide({"request": form}))
        return await self._requests.answer(form)

    async def _came_to_rest(self, line: str | None) -> bool:
        """Return when a line, or the mission, next waits or ends; False where the mission moves before."""
        reached = line
        while not self._is_moving:
            reached = followed(self.state, reached)
            if reached is ARRIVED:
                await workflow.wait_condition(lambda: self._families.is_complete)  # children have begun: they are found
                return True
            await self._moved_from(self.state.version)
        return False

    async def _moved_from(self, version: int) -> None:
        await workflow.wait_condition(lambda: self._is_moving or self.state.version != version)

    async def _answer(self, asked: Asked) -> None:
        """Answer what was asked, or keep it in its place until it can be."""
        if self.state.is_terminal and asked.form["kind"] in _GO_BACK:
            self._requests.answered(asked, {"over": True})
            return
        is_update = asked.form["kind"] == "update"
        answer = await (self._update(asked.form) if is_update else self._ask({"request": asked.form}))
        asked.tries += 1
        if "held" in answer:
            asked.is_held = True
        elif "elsewhere" in answer and asked.tries < _TRIES:
            self._back_off(answer["elsewhere"])
        elif "elsewhere" in answer:
            refused = {"code": MissionNotRegisteredError.code, "message": answer["elsewhere"]}
            self._requests.answered(asked, {"error": refused})
        else:
            self._requests.answered(asked, answer)

    async def _update(self, form: Form) -> Form:
        """Run an update; nothing else of the mission is decided meanwhile, but its end."""
        running = asyncio.create_task(self._decisions.run_update(form))
        await workflow.wait_condition(lambda: running.done() or self._requests.want_the_end)
        if not running.done():
            running.cancel()
            return {"held": True}  # and refused when the mission has ended
        answer = running.result()
        if "batch" in answer:
            self._apply(answer.pop("batch"))
        return answer

    # What others tell

    @workflow.signal(name=LASTS)
    def lasts(self) -> None:
        """An attempt takes longer: whoever lists missions is to see that it runs."""
        self._mission.show()

    @workflow.signal(name=CHILD_ENDED)
    def child_ended(self, command: Form) -> None:
        """A child has ended that the mission may wait for."""
        self._tell({"commands": [command]})

    @workflow.signal(name=UNWANTED)
    def unwanted(self, parent_id: str) -> None:
        """The parent does not want the mission any more."""
        self._requests.cancel(f"its parent mission {parent_id!r} needs it no more")

    # The end of a run

    async def _has_left(self) -> bool:
        """Return True when all that the mission began has ended, and everybody has been told."""
        for pause in self._pauses:
            pause.cancel()
        await self._families.tell_parent(self.state)
        await workflow.wait_condition(lambda: bool(self._requests) or not (self._attempts or self._aside))
        if not self._requests:
            await workflow.wait_condition(lambda: bool(self._requests) or workflow.all_handlers_finished())
        return not self._requests

    def _can_move(self) -> bool:
        return not (self._attempts or self._aside or self._told or self._requests or self._pauses)

    async def _move(self) -> None:
        """Go on in a new run, since the history of this one is long. Whoever waits is told to ask that."""
        self._is_moving = True
        await workflow.wait_condition(workflow.all_handlers_finished)
        if not self._can_move():  # a child has ended meanwhile: that is of this run
            self._is_moving = False
            return
        workflow.continue_as_new({"from": workflow.info().run_id})

    async def _carry(self, beginning: Form) -> None:
        """Take over the records of the run before this one, and add the batch that this one begins with."""
        mission = self._mission
        while not mission.is_carried:
            portion: Form = await workflow.execute_local_activity(
                CARRY,
                args=[beginning["from"], mission.next_id(), mission.head or None, len(mission.history)],
                start_to_close_timeout=BRIEF,
                result_type=dict[str, Any],
            )
            mission.carry(portion["batch"])
        mission.go_on(beginning)


async def _wait(pause: timedelta) -> None:
    """Return in a while, or when the mission ends first; what waits for that looks again then."""
    with suppress(asyncio.CancelledError):
        await workflow.sleep(pause)
