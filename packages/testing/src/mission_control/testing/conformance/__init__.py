"""The checks that every `PersistenceAdapter` must pass: a pytest class to subclass, one test a promise.

    class TestMyAdapter(PersistenceAdapterContract):
        @pytest.fixture
        def adapter_factory(self, tmp_path: Path) -> AdapterFactory:
            return lambda: MyAdapter(tmp_path / "missions")

The fixture is a function without arguments that returns an adapter, not yet bootstrapped; within one test, each
adapter that it returns is over the same storage, so that the storage can be opened again, or by two at once. Where
the storage lives in the adapter object, the function returns that object each time. Each test gets storage of its
own.

The tests are plain functions that run a loop of their own, so they need no asyncio plugin, and disturb none.
One promise is not checked, since breaking a stored history differs with the storage: that what cannot be decoded is
returned as `CorruptMissionError` by `load`, and left out by listings. Test it beside these.
"""

from __future__ import annotations

import pytest

from .answers import AnswerContract
from .auditing import AuditContract
from .changes import ChangesContract
from .children import ChildContract, StrayContract
from .commits import CommitContract, LoadContract
from .concurrency import ConcurrencyContract
from .counting import StandingContract, StatisticsContract
from .definitions import DefinitionContract
from .due import DueContract
from .finding import FindingContract
from .labels import LabelContract
from .listings import ListingContract
from .ownership import OwnershipContract
from .payloads import PayloadContract
from .purging import PurgeContract
from .scheduled import ScheduledContract
from .schedules import ScheduleContract
from .storage import AdapterFactory
from .waits import WaitContract

__all__ = ["AdapterFactory", "PersistenceAdapterContract"]


class PersistenceAdapterContract(
    CommitContract,
    LoadContract,
    ChildContract,
    StrayContract,
    PayloadContract,
    DefinitionContract,
    ListingContract,
    FindingContract,
    ScheduledContract,
    DueContract,
    WaitContract,
    ScheduleContract,
    LabelContract,
    StatisticsContract,
    StandingContract,
    AnswerContract,
    AuditContract,
    ChangesContract,
    PurgeContract,
    ConcurrencyContract,
    OwnershipContract,
):
    """What a commander relies on, test by test. Subclass it and override the fixture `adapter_factory`."""

    @pytest.fixture
    def adapter_factory(self) -> AdapterFactory:
        """Return a function that opens another, unbootstrapped adapter over this test's storage."""
        raise NotImplementedError(
            f"{type(self).__name__} must override the fixture adapter_factory(self): return a function without"
            " arguments that returns an unbootstrapped adapter, each over the same storage within one test"
        )
