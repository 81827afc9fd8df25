"""Rules 1 to 4: what a start accepts, what it refuses, when it returns, and what does not undo it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from attrs import define, field

from mission_control.core import (
    Commander,
    CommanderClosedError,
    CommitOutcome,
    HistoryType,
    MissionAlreadyExistsError,
    MissionAlreadyStartedError,
    MissionCommit,
    MissionContext,
    MissionDefinition,
    MissionDefinitionError,
    MissionFailedError,
    MissionHandle,
    MissionNotFoundError,
    MissionNotRegisteredError,
    MissionStatus,
    MissionValidationError,
    PersistenceAdapter,
    PersistenceError,
    RetryPolicy,
    TimerWait,
    create_commander,
    m,
)
from mission_control.testing import Deferred, FakeClock, FaultInjectingAdapter, create_deferred
from storages import Forwarding, OpenCommander

NOON = datetime(1970, 1, 1, 12, tzinfo=UTC)


@define
class Order:
    item: str
    amount: int = 1


async def nothing(ctx: MissionContext[Any]) -> None:
    pass


async def fail(ctx: MissionContext[Any]) -> None:
    raise ValueError("out of stock")


ORDER = m.define("order").start(input=Order, run=nothing).end()
APPROVAL = m.define("approval").start(input=Order, run=nothing).need_to("approve", str).end()
FAILING = m.define("failing").start(input=Order, run=fail).end()


def blocked_on(gate: asyncio.Event, runs: list[str] | None = None) -> MissionDefinition[Order]:
    """Return a mission whose step waits for `gate`, and notes that it ran."""

    async def block(ctx: MissionContext[Order]) -> str:
        if runs is not None:
            runs.append(ctx.mission_id)
        await gate.wait()
        return ctx.input.item

    return m.define("blocked").start(input=Order, run=nothing).step("block", block).end()


class Gated(Forwarding):
    """Storage whose commits wait, before they take effect, while the gate is closed."""

    def __init__(self, inner: PersistenceAdapter) -> None:
        super().__init__(inner)
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Event()

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        self.arrived.set()
        await self.gate.wait()
        return await super().commit(batch)


async def status_of(commander: Commander, mission_id: str) -> MissionStatus | None:
    inspection = await commander.inspect_mission(mission_id)
    return None if inspection is None else inspection.snapshot.status


# 1. Input is validated first


@pytest.mark.parametrize(
    "input",
    [{}, {"item": 5}, {"item": "pen", "amount": "2"}, {"item": "pen", "colour": "red"}, [], None, "pen", Order(item=5)],  # type: ignore[arg-type]
    ids=repr,
)
async def test_bad_input_leaves_no_trace(open_commander: OpenCommander, input: Any) -> None:
    """Input that does not fit raises, and neither a mission nor a definition is stored."""
    commander = await open_commander([ORDER])

    with pytest.raises(MissionValidationError) as raised:
        await commander.start(ORDER, input, mission_id="o-1")

    assert raised.value.event_name == "start"
    assert raised.value.issues
    assert all(issue.startswith("$") for issue in raised.value.issues)
    assert await commander.get_mission("o-1") is None
    assert await commander.inspect_mission("o-1") is None
    assert await commander.list_missions() == []
    assert await commander.load_definition(ORDER.fingerprint) is None


async def test_id_is_free_after_bad_input(open_commander: OpenCommander) -> None:
    """The id of a refused start can be used by the next one."""
    commander = await open_commander([ORDER])
    with pytest.raises(MissionValidationError):
        await commander.start(ORDER, {"item": 5}, mission_id="o-1")

    mission = await commander.start(ORDER, {"item": "pen"}, mission_id="o-1")

    assert await mission.status() == MissionStatus.COMPLETED


async def test_idle_handle_stays_idle_after_bad_input(open_commander: OpenCommander) -> None:
    """A handle whose start was refused is as it was, and can be started."""
    commander = await open_commander([ORDER])
    mission = commander.create_mission(ORDER, mission_id="o-1")
    with pytest.raises(MissionValidationError):
        await mission.start({"item": 5})
    assert await mission.status() == MissionStatus.IDLE

    await mission.start({"item": "pen"})

    assert await mission.status() == MissionStatus.COMPLETED


async def test_bad_input_is_told_before_the_id_is_looked_at(open_commander: OpenCommander) -> None:
    """Bad input for an id in use is a validation error, with `if_exists` too."""
    commander = await open_commander([ORDER])
    await commander.start(ORDER, {"item": "pen"}, mission_id="o-1")

    with pytest.raises(MissionValidationError):
        await commander.start(ORDER, {"item": 5}, mission_id="o-1")
    with pytest.raises(MissionValidationError):
        await commander.start(ORDER, {"item": 5}, mission_id="o-1", if_exists="return")


@pytest.mark.parametrize("mission_id", ["", "x" * 256, "a\nb", "a\x00b", "\ud800", 5], ids=ascii)
async def test_malformed_id_is_refused(open_commander: OpenCommander, mission_id: Any) -> None:
    """What cannot be an id raises before anything is stored, from `start` and from `create_mission`."""
    commander = await open_commander([ORDER])

    with pytest.raises(MissionDefinitionError, match="a mission id"):
        await commander.start(ORDER, {"item": "pen"}, mission_id=mission_id)
    with pytest.raises(MissionDefinitionError, match="a mission id"):
        commander.create_mission(ORDER, mission_id=mission_id)
    assert await commander.list_missions() == []


@pytest.mark.parametrize("mission_id", ["x" * 255, "'; DROP TABLE missions; --", "🚀 ünï", " ", "%_\\"])
async def test_odd_id_is_an_id_like_any_other(open_commander: OpenCommander, mission_id: str) -> None:
    """Every id that is allowed finds its own mission again."""
    commander = await open_commander([ORDER])
    await commander.start(ORDER, {"item": "pen"}, mission_id=mission_id)

    found = await commander.get_mission(mission_id)

    assert found is not None
    assert found.mission_id == mission_id
    assert await commander.get_mission(mission_id[:-1] + "y") is None


async def test_ids_are_made_where_none_is_given(open_commander: OpenCommander) -> None:
    """Without an id each mission gets one of its own, from `create_mission_id` where that is given."""
    ids = iter(["first", "second"])
    commander = await open_commander([ORDER], create_mission_id=lambda: next(ids))

    missions = [await commander.start(ORDER, {"item": "pen"}) for _ in range(2)]

    assert [mission.mission_id for mission in missions] == ["first", "second"]


async def test_unknown_name_is_refused(open_commander: OpenCommander) -> None:
    """Starting a definition by a name that is not registered says which are, and stores nothing."""
    commander = await open_commander([ORDER])

    with pytest.raises(MissionNotRegisteredError, match=r"'odrer'.*registered: 'order'"):
        await commander.start("odrer", {"item": "pen"})

    assert await commander.list_missions() == []


async def test_start_by_name(open_commander: OpenCommander) -> None:
    """A registered definition can be started by its name."""
    commander = await open_commander([ORDER])

    mission = await commander.start("order", {"item": "pen"})

    assert (await mission.snapshot()).events["start"].input == {"item": "pen", "amount": 1}


async def test_definition_handed_to_start_is_registered(open_commander: OpenCommander) -> None:
    """A definition that was started is known by its name from then on, and only that object may bear it."""
    commander = await open_commander()
    await commander.start(ORDER, {"item": "pen"}, mission_id="o-1")

    await commander.start("order", {"item": "pen"}, mission_id="o-2")

    with pytest.raises(MissionDefinitionError, match="'order'"):
        await commander.start(m.define("order").start(input=int, run=nothing).end(), 5, mission_id="o-3")
    assert await commander.get_mission("o-3") is None


async def test_unknown_if_exists_is_refused(open_commander: OpenCommander) -> None:
    """A misspelt `if_exists` is an error, not a default."""
    commander = await open_commander([ORDER])
    misspelt: Any = "ignore"

    with pytest.raises(ValueError, match="if_exists"):
        await commander.start(ORDER, {"item": "pen"}, mission_id="o-1", if_exists=misspelt)

    assert await commander.get_mission("o-1") is None


# 2. Accepted when durable; one mission an id


async def test_accepted_mission_survives_the_process(open_commander: OpenCommander) -> None:
    """A start without waiting has returned when the mission is durable: the next process runs it."""
    gate, runs = asyncio.Event(), list[str]()
    definition = blocked_on(gate, runs)
    commander = await open_commander([definition])
    await commander.start(definition, Order(item="pen"), mission_id="o-1", wait=False)
    await open_commander.crash()
    gate.set()

    commander = await open_commander([definition])
    mission = await commander.get_mission("o-1")

    assert mission is not None
    assert await mission.output() == "pen"


async def test_start_is_not_accepted_before_its_commit(open_commander: OpenCommander) -> None:
    """No start returns, and no user code runs, while the first records are on their way to storage."""
    gated: list[Gated] = []
    runs: list[str] = []
    definition = blocked_on(asyncio.Event(), runs)

    def wrap(adapter: PersistenceAdapter) -> PersistenceAdapter:
        gated.append(Gated(adapter))
        return gated[0]

    commander = await open_commander([definition], wrap=wrap)
    gated[0].gate.clear()
    start = asyncio.create_task(commander.start(definition, Order(item="pen"), mission_id="o-1", wait=False))
    await gated[0].arrived.wait()
    assert await status_of(commander, "o-1") is None
    assert not start.done()

    gated[0].gate.set()
    mission = await start

    assert await mission.status() == MissionStatus.RUNNING


async def running(commander: Commander) -> MissionHandle[Order]:
    return await commander.start(blocked_on(asyncio.Event()), Order(item="pen"), mission_id="x", wait=False)


async def waiting(commander: Commander) -> MissionHandle[Order]:
    return await commander.start(APPROVAL, Order(item="pen"), mission_id="x")


async def delayed(commander: Commander) -> MissionHandle[Order]:
    return await commander.start(APPROVAL, Order(item="pen"), mission_id="x", start_at=NOON)


async def completed(commander: Commander) -> MissionHandle[Order]:
    return await commander.start(ORDER, Order(item="pen"), mission_id="x")


async def failed(commander: Commander) -> MissionHandle[Order]:
    mission = commander.create_mission(FAILING, mission_id="x")
    with pytest.raises(MissionFailedError):
        await mission.start(Order(item="pen"))
    return mission


async def cancelled(commander: Commander) -> MissionHandle[Order]:
    mission = await waiting(commander)
    await mission.cancel()
    return mission


Existing = Callable[[Commander], Awaitable[MissionHandle[Order]]]
IN_EVERY_STATUS = pytest.mark.parametrize(
    ("existing", "status"),
    [
        (running, MissionStatus.RUNNING),
        (waiting, MissionStatus.WAITING),
        (delayed, MissionStatus.WAITING),
        (completed, MissionStatus.COMPLETED),
        (failed, MissionStatus.FAILED),
        (cancelled, MissionStatus.CANCELLED),
    ],
)


@IN_EVERY_STATUS
async def test_id_in_use_is_refused(open_commander: OpenCommander, existing: Existing, status: MissionStatus) -> None:
    """Whatever has become of a mission, its id is taken, and the error names id and status."""
    commander = await open_commander()
    mission = await existing(commander)
    before = await mission.snapshot()

    with pytest.raises(MissionAlreadyExistsError, match=rf"'x'.* {status}"):
        await commander.start(mission.mission_name, Order(item="pen"), mission_id="x")

    assert await mission.snapshot() == before


@IN_EVERY_STATUS
async def test_same_start_again_returns_the_mission(
    open_commander: OpenCommander, existing: Existing, status: MissionStatus
) -> None:
    """`if_exists="return"` gives the handle at once, whatever the status: it neither waits nor raises."""
    commander = await open_commander()
    mission = await existing(commander)
    before = await mission.history()

    async with asyncio.timeout(5):
        again = await commander.start(mission.mission_name, {"item": "pen"}, mission_id="x", if_exists="return")

    assert again.mission_id == "x"
    assert await again.status() == status
    assert await mission.history() == before


@pytest.mark.parametrize("existing", [waiting, delayed, completed, failed, cancelled])
async def test_id_in_storage_is_in_use(open_commander: OpenCommander, existing: Existing) -> None:
    """Missions of an earlier process hold their ids, and are found by `if_exists`."""
    name = (await existing(await open_commander())).mission_name
    commander = await open_commander([ORDER, APPROVAL, FAILING])

    with pytest.raises(MissionAlreadyExistsError, match="'x'"):
        await commander.start(name, Order(item="pen"), mission_id="x")

    again = await commander.start(name, Order(item="pen"), mission_id="x", if_exists="return")
    assert again.mission_name == name


async def test_id_of_an_unregistered_mission_is_in_use(open_commander: OpenCommander) -> None:
    """The id of a mission that this commander cannot run is taken all the same."""
    commander = await open_commander()
    await waiting(commander)
    commander = await open_commander([ORDER])

    with pytest.raises(MissionAlreadyExistsError, match=r"'x' \(approval\).*waiting"):
        await commander.start(ORDER, Order(item="pen"), mission_id="x")
    with pytest.raises(MissionAlreadyExistsError, match="the mission name"):
        await commander.start(ORDER, Order(item="pen"), mission_id="x", if_exists="return")


async def test_of_concurrent_starts_exactly_one_wins(open_commander: OpenCommander) -> None:
    """Twenty starts with one id, of two definitions and partly through handles, make one mission, which runs once."""
    gate, runs = asyncio.Event(), list[str]()
    gate.set()
    definition = blocked_on(gate, runs)
    commander = await open_commander([definition, ORDER])
    starts: list[Awaitable[object]] = []
    for _ in range(10):
        starts.append(commander.start(definition, Order(item="pen"), mission_id="x"))
        starts.append(commander.create_mission(definition, mission_id="x").start(Order(item="pen")))

    outcomes = await asyncio.gather(*starts, return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, MissionAlreadyExistsError)]
    assert len(refused) == len(starts) - 1
    assert runs == ["x"]
    assert len(await commander.list_missions()) == 1


async def test_of_concurrent_starts_with_an_id_in_storage_none_wins(open_commander: OpenCommander) -> None:
    """Starts that race for the id of a mission of an earlier process are all refused, and it is unchanged."""
    before = await (await waiting(await open_commander())).history()
    commander = await open_commander([APPROVAL])

    starts = [commander.start(APPROVAL, Order(item="pen"), mission_id="x") for _ in range(5)]
    outcomes = await asyncio.gather(*starts, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [MissionAlreadyExistsError] * 5
    inspection = await commander.inspect_mission("x")
    assert inspection is not None
    assert inspection.history == before


async def test_concurrent_starts_of_the_same_mission_all_return_it(open_commander: OpenCommander) -> None:
    """With `if_exists="return"` everybody who races gets a handle, and the mission runs once."""
    gate, runs = asyncio.Event(), list[str]()
    gate.set()
    definition = blocked_on(gate, runs)
    commander = await open_commander([definition])

    starts = [commander.start(definition, Order(item="pen"), mission_id="x", if_exists="return") for _ in range(10)]
    missions = await asyncio.gather(*starts)

    assert {await mission.output() for mission in missions} == {"pen"}
    assert runs == ["x"]


async def test_concurrent_starts_with_different_inputs(open_commander: OpenCommander) -> None:
    """Of starts that race with different inputs one is accepted; the others are told where theirs differ."""
    commander = await open_commander([ORDER])

    starts = [commander.start(ORDER, Order(item="pen", amount=n), mission_id="x", if_exists="return") for n in range(5)]
    outcomes = await asyncio.gather(*starts, return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, MissionAlreadyExistsError)]
    assert len(refused) == 4
    assert all("$.amount" in str(error) for error in refused)


async def test_differences_are_named_by_path_and_not_by_value(open_commander: OpenCommander) -> None:
    """A start with other input names the paths that differ, and keeps the values to itself."""
    commander = await open_commander([ORDER])
    await commander.start(ORDER, Order(item="sesame", amount=711), mission_id="x")

    with pytest.raises(MissionAlreadyExistsError, match=r"\$\.amount") as raised:
        await commander.start(ORDER, Order(item="sesame", amount=712), mission_id="x", if_exists="return")

    assert "$.item" not in str(raised.value)
    for value in ("711", "712", "sesame"):
        assert value not in str(raised.value)


async def test_other_mission_name_is_a_difference(open_commander: OpenCommander) -> None:
    """The same input for another definition is another mission."""
    commander = await open_commander([ORDER, APPROVAL])
    await commander.start(ORDER, Order(item="pen"), mission_id="x")

    with pytest.raises(MissionAlreadyExistsError, match="the mission name"):
        await commander.start(APPROVAL, Order(item="pen"), mission_id="x", if_exists="return")


@define
class Parcel:
    labels: frozenset[str]
    sizes: dict[str, float]
    counts: list[int] = field(factory=list[int])
    is_gift: bool | int = False


SAME_PARCELS: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"labels": ["a", "b"], "sizes": {}}, {"labels": ["b", "a"], "sizes": {}}),
    ({"labels": ["a", "b", "a"], "sizes": {}}, {"labels": ["b", "a"], "sizes": {}}),
    ({"labels": [], "sizes": {"x": 1.0, "y": 2.0}}, {"sizes": {"y": 2, "x": 1}, "labels": []}),
    ({"labels": [], "sizes": {}, "counts": []}, {"labels": [], "sizes": {}}),
]
OTHER_PARCELS: list[tuple[dict[str, object], dict[str, object], str]] = [
    ({"labels": ["a"], "sizes": {}}, {"labels": ["a", "b"], "sizes": {}}, r"\$\.labels"),
    ({"labels": [], "sizes": {"x": 1.0}}, {"labels": [], "sizes": {"y": 1.0}}, r"\$\.sizes\.x.*\$\.sizes\.y"),
    ({"labels": [], "sizes": {}, "counts": [1, 2]}, {"labels": [], "sizes": {}, "counts": [2, 1]}, r"\$\.counts\[0\]"),
    ({"labels": [], "sizes": {}, "is_gift": 1}, {"labels": [], "sizes": {}, "is_gift": True}, r"\$\.is_gift"),
]


@pytest.mark.parametrize(("one", "other"), SAME_PARCELS)
async def test_same_input_in_another_form_is_the_same(
    open_commander: OpenCommander, one: dict[str, object], other: dict[str, object]
) -> None:
    """Sets in any order, names in any order, ints for floats and defaults left out make no difference."""
    definition = m.define("parcel").start(input=Parcel, run=nothing).end()
    await (await open_commander([definition])).start(definition, one, mission_id="x")
    commander = await open_commander([definition])

    again = await commander.start(definition, other, mission_id="x", if_exists="return")

    assert again.mission_id == "x"


@pytest.mark.parametrize(("one", "other", "paths"), OTHER_PARCELS)
async def test_other_input_is_told_from_the_same(
    open_commander: OpenCommander, one: dict[str, object], other: dict[str, object], paths: str
) -> None:
    """Another member, name, order of a list or kind of value is another input."""
    definition = m.define("parcel").start(input=Parcel, run=nothing).end()
    commander = await open_commander([definition])
    await commander.start(definition, one, mission_id="x")

    with pytest.raises(MissionAlreadyExistsError, match=paths):
        await commander.start(definition, other, mission_id="x", if_exists="return")


async def test_inputs_are_compared_after_todays_schema(open_commander: OpenCommander) -> None:
    """A field with a default that was added after the mission was started makes no difference."""

    @define
    class Before:
        item: str
        note: str = ""

    @define
    class After:
        item: str
        express: bool = False

    before = m.define("order").start(input=Before, run=nothing).end()
    await (await open_commander([before])).start(before, {"item": "pen"}, mission_id="x")
    after = m.define("order").start(input=After, run=nothing).end()
    commander = await open_commander([after])

    again = await commander.start(after, {"item": "pen"}, mission_id="x", if_exists="return")
    with pytest.raises(MissionAlreadyExistsError, match=r"\$\.express"):
        await commander.start(after, {"item": "pen", "express": True}, mission_id="x", if_exists="return")

    assert again.mission_id == "x"


async def test_input_that_fits_todays_schema_no_more_is_another(open_commander: OpenCommander) -> None:
    """A stored input that today's schema refuses is never taken for the same."""
    before = m.define("order").start(input=int, run=nothing).end()
    await (await open_commander([before])).start(before, 5, mission_id="x")
    after = m.define("order").start(input=str, run=nothing).end()
    commander = await open_commander([after])

    with pytest.raises(MissionAlreadyExistsError, match=r"the input at \$"):
        await commander.start(after, "5", mission_id="x", if_exists="return")


async def test_start_at_is_ignored_in_comparing(open_commander: OpenCommander) -> None:
    """The same start for another time is the same start, and the time stays as it was."""
    commander = await open_commander([ORDER])
    await commander.start(ORDER, Order(item="pen"), mission_id="x", start_at=NOON)

    later = NOON + timedelta(hours=1)
    again = await commander.start(ORDER, Order(item="pen"), mission_id="x", start_at=later, if_exists="return")

    waiting = (await again.snapshot()).waiting
    assert isinstance(waiting, TimerWait)
    assert waiting.due_at == NOON


async def test_handle_starts_once(open_commander: OpenCommander) -> None:
    """A second start of a handle, or a start of one that was found, is refused whatever its input."""
    commander = await open_commander([ORDER])
    mission = commander.create_mission(ORDER, mission_id="x")
    await mission.start(Order(item="pen"))

    with pytest.raises(MissionAlreadyStartedError, match="'x'"):
        await mission.start(Order(item="pen"))
    found = await commander.get_mission("x")
    assert found is not None
    with pytest.raises(MissionAlreadyStartedError, match="'x'"):
        await found.start(Order(item="pen"))


async def test_handle_that_races_itself_starts_once(open_commander: OpenCommander) -> None:
    """Of two starts of one handle at once, one is accepted."""
    commander = await open_commander([ORDER])
    mission = commander.create_mission(ORDER, mission_id="x")

    outcomes = await asyncio.gather(*(mission.start(Order(item="pen")) for _ in range(2)), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["MissionAlreadyStartedError", "NoneType"]


async def test_idle_handle_reserves_nothing(open_commander: OpenCommander) -> None:
    """The id of an idle handle belongs to whoever starts first; the handle then is of that mission, not idle."""
    commander = await open_commander([ORDER])
    mission = commander.create_mission(ORDER, mission_id="x")
    await commander.start(ORDER, Order(item="pen"), mission_id="x")

    with pytest.raises(MissionAlreadyExistsError, match="'x'"):
        await mission.start(Order(item="pen"))


async def test_start_that_is_unknown_is_settled_by_if_exists(open_commander: OpenCommander) -> None:
    """A start whose commit's answer was lost is told to be unknown; the same start again finds it, and it ran once."""
    gate, runs = asyncio.Event(), list[str]()
    gate.set()
    definition = blocked_on(gate, runs)

    def wrap(adapter: PersistenceAdapter) -> PersistenceAdapter:
        return FaultInjectingAdapter(adapter, fail_commits={1}, when="after")

    commander = await open_commander([definition], wrap=wrap)
    with pytest.raises(PersistenceError):
        await commander.start(definition, Order(item="pen"), mission_id="x")

    mission = await commander.start(definition, Order(item="pen"), mission_id="x", if_exists="return")

    assert await mission.output() == "pen"
    assert runs == ["x"]


async def test_start_that_did_not_take_effect_can_be_repeated(open_commander: OpenCommander) -> None:
    """A start whose commit failed before it took effect is accepted when it is repeated."""

    def wrap(adapter: PersistenceAdapter) -> PersistenceAdapter:
        return FaultInjectingAdapter(adapter, fail_commits={1}, when="before")

    commander = await open_commander([ORDER], wrap=wrap)
    mission = commander.create_mission(ORDER, mission_id="x")
    with pytest.raises(PersistenceError):
        await mission.start(Order(item="pen"))

    await mission.start(Order(item="pen"))

    assert await mission.status() == MissionStatus.COMPLETED


# 3. When the call returns, and what it does not depend on


async def test_start_returns_when_the_mission_waits(open_commander: OpenCommander) -> None:
    """Waiting for a signal, a sleep or a retry ends the call."""
    policy = RetryPolicy(max_attempts=2, initial_interval=60)
    sleeping = m.define("sleeping").start(input=Order, run=nothing).sleep("nap", 60).end()
    retrying = m.define("retrying").start(input=Order, run=nothing).step("try", fail, retry=policy).end()
    commander = await open_commander()

    missions = [await commander.start(it, Order(item="pen")) for it in (APPROVAL, sleeping, retrying)]

    waits = [(await mission.snapshot()).waiting for mission in missions]
    assert [wait and wait.kind for wait in waits] == ["signal", "timer", "retry"]


async def test_start_does_not_return_at_waits_of_no_delay(open_commander: OpenCommander) -> None:
    """A sleep of zero, and a retry without delay, are gone through within the call."""
    attempts: list[int] = []

    async def second_time(ctx: MissionContext[Order]) -> None:
        attempts.append(ctx.attempt)
        if ctx.attempt == 1:
            raise ValueError("not yet")

    definition = (
        m.define("quick")
        .start(input=Order, run=nothing)
        .sleep("no-nap", 0)
        .step("again", second_time, retry=RetryPolicy(max_attempts=2))
        .sleep("no-nap-either", timedelta(0))
        .end()
    )
    commander = await open_commander([definition])

    mission = await commander.start(definition, Order(item="pen"))

    assert await mission.status() == MissionStatus.COMPLETED
    assert attempts == [1, 2]


async def test_start_raises_where_the_mission_fails_within_the_call(open_commander: OpenCommander) -> None:
    """The error bears the snapshot, the failure, and the step's own exception as its cause."""
    commander = await open_commander([FAILING])

    with pytest.raises(MissionFailedError, match="out of stock") as raised:
        await commander.start(FAILING, Order(item="pen"), mission_id="x")

    assert raised.value.snapshot.status == MissionStatus.FAILED
    assert raised.value.snapshot.mission_id == "x"
    assert raised.value.failure.code == "STEP_FAILED"
    assert isinstance(raised.value.__cause__, ValueError)
    assert await status_of(commander, "x") == MissionStatus.FAILED


async def test_handle_of_a_mission_that_failed_within_its_start_is_started(open_commander: OpenCommander) -> None:
    """A start that raised because the mission failed was accepted: the handle cannot start another."""
    commander = await open_commander([FAILING])
    mission = commander.create_mission(FAILING)
    with pytest.raises(MissionFailedError):
        await mission.start(Order(item="pen"))

    with pytest.raises(MissionAlreadyStartedError):
        await mission.start(Order(item="pen"))


async def test_failure_after_a_wait_is_not_the_starts(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A mission that waits before it fails has been started without an error."""
    definition = m.define("later").start(input=Order, run=nothing).sleep("nap", 60).step("fail", fail).end()
    commander = await open_commander([definition])

    mission = await commander.start(definition, Order(item="pen"))
    await fake_clock.advance(60)

    assert await mission.status() == MissionStatus.FAILED


async def test_start_returns_where_the_mission_is_cancelled_within_the_call(open_commander: OpenCommander) -> None:
    """A mission that somebody cancels meanwhile has ended, and its start returns the handle."""
    runs: list[str] = []
    definition = blocked_on(asyncio.Event(), runs)
    commander = await open_commander([definition])
    start = asyncio.create_task(commander.start(definition, Order(item="pen"), mission_id="x"))
    while not runs:
        await asyncio.sleep(0)

    await commander.cancel_mission("x")

    assert await (await start).status() == MissionStatus.CANCELLED


async def test_start_without_waiting_returns_on_acceptance(open_commander: OpenCommander) -> None:
    """The mission goes on by itself, behind a step that has not ended when the call returns."""
    gate = asyncio.Event()
    definition = blocked_on(gate)
    commander = await open_commander([definition])

    mission = await commander.start(definition, Order(item="pen"), wait=False)
    assert await mission.status() == MissionStatus.RUNNING
    gate.set()

    assert await mission.output() == "pen"


async def test_start_without_waiting_does_not_raise_for_a_failure(open_commander: OpenCommander) -> None:
    """A mission that fails after its acceptance is found failed, and nothing is raised or left unhandled."""
    commander = await open_commander([FAILING])

    mission = await commander.start(FAILING, Order(item="pen"), wait=False)

    assert (await mission.result()).status == MissionStatus.FAILED


async def test_cancelling_the_await_of_start_leaves_the_mission_running(open_commander: OpenCommander) -> None:
    """A client that disconnects while a step runs changes nothing for the mission."""
    gate, runs = asyncio.Event(), list[str]()
    definition = blocked_on(gate, runs)
    commander = await open_commander([definition])
    start = asyncio.create_task(commander.start(definition, Order(item="pen"), mission_id="x"))
    while not runs:
        await asyncio.sleep(0)

    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    gate.set()

    mission = await commander.get_mission("x")
    assert mission is not None
    assert await mission.output() == "pen"
    assert runs == ["x"]


async def test_handle_whose_start_was_cancelled_while_it_ran_knows_its_mission(open_commander: OpenCommander) -> None:
    """Where the cancelled start had been accepted, the handle answers for the mission."""
    gate, runs = asyncio.Event(), list[str]()
    definition = blocked_on(gate, runs)
    commander = await open_commander([definition])
    mission = commander.create_mission(definition, mission_id="x")
    start = asyncio.create_task(mission.start(Order(item="pen")))
    while not runs:
        await asyncio.sleep(0)
    start.cancel()
    await asyncio.wait([start])
    gate.set()

    assert (await mission.result()).output == "pen"


@pytest.mark.parametrize("turns", range(12))
async def test_start_that_was_cancelled_early_is_settled_by_if_exists(
    open_commander: OpenCommander, turns: int
) -> None:
    """Wherever on the way to its acceptance a start is cancelled, the same start again makes one whole mission."""
    gate, runs = asyncio.Event(), list[str]()
    gate.set()
    definition = blocked_on(gate, runs)
    commander = await open_commander([definition])
    start = asyncio.create_task(commander.start(definition, Order(item="pen"), mission_id="x"))
    for _ in range(turns):
        await asyncio.sleep(0)
    start.cancel()
    await asyncio.wait([start])

    mission = await commander.start(definition, Order(item="pen"), mission_id="x", if_exists="return")

    assert await mission.output() == "pen"
    assert runs == ["x"]


async def test_cancelling_a_start_during_its_commit_does_not_take_it_back(open_commander: OpenCommander) -> None:
    """A start that is cancelled while its records are on their way goes on where they arrive."""
    gated: list[Gated] = []

    def wrap(adapter: PersistenceAdapter) -> PersistenceAdapter:
        gated.append(Gated(adapter))
        return gated[0]

    commander = await open_commander([ORDER], wrap=wrap)
    gated[0].gate.clear()
    start = asyncio.create_task(commander.start(ORDER, Order(item="pen"), mission_id="x"))
    await gated[0].arrived.wait()
    start.cancel()
    await asyncio.wait([start])
    gated[0].gate.set()

    await commander.settled()

    assert await status_of(commander, "x") == MissionStatus.COMPLETED


async def test_cancelling_the_first_operation_leaves_the_commander_usable(
    adapter_factory: Callable[[], PersistenceAdapter],
) -> None:
    """A start that is cancelled while it makes the commander ready does not spoil that for others."""
    async with create_commander(persistence=adapter_factory()) as commander:
        pass
    commander = create_commander(persistence=adapter_factory())
    try:
        start = asyncio.create_task(commander.start(ORDER, Order(item="pen"), mission_id="x"))
        await asyncio.sleep(0)
        start.cancel()
        await asyncio.wait([start])

        mission = await commander.start(ORDER, Order(item="pen"), mission_id="x", if_exists="return")

        assert await mission.status() == MissionStatus.COMPLETED
    finally:
        await commander.close()


@pytest.mark.parametrize("wait_for", ["result", "output", "wait_for_completion"])
async def test_cancelling_the_await_of_an_end_leaves_the_mission_running(
    open_commander: OpenCommander, wait_for: str
) -> None:
    """A time-out around `result` and its like ends that wait only; others who wait get their answer."""
    gate = asyncio.Event()
    definition = blocked_on(gate)
    commander = await open_commander([definition])
    mission = await commander.start(definition, Order(item="pen"), wait=False)
    other = asyncio.create_task(mission.result())

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await getattr(mission, wait_for)()
    gate.set()

    assert (await other).status == MissionStatus.COMPLETED
    assert (await mission.result()).output == "pen"


async def test_cancelling_the_await_of_a_signal_leaves_the_mission_running(open_commander: OpenCommander) -> None:
    """The signal was applied; that its sender went away while the next step ran changes nothing."""
    gate, entered = asyncio.Event(), asyncio.Event()

    async def block(ctx: MissionContext[Order]) -> str:
        entered.set()
        await gate.wait()
        return "done"

    definition = m.define("it").start(input=Order, run=nothing).need_to("go", int).step("block", block).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, Order(item="pen"))
    signal = asyncio.create_task(mission.signal("go", 1))
    await entered.wait()

    signal.cancel()
    await asyncio.wait([signal])
    gate.set()

    assert await mission.output() == "done"


async def test_cancelling_the_await_of_an_update_leaves_the_mission_running(open_commander: OpenCommander) -> None:
    """An update whose caller went away while its code ran is recorded, and the mission goes on."""
    release: Deferred[None] = create_deferred()
    entered = asyncio.Event()

    async def change(ctx: MissionContext[Any], input: int) -> int:
        entered.set()
        await release.future
        return input + 1

    definition = m.define("it").update("change", int, change).start(input=Order, run=nothing).need_to("go", int).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, Order(item="pen"))
    update = asyncio.create_task(mission.update("change", 1))
    await entered.wait()

    update.cancel()
    await asyncio.wait([update])
    release.resolve(None)
    await commander.settled()

    assert (await mission.snapshot()).events["change"].output == 2
    await mission.signal("go", 1)
    assert await mission.status() == MissionStatus.COMPLETED


async def test_user_code_does_not_run_in_its_callers_task(open_commander: OpenCommander) -> None:
    """The step's task is the engine's, so no time-out of a caller can reach it."""
    tasks: list[asyncio.Task[Any] | None] = []

    async def note(ctx: MissionContext[Order]) -> None:
        tasks.append(asyncio.current_task())

    definition = m.define("it").start(input=Order, run=note).end()
    commander = await open_commander([definition])

    await commander.start(definition, Order(item="pen"))

    assert asyncio.current_task() not in tasks


async def test_callers_pending_at_close_are_told(open_commander: OpenCommander) -> None:
    """Whoever waits in start, result or a held signal when the commander closes gets `CommanderClosedError`."""
    runs: list[str] = []
    definition = blocked_on(asyncio.Event(), runs)
    commander = await open_commander([definition])
    start = asyncio.create_task(commander.start(definition, Order(item="pen"), mission_id="x"))
    while not runs:
        await asyncio.sleep(0)
    mission = await commander.get_mission("x")
    assert mission is not None
    others = [
        asyncio.create_task(mission.result()),
        asyncio.create_task(mission.output()),
        asyncio.create_task(mission.signal("go", 1)),
    ]
    await asyncio.sleep(0.01)

    await open_commander.close()

    for pending in (start, *others):
        with pytest.raises(CommanderClosedError):
            await pending


async def test_start_on_a_closed_commander_is_refused(open_commander: OpenCommander) -> None:
    """After close a start raises, through the commander and through a handle made before."""
    commander = await open_commander([ORDER])
    mission = commander.create_mission(ORDER)
    await open_commander.close()

    with pytest.raises(CommanderClosedError):
        await commander.start(ORDER, Order(item="pen"))
    with pytest.raises(CommanderClosedError):
        await mission.start(Order(item="pen"))


# 4. Starting later


async def test_nothing_runs_before_its_time(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A delayed mission waits on the timer `start_at`, standing on its start, and runs when its time has come."""
    gate, runs = asyncio.Event(), list[str]()
    gate.set()
    definition = blocked_on(gate, runs)
    commander = await open_commander([definition])

    mission = await commander.start(definition, Order(item="pen"), start_at=NOON)
    snapshot = await mission.snapshot()
    assert snapshot.status == MissionStatus.WAITING
    assert snapshot.waiting == TimerWait(event_name="start_at", node_index=0, due_at=NOON)
    assert snapshot.cursor == "start"
    await fake_clock.advance_to(NOON - timedelta(microseconds=1))
    assert runs == []
    assert [record.type for record in await mission.history()] == [
        HistoryType.MISSION_CREATED,
        HistoryType.TIMER_SCHEDULED,
    ]
    await fake_clock.advance_to(NOON)

    inspection = await mission.inspect()
    assert inspection.snapshot.status == MissionStatus.COMPLETED
    assert [(timer.kind, timer.event_name, timer.status) for timer in inspection.timers] == [
        ("start_at", "start_at", "completed")
    ]
    assert inspection.timers[0].resumed_at == NOON


async def test_delayed_start_survives_restarts(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A mission whose time comes while nothing runs starts when the next process does."""
    await (await open_commander([ORDER])).start(ORDER, Order(item="pen"), mission_id="x", start_at=NOON)
    await open_commander.crash()
    await fake_clock.advance_to(NOON + timedelta(hours=1))

    commander = await open_commander([ORDER])
    await commander.settled()

    assert await status_of(commander, "x") == MissionStatus.COMPLETED


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(seconds=1), timedelta(days=400)])
async def test_start_at_that_has_passed_means_now(
    open_commander: OpenCommander, fake_clock: FakeClock, ago: timedelta
) -> None:
    """A mission whose start time lies behind it starts at once, by itself."""
    commander = await open_commander([ORDER])

    mission = await commander.start(ORDER, Order(item="pen"), start_at=fake_clock.now() - ago)

    assert (await mission.result()).status == MissionStatus.COMPLETED


async def test_naive_start_at_is_refused(open_commander: OpenCommander) -> None:
    """A start time without a zone raises `ValueError` and stores nothing."""
    commander = await open_commander([ORDER])
    mission = commander.create_mission(ORDER, mission_id="x")
    naive = NOON.replace(tzinfo=None)

    with pytest.raises(ValueError, match="aware"):
        await commander.start(ORDER, Order(item="pen"), mission_id="x", start_at=naive)
    with pytest.raises(ValueError, match="aware"):
        await mission.start(Order(item="pen"), start_at=naive)

    assert await mission.status() == MissionStatus.IDLE


@pytest.mark.parametrize("wrong", ["2030-01-01T00:00:00Z", 5, timedelta(1)], ids=repr)
async def test_start_at_that_is_no_time_is_refused(open_commander: OpenCommander, wrong: Any) -> None:
    """Text, numbers and durations are no start time, through a handle either."""
    commander = await open_commander([ORDER])
    mission = commander.create_mission(ORDER, mission_id="x")

    with pytest.raises(ValueError, match="start_at"):
        await commander.start(ORDER, Order(item="pen"), mission_id="x", start_at=wrong)
    with pytest.raises(ValueError, match="start_at"):
        await mission.start(Order(item="pen"), start_at=wrong)

    assert await mission.status() == MissionStatus.IDLE


async def test_start_at_of_another_zone_is_the_same_instant(open_commander: OpenCommander) -> None:
    """Start times are kept in UTC, through a handle too."""
    commander = await open_commander([ORDER])
    there = NOON.astimezone(timezone(timedelta(hours=-7)))

    missions = [await commander.start(ORDER, Order(item="pen"), start_at=there), commander.create_mission(ORDER)]
    await missions[1].start(Order(item="pen"), start_at=there)

    for mission in missions:
        waiting = (await mission.snapshot()).waiting
        assert isinstance(waiting, TimerWait)
        assert waiting.due_at == NOON
        assert waiting.due_at.tzinfo is UTC


@pytest.mark.parametrize(
    "start_at",
    [
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=12))),
    ],
)
async def test_start_at_beyond_all_times_is_refused(open_commander: OpenCommander, start_at: datetime) -> None:
    """An instant that does not exist in UTC raises `ValueError` and stores nothing."""
    commander = await open_commander([ORDER])

    with pytest.raises(ValueError, match="start_at"):
        await commander.start(ORDER, Order(item="pen"), mission_id="x", start_at=start_at)

    assert await commander.get_mission("x") is None


async def test_start_at_the_end_of_time_is_a_wait_like_any_other(open_commander: OpenCommander) -> None:
    """The last instant there is can be waited for, cancelled, and survives a restart."""
    end_of_time = datetime.max.replace(tzinfo=UTC)
    await (await open_commander([ORDER])).start(ORDER, Order(item="pen"), mission_id="x", start_at=end_of_time)

    commander = await open_commander([ORDER])
    await commander.settled()

    assert await status_of(commander, "x") == MissionStatus.WAITING
    assert (await commander.cancel_mission("x")).status == MissionStatus.CANCELLED


async def test_delayed_mission_that_is_cancelled_never_runs(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Cancelling before the start time ends the mission; its time passes without effect."""
    gate, runs = asyncio.Event(), list[str]()
    gate.set()
    definition = blocked_on(gate, runs)
    commander = await open_commander([definition])
    mission = await commander.start(definition, Order(item="pen"), start_at=NOON)

    await mission.cancel()
    await fake_clock.advance_to(NOON + timedelta(hours=1))

    assert runs == []
    assert (await mission.snapshot()).status == MissionStatus.CANCELLED
    assert (await mission.inspect()).timers[0].status == "cancelled"


async def test_run_of_start_is_tried_again_like_a_step(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """The run of `start` has attempts, a retry policy and a durable backoff, and is listed as "start"."""
    seen: list[tuple[int, str]] = []

    async def third_time(ctx: MissionContext[Order]) -> str:
        seen.append((ctx.attempt, ctx.step_name))
        if ctx.attempt < 3:
            raise ValueError("not yet")
        return "opened"

    policy = RetryPolicy(max_attempts=3, initial_interval=60)
    definition = m.define("it").start(input=Order, run=third_time, retry=policy).end()
    commander = await open_commander([definition])

    mission = await commander.start(definition, Order(item="pen"))
    await fake_clock.advance(120)

    assert seen == [(1, "start"), (2, "start"), (3, "start")]
    inspection = await mission.inspect()
    assert [(it.step_name, it.attempt_number, it.status) for it in inspection.step_attempts] == [
        ("start", 1, "failed"),
        ("start", 2, "failed"),
        ("start", 3, "succeeded"),
    ]
    assert await mission.output() == "opened"
    assert inspection.snapshot.events["start"].input == {"item": "pen", "amount": 1}
    assert inspection.snapshot.events["start"].output == "opened"


async def test_run_of_start_has_a_timeout_like_a_step(open_commander: OpenCommander) -> None:
    """`timeout=` of `start` bounds its run."""
    clock = FakeClock(hang_patience=0.02)

    async def hang(ctx: MissionContext[Order]) -> None:
        await asyncio.Event().wait()

    definition = m.define("it").start(input=Order, run=hang, timeout=30).end()
    commander = await open_commander([definition], clock=clock)
    mission = await commander.start(definition, Order(item="pen"), wait=False)
    await clock.advance(30)

    error = (await mission.result()).error
    assert error is not None
    assert error.code == "STEP_TIMEOUT"


async def test_idle_handle_answers_as_idle(open_commander: OpenCommander) -> None:
    """Before its start a handle has a status, an empty history and a snapshot, and nothing to cancel."""
    commander = await open_commander([ORDER])
    mission = commander.create_mission(ORDER, mission_id="x")

    assert await mission.status() == MissionStatus.IDLE
    assert await mission.history() == ()
    snapshot = await mission.snapshot()
    assert (snapshot.status, snapshot.cursor, snapshot.mission_name) == (MissionStatus.IDLE, None, "order")
    with pytest.raises(MissionNotFoundError):
        await mission.cancel()


async def test_result_of_an_idle_handle_waits_for_its_start(open_commander: OpenCommander) -> None:
    """Whoever waits for the end before the start gets it."""
    commander = await open_commander([ORDER])
    mission = commander.create_mission(ORDER)
    result = asyncio.create_task(mission.result())
    await asyncio.sleep(0.01)

    await mission.start(Order(item="pen"))

    assert (await result).status == MissionStatus.COMPLETED
