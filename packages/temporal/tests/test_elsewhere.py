"""What one worker cannot do is left to another; what none can do is said, and nothing is lost."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowUpdateInput,
    WorkflowUpdateHandle,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from mission_control.core import (
    CorruptMissionError,
    MissionContext,
    MissionExecutionError,
    MissionFailedError,
    MissionHandle,
    MissionSignalError,
    MissionStatus,
    MissionValidationError,
    PersistenceError,
    Reminder,
    Signal,
    m,
)
from mission_control.temporal import create_temporal_commander, create_temporal_worker, run_temporal_worker, states
from mission_control.temporal.live import LIVE
from mission_control.temporal.registering import register_attributes
from mission_control.temporal.rows import KEYS
from mission_control.temporal.running import Running
from temporal_opener import new_namespace

from .world import DEFINITIONS, LAMP, at_work, doze, family, nap, order, paid, whom

LARGE = "x" * 3_000_000
go = Signal("go", str)


async def until(found: Any, seconds: float = 15) -> None:
    """Return once what is asked for is so."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await found():
        assert asyncio.get_running_loop().time() < deadline, "it did not come to that"
        await asyncio.sleep(0.1)


async def test_records_are_asked_for_where_the_workflow_is_elsewhere(
    namespace: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that does not have the workflow folds what it asks of the one that does."""

    class NotHere:
        """What is live, for the activities that run beside their workflow."""

        def get(self, run_id: str) -> Any:
            return LIVE.get(run_id) if activity.info().is_local else None

    monkeypatch.setattr(states, "LIVE", NotHere())
    monkeypatch.setattr(states, "_MOST", 1)
    monkeypatch.setattr("mission_control.temporal.folded._PAGE", 100)
    async with at_work(namespace) as commander:
        handles = [await commander.start(order, LAMP, mission_id=f"o-{number}") for number in range(3)]
        for handle in handles:
            await handle.signal(paid, 5)
            assert (await handle.result()).status is MissionStatus.COMPLETED


async def test_a_fault_in_a_worker_is_tried_again(namespace: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the attempt ran: it is the same attempt a second later."""
    faults = iter([RuntimeError("a fault of ours")])
    run = Running.run

    async def faulty(self: Running, *arguments: Any) -> Any:
        for fault in faults:
            raise fault
        return await run(self, *arguments)

    monkeypatch.setattr(Running, "run", faulty)
    async with at_work(namespace) as commander:
        handle = await commander.start(order, LAMP)
        started = [record for record in await handle.history() if record.type.value == "step-started"]
        assert [record.attempt_number for record in started] == [1, 1]


async def test_an_update_that_could_not_be_run_is_told_so(namespace: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its caller may ask again; the mission goes on."""
    async with at_work(namespace) as commander:
        handle = await commander.start(order, LAMP)

        async def faulty(self: Running, *arguments: Any) -> Any:
            raise RuntimeError("a fault of ours")

        with monkeypatch.context() as patch:
            patch.setattr(Running, "run", faulty)
            with pytest.raises(MissionExecutionError, match="nothing was recorded"):
                await handle.update("note", "urgent")
        assert await handle.update("note", "urgent") == "URGENT"


async def test_what_is_too_large_is_refused(namespace: Client) -> None:
    """A step's output fails it for good, everything else is an error of the caller's that says what to do."""

    async def large(ctx: MissionContext[str]) -> str:
        return LARGE

    def note(ctx: MissionContext[str], text: str) -> str:
        return LARGE

    small = m.define("small").update("note", str, note).start(input=str, run=large).need_to(go).end()
    path = m.path().step("large", large)

    async def begin(ctx: MissionContext[str]) -> str:
        return ctx.input

    waiting = m.define("waiting").update("note", str, note).start(input=str, run=begin).need_to(go).end()
    forked = m.define("forked").start(input=str, run=begin).parallel("both", {"a": path, "b": path}).end()
    async with at_work(namespace, small, waiting, forked) as commander:
        for definition in (small, forked):
            with pytest.raises(MissionFailedError, match="MISSION_PAYLOAD_ERROR"):
                await commander.start(definition, "a")
        with pytest.raises(MissionExecutionError, match="keep large data elsewhere"):
            await commander.start(small, LARGE)
        handle = await commander.start(waiting, "a")
        with pytest.raises(MissionExecutionError, match="keep large data elsewhere"):
            await handle.signal(go, LARGE)
        with pytest.raises(MissionExecutionError, match="keep large data elsewhere"):
            await handle.update("note", "a")
        await handle.signal(go, "on")
        assert (await handle.result()).status is MissionStatus.COMPLETED


async def test_a_workflow_that_is_cancelled_by_other_means_is_a_mission_that_is(namespace: Client) -> None:
    """With a reason that says so; one that is terminated leaves its mission as it was."""
    async with at_work(namespace) as commander:
        handle = await commander.start(nap, 1, mission_id="n")
        await namespace.get_workflow_handle("n").cancel()
        snapshot = await handle.result()
        assert snapshot.status is MissionStatus.CANCELLED
        assert snapshot.error is not None
        assert "its Temporal workflow was cancelled" in snapshot.error.message
        other = await commander.start(nap, 1, mission_id="other")
        await namespace.get_workflow_handle("other").terminate("by hand")
        with pytest.raises(PersistenceError, match="by other means"):
            await other.result()


async def test_a_child_whose_id_is_taken_fails(namespace: Client) -> None:
    """The mission that has the id is left alone."""
    async with at_work(namespace) as commander:
        await commander.start(order, LAMP, mission_id="f/kid")
        parent = await commander.start(family, 1, mission_id="f", wait=False)
        with pytest.raises(MissionFailedError, match="is taken by another mission"):
            await parent.output()
        other = await commander.get_mission("f/kid")
        assert other is not None
        assert await other.status() is MissionStatus.WAITING


async def test_parents_and_children_end_and_go_on_together(namespace: Client) -> None:
    """A cancelled parent cancels its child; reopened, it has the child go on, too."""
    async with at_work(namespace) as commander:
        parent = await commander.start(family, 1, mission_id="f")
        await parent.cancel("enough")
        kid = await commander.get_mission("f/kid")
        assert kid is not None

        async def is_cancelled() -> bool:
            return await kid.status() is MissionStatus.CANCELLED

        await until(is_cancelled)
        await commander.operations.reopen_mission("f")

        async def goes_on() -> bool:
            return await kid.status() is MissionStatus.WAITING

        await until(goes_on)
        await commander.operations.wake_mission("f/kid")
        assert (await parent.result()).status is MissionStatus.COMPLETED


async def test_reminders_and_deadlines(namespace: Client) -> None:
    """Each at its time, and never early."""
    reminded: list[str] = []

    async def remind(ctx: MissionContext[int]) -> None:
        reminded.append(ctx.step_name)

    patient = (
        m.define("patient")
        .start(input=int, run=doze)
        .need_to(go, reminder=Reminder(remind, every=timedelta(seconds=1.2), at_most=2), timeout=timedelta(seconds=5))
        .end()
    )
    async with at_work(namespace, patient) as commander:
        handle = await commander.start(patient, 1)
        snapshot = await handle.result()
        assert snapshot.error is not None
        assert snapshot.error.code == "SIGNAL_TIMEOUT"
        assert reminded == ["go/reminder[0]", "go/reminder[1]"], str(await handle.inspect())


async def test_an_update_beside_live_paths_waits_a_second_for_them(namespace: Client) -> None:
    """And runs then."""
    leave = asyncio.Event()

    async def work(ctx: MissionContext[int]) -> str:
        await leave.wait()
        return "done"

    def note(ctx: MissionContext[int], text: str) -> str:
        return text.upper()

    path = m.path().step("work", work)
    forked = (
        m.define("forked").update("note", str, note).start(input=int, run=doze).parallel("both", {"a": path, "b": path})
    ).end()
    async with at_work(namespace, forked) as commander:
        handle = await commander.start(forked, 1, wait=False)
        assert await handle.update("note", "urgent") == "URGENT"
        leave.set()
        assert (await handle.result()).status is MissionStatus.COMPLETED


async def test_a_signal_that_comes_before_its_wait_is_held(namespace: Client) -> None:
    """While the mission runs, it may yet come to it."""
    leave = asyncio.Event()

    async def work(ctx: MissionContext[int]) -> str:
        await leave.wait()
        return "done"

    held = m.define("held").start(input=int, run=work).need_to(go).end()
    async with at_work(namespace, held) as commander:
        handle = await commander.start(held, 1, wait=False)
        sent = asyncio.create_task(handle.signal(go, "on"))
        await asyncio.sleep(0.5)
        assert not sent.done()
        leave.set()
        await sent
        assert (await handle.result()).status is MissionStatus.COMPLETED


async def test_missions_wait_for_a_worker_that_has_their_definition(namespace: Client) -> None:
    """One that has not leaves them alone; they can be paused and cancelled all the same."""
    async with create_temporal_commander(namespace, definitions=DEFINITIONS, task_queue="tests") as commander:
        handle = await commander.start(order, LAMP, mission_id="o", wait=False)
        other = await commander.start(nap, 1, mission_id="n", wait=False)
        async with create_temporal_worker(namespace, definitions=[], task_queue="tests"):
            await asyncio.sleep(1)
            assert await handle.status() is MissionStatus.RUNNING
            assert (await other.cancel("no need")).status is MissionStatus.CANCELLED
        async with create_temporal_worker(namespace, definitions=DEFINITIONS, task_queue="tests"):

            async def waits() -> bool:
                return await handle.status() is MissionStatus.WAITING

            await until(waits, 20)
            await handle.signal(paid, 5)
            assert (await handle.result()).status is MissionStatus.COMPLETED


async def test_what_is_due_waits_for_a_worker_that_has_the_definition(namespace: Client) -> None:
    """A sleep that is over while none has it is over when one comes."""
    short = m.define("short").start(input=int, run=doze).sleep("nap", timedelta(seconds=1)).step("wake", doze).end()
    async with create_temporal_commander(namespace, definitions=[short], task_queue="tests") as commander:
        async with create_temporal_worker(namespace, definitions=[short], task_queue="tests"):
            handle = await commander.start(short, 1)
        async with create_temporal_worker(namespace, definitions=[], task_queue="tests"):
            await asyncio.sleep(4)
            assert await handle.status() is MissionStatus.WAITING
        async with create_temporal_worker(namespace, definitions=[short], task_queue="tests"):
            async with asyncio.timeout(60):
                assert (await handle.result()).status is MissionStatus.COMPLETED


async def test_two_that_reopen_a_mission_at_once_reopen_it_once(namespace: Client) -> None:
    """The other one is told, or finds that it goes on."""
    async with at_work(namespace) as commander:
        handle = await commander.start(nap, 1, mission_id="n")
        await handle.cancel("enough")
        reopen = commander.operations.reopen_mission
        told = await asyncio.gather(reopen("n"), reopen("n"), reopen("n"), return_exceptions=True)
        assert sum(not isinstance(one, BaseException) for one in told) == 1
        assert all(isinstance(one, MissionExecutionError) for one in told if isinstance(one, BaseException))
        types = [record.type.value for record in await handle.history()]
        assert types.count("mission-reopened") == 1


async def test_a_child_is_there_when_its_parent_waits_for_it(namespace: Client) -> None:
    """And is cancelled with it, however soon that is: it could not be told before it was there."""
    async with at_work(namespace) as commander:

        async def family_of(number: int) -> MissionHandle[Any]:
            parent = await commander.start(family, 1, mission_id=f"f{number}")
            child = await commander.get_mission(f"f{number}/kid")
            assert child is not None
            hurried = await commander.start(family, 1, mission_id=f"h{number}", wait=False)
            await asyncio.gather(parent.cancel(), hurried.cancel())
            return child

        for child in await asyncio.gather(*map(family_of, range(20))):
            assert (await asyncio.wait_for(child.result(), 30)).status is MissionStatus.CANCELLED
        waiting = await commander.list_missions(status=MissionStatus.WAITING)
        ends = [commander.get_mission(mission.mission_id) for mission in waiting]
        for mission in await asyncio.gather(*ends):
            assert mission is not None
            assert (await asyncio.wait_for(mission.result(), 30)).status is MissionStatus.CANCELLED


async def test_a_parent_that_was_reopened_waits_for_the_child_that_it_begins(namespace: Client) -> None:
    """It asks what became of its children: one that is about to begin is not taken for one that is gone."""
    broken = ["work"]

    async def work(ctx: MissionContext[int]) -> None:
        if broken:
            raise ValueError("broken")

    mended = m.define("mended").start(input=int, run=work).mission("kid", nap, whom).end()
    async with at_work(namespace, mended) as commander:
        starts = (commander.start(mended, 1, mission_id=f"f{number}", wait=False) for number in range(20))
        parents = await asyncio.gather(*starts)
        ends = await asyncio.gather(*(parent.result() for parent in parents))
        assert {end.status for end in ends} == {MissionStatus.FAILED}
        broken.clear()
        await asyncio.gather(*(commander.operations.reopen_mission(parent.mission_id) for parent in parents))

        async def complete(parent: MissionHandle[Any]) -> MissionStatus:
            child = f"{parent.mission_id}/kid"

            async def sleeps() -> bool:
                mission = await commander.get_mission(child)
                return mission is not None and await mission.status() is MissionStatus.WAITING

            await until(sleeps)
            await commander.operations.wake_mission(child)
            return (await parent.result()).status

        assert set(await asyncio.gather(*map(complete, parents))) == {MissionStatus.COMPLETED}


async def test_a_mission_is_reopened_when_what_it_had_begun_is_over(namespace: Client) -> None:
    """Its end is on record, but code that was stopped runs still, and the workflow with it."""
    begun, may_end = threading.Event(), threading.Event()

    def lose(ctx: MissionContext[int]) -> None:
        begun.set()
        may_end.wait(20)

    paths = {"slow": m.path().step("lose", lose), "quick": m.path().need_to(go)}
    raced = m.define("raced").start(input=int, run=doze).race("both", paths).step("last", doze).end()
    async with at_work(namespace, raced) as commander:
        mission = await commander.start(raced, 1, mission_id="r", wait=False)
        await asyncio.to_thread(begun.wait, 20)
        await mission.signal(go, "on")
        await until(lambda: _has_completed(mission))
        reopening = asyncio.create_task(commander.operations.reopen_mission("r", step="last"))
        await asyncio.sleep(0.5)
        assert not reopening.done()
        may_end.set()
        async with asyncio.timeout(20):
            await reopening
            assert (await mission.result()).status is MissionStatus.COMPLETED
        types = [record.type.value for record in await mission.history()]
        assert types.count("mission-reopened") == 1


async def _has_completed(mission: MissionHandle[Any]) -> bool:
    return await mission.status() is MissionStatus.COMPLETED


class NotReady(Interceptor):
    """Refuses the first update as a server does whose workflow ends or moves in that moment."""

    def __init__(self) -> None:
        self.asked = 0

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        outer = self

        class Refuses(OutboundInterceptor):
            async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:
                outer.asked += 1
                if outer.asked == 1:
                    said = "Unable to perform workflow execution update due to unexpected workflow task failure."
                    raise RPCError(said, RPCStatusCode.FAILED_PRECONDITION, b"")
                return await super().start_workflow_update(input)

        return Refuses(next)


async def test_what_was_not_taken_is_asked_again(namespace: Client) -> None:
    """A workflow whose task came to nothing in that moment has accepted nothing, and the caller sees none of it."""
    refusing = NotReady()
    config = namespace.config()
    config["interceptors"] = [refusing]
    async with (
        create_temporal_worker(namespace, definitions=DEFINITIONS, task_queue="tests"),
        create_temporal_commander(Client(**config), definitions=DEFINITIONS, task_queue="tests") as commander,
    ):
        mission = await commander.start(order, LAMP, mission_id="o")
        await mission.signal(paid, 5)
        assert (await mission.result()).status is MissionStatus.COMPLETED

    assert refusing.asked == 2


async def test_many_processes_may_come_first(server: str) -> None:
    """Each finds the search attributes registered, or registers them."""
    client = await new_namespace(server)
    await asyncio.gather(*(register_attributes(client) for _ in range(8)))
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    assert {key.name for key in KEYS} <= set(listed.custom_attributes)


async def test_who_waits_for_the_end_of_a_mission_may_come_first(namespace: Client) -> None:
    """Its start may be somebody else's."""
    async with at_work(namespace) as commander:
        ended = asyncio.create_task(commander.create_mission(order, mission_id="o").result())
        await asyncio.sleep(0.3)
        handle = await commander.start(order, LAMP, mission_id="o")
        await handle.signal(paid, 5, key="k")
        assert (await ended).status is MissionStatus.COMPLETED
        with pytest.raises(MissionSignalError, match="differs from what bears it"):
            await handle.signal("paid", "what does not fit", key="k")
        with pytest.raises(MissionValidationError):
            await handle.signal("paid", "what does not fit", key="another")


async def test_a_worker_runs_until_it_is_stopped(namespace: Client) -> None:
    """Its task may be cancelled, too."""
    running = asyncio.create_task(run_temporal_worker(namespace, definitions=DEFINITIONS, task_queue="tests"))
    async with create_temporal_commander(namespace, definitions=DEFINITIONS, task_queue="tests") as commander:
        await commander.settled()
        handle = await commander.start(order, LAMP)
        assert await handle.status() is MissionStatus.WAITING
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@workflow.defn(name="somebody_elses", sandboxed=False)
class SomebodyElses:
    @workflow.run
    async def run(self) -> None:
        return None


async def test_a_workflow_of_somebody_elses_is_no_mission(namespace: Client) -> None:
    """It is not in the lists, and says what it is when it is asked for."""
    async with (
        Worker(namespace, task_queue="other", workflows=[SomebodyElses], workflow_runner=UnsandboxedWorkflowRunner()),
        create_temporal_commander(namespace, definitions=DEFINITIONS, task_queue="tests") as commander,
    ):
        await namespace.execute_workflow(SomebodyElses.run, id="s", task_queue="other")
        assert await commander.list_missions() == []
        assert await commander.get_mission("s") is None
        with pytest.raises(CorruptMissionError, match="is no mission"):
            await commander.inspect_mission("s")
