"""What the pytest plugin gives to a test, under any asyncio plugin and without one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from mission_control.core import Commander, MissionContext, m
from mission_control.testing import FakeClock

pytest_plugins = ["pytester"]

MISSION = """
import asyncio
import pytest
from mission_control.core import m

reminder = m.define("reminder").start(input=int, run=lambda ctx: ctx.input).sleep("rest", 60).end()
seen = []

async def remind(commander, clock):
    seen.append(commander)
    mission = await commander.start(reminder, 1)
    assert (mission.mission_id, str(await mission.status())) == ("mission-1", "waiting")
    await clock.advance(60)
    assert str(await mission.status()) == "completed"

def test_afterwards():
    assert [commander.closed for commander in seen] == [True] * len(seen) != []
"""


def run(pytester: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    """Run a module of `test` and then `test_afterwards`, with warnings as errors."""
    head, separator, tail = MISSION.partition("def test_afterwards")
    pytester.makepyfile(f"{head}{test}\n\n{separator}{tail}")
    return pytester.runpytest_inprocess("-Werror", "-q", "-pno:hypothesispytest", "--import-mode=importlib", *options)


async def test_the_fixtures_belong_together(
    in_memory_commander: Commander, fake_clock: FakeClock, mission_id_sequence: Callable[[], str]
) -> None:
    """The commander runs on the test's clock, and takes its ids from the test's sequence."""

    def seconds(ctx: MissionContext[int]) -> float:
        return fake_clock.now().timestamp()

    mission = m.define("m").start(input=int, run=seconds).sleep("rest", 60).step("late", seconds).end()
    assert mission_id_sequence() == "mission-1"
    handle = await in_memory_commander.start(mission, 1)
    assert handle.mission_id == "mission-2"
    await fake_clock.advance(60)
    assert await handle.output() == 60.0
    assert fake_clock.now() == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)


def test_each_test_has_its_own_clock_and_ids(fake_clock: FakeClock, mission_id_sequence: Callable[[], str]) -> None:
    """Nothing is left of the test before."""
    assert fake_clock.now() == datetime(1970, 1, 1, tzinfo=UTC)
    assert [mission_id_sequence() for _ in range(3)] == ["mission-1", "mission-2", "mission-3"]


def test_in_auto_mode(pytester: pytest.Pytester) -> None:
    """A coroutine function that pytest-asyncio runs has its commander closed when it ends."""
    test = """
    async def test_it(in_memory_commander, fake_clock):
        await remind(in_memory_commander, fake_clock)

    class TestMethods:
        async def test_it(self, fake_clock, in_memory_commander):
            await remind(in_memory_commander, fake_clock)
    """
    result = run(pytester, _dedented(test), "-oasyncio_mode=auto", "-oasyncio_default_fixture_loop_scope=function")
    result.assert_outcomes(passed=3)


def test_in_strict_mode(pytester: pytest.Pytester) -> None:
    """A marked test needs no fixture of its own to run the commander's."""
    test = """
    @pytest.mark.asyncio
    @pytest.mark.parametrize("number", [1, 2])
    async def test_it(in_memory_commander, fake_clock, number):
        await remind(in_memory_commander, fake_clock)
    """
    result = run(pytester, _dedented(test), "-oasyncio_mode=strict", "-oasyncio_default_fixture_loop_scope=function")
    result.assert_outcomes(passed=3)


def test_under_another_plugin(pytester: pytest.Pytester) -> None:
    """A plugin that runs coroutine functions in its own way, as anyio's does, runs the closing too."""
    pytester.makeconftest(
        """
        import asyncio
        import inspect
        import pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_pyfunc_call(pyfuncitem):
            if inspect.iscoroutinefunction(pyfuncitem.obj):
                names = pyfuncitem._fixtureinfo.argnames
                asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
                return True
        """
    )
    test = """
    async def test_it(in_memory_commander, fake_clock):
        await remind(in_memory_commander, fake_clock)
    """
    run(pytester, _dedented(test), "-pno:asyncio").assert_outcomes(passed=2)


def test_without_an_asyncio_plugin(pytester: pytest.Pytester) -> None:
    """A plain test that runs a loop of its own uses the commander as a context manager."""
    test = """
    def test_it(in_memory_commander, fake_clock):
        async def main():
            async with in_memory_commander:
                await remind(in_memory_commander, fake_clock)
        asyncio.run(main())

    def test_that_does_not_use_it(in_memory_commander):
        pass
    """
    run(pytester, _dedented(test), "-pno:asyncio").assert_outcomes(passed=3)


def test_a_test_that_fails_has_its_commander_closed(pytester: pytest.Pytester) -> None:
    """The commander is closed however the test ends, and the failure is the test's own."""
    test = """
    async def test_it(in_memory_commander, fake_clock):
        await remind(in_memory_commander, fake_clock)
        raise LookupError("of the test")
    """
    result = run(pytester, _dedented(test), "-oasyncio_mode=auto", "-oasyncio_default_fixture_loop_scope=function")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*LookupError: of the test"])


def test_failures_of_the_contract_explain_themselves(pytester: pytest.Pytester) -> None:
    """The assertions of the shipped contract are rewritten, so that a failure shows the values."""
    pytester.makepyfile(
        """
        import pytest
        from mission_control.core.storage.memory import InMemoryAdapter
        from mission_control.testing import PersistenceAdapterContract

        class Forgetful(InMemoryAdapter):
            async def load(self, mission_ids, /):
                return [None for _ in mission_ids]

        class TestForgetful(PersistenceAdapterContract):
            @pytest.fixture
            def adapter_factory(self):
                adapter = Forgetful()
                return lambda: adapter
        """
    )
    result = pytester.runpytest_subprocess(
        "-Werror", "-q", "-pno:hypothesispytest", "-pno:asyncio", "-ktest_a_new_mission_is_stored"
    )
    result.assert_outcomes(failed=1, deselected=len(_contract()) - 1)
    result.stdout.fnmatch_lines(["E*assert None == [[]1]"])


def test_an_adapter_author_is_told_of_the_fixture_to_write(pytester: pytest.Pytester) -> None:
    """A subclass without `adapter_factory` is told what the fixture has to return."""
    pytester.makepyfile(
        """
        from mission_control.testing import PersistenceAdapterContract

        class TestMine(PersistenceAdapterContract):
            pass
        """
    )
    result = pytester.runpytest_inprocess("-q", "-pno:hypothesispytest", "-pno:asyncio", "-x")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*TestMine must override the fixture adapter_factory*"])


def test_the_plugin_is_cheap_to_load() -> None:
    """A project that does not use the fixtures does not load the runtime for them."""
    program = "import mission_control.testing.plugin, sys; sys.exit('mission_control.core' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def _contract() -> list[str]:
    from mission_control.testing import PersistenceAdapterContract

    return [name for name in dir(PersistenceAdapterContract) if name.startswith("test_")]


def _dedented(test: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in test.splitlines())
