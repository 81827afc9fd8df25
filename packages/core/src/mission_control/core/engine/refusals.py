"""What those are told whom the engine cannot serve."""

from __future__ import annotations

from collections.abc import Mapping

from ..definition import is_a
from ..errors import CommanderClosedError, MissionExecutionError, MissionNotFoundError, MissionNotRegisteredError
from ..payloads import code_name


def not_found(mission_id: str) -> MissionNotFoundError:
    """Return the error for an id that no mission has."""
    return MissionNotFoundError(f"no mission has the id {mission_id!r}; start one, or check the id")


def not_registered(mission_id: str, name: str, known: Mapping[str, object]) -> MissionNotRegisteredError:
    """Return the error for a mission whose definition this commander was not given."""
    listed = ", ".join(repr(other) for other in known) or "none"
    return MissionNotRegisteredError(
        f"mission {mission_id!r} is a {name!r}, and no definition of that name is registered (registered: {listed}); "
        f"pass it to create_commander(definitions=...) or to register()"
    )


def closed() -> CommanderClosedError:
    """Return the error for those who were still waiting for something when the commander was closed."""
    return CommanderClosedError(
        "the commander was closed before this was done; missions go on under the next one that opens their storage: "
        "create it, and ask it again"
    )


def unknown_name(
    kind: str, wanted: object, known: Mapping[str, object], mission_id: str, mission_name: str
) -> MissionExecutionError:
    """Return the error for a query or an update that the mission's definition does not have, or has twice."""
    listed = ", ".join(repr(name) for name in known) or "none"
    what = f"no {kind} {wanted!r}" if is_a(wanted, str) else f"not exactly one {kind} that runs {code_name(wanted)}"
    return MissionExecutionError(
        f"mission {mission_id!r} ({mission_name}) has {what}; ask by name for one of those that it has: {listed}"
    )
