"""Which missions are in memory: those that have something to do, and for a while longer those that wait."""

from __future__ import annotations

from ..machine import State
from .activity import Activity
from .flight import Flight
from .hangar import Hangar
from .observer import Tracer
from .slots import Slots


class Roster:
    """The missions of one commander that are in memory, and what each of them holds of what all share."""

    def __init__(self, slots: Slots, activity: Activity, tracer: Tracer | None) -> None:
        self.slots = slots
        self.tracer = tracer
        self.is_closing: bool = False
        """True when nothing new is begun for any mission."""
        self._activity = activity
        self._hangar = Hangar()

    def get(self, mission_id: str) -> Flight | None:
        """Return the mission where it is in memory."""
        return self._hangar.get(mission_id)

    def is_active(self, mission_id: str) -> bool:
        """True where the mission has something to do."""
        return self._hangar.is_active(mission_id)

    def active(self) -> list[Flight]:
        """Return the missions that have something to do."""
        return self._hangar.active()

    def start_trace(self, flight: Flight, mission_name: str) -> str | None:
        """Say to a tracer that a mission starts; return what it wants kept with it."""
        if self.tracer is None:
            return None
        flight.is_traced = True
        return self.tracer.mission_started(flight.mission_id, mission_name)

    def park(self, flight: Flight) -> None:
        """The mission waits: keep it for as long as there is room."""
        flight.is_woken = False
        self._hangar.park(flight)
        self.free_slots(flight)
        self.rest(flight)

    def activate(self, flight: Flight) -> None:
        """Keep the mission for as long as it has something to do."""
        self._hangar.activate(flight)
        if not flight.is_active and flight.retry is None:
            flight.is_active = True
            flight.activity = self._activity
            flight.count()

    def rest(self, flight: Flight) -> None:
        """Nothing is under way for the mission any more."""
        if flight.is_active:
            flight.is_active = False
            flight.count()
        if self.is_closing:
            self._activity.notify()
        self.end_trace(flight)

    def begin_trace(self, flight: Flight, state: State) -> None:
        """Say to a tracer that the mission is in motion, unless it knows."""
        if self.tracer is not None and not flight.is_traced:
            flight.is_traced = True
            self.tracer.mission_moved(flight.mission_id, state.mission_name, state.origin.trace)

    def end_trace(self, flight: Flight) -> None:
        """Say to a tracer that the mission is at rest."""
        if self.tracer is not None and flight.is_traced:
            flight.is_traced = False
            state = flight.state
            status, error = (None, None) if state is None else (state.status, state.error)
            self.tracer.mission_rested(flight.mission_id, status, error)

    def drop(self, flight: Flight, error: Exception) -> None:
        """Forget the mission, and tell everybody who waits for something of it why. Storage knows the rest."""
        for operation in flight.callers():
            operation.refuse(error)
        if flight.retry is not None:
            flight.retry.cancel()
            flight.retry = None
        flight.settle_newcomers()
        flight.tell_woken(error)
        self.forget(flight)

    def forget(self, flight: Flight) -> None:
        """Keep the mission in memory no longer: nobody waits for anything of it."""
        self._hangar.drop(flight)
        self.free_slots(flight)
        self.rest(flight)

    def free_slots(self, flight: Flight, *, but: int = 0) -> None:
        """Give the mission's slots back, but some."""
        while flight.slots > but:
            flight.slots -= 1
            self.slots.give_back()
