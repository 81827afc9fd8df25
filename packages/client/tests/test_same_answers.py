"""A client behind a mailbox gets what one over a runtime gets: whatever is asked, in whatever order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from mission_control.client import CommanderClient, create_commander_client
from mission_control.core import MissionControlError, MissionDefinition, MissionHandle
from mission_control.runtime import create_commander_runtime
from mission_control.testing import FakeClock

from .missions import order, stepping
from .places import Place


def fail(ctx: object) -> None:
    raise ValueError("no tea")


failing = stepping(fail, "failing")
ids = st.sampled_from(["m-1", "m-2"])
keys = st.sampled_from([None, None, "k-1", "k-2"])


@attrs.frozen
class Ask:
    """One question: the name of a method of the client, or of a handle by its mission's id."""

    of: Literal["client"] | str
    method: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]

    async def of_client(self, client: CommanderClient) -> Any:
        asked: CommanderClient | MissionHandle[Any] | None = client
        if self.of != "client":
            asked = await client.get_mission(self.of)
        return None if asked is None else await getattr(asked, self.method)(*self.arguments, **self.options)


def of_client(method: str, *arguments: st.SearchStrategy[Any], **options: st.SearchStrategy[Any]) -> Any:
    return st.builds(Ask, st.just("client"), st.just(method), st.tuples(*arguments), st.fixed_dictionaries(options))


def of_handle(method: str, *arguments: st.SearchStrategy[Any], **options: st.SearchStrategy[Any]) -> Any:
    return st.builds(Ask, ids, st.just(method), st.tuples(*arguments), st.fixed_dictionaries(options))


def start(name: st.SearchStrategy[str], input: st.SearchStrategy[Any]) -> Any:
    return of_client(
        "start_mission", name, input, mission_id=ids, if_exists=st.sampled_from(["raise", "return"]), by=keys
    )


asks = st.lists(
    st.one_of(
        start(st.just("order"), st.sampled_from([{"item": "tea"}, {"item": "milk", "count": 2}, {"item": 5}])),
        start(st.sampled_from(["failing", "unknown"]), st.just("x")),
        of_handle(
            "signal",
            st.sampled_from(["approve", "aprove", "a/approve"]),
            st.sampled_from([{"by": "ada"}, {"by": "bob"}]),
            key=keys,
            by=keys,
        ),
        of_handle("update", st.just("rename"), st.sampled_from(["ada", "bob"]), key=keys),
        of_handle("update", st.just("renam"), st.just("ada")),
        of_handle("query", st.sampled_from(["count", "cont"])),
        of_handle("cancel", st.sampled_from([None, "no tea"])),
        of_client("cancel_mission", ids, by=keys),
        of_client("inspect_mission", ids),
        of_client("list_missions"),
        of_client("list_waits"),
        of_handle("status"),
        of_handle("snapshot"),
    ),
    max_size=12,
)


async def outcomes(client: CommanderClient, asked: Sequence[Ask]) -> list[object]:
    return [await outcome(lambda: ask.of_client(client)) for ask in asked]  # noqa: B023 - awaited at once


async def outcome(ask: Callable[[], Awaitable[object]]) -> object:
    """Return what comes of a question: errors as all that another process can know of them."""
    try:
        answer = await ask()
    except (MissionControlError, ValueError, TypeError) as error:
        return type(error), str(error), {name: value for name, value in vars(error).items() if name[0] != "_"}
    return (answer.mission_id, answer.mission_name) if isinstance(answer, MissionHandle) else answer


async def over_a_runtime(asked: Sequence[Ask]) -> list[object]:
    async with create_commander_runtime(definitions=[order, failing], clock=FakeClock()) as runtime:
        return await outcomes(create_commander_client(runtime=runtime), asked)


async def through_a_mailbox(asked: Sequence[Ask], place: Place, *, knows: bool) -> list[object]:
    definitions: list[MissionDefinition[Any]] = [order, failing] if knows else []
    async with (
        place.owned(order, failing, clock=FakeClock()),
        create_commander_client(mailbox=place.mailbox(), definitions=definitions) as client,
    ):
        return await outcomes(client, asked)


@settings(max_examples=60, deadline=None)
@given(asks)
def test_answers_are_those_of_a_runtime(asked: Sequence[Ask]) -> None:
    """Values, and errors with their classes, texts and attributes, over a storage in memory."""
    assert asyncio.run(through_a_mailbox(asked, Place(None), knows=True)) == asyncio.run(over_a_runtime(asked))


@settings(max_examples=20, deadline=None)
@given(asks)
def test_answers_over_a_file_are_those_of_a_runtime(asked: Sequence[Ask]) -> None:
    """The same through a directory beside a database."""
    with TemporaryDirectory() as folder:
        through = asyncio.run(through_a_mailbox(asked, Place(Path(folder) / "missions.db"), knows=True))
    assert through == asyncio.run(over_a_runtime(asked))


@settings(max_examples=30, deadline=None)
@given(asks.map(lambda asked: [ask for ask in asked if ask.method != "query"]))
def test_definitions_are_no_obstacle(asked: Sequence[Ask]) -> None:
    """Who was given none gets the same answers from the owner, which checks by its own."""
    assert asyncio.run(through_a_mailbox(asked, Place(None), knows=False)) == asyncio.run(over_a_runtime(asked))
