"""Queries: code that looks at a mission's last durable state, in whatever process has that and the definition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ..definition import MissionContext, MissionDefinition, is_a, is_same_code
from ..engine import Threads, is_awaitable, unknown_name
from ..errors import MissionExecutionError
from ..foreign import described, must_pass
from ..machine import State
from ..payloads import found, is_coroutine_function


async def answer_query(
    definition: MissionDefinition[Any], state: State, name: str, threads: Threads, now: Callable[[], datetime]
) -> Any:
    """Run a query of the definition's. Raises `MissionExecutionError` where its code raises."""
    context: MissionContext[Any] = MissionContext(definition, state, name, 1, now)
    code = definition.queries[name]
    try:
        value = code(context) if is_coroutine_function(code) else await threads.call(code, context)
        return await value if is_awaitable(value) else value
    except BaseException as error:
        if must_pass(error):
            raise
        what = f"query {name!r} of mission {state.mission_id!r} ({state.mission_name})"
        raise MissionExecutionError(f"{what} failed: {described(error)}") from error


def name_of(
    wanted: str | Callable[..., object],
    known: Mapping[str, Callable[..., object]],
    kind: str,
    mission_id: str,
    mission_name: str,
) -> str:
    """Return the name of a query or an update, asked for by that or by its function. Raises `MissionExecutionError`."""
    if is_a(wanted, str):
        wanted = str.__str__(wanted)
        names = [wanted] if wanted in known else []
    elif callable(wanted):
        names = [name for name, code in known.items() if is_same_code(code, wanted)]
    else:
        raise TypeError(f"expected the name of a {kind}, or its function, found {found(wanted)}")
    if len(names) == 1:
        return names[0]
    raise unknown_name(kind, wanted, known, mission_id, mission_name)
