"""A client behind a mailbox gets what one over a runtime gets: whatever is asked, in whatever order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from mission_control.client import CommanderClient, create_commander_client
from mission_control.core import Commander, MissionControlError, MissionDefinition, MissionHandle, MissionSnapshot
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
        return None if asked is None else await attrgetter(self.method)(asked)(*self.arguments, **self.options)


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
        of_client(
            "list_missions",
            status=st.sampled_from([None, "waiting", ["completed", "failed"], [], "over"]),
            id_prefix=st.sampled_from([None, "m-", "m-2", "\ud800"]),
            newest_first=st.booleans(),
        ),
        of_client("operations.pause_mission", ids, by=keys),
        of_client("operations.resume_mission", ids, by=keys),
        of_client("operations.wake_mission", ids, path=st.sampled_from([None, "approve"])),
        of_client("operations.reopen_mission", ids, step=st.sampled_from([None, "ship", "sail"]), by=keys),
        of_client("operations.skip_step", ids, output=st.just("done"), step=st.sampled_from([None, "ship"])),
        of_client("list_waits"),
        of_handle("status"),
        of_handle("snapshot"),
    ),
    max_size=12,
)


async def outcomes(client: CommanderClient, commander: Commander, asked: Sequence[Ask]) -> list[object]:
    """Return what comes of each question, once everything that the one before it set in motion is at rest."""
    found: list[object] = []
    for ask in asked:
        found.append(await outcome(ask, client))
        await commander.settled()
    return found


async def outcome(ask: Ask, client: CommanderClient) -> object:
    """Return what comes of a question: errors as all that another process can know of them."""
    try:
        answer = await ask.of_client(client)
    except (MissionControlError, ValueError, TypeError) as error:
        return type(error), str(error), {name: value for name, value in vars(error).items() if name[0] != "_"}
    if isinstance(answer, MissionHandle):
        return answer.mission_id, answer.mission_name
    if isinstance(answer, MissionSnapshot) and ask.method.startswith("operations"):
        return answer.mission_id, answer.mission_name, answer.created_at  # it goes on meanwhile
    return answer


async def over_a_runtime(asked: Sequence[Ask]) -> list[object]:
    async with create_commander_runtime(definitions=[order, failing], clock=FakeClock()) as runtime:
        return await outcomes(create_commander_client(runtime=runtime), runtime.commander, asked)


async def through_a_mailbox(asked: Sequence[Ask], place: Place, *, knows: bool) -> list[object]:
    definitions: list[MissionDefinition[Any]] = [order, failing] if knows else []
    async with (
        place.owned(order, failing, clock=FakeClock()) as owner,
        create_commander_client(mailbox=place.mailbox(), definitions=definitions) as client,
    ):
        return await outcomes(client, owner, asked)


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
