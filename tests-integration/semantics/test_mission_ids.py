"""Rule 2: a start is accepted when it is durable, and an id is one mission's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from attrs import define, field

from mission_control.core import (
    Commander,
    MissionAlreadyExistsError,
    MissionAlreadyStartedError,
    MissionFailedError,
    MissionHandle,
    MissionStatus,
    PersistenceAdapter,
    PersistenceError,
    TimerWait,
    m,
)
from mission_control.testing import FaultInjectingAdapter
from orders import APPROVAL, FAILING, ORDER, Order, begun, blocked_on, nothing, status_of
from storages import Gated, Kept, OpenCommander

NOON = datetime(1970, 1, 1, 12, tzinfo=UTC)


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
    gated = Kept(Gated)
    runs: list[str] = []
    definition = blocked_on(asyncio.Event(), runs)
    commander = await open_commander([definition], wrap=gated)
    gated.adapter.gate.clear()
    start = asyncio.create_task(commander.start(definition, Order(item="pen"), mission_id="o-1", wait=False))
    await gated.adapter.arrived.wait()
    assert await status_of(commander, "o-1") is None
    assert not start.done()

    gated.adapter.gate.set()
    mission = await start

    assert await mission.status() == MissionStatus.RUNNING


async def running(commander: Commander) -> MissionHandle[Order]:
    runs: list[str] = []
    mission = await commander.start(blocked_on(asyncio.Event(), runs), Order(item="pen"), mission_id="x", wait=False)
    await begun(runs)
    return mission


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

    async with asyncio.timeout(30):
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
