"""Signals and updates that came before their time: they are held, in order of arrival, until they can be taken."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from ..errors import MissionControlError
from ..machine import Receive, State, take_signal
from .asked import Held, SignalOperation, UpdateOperation
from .flight import Flight
from .recorder import Recorder
from .refusals import unknown_name
from .roster import Roster
from .updates import Updates
from .watching import answered

PATIENCE = 1.0
"""Seconds that an update waits for live paths to come to a rest, before it runs beside their steps."""


class Drives(Protocol):
    """What goes on with missions, and gets slots for them."""

    def advance(self, flight: Flight, /) -> None:
        """Begin what comes next for the mission."""
        ...

    def want_slot(self, flight: Flight, /) -> None:
        """Have the mission called again when there is a slot for it."""
        ...


class Holding:
    """What is held for the missions of one commander, each in its own queue."""

    def __init__(self, recorder: Recorder, updates: Updates, roster: Roster, pilot: Drives) -> None:
        self._recorder = recorder
        self._updates = updates
        self._roster = roster
        self._pilot = pilot
        self._loop = asyncio.get_running_loop()

    def take(self, flight: Flight, state: State) -> bool:
        """Take, refuse or go on holding what is held; True where something was taken, and there may be more to do."""
        held, kept = flight.held or deque(), deque[Held]()
        flight.held, flight.looks_at_held = None, False
        is_taken = False
        while held and not is_taken:
            operation = held.popleft()
            if operation.is_withdrawn:
                continue
            try:
                with operation:
                    is_taken = self._is_taken(flight, state, operation)
                    is_kept = not is_taken
            except MissionControlError:
                is_kept = False
            if is_kept:
                kept.append(operation)
        kept.extend(held)
        flight.held = kept or None
        flight.looks_at_held = is_taken
        return is_taken

    def _is_taken(self, flight: Flight, state: State, operation: Held) -> bool:
        """True where it is its turn now, False where it has to wait. Raises what refuses it."""
        if isinstance(operation, SignalOperation):
            return self._receive(flight, state, operation)
        return self._begin_update(flight, state, operation)

    def _receive(self, flight: Flight, state: State, operation: SignalOperation) -> bool:
        asked = operation
        command = take_signal(
            flight.definition, state, asked.name, asked.payload, at=asked.at, key=asked.key, by=asked.by
        )
        if command is None:
            return False
        if isinstance(command, Receive):
            applied = answered(operation, wait=operation.wait, key=state.line_at(command.instance).path or "")
        else:
            if operation.requested is not None:
                operation.requested.is_final = True  # it moves nothing
            applied = answered(operation, wait=False)
        self._recorder.commit(flight, (command,), operation=operation, applied=applied)
        return True

    def _begin_update(self, flight: Flight, state: State, operation: UpdateOperation) -> bool:
        if flight.definition is not None and operation.name not in flight.definition.updates:
            raise unknown_name(
                "update", operation.name, flight.definition.updates, state.mission_id, state.mission_name
            )
        if (
            state.is_running
            and not state.is_still
            and not state.is_undoing
            and not self._has_waited(flight, state, operation)
        ):
            return False
        if not state.is_terminal and not state.is_undoing and not self._holds_slot(flight, state):
            self._pilot.want_slot(flight)
            return False
        self._updates.begin(flight, state, operation)
        return True

    def _has_waited(self, flight: Flight, state: State, operation: UpdateOperation) -> bool:
        """True where live paths had their time to come to a rest."""
        if state.lines is None:
            return False
        if operation.held_until is None:
            operation.held_until = self._loop.time() + PATIENCE
            self._loop.call_at(operation.held_until, self._look_again, flight)
        return self._loop.time() >= operation.held_until

    def _look_again(self, flight: Flight) -> None:
        flight.looks_at_held = True
        self._recorder.guard(flight, self._pilot.advance)

    def _holds_slot(self, flight: Flight, state: State) -> bool:
        """Hold a slot beside those of the attempts on record, if there is one."""
        if flight.slots + flight.lent_slots > state.attempting:
            return True
        if self._roster.slots.take():
            flight.slots += 1
            return True
        return False
