"""The missions that are in memory."""

from __future__ import annotations

from collections import OrderedDict

from .flight import Flight

_MOST_PARKED = 1024
_HEAVIEST = 4 * 1024 * 1024
"""About how many bytes all parked missions may take together."""


class Hangar:
    """The flights of a commander: those that have work, and a bounded cache of those that wait."""

    def __init__(self) -> None:
        self._active: dict[str, Flight] = {}
        self._parked: OrderedDict[str, Flight] = OrderedDict()
        self._weight = 0

    def get(self, mission_id: str) -> Flight | None:
        """Return the mission's flight if it is in memory."""
        return self._active.get(mission_id) or self._parked.get(mission_id)

    def is_active(self, mission_id: str) -> bool:
        """True where the mission has work."""
        return mission_id in self._active

    def active(self) -> list[Flight]:
        """Return the flights that have work."""
        return list(self._active.values())

    def activate(self, flight: Flight) -> None:
        """Keep the flight for as long as it has work."""
        if self._parked.pop(flight.mission_id, None) is not None:
            self._weight -= flight.takes
        self._active[flight.mission_id] = flight

    def park(self, flight: Flight) -> None:
        """Keep the flight for as long as there is room."""
        self._active.pop(flight.mission_id, None)
        self._weight += flight.weigh()
        self._parked[flight.mission_id] = flight
        while self._parked and (len(self._parked) > _MOST_PARKED or self._weight > _HEAVIEST):
            _, dropped = self._parked.popitem(last=False)
            self._weight -= dropped.takes

    def drop(self, flight: Flight) -> None:
        """Forget the flight, which has no work any more; storage knows the mission."""
        if self._active.get(flight.mission_id) is flight:
            del self._active[flight.mission_id]
